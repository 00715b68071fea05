"""Accesses and defects: what the machine code does to the MMIO window, and what is wrong with it."""

from dataclasses import dataclass, field
from enum import StrEnum

from mmio_bisect.domain.recipe import Direction


class AddressingMode(StrEnum):
    """How the address is formed, in the Arm ARM's terms (other architectures map theirs onto these)."""

    OFFSET = "offset"
    REGISTER_OFFSET = "register-offset"
    PRE_INDEX = "pre-index"
    POST_INDEX = "post-index"
    LITERAL = "literal"

    @property
    def writes_back(self) -> bool:
        return self in {AddressingMode.PRE_INDEX, AddressingMode.POST_INDEX}


class Form(StrEnum):
    """What kind of instruction touches memory."""

    SINGLE = "single"
    PAIR = "pair"
    STRUCTURE = "structure"
    EXCLUSIVE = "exclusive"
    ATOMIC = "atomic"
    BLOCK = "block"
    CACHE = "cache"
    TAG = "tag"
    LS64 = "ls64"
    GUARDED_STACK = "guarded-stack"
    LIBCALL = "libcall"
    READ_MODIFY_WRITE = "rmw"
    FOLDED = "folded"


class RegisterClass(StrEnum):
    """Which register file holds the data."""

    GENERAL = "general"
    SIMD_FP = "simd-fp"
    SCALABLE = "scalable"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What one encoding does to memory, whatever the address turns out to be.

    `element_width` in bits; `width` is the whole (a pair of words is 2 elements of 32), or None where the encoding
    does not say (block copies, scalable vectors). `syndrome_valid` is the architecture's own word on ISV (AArch64) or
    its like, and `why` the rule behind it in a phrase. `operation` is the manual's mnemonic, prefixes before it, where
    profiles ask for it, and `base` the register that writeback changes; neither is kept by history: the encoding
    implies them.
    """

    form: Form
    directions: tuple[Direction, ...]
    element_width: int | None
    elements: int
    addressing: AddressingMode
    register_class: RegisterClass
    registers: tuple[str, ...]
    syndrome_valid: bool
    sign_extends: bool = False
    ordered: bool = False
    why: str
    operation: str = field(default="", compare=False)
    base: str | None = field(default=None, compare=False)

    @property
    def width(self) -> int | None:
        return None if self.element_width is None else self.element_width * self.elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One machine instruction that touches the window.

    `position` is the instruction's offset in `code`, the function whose bytes hold it (`function` itself, or a callee
    that was followed). `window_offset` counts bytes from where the window's pointer came in; None: some offset, it
    varies or was not followed. `fulfils` names the items of the expectation that it is.
    """

    function: str
    code: str
    position: int
    encoding: bytes
    instruction: str
    transfer: Transfer
    label: str | None
    window_offset: int | None
    fulfils: tuple[str, ...] = ()


class DefectKind(StrEnum):
    """Why an access cannot be emulated, or is not what the source asked for. `DEFECT_PAGES` explains each."""

    WRITEBACK_POST = "writeback-post"
    WRITEBACK_PRE = "writeback-pre"
    PAIR = "pair"
    SIMD_FP = "simd-fp"
    STRUCTURE = "structure"
    EXCLUSIVE = "exclusive"
    ATOMIC = "atomic"
    BLOCK = "block"
    CACHE = "cache"
    TAG = "tag"
    LS64 = "ls64"
    GUARDED_STACK = "guarded-stack"
    UNEMULATED = "unemulated"
    LIBCALL = "libcall"
    READ_MODIFY_WRITE = "rmw"
    FOLDED = "folded"
    TORN = "torn"
    MERGED = "merged"
    WIDENED = "widened"
    NARROWED = "narrowed"
    MISSING = "missing"
    EXTRA = "extra"
    DOUBLED = "doubled"
    REORDERED = "reordered"
    ESCAPES = "escapes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What may be there at one point and not at the next: one kind of defect of one access in one function."""

    function: str
    access: str | None
    kind: DefectKind

    def __str__(self) -> str:
        return f"{self.kind}:{self.function}" + (f":{self.access}" if self.access else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One thing that is wrong.

    `access` is the item of the expectation concerned (`store32+0`), None where no item is. `code` and `position`
    place the instruction as in `Access`; all three are None for what is not there (`missing`).
    """

    function: str
    access: str | None
    kind: DefectKind
    code: str | None
    position: int | None
    instruction: str | None
    why: str

    @property
    def mark(self) -> Mark:
        return Mark(function=self.function, access=self.access, kind=self.kind)
