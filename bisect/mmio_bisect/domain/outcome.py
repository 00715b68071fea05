"""Cells, what compiling them gave, and what was judged of it."""

import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mmio_bisect.domain.access import RULES, Access, Defect, Mark
from mmio_bisect.domain.recipe import Case, OptLevel, digest_of
from mmio_bisect.domain.target import Target
from mmio_bisect.domain.toolchain import Toolchain


class Verdict(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRequest:
    """What is to be compiled, before a toolchain is chosen."""

    case: Case
    target: Target
    opt: OptLevel
    extra_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A request on one toolchain: compiled at most once, ever.

    `flags` are all words of the command that are not file names.
    """

    request: CellRequest
    toolchain: Toolchain
    triple: str
    flags: tuple[str, ...]

    @property
    def key(self) -> str:
        """Digest of the case's source (`mmio:` lines blanked), the toolchain's digest, the triple and the flags."""
        parts = [self.request.case.source_digest, self.toolchain.digest, self.triple, *self.flags]
        return digest_of(json.dumps(parts).encode())


# How much of a compiler's message makes a reason: a line for people, not the whole story.
_REASON = 300


class OutcomeKind(StrEnum):
    """What came of compiling: an object, or why not. All but the first make the cell untestable."""

    OBJECT = "object"
    REJECTED = "rejected"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    OUT_OF_MEMORY = "out-of-memory"
    OUTPUT_LIMIT = "output-limit"
    TARGET_UNKNOWN = "target-unknown"
    NO_TOOLCHAIN = "no-toolchain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What compiling a cell gave. It holds no verdict.

    `argv` is the command as the sandbox ran it; `output` what the compiler printed, both streams, as far as the limit;
    `status` the exit status (negative: the signal that ended it); `seconds` wall-clock time. `word` is what the
    compiler printed of the object's instructions (`FamilyDescriptor.word`): None if it was not asked or did not answer.
    """

    kind: OutcomeKind
    object_code: bytes | None
    argv: tuple[str, ...]
    sandbox: str
    status: int
    output: str
    seconds: float
    word: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if (self.kind is OutcomeKind.OBJECT) != (self.object_code is not None):
            raise ValueError("an outcome has object code exactly when its kind says so")

    @property
    def object_digest(self) -> str | None:
        return None if self.object_code is None else digest_of(self.object_code)

    @property
    def reason(self) -> str | None:
        """Why compiling made no object, in one line; None when it made one."""
        return None if self.kind is OutcomeKind.OBJECT else reason_of(self.kind, self.status, self.output)


def reason_of(kind: OutcomeKind, status: int, output: str) -> str:
    errors = [line.strip() for line in output.splitlines() if "error" in line.lower()]
    said = errors or [line.strip() for line in output.splitlines() if line.strip()]
    what = kind.value.replace("-", " ")
    how = signal_name(-status) if status < 0 else f"status {status}"
    return f"{what}: {_shortened(said[0])}" if said else f"{what} ({how}, nothing printed)"


def signal_name(number: int) -> str:
    """`SIGSEGV`; `signal 64` of one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _shortened(line: str) -> str:
    return line if len(line) <= _REASON else f"{line[: _REASON - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingLine:
    """One instruction for people to read: `position` is its offset in `code`."""

    code: str
    position: int
    encoding: bytes
    text: str


class Witness(StrEnum):
    """By what a function's accesses are known: its code or, where that loses sight of them, the compiler's word."""

    DATA_FLOW = "data-flow"
    COMPILER = "compiler"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionJudgement:
    """What was found in one function under test. `listing` is its code and that of the callees that were followed.

    `unseen` says what was not seen, in the same terms as defects: it makes the function untestable, unless a defect was
    seen, which counts whatever else was not. Accesses by the compiler's word have neither label nor offset.
    """

    function: str
    accesses: tuple[Access, ...]
    defects: tuple[Defect, ...]
    listing: tuple[ListingLine, ...]
    unseen: tuple[Defect, ...] = ()
    witness: Witness = Witness.DATA_FLOW

    @property
    def verdict(self) -> Verdict:
        if self.defects:
            return Verdict.BAD
        return Verdict.UNTESTABLE if self.unseen else Verdict.GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Outcome × expectation × profile × rule version.

    `fingerprint` digests the machine code and relocations of the functions under test: equal ones are equal code,
    whatever else the objects hold. `behaviour` digests their accesses to the window: instructions, forms, offsets and
    every order of them; history does not keep it. `reason` says why a cell is untestable.
    """

    verdict: Verdict
    profile: str
    rules: int
    functions: tuple[FunctionJudgement, ...] = ()
    fingerprint: str | None = None
    behaviour: str | None = field(default=None, compare=False)
    reason: str | None = None

    @property
    def marks(self) -> frozenset[Mark]:
        return frozenset(defect.mark for defect in self.defects)

    @property
    def defects(self) -> tuple[Defect, ...]:
        return tuple(defect for function in self.functions for defect in function.defects)

    @property
    def blind(self) -> frozenset[str]:
        """The functions in which something was not seen: there may be more defects."""
        return frozenset(function.function for function in self.functions if function.unseen)

    @property
    def witness(self) -> Witness:
        """The compiler, if the verdict rests on its word of any function."""
        said = any(function.witness is Witness.COMPILER for function in self.functions)
        return Witness.COMPILER if said else Witness.DATA_FLOW

    def of_functions(self, functions: Sequence[FunctionJudgement]) -> "Judgement":
        """The judgement of the same object by these functions: bad if one is, else untestable if one is."""
        verdicts = {function.verdict for function in functions}
        verdict = next((found for found in (Verdict.BAD, Verdict.UNTESTABLE) if found in verdicts), Verdict.GOOD)
        unseen = [f"{found.function}: {found.why}" for function in functions for found in function.unseen]
        reason = unseen[0] if verdict is Verdict.UNTESTABLE else None
        return replace(self, verdict=verdict, functions=tuple(functions), reason=reason)


def untestable(reason: str, profile: str) -> Judgement:
    """The judgement of a cell that has no object, or none that can be read."""
    return Judgement(verdict=Verdict.UNTESTABLE, profile=profile, rules=RULES, reason=reason)
