"""One bisection as it is shown and kept: what was asked, every probe, and the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.answer import Answer
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome
from mmio_bisect.domain.recipe import Case
from mmio_bisect.domain.toolchain import Point, Toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One cell of one point, answered.

    `cell_key` names its outcome in the history; `seconds` is the compile's wall time.
    """

    point: Point
    toolchain: Toolchain
    request: CellRequest
    cell_key: str
    outcome: Outcome
    judgement: Judgement
    from_history: bool
    seconds: float


class VerifyMode(Enum):
    """When to look at a culprit a second time; `AUTO` is the default of whoever looks."""

    AUTO = auto()
    ALWAYS = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A second look at a culprit: whether it is confirmed, and why in a sentence without its full stop.

    One that is not confirmed is refuted if the answer became a contradiction; else it stands, and is not verified.
    `builds` are the compilers that were made again for it.
    """

    confirmed: bool
    why: str
    compiles: int
    builds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellAnswer:
    """The answer for one target and optimisation level, with the probes that bear on it.

    `verification` is None where nobody looked again: no culprit, not wanted, or both neighbours came from history.
    `commits` tell of the culprit, or of the suspects, where the series is one of commits.
    """

    request: CellRequest
    answer: Answer
    probes: tuple[Probe, ...]
    verification: Verification | None = None
    commits: tuple[tuple[Point, Commit], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a run spent."""

    toolchains_fetched: int = 0
    cells_compiled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What was asked of a run, as the document repeats it. `only` as `HuntRequest.marks`."""

    case: Case
    series: str
    first: Point
    last: Point
    reversed: bool
    profile: str
    defects: frozenset[DefectKind] | None
    changed: bool
    argv: tuple[str, ...]
    only: Mapping[CellRequest, frozenset[Mark]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """What is known of a run when it is read again. `only` is what alone counted, None: everything."""

    answers: tuple[CellAnswer, ...]
    cost: Cost
    changed: bool
    argv: tuple[str, ...]
    only: frozenset[Mark] | None = None
