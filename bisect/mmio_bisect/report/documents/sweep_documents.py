"""The documents of `sweep --json`: the cells with their transitions, or with `--dry-run` the plan."""

from collections.abc import Mapping

from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.records import record_of
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.report.documents.documents import (
    level_members,
    probe_member,
    untestable_members,
    untestable_reason,
)
from mmio_bisect.report.documents.json_text import JSON, document
from mmio_bisect.workflow.sweep.cells import FailedPoint, SweepResult, Transition
from mmio_bisect.workflow.sweep.plan import SweepHead, SweepPlan


def sweep_document(head: SweepHead, result: SweepResult) -> JSON:
    """`sweep`: every cell that is answered, every transition, and what was not probed (a number and the points)."""
    reasons = {
        (probe.point, probe.request): untestable_reason(probe.judgement, probe.outcome) for probe in result.probes
    }
    return document(
        "sweep",
        **_head_members(head),
        cells=[_cell_members(probe.request) | probe_member(probe) for probe in result.probes],
        transitions=[_transition_member(found, reasons) for found in result.transitions],
        unprobed=len(result.unprobed),
        unprobed_points=[str(point) for point in result.unprobed],
        failed=[_failed_member(failed) for failed in result.failed],
        cost=record_of(result.cost),
        argv=list(head.argv),
    )


def plan_document(head: SweepHead, plan: SweepPlan, *, disk_free: int) -> JSON:
    """`sweep --dry-run`: `bytes_to_fetch` is an estimate, null where there is nothing to go by."""
    return document(
        "sweep",
        **_head_members(head),
        plan={
            "points": [str(point) for point in plan.points],
            "points_that_may_follow": plan.may_follow,
            "cells_known": plan.known,
            "cells_to_compile": plan.to_compile,
            "toolchains_to_fetch": [str(point) for point in plan.to_fetch],
            "bytes_to_fetch": plan.bytes_to_fetch,
            "disk_free": disk_free,
        },
        argv=list(head.argv),
    )


def _head_members(head: SweepHead) -> JSON:
    return {
        "recipes": [case.recipe for case in head.cases],
        "cases": [case.file_name for case in head.cases],
        "series": head.series,
        "range": {"first": str(head.points[0]), "last": str(head.points[-1]), "reversed": head.reversed},
        "points": [str(point) for point in head.points],
        "only_transitions": head.transitions,
        "profile": head.profile,
        "profiles": dict(head.profiles),
        "defects": None if head.defects is None else sorted(head.defects),
    }


def _cell_members(request: CellRequest) -> JSON:
    return {"recipe": request.case.recipe, "case": request.case.file_name}


def _transition_member(found: Transition, reasons: Mapping[tuple[Point, CellRequest], str | None]) -> JSON:
    return {
        **_cell_members(found.request),
        **level_members(found.request),
        **record_of(found.mark, without={"kind"}),
        "defect": found.mark.kind.value,
        **record_of(found, without={"request", "mark"}),
        "first": str(found.first),
        "untestable": untestable_members(
            {point: reasons.get((point, found.request)) for point in found.suspects if point != found.first}
        ),
    }


def _failed_member(failed: FailedPoint) -> JSON:
    return {"toolchain": str(failed.point), "error": type(failed.error).__name__, "message": str(failed.error)}
