"""A culprit is looked at twice: its two neighbours are compiled again, and must still differ.

History may hold an outcome of a compiler that is not deterministic, or of a disk that was not sound; two toolchains
that make the same code cannot be the two sides of a change, whatever was recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mmio_bisect.classify.profiles import Profile
from mmio_bisect.domain.answer import Contradiction, Culprit
from mmio_bisect.domain.outcome import Judgement, Outcome, Verdict
from mmio_bisect.domain.run import CellAnswer, Probe, Verification
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.acquire import acquire
from mmio_bisect.workflow.compile import cell_of, compile_cell
from mmio_bisect.workflow.judge import judge_outcome
from mmio_bisect.workflow.ports import Signals
from mmio_bisect.workflow.probe import Toolbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A cell compiled again: nothing of it is looked up, and nothing kept."""

    outcome: Outcome
    judgement: Judgement


def compile_again(probe: Probe, tools: Toolbox, profile: Profile, signals: Signals) -> Again:
    """Raises the errors of `acquire` and `compile_cell`, and `OverBudgetError`."""
    with (
        tools.budget.spending(tools.work_for(probe.point), signals) as metered,
        acquire(probe.point, tools.source, tools.store, tools.sandbox, metered) as lease,
    ):
        cell = cell_of(probe.request, lease.toolchain)
        with tools.sandbox.session(lease.root, lease.image) as session:
            outcome = compile_cell(cell, session, tools.sandbox.name, metered)
    return Again(outcome=outcome, judgement=judge_outcome(cell, outcome, profile, tools.objects))


def verified(
    answer: CellAnswer, again: Callable[[Probe], Again], read: Callable[[Judgement], Judgement], *, forced: bool
) -> CellAnswer:
    """The answer with its verification; a culprit that does not stand becomes a contradiction.

    Unless `forced`, one of which both sides came from history is left as it is: the run that compiled them looked.
    """
    culprit = answer.answer
    if not isinstance(culprit, Culprit):
        return answer
    probes = {probe.point: probe for probe in answer.probes}
    sides = (probes[culprit.last], probes[culprit.first])
    # Two points may be one toolchain: what this run compiled for another name of it, it compiled.
    compiled = {probe.cell_key for probe in answer.probes if not probe.from_history}
    if not forced and not any(probe.cell_key in compiled for probe in sides):
        return answer
    found = [again(probe) for probe in sides]
    verdicts = [read(one.judgement).verdict for one in found]
    points = [probe.point for probe in sides]
    doubt = _same_code(points, found) or _other_verdict(sides, verdicts, found)
    if doubt is None:
        why = _confirmation(
            [one.outcome.object_digest for one in found], [side.outcome.object_digest for side in sides]
        )
        return replace(answer, verification=Verification(confirmed=True, why=why, compiles=len(found)))
    return replace(
        answer,
        answer=Contradiction(witnesses=tuple(zip(points, verdicts, strict=True))),
        verification=Verification(confirmed=False, why=doubt, compiles=len(found)),
    )


def _same_code(points: list[Point], found: list[Again]) -> str | None:
    last, first = found
    if last.outcome.object_digest is not None and last.outcome.object_digest == first.outcome.object_digest:
        return f"{points[0]} and {points[1]}, compiled again, make the same object"
    if last.judgement.fingerprint is not None and last.judgement.fingerprint == first.judgement.fingerprint:
        return f"{points[0]} and {points[1]}, compiled again, make the same code of the functions under test"
    return None


def _other_verdict(sides: tuple[Probe, Probe], verdicts: list[Verdict], found: list[Again]) -> str | None:
    for side, verdict, one in zip(sides, verdicts, found, strict=True):
        if verdict is not side.judgement.verdict:
            reason = f" ({one.judgement.reason})" if one.judgement.reason else ""
            return f"{side.point} was {side.judgement.verdict}, and is {verdict} when it is compiled again{reason}"
    return None


def _confirmation(now: list[str | None], before: list[str | None]) -> str:
    if now == before:
        return "both neighbours were compiled again: the same two objects, which differ from each other"
    return (
        "both neighbours were compiled again: other objects than before (they are not reproducible), the same verdicts"
    )
