"""What x86 instructions do to memory, and in which form.

x86 gives a hypervisor no syndrome: it decodes the instruction's bytes itself, and what it then carries out differs from
one to the next (see `profiles`). Every one of them does a plain MOV, MOVZX or MOVSX between memory and one general
register or an immediate number: that is what counts as emulatable where no profile says more (`syndrome_valid`).

Source: Intel SDM volume 2.
"""

from mmio_bisect.classify.isa.x86.stack import is_prefix
from mmio_bisect.classify.machine.instructions import Instruction, MemoryOperand, Operand, RegisterOperand
from mmio_bisect.domain.access import BOTH, LOAD, STORE, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction

_PLAIN = frozenset({"mov", "movabs", "movzx", "movsx", "movsxd"})
STRINGS = {"movs": BOTH, "stos": STORE, "lods": LOAD, "cmps": LOAD, "scas": LOAD, "ins": STORE, "outs": LOAD}
WIDTHS = {"b": 8, "w": 16, "d": 32, "q": 64}
_VECTOR = ("xmm", "mm", "k", "st")
_MASKED = ("vmaskmov", "vpmaskmov", "maskmov", "vmaskmovdqu", "vgather", "vpgather")
_MOVES = _PLAIN | {"movnti", "movdiri"}
_STORES_ONLY = frozenset({"fst", "fstp", "fist", "fistp", "fisttp", "fnstcw", "fnstsw", "fbstp", "stmxcsr"}) | {
    *("movnti", "movdiri", "fnstenv", "fnsave", "sgdt", "sidt", "sldt", "str", "smsw"),
    *("fxsave", "fxsave64", "xsave", "xsave64", "xsaveopt", "xsaveopt64", "xsavec", "xsavec64", "xsaves", "xsaves64"),
}
COMPARED = {
    "cmpxchg": frozenset({"rax"}),
    "cmpxchg8b": frozenset({"rax", "rdx"}),
    "cmpxchg16b": frozenset({"rax", "rdx"}),
}
"""They write what they found where it was not what they compare with: there is always a store (Intel SDM).

The registers are those that they compare with, and load what they found into.
"""

_ROTATES = frozenset({"rol", "ror", "rcl", "rcr"})

READS_ONLY = frozenset({"cmp", "test", "bt", "ucomiss", "comiss", "ucomisd", "comisd", "ptest"})


def string_of(mnemonic: str) -> str | None:
    """The string instruction that a mnemonic is, its width aside; None for others (some SSE moves share a name)."""
    return next((base for base in STRINGS if mnemonic.startswith(base) and mnemonic[len(base) :] in WIDTHS), None)


def mask_of(instruction: Instruction) -> str | None:
    """What says which elements of a vector are loaded or stored; None where all are."""
    encoding = instruction.encoding
    first = next((place for place, byte in enumerate(encoding) if byte not in {0x64, 0x65, 0x67}), 0)
    if encoding[first] == 0x62 and instruction.mnemonic.startswith("v"):
        number = encoding[first + 3] & 7  # EVEX.aaa
        return f"k{number}" if number else None
    if instruction.mnemonic.startswith(_MASKED):
        return f"mask at {instruction.position:#x}"
    return None


def is_vector(operand: Operand) -> bool:
    return isinstance(operand, RegisterOperand) and operand.name.startswith(_VECTOR)


def directions_of(instruction: Instruction, memory: MemoryOperand) -> tuple[Direction, ...]:
    """Which way data goes.

    Of instructions with vector or x87 registers capstone 5 says that all of them read memory; but one whose first
    operand is memory writes there and does not read it (no SSE, AVX or MMX instruction does both). Of a few others it
    says so too: those are listed here, as Intel's SDM describes them.
    """
    name, first = instruction.mnemonic, instruction.operands[0] is memory
    if name in READS_ONLY:
        return LOAD
    if any(is_vector(operand) for operand in instruction.operands):
        return STORE if first else LOAD
    if name in _STORES_ONLY or name.startswith("set"):
        return STORE
    if name in COMPARED or name in _ROTATES or (memory.read and memory.written):
        return BOTH
    if memory.written:
        return STORE
    return LOAD


def form_of(instruction: Instruction, directions: tuple[Direction, ...]) -> Form:
    name = instruction.mnemonic
    vector = any(is_vector(operand) for operand in instruction.operands)
    if not vector and len(instruction.operands) != 1 and string_of(name) is not None:
        return Form.BLOCK
    if "lock" in instruction.prefixes or (name == "xchg" and len(directions) == 2):
        return Form.ATOMIC
    if len(directions) == 2:
        return Form.READ_MODIFY_WRITE
    return Form.SINGLE if vector or name in _MOVES or name.startswith("f") else Form.FOLDED


_WHY = {
    Form.BLOCK: "a string instruction: memory to memory, or as often as a register says",
    Form.ATOMIC: "an atomic read-modify-write",
    Form.READ_MODIFY_WRITE: "memory is read and written by one instruction",
    Form.FOLDED: "the access is part of an instruction that computes: hypervisors decode moves",
}


def transfer_of(
    instruction: Instruction,
    directions: tuple[Direction, ...],
    width: int | None,
    registers: tuple[str, ...],
    why: str | None = None,
) -> Transfer:
    form = form_of(instruction, directions)
    vector = any(is_vector(operand) for operand in instruction.operands) or instruction.mnemonic.startswith("f")
    plain = instruction.mnemonic in _PLAIN and form is Form.SINGLE and not vector
    if why is None:
        why = _WHY.get(form, "a plain move of one general register or a number: every hypervisor decodes it")
        if vector and form is Form.SINGLE:
            why = "a vector or floating-point register"
    return Transfer(
        form=form,
        directions=directions,
        element_width=width or None,
        register_class=RegisterClass.SIMD_FP if vector else RegisterClass.GENERAL,
        registers=registers,
        syndrome_valid=plain,
        sign_extends=instruction.mnemonic in {"movsx", "movsxd"},
        why=why,
        operation=" ".join((*instruction.prefixes, _operation(instruction, form))),
        compares=instruction.mnemonic in COMPARED,
    )


def _operation(instruction: Instruction, form: Form) -> str:
    name = instruction.mnemonic
    if form is Form.BLOCK:
        return name[:-1]
    # The address stands in the instruction (opcodes A0 to A3, after prefixes): decoders treat these apart.
    opcode = next((byte for byte in instruction.encoding if not is_prefix(byte)), 0)
    return "mov moffs" if name in {"mov", "movabs"} and opcode >> 2 == 0xA0 >> 2 else name
