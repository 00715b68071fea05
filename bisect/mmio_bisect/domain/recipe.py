"""Recipes as values: what a case asks of the compiler, and what the object code must then do to the MMIO window."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from mmio_bisect.domain.prototype import Prototype


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
    """One access that the source asks for; `offset` in bytes from where the window's pointer came in.

    Beside `each`, `offset` may be None: any. `optional` if some paths do without it; `repeated` if it is made in every
    round of a loop. Any of `otherwise` may be made in its place.
    """

    shape: AccessShape
    offset: int | None = None
    label: str | None = None
    optional: bool = False
    repeated: bool = False
    otherwise: tuple["ExpectedAccess", ...] = ()

    @property
    def item(self) -> str:
        """Its name in defects: without the marks."""
        prefix = f"{self.label}." if self.label else ""
        place = "" if self.offset is None else f"+{self.offset}"
        return f"{prefix}{self.shape}{place}"

    @property
    def choices(self) -> tuple["ExpectedAccess", ...]:
        return (self, *self.otherwise)

    @property
    def name(self) -> str:
        """Of the whole item, where no choice is meant."""
        return "|".join(one.item for one in self.choices)

    def __str__(self) -> str:
        return self.name + "*" * self.repeated + "?" * self.optional


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactAccesses:
    """These accesses and no others, in program order."""

    accesses: tuple[ExpectedAccess, ...]

    def __str__(self) -> str:
        return "accesses=" + ",".join(map(str, self.accesses))


@dataclass(frozen=True, slots=True, kw_only=True)
class EachAccess:
    """Every access is one of `items` (any, if none is given); the bounds count access instructions."""

    items: tuple[ExpectedAccess, ...]
    minimum: int = 1
    maximum: int | None = None

    def __str__(self) -> str:
        text = "each=" + ",".join(map(str, self.items))
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
    """How an argument or a result is passed and what it means for the window."""

    WINDOW = "mmio"
    SLICE = "mmio-slice"
    HOLDER = "holds"
    OPAQUE = "_"
    WIDE = "wide"
    FLOAT = "float"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A load on the way to a pointer: of the word at `offset`, in bytes, or in words of a pointer's size if `in_words`.

    With a `count`, of any of so many words; each begins `stride` bytes after the one before (None: a pointer's size).
    """

    offset: int
    in_words: bool = False
    count: int = 1
    stride: int | None = None

    def offsets(self, word: int) -> tuple[int, ...]:
        """Where the words are, in bytes, if a pointer has `word`."""
        first = self.offset * word if self.in_words else self.offset
        return tuple(first + number * (self.stride or word) for number in range(self.count))

    def __str__(self) -> str:
        stride = "" if self.stride is None else f"/{self.stride}"
        many = "" if self.count == 1 else f"[{self.count}{stride}]"
        return f"{self.offset}{'w' * self.in_words}{many}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPointer:
    """A pointer into the window that ordinary memory holds, at the end of a path of loads."""

    steps: tuple[Step, ...]
    label: str | None = None

    @property
    def path(self) -> str:
        return "->".join(map(str, self.steps))


