"""Which layer of a compiler makes the difference between two toolchains, and which pass: as values.

A compiler with LLVM inside is three layers in a row: the front end writes IR, the middle end rewrites it, the back end
makes machine code of it. Where one toolchain's IR can be handed to the other's next layer, layers can be mixed. A
compiler that reads no IR (rustc) has its later layers' work done by a stand-in: a clang of the same LLVM, which must
first make of its IR what it makes itself.
"""

from dataclasses import dataclass
from enum import StrEnum

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.toolchain import Point, Toolchain


class Layer(StrEnum):
    """What a compiler consists of, in the order in which a program goes through it."""

    FRONT = "front end"
    MIDDLE = "middle end"
    BACK = "back end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two toolchains, and the request as it was put to it (another language where the family differs)."""

    point: Point
    toolchain: Toolchain
    request: CellRequest
    judgement: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Which layers come from the bad toolchain; the others come from the good one."""

    bad_layers: frozenset[Layer]

    def __str__(self) -> str:
        return "+".join("bad" if layer in self.bad_layers else "good" for layer in Layer)


class Likeness(StrEnum):
    """What a stand-in makes of the very program at hand, against the compiler that it stands for."""

    SAME_CODE = "the same code"
    SAME_DEFECTS = "other code with the same defects"
    UNLIKE = "something else"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A compiler of the same major version of LLVM, in whose hands IR is laid in place of one that reads none.

    `back`: of the IR that the other optimised. `middle`: of the IR of the other's front end, with both its own layers.
    A layer that is unlike is not used.
    """

    point: Point
    toolchain: Toolchain
    stands_for: Point
    middle: Likeness
    back: Likeness


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a mix made, and which of its layers are a stand-in's.

    Untestable where it could not be made, and `reason` says why; not `readable` where that is because one layer does
    not read what another wrote.
    """

    mix: Mix
    verdict: Verdict
    reason: str | None = None
    readable: bool = True
    stand_ins: frozenset[Layer] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Sets of layers of which each, taken together from the bad toolchain, is enough to make the access bad.

    `{{back end}}`: the back end alone. `{{middle end, back end}}`: only both together. `{{middle end}, {back end}}`:
    either.
    """

    enough: frozenset[frozenset[Layer]]


class Confidence(StrEnum):
    """How far the trials prove a conclusion."""

    PROVEN = "proven"
    LIKELY = "likely"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerConclusion:
    """All explanations that agree with the trials, the simplest first; none where the layers act against one another.

    `PROVEN`: it is the only one. `LIKELY`: it is the only one, by trials in which stand-ins took part; or others are
    more involved, and only trials that could not be made tell them apart. `OPEN`: nothing favours one.
    """

    explanations: tuple[Explanation, ...]
    confidence: Confidence
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassName:
    """A pass as LLVM's dumps name it, and the argument that selects it where they give that too."""

    title: str
    argument: str | None = None

    def __str__(self) -> str:
        return self.argument or self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A function after one pass that changed it; `text` is IR, or MIR where `machine`."""

    after: PassName
    machine: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassChange:
    """One pass with the function before it (None: at its first dump) and after it."""

    name: PassName
    before: Snapshot | None
    after: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Where the two toolchains part for good.

    `common` is the last state that both reach (None: they never agree), `good` and `bad` are what each does next.
    `earlier` says that they differed before, and came together again.
    """

    common: Snapshot | None
    good: PassChange | None
    bad: PassChange | None
    earlier: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingPass:
    """With `number` passes the access is bad, with one less it is good; `option` is how a compiler is told so many."""

    name: PassName
    number: int
    option: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDecidingPass:
    """No limit changes the verdict, and `why`."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSearch:
    """A search over LLVM's `-opt-bisect-limit`.

    `then` says what came after the passes that were left on, where that is not simply the rest. The first `before`
    passes are another layer's, and stay on. `compiles` is what it took.
    """

    layer: Layer
    then: str
    answer: DecidingPass | NoDecidingPass
    passes: int
    compiles: int
    before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassFindings:
    """What is known of the passes within one function.

    `given` says which IR both were given, where they would never have agreed on their own.
    """

    function: str
    forming: PassChange | None
    diverging: Divergence | None
    given: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The whole answer for one target and level.

    `telling` are the defects that the bad side has and the good one has not. `layers` are those that can be
    exchanged. `searches` and `findings` are empty where the trials leave nothing to look into. `notes` say what was
    tried and did not work.
    """

    good: Side
    bad: Side
    change: Change
    telling: frozenset[Mark]
    layers: tuple[Layer, ...]
    stand_ins: tuple[StandIn, ...]
    trials: tuple[Trial, ...]
    conclusion: LayerConclusion
    searches: tuple[LimitSearch, ...]
    findings: tuple[PassFindings, ...]
    notes: tuple[str, ...]
    compiles: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToAttribute:
    """Both toolchains agree, or one of them made nothing that can be judged: `reason` says which."""

    older: Side
    newer: Side
    reason: str
