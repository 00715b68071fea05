"""RISC-V instructions lifted to the operations that the data flow follows, and what they do to memory.

Everything is read from the bits. A guest's access traps to the hypervisor with the instruction itself in `htinst` or to
be fetched; KVM decodes the integer loads and stores and their C forms, no more: that is what counts as emulatable where
no profile says more (arch/riscv/kvm/vcpu_insn.c).

Sources: The RISC-V Instruction Set Manual Volume I, "RV32/64G Instruction Set Listings"; RISC-V ELF psABI,
"Relocations".
"""

from typing import Literal

from mmio_bisect.classify.dataflow.tables import symbol_of
from mmio_bisect.classify.isa.riscv.compressed import EBREAK, Expanded, expand
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction, Relocation
from mmio_bisect.classify.machine.operations import (
    UNKNOWN_AMOUNT,
    ZERO,
    Bitwise,
    Call,
    CallRegister,
    Compute,
    Jump,
    Opaque,
    Operation,
    Return,
    Stop,
    Sum,
    Symbol,
    Term,
    Touch,
    Unknown,
    load_or_store,
)
from mmio_bisect.domain.access import BOTH, LOAD, STORE, Form, RegisterClass, Transfer

_LOADS = {0: "lb", 1: "lh", 2: "lw", 3: "ld", 4: "lbu", 5: "lhu", 6: "lwu"}
_STORES = {0: "sb", 1: "sh", 2: "sw", 3: "sd"}
_FLOATS = {1: ("h", 16), 2: ("w", 32), 3: ("d", 64), 4: ("q", 128)}
_ATOMICS = {0: "amoadd", 1: "amoswap", 2: "lr", 3: "sc", 4: "amoxor", 5: "amocas", 8: "amoor", 12: "amoand",
            16: "amomin", 20: "amomax", 24: "amominu", 28: "amomaxu"}  # fmt: skip
_LOGIC: dict[int, Literal["xor", "or", "and"]] = {4: "xor", 6: "or", 7: "and"}
_SHORT_PLAIN = frozenset({"c.lw", "c.ld", "c.sw", "c.sd", "c.lwsp", "c.ldsp", "c.swsp", "c.sdsp"})
_SCRATCH = "(target)"
_IGNORED = frozenset({"R_RISCV_RELAX", "R_RISCV_ALIGN"})


def _x(number: int) -> str:
    return f"x{number}" if number else ZERO


def _f(number: int) -> str:
    return f"f{number}"


