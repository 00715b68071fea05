"""Accesses and defects: what the machine code does to the MMIO window, and what is wrong with it."""

from dataclasses import dataclass, field
from enum import StrEnum

from mmio_bisect.domain.names import select
from mmio_bisect.domain.recipe import Direction

RULES = 5
"""The version of all rules that a judgement depends on; raised whenever a verdict, an access or a defect could come out
differently, so that history knows which judgements to make again."""

LOAD, STORE = (Direction.LOAD,), (Direction.STORE,)
BOTH = (Direction.LOAD, Direction.STORE)


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
    """What kind of instruction touches memory. All but a single load or store are defects of the same name."""

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
    its like, and `why` the rule behind it in a phrase. History keeps none of these, since the encoding implies them:
    `operation`, the manual's mnemonic, prefixes before it, where profiles ask for it; `base`, the register that
    writeback changes; `compares`, for a compare-and-exchange.
    """

    form: Form
    directions: tuple[Direction, ...]
    element_width: int | None
    elements: int = 1
    addressing: AddressingMode = AddressingMode.OFFSET
    register_class: RegisterClass = RegisterClass.GENERAL
    registers: tuple[str, ...] = ()
    syndrome_valid: bool
    sign_extends: bool = False
    ordered: bool = False
    why: str
    operation: str = field(default="", compare=False)
    base: str | None = field(default=None, compare=False)
    compares: bool = field(default=False, compare=False)

    @property
    def width(self) -> int | None:
        return None if self.element_width is None else self.element_width * self.elements

    @property
    def may_fail(self) -> bool:
        """Whether code tries it again until nothing came in between: then only the last one counts."""
        return self.form is Form.EXCLUSIVE or self.compares

    @property
    def defects(self) -> "tuple[DefectKind, ...]":
        """What is wrong with it where it is not emulated."""
        kinds = []
        if self.addressing.writes_back:
            post = self.addressing is AddressingMode.POST_INDEX
            kinds.append(DefectKind.WRITEBACK_POST if post else DefectKind.WRITEBACK_PRE)
        if self.form is not Form.SINGLE:
            kinds.append(DefectKind(self.form.value))
        # A structure is of vectors' elements always.
        vectors = self.register_class in {RegisterClass.SIMD_FP, RegisterClass.SCALABLE}
        if vectors and self.form is not Form.STRUCTURE:
            kinds.append(DefectKind.SIMD_FP)
        return tuple(kinds) or (DefectKind.UNEMULATED,)


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
    """Why an access cannot be emulated, or is not what the source asked for. `PAGES` explains each."""

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
    UNDEFINED = "undefined"

    @property
    def unseen(self) -> bool:
        """Whether it says that something was not seen. No verdict of good or bad rests on such a finding."""
        return self in {DefectKind.ESCAPES, DefectKind.UNDEFINED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What may be there at one point and not at the next: one kind of defect of one access in one function."""

    function: str
    access: str | None
    kind: DefectKind

    def __str__(self) -> str:
        return f"{self.kind}:{self.function}" + (f":{self.access}" if self.access else "")

    def covers(self, other: "Mark") -> bool:
        """Whether `other` is this mark, or, if this one names no access, one of any access."""
        return self.kind is other.kind and self.access in {None, other.access} and self.names(other.function)

    def names(self, function: str) -> bool:
        """Whether the function is the mark's, whose name may be a pattern, or lack the parameters."""
        return bool(select(self.function, {function: function}))


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


_ISV = "Arm ARM, ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectPage:
    """What a kind means, for `explain`, for reports, and for whoever wonders at a verdict.

    `title` is a phrase, `text` a few sentences, `source` where the rule comes from.
    """

    title: str
    text: str
    source: str = _ISV


_EXPECTATION = "the recipe's own `mmio:` lines"

