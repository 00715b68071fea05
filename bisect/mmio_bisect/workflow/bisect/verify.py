"""A culprit is looked at twice: its two neighbours are compiled again, and must still differ.

History may hold an outcome of a compiler that is not deterministic, or of a disk that was not sound; two toolchains
that make the same code cannot be the two sides of a change, whatever was recorded. Compilers that we build ourselves
may be wrong for reasons of their own: a build that does not always make the same, a cache that holds what another build
left there, a product that was damaged since. So they are built again as well, from clean trees and without a cache:
by default where that is cheap, as it may take hours.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from mmio_bisect.domain.answer import Contradiction, Culprit
from mmio_bisect.domain.outcome import Judgement, Outcome, Verdict
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.run import CellAnswer, Probe, Verification, VerifyMode
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import MissingToolchainError, OverBudgetError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Made
from mmio_bisect.workflow.probing.acquire import acquire
from mmio_bisect.workflow.probing.budget import Work
from mmio_bisect.workflow.probing.compile import cell_of, outcome_without
from mmio_bisect.workflow.probing.judge import compile_in, judge_outcome
from mmio_bisect.workflow.probing.probe import Adapters

CHEAP_SECONDS: Final = 60.0
"""A build that takes no longer is done again unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A cell compiled again: nothing of it is looked up, and nothing kept.

    `built` if the compiler was made again, too; `reproduced` if that gave the same one.
    """

    outcome: Outcome
    judgement: Judgement
    built: bool = False
    reproduced: bool = True


class Rebuilds(ExitStack):
    """Toolchains made again, each once, if `wanted`; they go at the end of its `with`."""

    def __init__(self, tools: Adapters, wanted: VerifyMode) -> None:
        super().__init__()
        self._tools = tools
        self._wanted = wanted
        self._made: dict[Point, Made | MissingToolchainError] = {}

    def of(self, point: Point, signals: Signals) -> Made | None:
        """None where it is not to be built. Raises as `fetch` of the source does, and `OverBudgetError`."""
        able = self._tools.source.capabilities
        if self._wanted is VerifyMode.NEVER or able.afresh is None:
            return None
        if self._wanted is VerifyMode.AUTO and able.seconds is not None and able.seconds(point) > CHEAP_SECONDS:
            return None
        if point not in self._made:
            try:
                with self._tools.budget.spending(Work.BUILD, signals) as metered:
                    self._made[point] = self.enter_context(able.afresh(point, metered))
            except MissingToolchainError as error:
                self._made[point] = error
        found = self._made[point]
        if isinstance(found, MissingToolchainError):
            raise found
        return found


def compile_again(probe: Probe, tools: Adapters, profile: Profile, rebuilds: Rebuilds, signals: Signals) -> Again:
    """Raises the errors of `acquire` and `compile_cell`, and `OverBudgetError`."""
    try:
        made = rebuilds.of(probe.point, signals)
    except MissingToolchainError as error:
        if error.for_good:  # it has been built before
            outcome = outcome_without(str(error))
            judgement = judge_outcome(cell_of(probe.request, probe.toolchain), outcome, profile, tools.judge)
            return Again(outcome=outcome, judgement=judgement, built=True, reproduced=False)
        made = None  # there was no room for it this time, which says nothing
    except OverBudgetError:
        made = None
    if made is not None:
        toolchain = replace(probe.toolchain, digest=made.fetched.digest)
        root, image, cell = made.root, made.fetched.image, cell_of(probe.request, toolchain)
        outcome, judgement = compile_in(root, image, cell, tools.sandbox, profile, tools.judge, signals)
    else:
        with (
            tools.budget.spending(tools.work_for(probe.point), signals) as metered,
            acquire(probe.point, tools.source, tools.store, tools.sandbox, metered) as lease,
        ):
            toolchain = lease.toolchain
            cell = cell_of(probe.request, toolchain)
            outcome, judgement = compile_in(lease.root, lease.image, cell, tools.sandbox, profile, tools.judge, metered)
    return Again(
        outcome=outcome,
        judgement=judgement,
        built=made is not None,
        reproduced=made is None or toolchain == probe.toolchain,
    )


def verify_answer(
    answer: CellAnswer,
    again: Callable[[Probe], Again],
    read: Callable[[Judgement], Judgement],
    *,
    forced: bool,
    by_code: bool,
) -> CellAnswer:
    """The answer with its verification; a culprit that does not stand becomes a contradiction.

    One of which a side cannot be judged again stands, unconfirmed: that refutes nothing. Unless `forced`, one of which
    both sides came from history is left as it is: the run that compiled them looked. `by_code` if code that differs is
    what was looked for: then equal accesses to the window do not refute it.
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
    return _hold(answer, sides, found, [read(one.judgement).verdict for one in found], by_code=by_code)


