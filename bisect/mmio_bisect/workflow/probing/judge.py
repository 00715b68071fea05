"""From an outcome to a judgement, and from a judgement to the verdict that was asked for."""

from dataclasses import replace

from mmio_bisect.domain.access import Defect, DefectKind, Mark
from mmio_bisect.domain.outcome import Cell, Judgement, Outcome, OutcomeKind, Verdict, untestable
from mmio_bisect.domain.profile import Profile
from mmio_bisect.workflow.ports.judge import Judge


def judge_outcome(cell: Cell, outcome: Outcome, profile: Profile, judge: Judge) -> Judgement:
    """A pure function of its arguments: history can be judged again without a compiler."""
    if outcome.kind is not OutcomeKind.OBJECT or outcome.object_code is None:
        return untestable(outcome.reason or outcome.kind.value, profile.name)
    return judge(cell.request.case, outcome.object_code, profile)


def restrict(
    judgement: Judgement, kinds: frozenset[DefectKind] | None, marks: frozenset[Mark] | None = None
) -> Judgement:
    """The judgement if only defects of `kinds`, and of these only those with one of `marks`, count (None: all do).

    A function that vanished, or in which sight of the window was lost, cannot be cleared of the others: without any
    that counts it is untestable then, not good.
    """
    if (kinds is None and marks is None) or judgement.verdict is Verdict.UNTESTABLE:
        return judgement

    def counts(defect: Defect) -> bool:
        return (kinds is None or defect.kind in kinds) and (marks is None or defect.mark in marks)

    functions = tuple(
        replace(function, defects=tuple(filter(counts, function.defects))) for function in judgement.functions
    )
    if any(function.defects for function in functions):
        return replace(judgement, verdict=Verdict.BAD, functions=functions)
    looked_at = None if marks is None else {mark.function for mark in marks}
    blind = next(
        (
            defect
            for defect in judgement.defects
            if _hides_others(defect) and (looked_at is None or defect.function in looked_at)
        ),
        None,
    )
    if blind is not None:
        reason = f"{blind.function}: {blind.why}"
        return replace(judgement, verdict=Verdict.UNTESTABLE, functions=functions, reason=reason)
    return replace(judgement, verdict=Verdict.GOOD, functions=functions)


def _hides_others(defect: Defect) -> bool:
    vanished = defect.kind is DefectKind.MISSING and defect.access is None
    return vanished or defect.kind is DefectKind.ESCAPES


def compared(judgement: Judgement, fingerprint: str | None) -> Judgement:
    """The verdict of `--changed`: bad if the code is not what `fingerprint` digests."""
    if judgement.verdict is Verdict.UNTESTABLE:
        return judgement
    same = judgement.fingerprint == fingerprint
    return replace(judgement, verdict=Verdict.GOOD if same else Verdict.BAD)