PAGES: dict[DefectKind, DefectPage] = {
    DefectKind.WRITEBACK_POST: DefectPage(
        title="the instruction also moves its base register, after the access",
        text=(
            "`str w9, [x0], #4` stores and then adds 4 to x0. For an access with register writeback the "
            "architecture leaves the syndrome invalid (ISV = 0), so the hypervisor knows neither register "
            "nor width and cannot emulate the access. LLVM forms it in GlobalISel, SelectionDAG or "
            "AArch64LoadStoreOptimizer; fixed for volatile accesses in LLVM 23."
        ),
        source=f"{_ISV}; llvm/llvm-project#173014, fixed by llvm/llvm-project#196305; rust-lang/rust#131894",
    ),
    DefectKind.WRITEBACK_PRE: DefectPage(
        title="the instruction also moves its base register, before the access",
        text=(
            "`str w9, [x0, #4]!` adds 4 to x0 and stores there. As with post-index, writeback leaves the "
            "syndrome invalid (ISV = 0) and the access cannot be emulated."
        ),
        source=f"{_ISV}; llvm/llvm-project#196305",
    ),
    DefectKind.PAIR: DefectPage(
        title="one instruction, two registers",
        text=(
            "LDP, STP and their kin (LDNP, STNP, LDPSW, LDIAPP, STILP) move two registers; the syndrome "
            "describes one, so it is left invalid (ISV = 0)."
        ),
        source=f"{_ISV}; LLVM made volatile __int128 a pair on purpose in D69559 (LLVM 10)",
    ),
    DefectKind.SIMD_FP: DefectPage(
        title="SIMD, floating-point or scalable register",
        text="The syndrome names general-purpose registers only: for `str s0, [x0]` or `ldr q0, [x1]` ISV is 0.",
    ),
    DefectKind.STRUCTURE: DefectPage(
        title="structure load or store (LD1 to ST4)",
        text="Several elements of vector registers in one instruction; ISV is 0.",
    ),
    DefectKind.EXCLUSIVE: DefectPage(
        title="exclusive load or store",
        text=(
            "LDXR, STXR and their kin are excluded from valid syndromes, and the exclusive monitor means "
            "nothing for emulated memory."
        ),
    ),
    DefectKind.ATOMIC: DefectPage(
        title="atomic read-modify-write (CAS, SWP, LDADD and their kin)",
        text="Reads and writes in one instruction; ISV is 0. A device register may mind being read first, too.",
    ),
    DefectKind.BLOCK: DefectPage(
        title="block copy or fill in one instruction",
        text="FEAT_MOPS (CPY*, SET*) and DC ZVA touch many bytes in one instruction; ISV is 0.",
    ),
    DefectKind.CACHE: DefectPage(
        title="cache maintenance by address",
        text="DC operations on a device address fault without a valid syndrome.",
    ),
    DefectKind.TAG: DefectPage(
        title="memory-tagging access (STG, LDG and their kin)",
        text="Allocation tags are not data; ISV is 0.",
    ),
    DefectKind.LS64: DefectPage(
        title="64-byte access (LD64B, ST64B)",
        text="ISV is 1 but the syndrome uses the LST field, which no emulator handles as an access.",
        source="Arm ARM, ESR_EL2, ISS encoding for a Data Abort, field LST",
    ),
    DefectKind.GUARDED_STACK: DefectPage(
        title="store to a guarded control stack (GCSSTR, GCSSTTR)",
        text=(
            "FEAT_GCS: only memory that the translation tables mark as a guarded control stack takes such a store; "
            "device memory never is. The syndrome does not describe it: ISV is 0."
        ),
        source="Arm ARM, D11 “The Guarded Control Stack”; ESR_EL2, ISS2 field GCS",
    ),
    DefectKind.UNEMULATED: DefectPage(
        title="a plain access by an instruction that the hypervisor's emulator does not know",
        text=(
            "Where hypervisors decode instructions, each knows its own selection; this one is a single load or "
            "store of a general-purpose register and is not in it. `explain --table` shows which profile has what."
        ),
        source="the profile's own, see `explain --table`",
    ),
    DefectKind.LIBCALL: DefectPage(
        title="library call on device memory",
        text=(
            "The compiler turned accesses into a call (memcpy, memset, an outlined atomic) that is free to "
            "touch the window in any widths, forms and number of times."
        ),
        source=_EXPECTATION,
    ),
    DefectKind.READ_MODIFY_WRITE: DefectPage(
        title="one instruction reads memory, changes the value and writes it back",
        text=(
            "`orl $1, (%rdi)` folds a volatile load and a volatile store into one instruction. The device sees "
            "both, but few hypervisors decode more than plain moves: in a confidential guest it is the end."
        ),
        source="arch/x86/lib/insn-eval.c (Linux), insn_decode_mmio; see the profiles",
    ),
    DefectKind.FOLDED: DefectPage(
        title="the access is part of an instruction that computes",
        text=(
            "`addl (%rdi), %eax` or `cmpl $0, (%rdi)` uses what it loads at once. A hypervisor that decodes moves "
            "alone cannot carry it out."
        ),
        source="arch/x86/lib/insn-eval.c (Linux), insn_decode_mmio; see the profiles",
    ),
    DefectKind.TORN: DefectPage(
        title="one access became several narrower ones",
        text="The device sees several transactions where the source asked for one.",
        source=_EXPECTATION,
    ),
    DefectKind.MERGED: DefectPage(
        title="several accesses became one wider one",
        text="The device sees one transaction where the source asked for several.",
        source=_EXPECTATION,
    ),
    DefectKind.WIDENED: DefectPage(
        title="the access touches more bytes than the source asked for",
        text="Neighbouring registers are read or written too.",
        source=_EXPECTATION,
    ),
    DefectKind.NARROWED: DefectPage(
        title="the access touches fewer bytes than the source asked for",
        text="Part of the register is not read or written.",
        source=_EXPECTATION,
    ),
    DefectKind.MISSING: DefectPage(
        title="an access is not there",
        text="A volatile access is an observable effect; a compiler may not remove it.",
        source=f"{_EXPECTATION}; ISO C 5.1.2.3 §6",
    ),
    DefectKind.EXTRA: DefectPage(
        title="an access that the source did not ask for",
        text="The device sees a transaction that nobody wrote.",
        source=_EXPECTATION,
    ),
    DefectKind.DOUBLED: DefectPage(
        title="an access is done more often than the source asked for",
        text="A register that is cleared by reading, or a FIFO, loses data.",
        source=f"{_EXPECTATION}; compare GCC PR105160",
    ),
    DefectKind.REORDERED: DefectPage(
        title="the accesses are in another order than in the source",
        text="Volatile accesses keep their order; a device depends on it.",
        source=f"{_EXPECTATION}; ISO C 5.1.2.3 §6",
    ),
    DefectKind.ESCAPES: DefectPage(
        title="the window's pointer goes where it is not followed",
        text=(
            "The pointer is passed to unknown code, stored where it cannot be tracked, or computed in a way that is "
            "not understood. There may be accesses that were not seen. So the function is untestable, unless an access "
            "of a bad form was seen; what seems to be missing or torn is not claimed."
        ),
        source="this tool's data flow (classify/dataflow/flow.py)",
    ),
    DefectKind.UNDEFINED: DefectPage(
        title="the object does not define the function under test",
        text=(
            "It was renamed, inlined into its callers, or its name is mangled. Nothing is known of its accesses: the "
            "function is untestable."
        ),
        source="the object's symbol table",
    ),
}