def _holding(name: str, held: tuple[HeldPointer, ...]) -> str:
    if len(held) == 1:
        return f"{held[0].label}:{name}({held[0].path})" if held[0].label else f"{name}({held[0].path})"
    return f"{name}({','.join(f'{one.label}@{one.path}' for one in held)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a function, or its result; `holds` is for `HOLDER`, whose pointers have the labels."""

    kind: ArgumentKind
    label: str | None = None
    holds: tuple[HeldPointer, ...] = ()

    @property
    def pointers(self) -> tuple[str | None, ...]:
        """The label of each pointer into the window to which it leads."""
        direct = self.kind in {ArgumentKind.WINDOW, ArgumentKind.SLICE}
        return (self.label,) if direct else tuple(held.label for held in self.holds)

    def __str__(self) -> str:
        if self.kind is ArgumentKind.HOLDER:
            return _holding(self.kind, self.holds)
        return f"{self.label}:{self.kind}" if self.label else str(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A variable of the program that holds pointers into the window."""

    symbol: str
    holds: tuple[HeldPointer, ...]

    def __str__(self) -> str:
        return _holding(quote_name(self.symbol), self.holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDeclaration:
    """What a function of another file takes, does and gives.

    It leaves alone whatever its arguments do not name. An argument that holds pointers does so after the call.
    """

    symbol: str
    arguments: tuple[Argument, ...]
    result: Argument | None = None

    def __str__(self) -> str:
        result = f"->{self.result}" if self.result else ""
        return f"{quote_name(self.symbol)}({','.join(map(str, self.arguments))}){result}"


class Convention(StrEnum):
    """Calling conventions that are not the target's own."""

    MICROSOFT = "ms"
    REGPARM1 = "regparm1"
    REGPARM2 = "regparm2"
    REGPARM3 = "regparm3"
    SOFT_FLOAT = "soft-float"

    @property
    def architectures(self) -> tuple[str, ...]:
        """Those that have it, by the names of `Architecture`; elsewhere it makes no difference."""
        match self:
            case Convention.MICROSOFT:
                return ("x86_64",)
            case Convention.REGPARM1 | Convention.REGPARM2 | Convention.REGPARM3:
                return ("i386",)
            case Convention.SOFT_FLOAT:
                return ("aarch64", "arm", "x86_64", "riscv64", "riscv32")

    @property
    def refuses(self) -> frozenset[ArgumentKind]:
        """Arguments that it passes in a way of its own, by reference or on the stack: they are not followed."""
        match self:
            case Convention.MICROSOFT:
                return frozenset({ArgumentKind.SLICE, ArgumentKind.WIDE})
            case Convention.REGPARM1 | Convention.REGPARM2 | Convention.REGPARM3:
                return frozenset({ArgumentKind.SLICE, ArgumentKind.FLOAT})
            case Convention.SOFT_FLOAT:
                return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionExpectation:
    """A function under test: its name, how it is called, what it must do to the window, and what is outside it.

    `symbol` is a symbol, a demangled name, or a pattern of either with `*` and `?`.
    """

    symbol: str
    arguments: tuple[Argument, ...]
    expectation: Expectation
    result_in_memory: bool = False
    convention: Convention | None = None
    calls: tuple[CallDeclaration, ...] = ()
    statics: tuple[Static, ...] = ()

    @property
    def pointers(self) -> tuple[str | None, ...]:
        """The labels of the pointers that it gets from its caller."""
        return tuple(label for argument in self.arguments for label in argument.pointers)

    @property
    def other_pointers(self) -> tuple[str | None, ...]:
        """The labels of those that it finds in variables or gets from other functions."""
        given = [one for call in self.calls for one in (*call.arguments, call.result) if one is not None]
        found = [held.label for static in self.statics for held in static.holds]
        return (*(label for one in given for label in one.pointers), *found)

    @property
    def items(self) -> frozenset[str]:
        """What the `access` of a defect may be, besides none."""
        match self.expectation:
            case ExactAccesses(accesses=items) | EachAccess(items=items):
                return frozenset(name for item in items for name in (item.name, *(one.item for one in item.choices)))
            case CoveredBytes() as covers:
                return frozenset({covers.item})

    def __str__(self) -> str:
        parts = [f"{quote_name(self.symbol)}({','.join(map(str, self.arguments))}){'->memory' * self.result_in_memory}"]
        parts.append(str(self.expectation))
        parts += [f"abi={self.convention}"] if self.convention else []
        parts += [f"call={call}" for call in self.calls]
        parts += [f"static={static}" for static in self.statics]
        return " ".join(parts)


def quote_name(name: str) -> str:
    """A function's name as directives write it: quoted where it would end too soon."""
    return f"'{name}'" if re.search(r"[\s,']", name) else name


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantWindow:
    """Constant addresses that are device memory: from `low` to before `high`."""

    low: int
    high: int
    label: str | None = None

    def __str__(self) -> str:
        return f"{self.label + ':' if self.label else ''}{self.low:#x}..{self.high:#x}"


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

    `prototypes` are of functions that the source declares. `shipped` says whether the case came with the tool; a
    foreign one is not run in the local sandbox unasked.
    """

    recipe: str
    language: Language
    text: bytes
    functions: tuple[FunctionExpectation, ...]
    targets: tuple[str, ...]
    opt_levels: tuple[OptLevel, ...]
    windows: tuple[ConstantWindow, ...] = ()
    prototypes: tuple[Prototype, ...] = ()
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
        """Of all that a judgement depends on besides the object: functions, constant windows, and what is declared."""
        lines = [str(function) for function in self.functions]
        if self.windows:
            lines.append(f"window={','.join(map(str, self.windows))}")
        lines += sorted(f"declared {prototype}" for prototype in self.prototypes)
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
