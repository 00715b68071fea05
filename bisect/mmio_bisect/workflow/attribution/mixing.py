"""Layers of two toolchains put together: the good one's front end, the bad one's back end, and so on.

Each piece of IR is made once; every object is judged by the expectations of the case that it began as.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.attribution import Layer, Likeness, Mix, Trial
from mmio_bisect.domain.outcome import Cell, Outcome, Verdict
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.attribution import layer_commands
from mmio_bisect.workflow.ports.judge import Judge
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, SandboxSession
from mmio_bisect.workflow.probing.compile import outcome_of
from mmio_bisect.workflow.probing.judge import judge_outcome, restrict


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A stage that could not be made, and why in one line; not `readable`: because IR was handed to it in vain."""

    reason: str
    readable: bool = True


@dataclass(slots=True, kw_only=True)
class OpenToolchain:
    """One toolchain with a sandbox open around it; it counts what it is asked to compile.

    `stand_in` does on IR what the toolchain itself does not, as far as `likeness` shows that it does alike.
    """

    point: Point
    cell: Cell
    session: SandboxSession
    sandbox: str
    signals: Signals
    compiles: int = 0
    stand_in: "OpenToolchain | None" = None
    likeness: dict[Layer, Likeness] = field(default_factory=dict)

    @property
    def reads_ir(self) -> bool:
        return layer_commands.layers_of(self.cell).reads_ir

    @property
    def has_middle(self) -> bool:
        return layer_commands.layers_of(self.cell).has_middle

    @property
    def all_compiles(self) -> int:
        return self.compiles + (self.stand_in.compiles if self.stand_in else 0)

    def reader(self, layer: Layer) -> "OpenToolchain | Refused":
        """Who does the layer's work on IR that is handed over."""
        if self.reads_ir:
            return self
        if self.stand_in is None:
            return Refused(reason=f"{self.point} reads no IR")
        if self.likeness.get(layer, Likeness.UNLIKE) is Likeness.UNLIKE:
            return Refused(reason=f"{self.point} reads no IR, and {self.stand_in.point} does not do as it does")
        return self.stand_in

    def run(self, command: Command) -> Outcome:
        self.compiles += 1
        return outcome_of(self.session.run(command, self.signals), self.sandbox)

    @property
    def llvm(self) -> str:
        return f"LLVM {self.cell.toolchain.llvm_version}"

    def is_older_than(self, other: "OpenToolchain") -> bool:
        one, two = (place.cell.toolchain.llvm_major for place in (self, other))
        return one is not None and two is not None and one < two

    def ir(self, command: Command, writer: str = "") -> "bytes | Refused":
        return self.product(self.run(command), writer)

    def written(self, *, bitcode: bool = False) -> "bytes | Refused":
        """The front end's own IR; a case that is IR has none but itself."""
        case = self.cell.request.case
        if case.language is Language.LLVM_IR:
            return case.source
        return self.ir(layer_commands.front(self.cell, bitcode=bitcode))

    def product(self, outcome: Outcome, writer: str = "") -> "bytes | Refused":
        """`writer` is the LLVM whose IR was handed over."""
        if outcome.object_code is not None:
            return outcome.object_code
        if layer_commands.is_unread(outcome):
            return Refused(reason=f"{self.point} does not read IR of {writer}: {outcome.reason}", readable=False)
        return Refused(reason=f"{self.point}: {outcome.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both toolchains, and what of the bad one's defects is looked for."""

    good: OpenToolchain
    bad: OpenToolchain
    telling: frozenset[Mark]
    profile: Profile
    judge_object: Judge

    @property
    def compiles(self) -> int:
        return self.good.all_compiles + self.bad.all_compiles

    def judge(self, outcome: Outcome, began: OpenToolchain) -> tuple[Verdict, str | None]:
        """Bad if it has one of the telling defects; another defect is not what is asked for."""
        judgement = judge_outcome(began.cell, outcome, self.profile, self.judge_object)
        told = restrict(judgement, None, self.telling)
        return told.verdict, told.reason


@dataclass(slots=True)
class Mixer:
    """Makes mixes of `layers`, keeping the IR of each stage. True stands for the bad toolchain."""

    comparison: Comparison
    layers: Sequence[Layer]
    _fronts: dict[tuple[bool, bool], "bytes | Refused"] = field(default_factory=dict)
    _middles: dict[tuple[bool, bool, bool], "bytes | Refused"] = field(default_factory=dict)

    def trial(self, mix: Mix) -> Trial:
        front, middle, back = self._sources(mix)
        place = self._place(back)
        if front == middle == back and not place.reads_ir:
            outcome = place.run(layer_commands.whole(place.cell))
            return self._judge(mix, outcome, place, frozenset(), began=place)
        reader = place.reader(Layer.BACK)
        if isinstance(reader, Refused):
            return _untestable(mix, reader)
        lent = {Layer.BACK: reader is not place, Layer.MIDDLE: front != middle and not self._place(middle).reads_ir}
        stand_ins = frozenset(layer for layer, is_lent in lent.items() if is_lent)
        written = partial(self.optimised, front=front, middle=middle)
        read = read_handed(reader, self._place(middle), written, layer_commands.back)
        return self._judge(mix, read, reader, stand_ins, began=self._place(front))

    def front(self, *, bad: bool, bitcode: bool = False) -> "bytes | Refused":
        if (bad, bitcode) not in self._fronts:
            self._fronts[bad, bitcode] = self._place(bad).written(bitcode=bitcode)
        return self._fronts[bad, bitcode]

    def optimised(self, *, front: bool, middle: bool, bitcode: bool = False) -> "bytes | Refused":
        """IR by the one's front end and the other's middle end."""
        key = (front, middle, bitcode)
        if key not in self._middles:
            self._middles[key] = self._optimise(self._place(middle), front=front, middle=middle, bitcode=bitcode)
        return self._middles[key]

    def _optimise(self, place: OpenToolchain, *, front: bool, middle: bool, bitcode: bool) -> "bytes | Refused":
        if front == middle and not place.reads_ir:
            return place.ir(layer_commands.optimise(place.cell, bitcode=bitcode))
        reader = place.reader(Layer.MIDDLE)
        if isinstance(reader, Refused):
            return reader
        if not reader.has_middle:
            return self.front(bad=front, bitcode=bitcode)
        stage = partial(layer_commands.middle, bitcode=bitcode)
        outcome = read_handed(reader, self._place(front), partial(self.front, bad=front), stage)
        return outcome if isinstance(outcome, Refused) else reader.product(outcome)

    def _judge(
        self,
        mix: Mix,
        outcome: "Outcome | Refused",
        by: OpenToolchain,
        stand_ins: frozenset[Layer],
        *,
        began: OpenToolchain,
    ) -> Trial:
        if isinstance(outcome, Refused):
            return _untestable(mix, outcome)
        made = by.product(outcome)
        if isinstance(made, Refused):
            return _untestable(mix, made)
        verdict, reason = self.comparison.judge(outcome, began)
        return Trial(mix=mix, verdict=verdict, reason=reason, stand_ins=stand_ins)

    def _sources(self, mix: Mix) -> tuple[bool, bool, bool]:
        """Whose each layer is; one that cannot be exchanged goes with the next."""
        back = Layer.BACK in mix.bad_layers
        middle = Layer.MIDDLE in mix.bad_layers if Layer.MIDDLE in self.layers else back
        return Layer.FRONT in mix.bad_layers if Layer.FRONT in self.layers else middle, middle, back

    def _place(self, bad: bool) -> OpenToolchain:  # noqa: FBT001 - which of the two, everywhere here
        return self.comparison.bad if bad else self.comparison.good


def _untestable(mix: Mix, refused: Refused) -> Trial:
    return Trial(mix=mix, verdict=Verdict.UNTESTABLE, reason=refused.reason, readable=refused.readable)


class _Written(Protocol):
    def __call__(self, *, bitcode: bool) -> bytes | Refused: ...


def read_handed(
    reader: OpenToolchain, writer: OpenToolchain, written: _Written, stage: Callable[[Cell, bytes], Command]
) -> Outcome | Refused:
    """What comes of IR that is handed over; where an older LLVM's text is not read, of its bitcode."""
    ir = written(bitcode=False)
    if isinstance(ir, Refused):
        return ir
    outcome = reader.run(stage(reader.cell, ir))
    made = reader.product(outcome, writer.llvm)
    if not isinstance(made, Refused) or made.readable:
        return outcome
    code = written(bitcode=True) if writer.is_older_than(reader) else made
    if isinstance(code, Refused):
        return made
    again = reader.run(stage(reader.cell, code))
    return made if again.object_code is None else again
