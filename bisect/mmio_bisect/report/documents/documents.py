"""The documents that `--json` prints: one a command, versioned by `schema`, from the same values as the text.

A document only ever grows within one schema number: readers may rely on every key that they find here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import assert_never

from mmio_bisect.domain.access import Access, Defect, Mark
from mmio_bisect.domain.answer import Answer, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.outcome import CellRequest, FunctionJudgement, Judgement, Outcome
from mmio_bisect.domain.recipe import Case, Recipe
from mmio_bisect.domain.run import CellAnswer, Cost, Probe, RunHead
from mmio_bisect.domain.toolchain import Listing, Point, Toolchain
from mmio_bisect.report.explain.emulators import emulators_of
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord
from mmio_bisect.workflow.ports.store import StoredToolchain

SCHEMA = 1

JSON = dict[str, object]


def document(command: str, **members: object) -> JSON:
    """The head that all documents share, and then the command's own members."""
    return {"schema": SCHEMA, "command": command, **members}


def text_of(members: Mapping[str, object]) -> str:
    return json.dumps(members, ensure_ascii=False, indent=2) + "\n"


def run_text(head: RunHead, run: int, answers: Sequence[CellAnswer], cost: Cost) -> str:
    """The document as history keeps it."""
    return text_of(run_document(head, run=run, answers=answers, cost=cost))


def run_document(head: RunHead, *, run: int, answers: Sequence[CellAnswer], cost: Cost) -> JSON:
    """`run`: the answers, one a target and level, and every probe that bears on one."""
    return document(
        "run",
        recipe=head.case.recipe,
        case=head.case.file_name,
        series=head.series,
        range={"first": str(head.first), "last": str(head.last), "reversed": head.reversed},
        profile=head.profile,
        defects=None if head.defects is None else sorted(head.defects),
        only=[_only_member(request, mark) for request, marks in head.only.items() for mark in sorted(marks, key=str)],
        changed=head.changed,
        run=run,
        answers=[answer_member(answer) for answer in answers],
        commits=[commit_member(point, commit) for answer in answers for point, commit in answer.commits],
        verifications=[_verification(answer) for answer in answers if answer.verification is not None],
        probes=[probe_member(probe) for answer in answers for probe in answer.probes],
        cost={"toolchains_fetched": cost.toolchains_fetched, "cells_compiled": cost.cells_compiled},
        argv=list(head.argv),
    )


def _only_member(request: CellRequest, mark: Mark) -> JSON:
    return {
        "target": request.target.name,
        "opt": request.opt.value,
        "function": mark.function,
        "access": mark.access,
        "kind": mark.kind.value,
    }


def commit_member(point: Point, commit: Commit) -> JSON:
    return {
        "toolchain": str(point),
        "commit": commit.commit,
        "author": commit.author,
        "committed": commit.committed,
        "title": commit.title,
        "paths": list(commit.paths),
        "link": commit.link,
        "pull_request": commit.pull_request,
        "rolled_up": [{"number": pull.number, "title": pull.title, "link": pull.link} for pull in commit.rolled_up],
    }


def _verification(cell: CellAnswer) -> JSON:
    found = cell.verification
    return {
        "target": cell.request.target.name,
        "opt": cell.request.opt.value,
        **({} if found is None else asdict(found)),
    }


def answer_member(cell: CellAnswer) -> JSON:
    return {
        "target": cell.request.target.name,
        "opt": cell.request.opt.value,
        **_claim(cell.answer, _reasons(cell.probes)),
    }


def _claim(answer: Answer, reasons: Mapping[Point, str | None]) -> JSON:
    match answer:
        case Culprit(change=change, last=last, first=first):
            return {
                "kind": "culprit",
                "change": change.value,
                "last": str(last),
                "first": str(first),
                "suspects": [str(first)],
            }
        case Suspects(change=change, last=last, first=first, suspects=suspects):
            return {
                "kind": "suspects",
                "change": change.value,
                "last": str(last),
                "first": str(first),
                "suspects": [str(point) for point in suspects],
                "untestable": [
                    {"toolchain": str(point), "reason": reasons.get(point)} for point in suspects if point != first
                ],
            }
        case NoChange(verdict=verdict, oldest=oldest, newest=newest, unprobed=unprobed):
            return {
                "kind": "no-change",
                "verdict": verdict.value,
                "oldest": str(oldest),
                "newest": str(newest),
                "unprobed": unprobed,
                "untestable": [
                    {"toolchain": str(point), "reason": reason} for point, reason in reasons.items() if reason
                ],
            }
        case Contradiction(witnesses=witnesses):
            return {
                "kind": "contradiction",
                "witnesses": [{"toolchain": str(point), "verdict": verdict.value} for point, verdict in witnesses],
            }
        case NothingTestable(probed=probed, unprobed=unprobed):
            return {
                "kind": "nothing-testable",
                "probed": probed,
                "unprobed": unprobed,
                "untestable": [{"toolchain": str(point), "reason": reason} for point, reason in reasons.items()],
            }
        case _:
            assert_never(answer)


def _reasons(probes: Iterable[Probe]) -> dict[Point, str | None]:
    return {probe.point: untestable_reason(probe.judgement, probe.outcome) for probe in probes}


def untestable_reason(judgement: Judgement, outcome: Outcome) -> str | None:
    return judgement.reason or outcome.reason


