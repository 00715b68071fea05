"""From an outcome to a judgement, and from a judgement to the verdict that was asked for."""

from dataclasses import replace
from pathlib import Path

from mmio_bisect.classify.verdict.profiles import profile_for
from mmio_bisect.domain.access import Defect, DefectKind, Mark
from mmio_bisect.domain.outcome import Cell, FunctionJudgement, Judgement, Outcome, OutcomeKind, Verdict, untestable
from mmio_bisect.domain.profile import Profile
from mmio_bisect.workflow.ports.judge import Judge, PrintedWord
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Sandbox, SandboxSession
from mmio_bisect.workflow.probing.compile import ask_word, compile_cell


def judge_outcome(cell: Cell, outcome: Outcome, profile: Profile, judge: Judge) -> Judgement:
    """A pure function of its arguments: history can be judged again without a compiler."""
    if outcome.kind is not OutcomeKind.OBJECT or outcome.object_code is None:
        used = profile_for(profile, cell.request.target.architecture)
        return untestable(outcome.reason or outcome.kind.value, used.name)
    printed = None if outcome.word is None else PrintedWord(family=cell.toolchain.family, text=outcome.word)
    return judge(cell.request.case, outcome.object_code, profile, printed)


def compile_and_judge(
    cell: Cell, session: SandboxSession, sandbox: str, profile: Profile, judge: Judge, signals: Signals
) -> tuple[Outcome, Judgement]:
    """Where the object alone does not tell, the compiler is asked for its word. Raises as `compile_cell`."""
    outcome = compile_cell(cell, session, sandbox, signals)
    judgement = judge_outcome(cell, outcome, profile, judge)
    if not loses_sight(judgement):
        return outcome, judgement
    asked = ask_word(cell, outcome, session, signals)
    return asked, judgement if asked.word is None else judge_outcome(cell, asked, profile, judge)


def compile_in(
    root: Path, image: str | None, cell: Cell, sandbox: Sandbox, profile: Profile, judge: Judge, signals: Signals
) -> tuple[Outcome, Judgement]:
    """As `compile_and_judge`, in a session of its own around the toolchain at `root`."""
    with sandbox.session(root, image) as session:
        return compile_and_judge(cell, session, sandbox.name, profile, judge, signals)


def loses_sight(judgement: Judgement) -> bool:
    """Whether a function is untestable since the data flow does not follow the window all the way."""
    return any(
        one.kind is DefectKind.ESCAPES
        for function in judgement.functions
        if function.verdict is Verdict.UNTESTABLE
        for one in function.unseen
    )


def restrict(
    judgement: Judgement, kinds: frozenset[DefectKind] | None, marks: frozenset[Mark] | None = None
) -> Judgement:
    """The judgement if only defects of `kinds` count, and of these only those that one of `marks` covers (None: all).

    A function in which something was not seen cannot be cleared of them: without any that counts it is untestable.
    With `marks`, only the functions that they name are looked at; one that the object lacks makes it untestable.
    """
    if (kinds is None and marks is None) or not judgement.functions:
        return judgement

    def counts(defect: Defect) -> bool:
        of_kind = kinds is None or defect.kind in kinds
        return of_kind and (marks is None or any(mark.covers(defect.mark) for mark in marks))

    def restricted(function: FunctionJudgement) -> FunctionJudgement:
        looked_at = marks is None or any(mark.names(function.function) for mark in marks)
        defects = tuple(filter(counts, function.defects))
        return replace(function, defects=defects, unseen=function.unseen if looked_at else ())

    functions = [restricted(function) for function in judgement.functions]
    told = judgement.of_functions(functions)
    lacking = sorted({mark.function for mark in marks or () if not any(mark.names(one.function) for one in functions)})
    if not lacking or told.verdict is Verdict.BAD:
        return told
    unseen = [found.why for one in judgement.functions for found in one.unseen if found.kind is DefectKind.UNDEFINED]
    return replace(
        told,
        verdict=Verdict.UNTESTABLE,
        reason=unseen[0] if unseen else f"the object has no function {lacking[0]} under test",
    )


def compared(judgement: Judgement, fingerprint: str | None) -> Judgement:
    """The verdict of `--changed`: bad if the code is not what `fingerprint` digests, whatever was seen in it."""
    lacking = any(one.kind is DefectKind.UNDEFINED for function in judgement.functions for one in function.unseen)
    if judgement.fingerprint is None or lacking:
        return replace(judgement, verdict=Verdict.UNTESTABLE)
    same = judgement.fingerprint == fingerprint
    return replace(judgement, verdict=Verdict.GOOD if same else Verdict.BAD, reason=None)
