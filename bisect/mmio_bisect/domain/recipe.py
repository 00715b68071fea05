"""Recipes as values: what a case asks of the compiler, and what the object code must then do to the MMIO window."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """The languages that cases are written in, named by their file ending."""

    C = "c"
    RUST = "rs"
    LLVM_IR = "ll"

    @property
    def comment(self) -> str:
        """What begins a line comment."""
        return ";" if self is Language.LLVM_IR else "//"


class Direction(StrEnum):
    """Which way the data goes, seen from the processor."""

    LOAD = "load"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessShape:
    """Direction and width of one access; `width` in bits."""

    direction: Direction
    width: int

    def __str__(self) -> str:
        return f"{self.direction}{self.width}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAccess:
    """One access that the source asks for; `offset` in bytes from where the window's pointer came in."""

    shape: AccessShape
    offset: int
    label: str | None = None

    def __str__(self) -> str:
        prefix = f"{self.label}." if self.label else ""
        return f"{prefix}{self.shape}+{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactAccesses:
    """Exactly these accesses, in program order, on every path through the function."""

    accesses: tuple[ExpectedAccess, ...]

    def __str__(self) -> str:
        return "accesses=" + ",".join(map(str, self.accesses))


@dataclass(frozen=True, slots=True, kw_only=True)
class EachAccess:
    """Every access is one of `shapes` (any, if none is given); the bounds count access instructions."""

    shapes: tuple[AccessShape, ...]
    minimum: int = 1
    maximum: int | None = None

    def __str__(self) -> str:
        text = "each=" + ",".join(map(str, self.shapes))
        if self.minimum != 1:
            text += f" min={self.minimum}"
        return text if self.maximum is None else f"{text} max={self.maximum}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredBytes:
    """Accesses of any width that touch the bytes from `low` to before `high` exactly once."""

    direction: Direction
    low: int
    high: int

    @property
    def item(self) -> str:
        return f"{self.direction}+{self.low}..{self.high}"

    def __str__(self) -> str:
        return f"covers={self.item}"


Expectation = ExactAccesses | EachAccess | CoveredBytes


class ArgumentKind(StrEnum):
    """How an argument is passed and what it means for the window."""

    WINDOW = "mmio"
    SLICE = "mmio-slice"
    HOLDER = "holds"
    OPAQUE = "_"
    WIDE = "wide"
    FLOAT = "float"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a function under test; a holder has at byte `holds_at` a pointer into the window."""

    kind: ArgumentKind
    label: str | None = None
    holds_at: int | None = None

    def __str__(self) -> str:
        prefix = f"{self.label}:" if self.label else ""
        return prefix + (f"holds({self.holds_at})" if self.kind is ArgumentKind.HOLDER else str(self.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionExpectation:
    """A function under test: its symbol, its arguments and what it must do to the window."""

    symbol: str
    arguments: tuple[Argument, ...]
    expectation: Expectation

    def __str__(self) -> str:
        return f"{self.symbol}({','.join(map(str, self.arguments))}) {self.expectation}"

    @property
    def items(self) -> frozenset[str]:
        """What the `access` of a defect may be, besides none."""
        match self.expectation:
            case ExactAccesses(accesses=accesses):
                return frozenset(map(str, accesses))
            case EachAccess(shapes=shapes):
                return frozenset(map(str, shapes))
            case CoveredBytes() as covers:
                return frozenset({covers.item})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantWindow:
    """Constant addresses that are device memory: from `low` to before `high`."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low:#x}..{self.high:#x}"


class OptLevel(StrEnum):
    """Optimisation levels, as the compilers' `-O` and rustc's `opt-level` name them."""

    O0 = "0"
    O1 = "1"
    O2 = "2"
    O3 = "3"
    OS = "s"
    OZ = "z"


_DIRECTIVE = re.compile(rb"^[^\S\n]*(?://|;)[^\S\n]?mmio:.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file of a recipe. `text` is kept as bytes: what the compiler gets is exactly what was digested.

    `shipped` says whether the case came with the tool; a foreign one is not run in the local sandbox unasked.
    """

    recipe: str
    language: Language
    text: bytes
    functions: tuple[FunctionExpectation, ...]
    targets: tuple[str, ...]
    opt_levels: tuple[OptLevel, ...]
    constant_window: ConstantWindow | None = None
    issue: str | None = None
    edition: str | None = None
    compile_flags: tuple[str, ...] = ()
    description: str = ""
    shipped: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.recipe}.{self.language}"

    @property
    def digest(self) -> str:
        """Of the text as it stands, expectations included."""
        return digest_of(self.text)

    @property
    def source(self) -> bytes:
        """What is compiled: `mmio:` lines blanked, line numbers kept; so an expectation can be corrected freely."""
        return _DIRECTIVE.sub(b"", self.text)

    @property
    def source_digest(self) -> str:
        return digest_of(self.source)

    @property
    def expectation_digest(self) -> str:
        """Of all that a judgement depends on besides the object: the functions and the constant window."""
        lines = [str(function) for function in self.functions]
        if self.constant_window:
            lines.append(f"window={self.constant_window}")
        return digest_of("\n".join(lines).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Cases of one stem, in several languages."""

    name: str
    cases: tuple[Case, ...]

    @property
    def languages(self) -> tuple[Language, ...]:
        return tuple(case.language for case in self.cases)


def digest_of(data: bytes) -> str:
    """The way this tool writes a content digest: `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