class Lifter:
    """`xlen`: how many bits a register has."""

    def __init__(self, xlen: int) -> None:
        self._xlen = xlen

    def lift(self, instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
        """What one instruction does; `Unknown` for words that are none."""
        if len(instruction.encoding) == 2:
            expanded = expand(instruction.word, self._xlen)
        else:
            expanded = Expanded(instruction.word) if len(instruction.encoding) == 4 else None
        if expanded is None:
            # All zeros is defined to be no instruction; compilers write it to trap.
            return (Stop(),) if instruction.encoding and not any(instruction.encoding) else (Unknown(),)
        return self._lift(expanded, instruction, code)

    def _lift(  # noqa: PLR0911  one return a major opcode
        self, expanded: Expanded, instruction: Instruction, code: FunctionCode
    ) -> tuple[Operation, ...]:
        word = expanded.word
        match word & 0x7F:
            case 0x03 | 0x23:
                return (self._integer_access(expanded, instruction),)
            case 0x07 | 0x27:
                return (self._float_access(expanded, instruction),)
            case 0x2F:
                return (self._atomic(word),)
            case 0x37:
                return (_upper(word, instruction),)
            case 0x17:
                return (_upper_pc(word, instruction, code),)
            case 0x13 | 0x1B:
                return (self._immediate(word, instruction),)
            case 0x33 | 0x3B:
                return (_register(word),)
            case 0x63:
                offset = signed(
                    (word >> 31) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3F) << 5 | (word >> 8 & 15) << 1, 13
                )
                return (Jump(position=_position(instruction, code, offset), conditional=True),)
            case 0x6F | 0x67:
                return _jump(word, instruction, code)
            case _:
                return (_other(word, instruction),)

    def _integer_access(self, expanded: Expanded, instruction: Instruction) -> Operation:
        word = expanded.word
        funct3, store = word >> 12 & 7, word & 0x7F == 0x23
        name = (_STORES if store else _LOADS).get(funct3)
        if name is None or (self._xlen == 32 and name in {"ld", "sd", "lwu"}):
            return Unknown()
        width = 8 << (funct3 & 3)
        data = _x(word >> 20 & 31 if store else word >> 7 & 31)
        operation = expanded.name or name
        plain = operation == name or operation in _SHORT_PLAIN
        why = "an integer load or store" if plain else f"`{operation}`, a short form that KVM does not decode"
        transfer = Transfer(
            form=Form.SINGLE,
            directions=STORE if store else LOAD,
            element_width=width,
            registers=(data,),
            syndrome_valid=plain,
            sign_extends=not store and funct3 < 3,
            why=why,
            operation=operation,
        )
        return load_or_store(transfer, _address(word, instruction, store=store))

    def _float_access(self, expanded: Expanded, instruction: Instruction) -> Operation:
        word = expanded.word
        store = word & 0x7F == 0x27
        known = _FLOATS.get(word >> 12 & 7)
        data = _f(word >> 20 & 31 if store else word >> 7 & 31)
        transfer = Transfer(
            form=Form.SINGLE if known else Form.STRUCTURE,
            directions=STORE if store else LOAD,
            element_width=known[1] if known else None,
            register_class=RegisterClass.SIMD_FP if known else RegisterClass.SCALABLE,
            registers=(data,) if known else (),
            syndrome_valid=False,
            why="a floating-point register" if known else "vector registers",
            operation=expanded.name
            or (f"f{'s' if store else 'l'}{known[0]}" if known else "vstore" if store else "vload"),
        )
        if known is None:
            vectors = () if store else tuple(f"v{number}" for number in range(32))
            return Touch(transfer=transfer, address=Sum.of(_x(word >> 15 & 31)), clobbers=vectors)
        return load_or_store(transfer, _address(word, instruction, store=store))

    def _atomic(self, word: int) -> Operation:
        kind = _ATOMICS.get(word >> 27)
        width = 8 << (word >> 12 & 7)
        if kind is None or width > 128:
            return Unknown()
        exclusive = kind in {"lr", "sc"}
        ways = {"lr": LOAD, "sc": STORE}.get(kind, BOTH)
        suffix = {8: "b", 16: "h", 32: "w", 64: "d", 128: "q"}[width]
        transfer = Transfer(
            form=Form.EXCLUSIVE if exclusive else Form.ATOMIC,
            directions=ways,
            element_width=width,
            registers=(_x(word >> 20 & 31),),
            syndrome_valid=False,
            ordered=bool(word >> 25 & 3),
            why="load-reserved or store-conditional" if exclusive else "an atomic read-modify-write",
            operation=f"{kind}.{suffix}",
            compares=kind == "amocas",
        )
        address = Sum.of(_x(word >> 15 & 31))
        stores = () if kind == "lr" else (_x(word >> 20 & 31),)
        return Touch(transfer=transfer, address=address, stores=stores, clobbers=(_x(word >> 7 & 31),))

    def _immediate(self, word: int, instruction: Instruction) -> Operation:
        """OP-IMM and, in 32 bits, OP-IMM-32."""
        target, source, funct3 = _x(word >> 7 & 31), _x(word >> 15 & 31), word >> 12 & 7
        number, narrow = signed(word >> 20, 12), word & 0x7F == 0x1B
        here = Sum.of(source)
        if target == ZERO:
            return Opaque(reads=frozenset(), writes=frozenset())
        if funct3 == 0:
            value = Sum(terms=here.terms, constant=_low(instruction, number))
            return Compute(target=target, value=value, narrow=narrow, signs=narrow)
        if funct3 == 1 and word >> 26 == 0:
            value = Sum(terms=(Term(register=source, factor=1 << (number & 63)),))
            return Compute(target=target, value=value, narrow=narrow, signs=narrow)
        if funct3 == 5 and word >> 26 == 0 and not narrow:
            return Bitwise(target=target, kind="shr", left=here, right=Sum(constant=number & 63))
        if funct3 in _LOGIC and not narrow:
            return Bitwise(target=target, kind=_LOGIC[funct3], left=here, right=Sum(constant=number))
        return Opaque(reads=frozenset({source}), writes=frozenset({target}))


def _relocation(instruction: Instruction) -> Relocation | None:
    return next((one for one in instruction.relocations if one.kind not in _IGNORED), None)


def _low(instruction: Instruction, number: int) -> int:
    """What the low part adds to a register that holds the symbol's address (see `_upper`, `_upper_pc`)."""
    relocation = _relocation(instruction)
    if relocation is None:
        return number
    return relocation.addend if relocation.kind in {"R_RISCV_LO12_I", "R_RISCV_LO12_S"} else 0


def _address(word: int, instruction: Instruction, *, store: bool) -> Sum:
    offset = signed((word >> 25) << 5 | word >> 7 & 31, 12) if store else signed(word >> 20, 12)
    return Sum.of(_x(word >> 15 & 31), _low(instruction, offset))


def _upper(word: int, instruction: Instruction) -> Operation:
    """LUI: of a symbol's address the whole, but for the addend, which the instruction with the low part has too."""
    target, relocation = _x(word >> 7 & 31), _relocation(instruction)
    if relocation is None:
        return Compute(target=target, value=Sum(constant=signed(word & 0xFFFFF000, 32)))
    if relocation.kind != "R_RISCV_HI20":
        return Compute(target=target, value=Sum(terms=(UNKNOWN_AMOUNT,)))
    return Compute(target=target, value=Sum(symbol=symbol_of(relocation)))


