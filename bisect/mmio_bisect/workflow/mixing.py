"""Layers of two toolchains put together: the good one's front end, the bad one's back end, and so on.

Each piece of IR is made once; every object is judged by the expectations of the case that it began as.
"""

from dataclasses import dataclass, field

from mmio_bisect.classify.profiles import Profile
from mmio_bisect.domain.attribution import Layer, Mix, Trial
from mmio_bisect.domain.outcome import Cell, Outcome, Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow import stages
from mmio_bisect.workflow.compile import outcome_of
from mmio_bisect.workflow.judge import judge_outcome
from mmio_bisect.workflow.ports import Command, ObjectReader, SandboxSession, Signals

Telling = frozenset[tuple[str, str | None, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A stage that could not be made, and why in one line."""

    reason: str


@dataclass(slots=True, kw_only=True)
class Workplace:
    """One toolchain with a sandbox open around it; it counts what it is asked to compile."""

    point: Point
    cell: Cell
    session: SandboxSession
    sandbox: str
    signals: Signals
    compiles: int = 0

    @property
    def reads_ir(self) -> bool:
        return stages.reads_ir(self.cell.toolchain.family)

    def run(self, command: Command) -> Outcome:
        self.compiles += 1
        return outcome_of(self.session.run(command, self.signals), self.sandbox)

    def ir(self, command: Command) -> "bytes | Refused":
        outcome = self.run(command)
        return outcome.object_code if outcome.object_code is not None else self._refused(outcome)

    def dump(self, llvm: tuple[str, ...]) -> "str | Refused":
        """What compiling the case prints with these options of LLVM's."""
        outcome = self.run(stages.whole(self.cell, llvm))
        return outcome.output if outcome.object_code is not None else self._refused(outcome)

    def _refused(self, outcome: Outcome) -> Refused:
        return Refused(reason=f"{self.point}: {outcome.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Both toolchains, and what of the bad one's defects is looked for."""

    good: Workplace
    bad: Workplace
    telling: Telling
    profile: Profile
    objects: ObjectReader

    def judge(self, outcome: Outcome, began: Workplace) -> tuple[Verdict, str | None]:
        """Bad if it has one of the telling defects; another defect is not what is asked for."""
        judgement = judge_outcome(began.cell, outcome, self.profile, self.objects)
        if judgement.verdict is Verdict.UNTESTABLE:
            return Verdict.UNTESTABLE, judgement.reason
        found = {(defect.function, defect.access, defect.kind.value) for defect in judgement.defects}
        return (Verdict.BAD if found & self.telling else Verdict.GOOD), None


@dataclass(slots=True)
class Mixer:
    """Makes mixes, keeping the IR of each stage."""

    bench: Bench
    _fronts: dict[bool, "bytes | Refused"] = field(default_factory=dict)
    _middles: dict[tuple[bool, bool], "bytes | Refused"] = field(default_factory=dict)

    def trial(self, mix: Mix) -> Trial:
        front, middle, back = (layer in mix.bad_layers for layer in Layer)
        place = self._place(back)
        if place.reads_ir:
            ir = self.optimised(front=front, middle=middle)
            if isinstance(ir, Refused):
                return Trial(mix=mix, verdict=Verdict.UNTESTABLE, reason=ir.reason)
            outcome = place.run(stages.back(place.cell, ir))
        elif front == middle == back:
            outcome = place.run(stages.whole(place.cell))
        else:
            return Trial(mix=mix, verdict=Verdict.UNTESTABLE, reason=f"{place.point} reads no IR")
        verdict, reason = self.bench.judge(outcome, self._place(front))
        return Trial(mix=mix, verdict=verdict, reason=reason and f"{place.point}: {reason}")

    def front(self, *, bad: bool) -> "bytes | Refused":
        if bad not in self._fronts:
            place = self._place(bad)
            self._fronts[bad] = place.ir(stages.front(place.cell))
        return self._fronts[bad]

    def optimised(self, *, front: bool, middle: bool) -> "bytes | Refused":
        """IR by the one's front end and the other's middle end; True stands for the bad toolchain."""
        if (front, middle) not in self._middles:
            self._middles[front, middle] = self._optimise(self._place(middle), front=front, middle=middle)
        return self._middles[front, middle]

    def _optimise(self, place: Workplace, *, front: bool, middle: bool) -> "bytes | Refused":
        if not place.reads_ir:
            return (
                place.ir(stages.optimise(place.cell))
                if front == middle
                else Refused(reason=f"{place.point} reads no IR")
            )
        ir = self.front(bad=front)
        return ir if isinstance(ir, Refused) else place.ir(stages.middle(place.cell, ir))

    def _place(self, bad: bool) -> Workplace:  # noqa: FBT001 - which of the two, everywhere here
        return self.bench.bad if bad else self.bench.good