def probe_member(probe: Probe) -> JSON:
    return {
        "toolchain": str(probe.point),
        "compiler": compiler_name(probe.toolchain),
        "llvm": probe.toolchain.llvm_version,
        "target": probe.request.target.name,
        "opt": probe.request.opt.value,
        "verdict": probe.judgement.verdict.value,
        "reason": untestable_reason(probe.judgement, probe.outcome),
        "defects": [member for function in probe.judgement.functions for member in _defect_members(function)],
        "from_history": probe.from_history,
        "seconds": round(probe.seconds, 3),
        "cell": probe.cell_key,
    }


def _defect_members(function: FunctionJudgement) -> list[JSON]:
    emulators = emulators_of(function)
    return [defect_member(defect, emulators.get(defect)) for defect in function.defects]


def defect_member(defect: Defect, emulated: Mapping[str, bool] | None = None) -> JSON:
    """`offset` is the instruction's, in bytes, in the function `code`; null for what is not there.

    `emulated` has the profiles of the architecture; null where it is not the form that is wrong.
    """
    return {
        "function": defect.function,
        "access": defect.access,
        "kind": defect.kind.value,
        "code": defect.code,
        "offset": defect.position,
        "instruction": defect.instruction,
        "why": defect.why,
        "emulated": None if emulated is None else dict(emulated),
    }


def access_member(access: Access) -> JSON:
    transfer = access.transfer
    return {
        "code": access.code,
        "offset": access.position,
        "encoding": access.encoding.hex(),
        "instruction": access.instruction,
        "directions": [direction.value for direction in transfer.directions],
        "width": transfer.width,
        "form": transfer.form.value,
        "addressing": transfer.addressing.value,
        "syndrome_valid": transfer.syndrome_valid,
        "label": access.label,
        "window_offset": access.window_offset,
        "fulfils": list(access.fulfils),
    }


def judgement_member(judgement: Judgement) -> JSON:
    return {
        "verdict": judgement.verdict.value,
        "profile": judgement.profile,
        "rules": judgement.rules,
        "reason": judgement.reason,
        "fingerprint": judgement.fingerprint,
        "functions": [_function_member(function) for function in judgement.functions],
    }


def _function_member(function: FunctionJudgement) -> JSON:
    return {
        "function": function.function,
        "verdict": function.verdict.value,
        "accesses": [access_member(access) for access in function.accesses],
        "defects": _defect_members(function),
        "listing": [
            {"code": line.code, "offset": line.position, "encoding": line.encoding.hex(), "text": line.text}
            for line in function.listing
        ],
    }


def compiler_name(toolchain: Toolchain) -> str:
    """The compiler as people call it: `clang 18.1.6`."""
    return f"{toolchain.family} {toolchain.compiler_version}"


def compiler_text(toolchain: Toolchain) -> str:
    """As above, and the LLVM inside where that is another's: `rustc 1.78.0, LLVM 16.0.6`."""
    name = compiler_name(toolchain)
    apart = toolchain.llvm_version not in {None, toolchain.compiler_version}
    return f"{name}, LLVM {toolchain.llvm_version}" if apart else name


def toolchain_member(toolchain: Toolchain) -> JSON:
    return {
        "digest": toolchain.digest,
        "family": toolchain.family.value,
        "version": toolchain.version_text,
        "compiler_version": toolchain.compiler_version,
        "llvm_version": toolchain.llvm_version,
        "commit": toolchain.commit,
        "released": toolchain.released.isoformat() if toolchain.released else None,
    }


def outcome_member(outcome: Outcome) -> JSON:
    return {
        "kind": outcome.kind.value,
        "object": outcome.object_digest,
        "argv": list(outcome.argv),
        "sandbox": outcome.sandbox,
        "status": outcome.status,
        "output": outcome.output,
        "seconds": round(outcome.seconds, 3),
    }


def recipe_member(recipe: Recipe) -> JSON:
    return {"name": recipe.name, "cases": [case_member(case) for case in recipe.cases]}


def case_member(case: Case) -> JSON:
    return {
        "file": case.file_name,
        "language": case.language.value,
        "digest": case.digest,
        "shipped": case.shipped,
        "issue": case.issue,
        "targets": list(case.targets),
        "opts": [level.value for level in case.opt_levels],
        "window": str(case.constant_window) if case.constant_window else None,
        "functions": [str(function) for function in case.functions],
    }


def listing_member(listing: Listing) -> JSON:
    return {
        "series": listing.series,
        "asked_at": listing.asked_at.isoformat(),
        "points": [str(point) for point in listing.points],
    }


def stored_member(entry: StoredToolchain) -> JSON:
    return {
        "points": [str(point) for point in entry.points],
        "toolchain": toolchain_member(entry.toolchain),
        "bytes": entry.size,
        "image": entry.image,
        "last_used": datetime.fromtimestamp(entry.last_used, UTC).isoformat(timespec="seconds"),
        "in_use": entry.in_use,
    }


def run_record_member(record: RunRecord) -> JSON:
    return {
        "run": record.id,
        "recipe": record.recipe,
        "case": record.case,
        "series": record.series,
        "first": record.first,
        "last": record.last,
        "profile": record.profile,
        "started": record.started,
        "finished": record.finished,
        "argv": list(record.argv),
    }


def outcome_record_member(record: OutcomeRecord) -> JSON:
    return {
        "cell": record.cell_key,
        "recipe": record.recipe,
        "language": record.language,
        "case_text": record.case_text.decode(errors="replace"),
        "points": [str(point) for point in record.points],
        "toolchain": toolchain_member(record.toolchain),
        "triple": record.triple,
        "opt": record.opt,
        "flags": list(record.flags),
        "recorded": record.recorded,
        "outcome": outcome_member(record.outcome),
        "judgements": [judgement_member(judgement) for judgement in record.judgements],
    }