def _hold(
    answer: CellAnswer, sides: tuple[Probe, Probe], found: list[Again], verdicts: list[Verdict], *, by_code: bool
) -> CellAnswer:
    """The answer, held against both sides of its culprit as they were compiled again, with their verdicts."""
    points = [probe.point for probe in sides]
    doubt = _same_code(points, found) or (None if by_code else _same_accesses(points, found))
    unjudged = _unjudged(sides, verdicts, found)
    compiles, builds = len(found), sum(one.built for one in found)
    if doubt is None and unjudged is not None:
        verification = Verification(confirmed=False, why=unjudged, compiles=compiles, builds=builds)
        return replace(answer, verification=verification)
    doubt = doubt or _other_verdict(sides, verdicts, found)
    if doubt is None:
        why = _confirmation(found, [side.outcome.object_digest for side in sides])
        verification = Verification(confirmed=True, why=why, compiles=compiles, builds=builds)
        return replace(answer, verification=verification)
    return replace(
        answer,
        answer=Contradiction(witnesses=tuple(zip(points, verdicts, strict=True))),
        verification=Verification(confirmed=False, why=doubt, compiles=compiles, builds=builds),
    )


def _done(found: list[Again]) -> str:
    return "built and compiled again" if all(one.built for one in found) else "compiled again"


def _same_code(points: list[Point], found: list[Again]) -> str | None:
    last, first = found
    if last.outcome.object_digest is not None and last.outcome.object_digest == first.outcome.object_digest:
        return f"{points[0]} and {points[1]}, {_done(found)}, make the same object"
    if last.judgement.fingerprint is not None and last.judgement.fingerprint == first.judgement.fingerprint:
        return f"{points[0]} and {points[1]}, {_done(found)}, make the same code of the functions under test"
    return None


def _same_accesses(points: list[Point], found: list[Again]) -> str | None:
    last, first = (one.judgement.behaviour for one in found)
    if last is None or last != first:
        return None
    return f"{points[0]} and {points[1]}, {_done(found)}, access the window by the same instructions in the same orders"


def _unjudged(sides: tuple[Probe, Probe], verdicts: list[Verdict], found: list[Again]) -> str | None:
    for side, verdict, one in zip(sides, verdicts, found, strict=True):
        if verdict is Verdict.UNTESTABLE:
            reason = one.judgement.reason or one.outcome.reason
            return f"{side.point} cannot be judged when it is {_done([one])}{f' ({reason})' if reason else ''}"
    return None


def _other_verdict(sides: tuple[Probe, Probe], verdicts: list[Verdict], found: list[Again]) -> str | None:
    for side, verdict, one in zip(sides, verdicts, found, strict=True):
        if verdict is not side.judgement.verdict:
            reason = f" ({one.judgement.reason})" if one.judgement.reason else ""
            return f"{side.point} was {side.judgement.verdict}, and is {verdict} when it is {_done([one])}{reason}"
    return None


def _confirmation(found: list[Again], before: list[str | None]) -> str:
    done = f"both neighbours were {_done(found)}"
    if not all(one.reproduced for one in found):
        done += " (they are not the same compilers as before: their builds are not reproducible)"
    if [one.outcome.object_digest for one in found] == before:
        return f"{done}: the same two objects, which differ from each other"
    return f"{done}: other objects than before (they are not reproducible), the same verdicts"