def _upper_pc(word: int, instruction: Instruction, code: FunctionCode) -> Operation:
    """AUIPC: the whole address; the instruction with the low part refers to this one and adds nothing."""
    target, relocation = _x(word >> 7 & 31), _relocation(instruction)
    if relocation is None:
        place = code.address + instruction.position + signed(word & 0xFFFFF000, 32)
        return Compute(target=target, value=Sum(symbol=Symbol(name="code", section=code.section), constant=place))
    match relocation.kind:
        case "R_RISCV_GOT_HI20":
            return Compute(target=target, value=Sum(symbol=symbol_of(relocation, slot=True)))
        case "R_RISCV_PCREL_HI20" | "R_RISCV_CALL" | "R_RISCV_CALL_PLT":
            return Compute(target=target, value=Sum(symbol=symbol_of(relocation), constant=relocation.addend))
        case _:
            return Compute(target=target, value=Sum(terms=(UNKNOWN_AMOUNT,)))


def _register(word: int) -> Operation:
    """OP and, in 32 bits, OP-32."""
    target, left, right = _x(word >> 7 & 31), _x(word >> 15 & 31), _x(word >> 20 & 31)
    funct3, funct7, narrow = word >> 12 & 7, word >> 25, word & 0x7F == 0x3B
    one, other = Sum.of(left), Sum.of(right)
    if target == ZERO:
        return Opaque(reads=frozenset(), writes=frozenset())
    if funct3 == 0 and funct7 in {0, 0x20}:
        value = Sum(terms=(Term(register=left), Term(register=right, factor=-1 if funct7 else 1)))
        return Compute(target=target, value=value, narrow=narrow, signs=narrow)
    if funct7 == 0x10 and funct3 in {2, 4, 6} and not narrow:  # Zba: SH1ADD to SH3ADD
        value = Sum(terms=(Term(register=left, factor=1 << funct3 // 2), Term(register=right)))
        return Compute(target=target, value=value)
    if funct7 == 0 and funct3 in _LOGIC and not narrow:
        return Bitwise(target=target, kind=_LOGIC[funct3], left=one, right=other)
    return Opaque(reads=frozenset({left, right}), writes=frozenset({target}))


def _position(instruction: Instruction, code: FunctionCode, offset: int) -> int:
    """Where a branch leads; with relaxation every one has a relocation and no distance yet."""
    relocation = _relocation(instruction)
    if relocation is not None and relocation.section == code.section and relocation.address is not None:
        return relocation.address - code.address
    return instruction.position + offset


_LINK = {1, 5}
"""The registers that return addresses are in (table "Return-address stack prediction hints")."""


def _jump(word: int, instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
    rd, rs1 = word >> 7 & 31, word >> 15 & 31
    if word & 0x7F == 0x6F:
        offset = signed(
            (word >> 31) << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1, 21
        )
        position = _position(instruction, code, offset)
        return (Call(position=position),) if rd in _LINK else (Jump(position=position, conditional=False),)
    if rd == 0 and rs1 in _LINK:
        return (Return(),)
    target = Sum.of(_x(rs1), signed(word >> 20, 12))
    return Compute(target=_SCRATCH, value=target), CallRegister(register=_SCRATCH, tail=rd not in _LINK)


_TO_INTEGER, _FROM_INTEGER = {0x50, 0x60, 0x61, 0x70}, {0x68, 0x78}
"""Of OP-FP, funct7 without the format: what goes to x (comparisons, conversions, moves), what comes from it."""


def _other(word: int, instruction: Instruction) -> Operation:  # noqa: PLR0911  one return a major opcode
    """Floating point, vectors, fences, the control registers."""
    x, f = _x(word >> 7 & 31), _f(word >> 7 & 31)
    one, two = word >> 15 & 31, word >> 20 & 31
    match word & 0x7F:
        case 0x53:
            kind = word >> 25 & 0x7C
            writes = {x} if kind in _TO_INTEGER else {f}
            reads = {_x(one)} if kind in _FROM_INTEGER else {_f(one), _f(two)}
            return Opaque(reads=frozenset(reads), writes=frozenset(writes - {ZERO}))
        case 0x43 | 0x47 | 0x4B | 0x4F:
            return Opaque(reads=frozenset({_f(one), _f(two), _f(word >> 27)}), writes=frozenset({f}))
        case 0x57:
            vectors = frozenset(f"v{number}" for number in range(32))
            return Opaque(reads=vectors | {_x(one), _f(one)}, writes=vectors | ({x, f} - {ZERO}))
        case 0x0F:
            return Opaque(reads=frozenset(), writes=frozenset())
        case 0x73 if word == EBREAK or word >> 20 == 0x7FF:
            return Stop()
        case 0x73 if word == 0xC000_1073:  # UNIMP
            return Stop()
        case 0x73:
            return Opaque(reads=frozenset({_x(one)}), writes=frozenset({x} - {ZERO}))
        case _:
            return Opaque(reads=instruction.reads, writes=instruction.writes) if instruction.recognised else Unknown()
