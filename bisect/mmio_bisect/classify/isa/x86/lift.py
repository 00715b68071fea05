"""x86-64 and i386 instructions lifted to the operations that the data flow follows.

Registers have their 64-bit names on both.

Source: Intel SDM volume 2.
"""

from collections.abc import Sequence
from typing import Literal

from mmio_bisect.classify.dataflow.tables import OFFSET_TABLE, symbol_of
from mmio_bisect.classify.isa.x86.forms import (
    COMPARED,
    READS_ONLY,
    STRINGS,
    WIDTHS,
    directions_of,
    is_vector,
    mask_of,
    string_of,
    transfer_of,
)
from mmio_bisect.classify.isa.x86.parts import concerns_parts, parts_moved, same_register, table_look_up
from mmio_bisect.classify.isa.x86.stack import ON_THE_STACK, frame, operand_size, pop, push, push_value
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.instructions import (
    FunctionCode,
    ImmediateOperand,
    Instruction,
    MemoryOperand,
    Operand,
    RegisterOperand,
    Relocation,
)
from mmio_bisect.classify.machine.operations import (
    UNKNOWN_AMOUNT,
    Bitwise,
    Call,
    CallRegister,
    Choose,
    Compute,
    Copy,
    Jump,
    Opaque,
    Operation,
    Return,
    Skip,
    Stop,
    Sum,
    Symbol,
    Term,
    Touch,
    Unknown,
    load_or_store,
)
from mmio_bisect.domain.access import LOAD, STORE, Transfer
from mmio_bisect.domain.recipe import Direction

_SCRATCH = "(loaded)"
"""A register that no instruction has: what a jump through memory loads."""

_CONDITIONAL = frozenset(
    f"j{condition}"
    for condition in (
        ["a", "ae", "b", "be", "e", "ne", "g", "ge", "l", "le", "s", "ns", "o", "no", "p", "np", "cxz", "ecxz", "rcxz"]
    )
) | {"loop", "loope", "loopne"}  # fmt: skip
_NO_ACCESS = frozenset({"lea", "nop", "clflush", "clflushopt", "clwb", "cldemote", "invlpg", "endbr64", "endbr32"})
_VECTOR_MOVES = frozenset(
    prefix + name
    for prefix in ("", "v")
    for name in ("movups", "movaps", "movupd", "movapd", "movdqu", "movdqa", "movq", "lddqu", "movsd")
)
_BIT_STRINGS = frozenset({"bt", "bts", "btr", "btc"})
"""With an index in a register they go to the word that holds that bit, however far from their operand."""

_LOADS = frozenset({"mov", "movabs", "movzx", "movsx", "movsxd"})
_SUMS = {"add": 1, "sub": -1}
_LOGIC: dict[str, Literal["and", "or", "xor"]] = {"and": "and", "or": "or", "xor": "xor"}


class Lifter:
    """`word` is a pointer's size in bytes."""

    def __init__(self, word: int) -> None:
        self._word = word

    def lift(self, instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:  # noqa: PLR0911  a case each
        """What one instruction does; `Unknown` for bytes that are none."""
        if not instruction.recognised:
            return (Unknown(),)
        control = self._control(instruction, code)
        if control is not None:
            return control
        name = instruction.mnemonic
        string = string_of(name)
        if string is not None and not any(is_vector(operand) for operand in instruction.operands):
            return self._string(instruction, string)
        if name in ON_THE_STACK:
            return self._stack(instruction, code)
        if name == "cdqe":
            return (Compute(target="rax", value=Sum.of("rax"), narrow=True, signs=True),)
        if name == "xlatb":
            return table_look_up(instruction, _SCRATCH)
        memory = next((operand for operand in instruction.operands if isinstance(operand, MemoryOperand)), None)
        if name == "lea" and memory is not None:
            return self._load_address(instruction, memory, code)
        if memory is None or name in _NO_ACCESS or name.startswith("prefetch"):
            return self._registers_only(instruction)
        mask = mask_of(instruction)
        masked = () if mask is None else (Skip(unless=mask),)
        return *masked, *self._access(instruction, memory, code)

    # Control

    def _control(self, instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...] | None:  # noqa: PLR0911  a case each
        name = instruction.mnemonic
        target = instruction.operands[0] if instruction.operands else None
        if name in {"ret", "retn"}:
            return (Return(),)
        if name in {"ud2", "ud0", "ud1", "hlt", "int3"}:
            return (Stop(),)
        if name in _CONDITIONAL and isinstance(target, ImmediateOperand):
            jump = Jump(position=self._position(target), conditional=True)
            if not name.startswith("loop"):
                return (jump,)
            narrow = 0x67 in instruction.encoding[:-2]  # of the counter half takes part
            return Compute(target="rcx", value=Sum(terms=(UNKNOWN_AMOUNT,)) if narrow else Sum.of("rcx", -1)), jump
        if name not in {"jmp", "call"} or target is None:
            return None
        tail = name == "jmp"
        if isinstance(target, ImmediateOperand):
            position = self._position(target)
            if not tail and position == instruction.end and not instruction.relocations:
                # `call 1f; 1:` is how i386 learns where it is
                return push_value(Sum(terms=(UNKNOWN_AMOUNT,)), self._word)
            return (Jump(position=position, conditional=False) if tail else Call(position=position),)
        if isinstance(target, RegisterOperand):
            return (CallRegister(register=target.name, tail=tail),)
        address = self._address(instruction, target, code)
        transfer = transfer_of(instruction, LOAD, target.width, (_SCRATCH,), why="a jump through memory")
        load = Touch(transfer=transfer, address=address, loads=(_SCRATCH,))
        return load, CallRegister(register=_SCRATCH, tail=tail)

    def _position(self, target: ImmediateOperand) -> int:
        return signed(target.value, 8 * self._word)

    def _stack(self, instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
        word, size, operands = self._word, operand_size(instruction, self._word), instruction.operands
        if instruction.mnemonic not in {"push", "pop"} or len(operands) != 1:
            return frame(instruction, word)
        (operand,) = operands
        pops = instruction.mnemonic == "pop"
        if isinstance(operand, RegisterOperand):
            return pop(operand.name, size, word) if pops else push(operand.name, size)
        if isinstance(operand, ImmediateOperand):
            return push_value(self._immediate(instruction, operand), size)
        ways, why = (STORE, "a pop into memory") if pops else (LOAD, "a push from memory")
        transfer = transfer_of(instruction, ways, 8 * size, (), why=why)
        touch = load_or_store(transfer, self._address(instruction, operand, code), registers=(_SCRATCH,))
        return (*pop(_SCRATCH, size, word), touch) if pops else (touch, *push(_SCRATCH, size))

    # Registers

    def _load_address(
        self, instruction: Instruction, memory: MemoryOperand, code: FunctionCode
    ) -> tuple[Operation, ...]:
        target = instruction.operands[0]
        assert isinstance(target, RegisterOperand)  # noqa: S101  LEA's first operand
        if target.bits < 32:
            return (_opaque(instruction),)
        return (Compute(target=target.name, value=self._address(instruction, memory, code), narrow=self._half(target)),)

    def _half(self, operand: RegisterOperand) -> bool:
        return operand.bits < 8 * self._word

    def _registers_only(self, instruction: Instruction) -> tuple[Operation, ...]:  # noqa: PLR0911  cases
        operands, name = instruction.operands, instruction.mnemonic
        target = operands[0] if operands else None
        if not isinstance(target, RegisterOperand) or is_vector(target) or concerns_parts(instruction, target):
            return (parts_moved(instruction) or _opaque(instruction),)
        values = [self._operand(instruction, operand) for operand in operands]
        if name in {"inc", "dec"}:
            name, values = {"inc": "add", "dec": "sub"}[name], [*values, Sum(constant=1)]
        narrow = self._half(target)
        match name, values:
            case ("mov" | "movabs", [_, Sum() as source]):
                return (Compute(target=target.name, value=source, narrow=narrow),)
            case ("movsxd", [_, Sum() as source]):
                return (Compute(target=target.name, value=source, narrow=True, signs=True),)
            case ("xor" | "sub", _) if len(operands) == 2 and same_register(operands[0], operands[1]):
                return (Compute(target=target.name, value=Sum()),)
            case ("add", [_, Sum(symbol=str()) as table]):
                return (Compute(target=target.name, value=table),)  # the program counter plus the distance to it
            case ("add" | "sub", [Sum() as left, Sum() as right]):
                total = left.plus(right, _SUMS[name]) or Sum(terms=(*left.terms, UNKNOWN_AMOUNT))
                return (Compute(target=target.name, value=total, narrow=narrow), _flags(instruction))
            case ("and" | "or" | "xor", [Sum() as left, Sum() as right]):
                return (Bitwise(target=target.name, kind=_LOGIC[name], left=left, right=right, narrow=narrow),)
            case ("shl" | "sal", [Sum() as left, Sum(terms=(), symbol=None) as right]):
                total = Sum(terms=tuple(term.times(1 << (right.constant & (target.bits - 1))) for term in left.terms))
                return (Compute(target=target.name, value=total, narrow=narrow),)
            case (_, [Sum() as left, Sum() as right]) if name.startswith("cmov") and not narrow:
                sources = (target.name, right.terms[0].register)
                return (Choose(target=target.name, sources=sources),)
            case ("xchg", [Sum() as left, Sum() as right]) if not narrow and left.terms and right.terms:
                other = operands[1]
                assert isinstance(other, RegisterOperand)  # noqa: S101  XCHG of two registers
                return (
                    Compute(target=_SCRATCH, value=left),
                    Compute(target=target.name, value=right),
                    Compute(target=other.name, value=Sum.of(_SCRATCH)),
                )
            case _:
                return (_opaque(instruction),)

    def _operand(self, instruction: Instruction, operand: Operand) -> Sum | None:
        """A register of at least 32 bits or a number; None for others."""
        match operand:
            case RegisterOperand(name=name, bits=bits) if bits >= 32 and not is_vector(operand):
                return Sum.of(name)
            case ImmediateOperand():
                return self._immediate(instruction, operand)
            case _:
                return None

    def _immediate(self, instruction: Instruction, operand: ImmediateOperand) -> Sum:
        relocation = _relocation_at(instruction, operand.within)
        if relocation is None:
            return Sum(constant=operand.value)
        if relocation.kind == "R_386_GOTPC":
            return Sum(symbol=OFFSET_TABLE)
        if relocation.kind in _TO_THE_TABLE:
            return Sum(terms=(UNKNOWN_AMOUNT,))
        return Sum(symbol=symbol_of(relocation), constant=relocation.addend)

    # Memory

    def _address(self, instruction: Instruction, memory: MemoryOperand, code: FunctionCode) -> Sum:
        relocation = _relocation_at(instruction, memory.within) if memory.within else None
        if memory.segment is not None and memory.segment in {"fs", "gs"}:
            return Sum(terms=(UNKNOWN_AMOUNT,))
        index = (Term(register=memory.index, factor=memory.scale),) if memory.index else ()
        if relocation is None:
            if memory.base == "rip":
                place = code.address + instruction.end + memory.displacement
                return Sum(terms=index, symbol=Symbol(name="code", section=code.section), constant=place)
            base = (Term(register=memory.base),) if memory.base else ()
            return Sum(terms=(*base, *index), constant=memory.displacement)
        slot = "GOTPC" in relocation.kind or relocation.kind in _SLOTS
        if "TLS" in relocation.kind or "TPOFF" in relocation.kind or relocation.kind in _TO_THE_TABLE:
            return Sum(terms=(UNKNOWN_AMOUNT,))
        # Relative to the instruction or to the global offset table: the base is part of what the linker fills in.
        drops = memory.base == "rip" or relocation.kind in {*_SLOTS, "R_386_GOTOFF"}
        base = (Term(register=memory.base),) if memory.base and not drops else ()
        addend = 0 if slot else relocation.addend
        return Sum(terms=(*base, *index), symbol=symbol_of(relocation, slot=slot), constant=addend)

    def _access(self, instruction: Instruction, memory: MemoryOperand, code: FunctionCode) -> tuple[Operation, ...]:
        name, operands = instruction.mnemonic, instruction.operands
        address = self._address(instruction, memory, code)
        if name in _BIT_STRINGS and isinstance(operands[1], RegisterOperand):
            address = Sum(terms=(*address.terms, UNKNOWN_AMOUNT), constant=address.constant, symbol=address.symbol)
        directions = directions_of(instruction, memory)
        others = [operand for operand in operands if operand is not memory]
        register = next((one for one in others if isinstance(one, RegisterOperand)), None)
        transfer = transfer_of(instruction, directions, memory.width, _data(others))
        whole = memory.width == 8 * self._word and isinstance(register, RegisterOperand) and not is_vector(register)
        if name in {"mov", "movabs"} and directions == STORE:
            return self._store(instruction, transfer, address, others[0])
        plain = name in _VECTOR_MOVES or (register is not None and register.bits >= 32 and name in _LOADS)
        if plain and directions == LOAD and register is not None:
            return (Touch(transfer=transfer, address=address, loads=(register.name,)),)
        if directions == LOAD and register is not None and whole and operands[0] is register:
            folded = self._folded(instruction, register)
            if folded is not None:
                return (Touch(transfer=transfer, address=address, loads=(_SCRATCH,)), *folded)
        if name in READS_ONLY:
            return (Touch(transfer=transfer, address=address, loads=(_SCRATCH,)), _flags(instruction))
        clobbers = tuple(sorted(_written(instruction) - {"rflags"}))
        if Direction.STORE in directions:
            stored = tuple(sorted(one.name for one in others if isinstance(one, RegisterOperand)))
            return (Touch(transfer=transfer, address=address, clobbers=clobbers, mixes=stored),)
        # What is loaded is mixed with the registers that are read.
        reads = (instruction.reads - _address_registers(memory, others)) | {_SCRATCH}
        mixed = Opaque(reads=reads, writes=frozenset(clobbers))
        return Touch(transfer=transfer, address=address, clobbers=(_SCRATCH,)), mixed

    def _folded(self, instruction: Instruction, register: RegisterOperand) -> tuple[Operation, ...] | None:
        """An ALU operation whose second operand is loaded from memory."""
        name, loaded = instruction.mnemonic, Term(register=_SCRATCH)
        here = Term(register=register.name)
        if name in _SUMS:
            value = Sum(terms=(here, Term(register=_SCRATCH, factor=_SUMS[name])))
            return (Compute(target=register.name, value=value),)
        if name in _LOGIC:
            left, right = Sum(terms=(here,)), Sum(terms=(loaded,))
            return (Bitwise(target=register.name, kind=_LOGIC[name], left=left, right=right),)
        if name.startswith("cmov"):
            return (Choose(target=register.name, sources=(register.name, _SCRATCH)),)
        return None

    def _store(
        self, instruction: Instruction, transfer: Transfer, address: Sum, source: Operand
    ) -> tuple[Operation, ...]:
        if isinstance(source, RegisterOperand):
            return (Touch(transfer=transfer, address=address, stores=(source.name,)),)
        assert isinstance(source, ImmediateOperand)  # noqa: S101  MOV stores nothing else
        value = Compute(target=_SCRATCH, value=self._immediate(instruction, source))
        return value, Touch(transfer=transfer, address=address, stores=(_SCRATCH,))

    def _string(self, instruction: Instruction, name: str) -> tuple[Operation, ...]:
        width = WIDTHS[instruction.mnemonic[len(name) :]]
        repeats = bool(instruction.prefixes)
        to, source = Sum.of("rdi"), Sum.of("rsi")
        places = {"stos": (to,), "scas": (to,), "ins": (to,), "lods": (source,), "outs": (source,)}.get(
            name, (to, source)
        )
        touches: list[Operation] = []
        for place in places:
            ways = STRINGS[name] if len(places) == 1 or name == "cmps" else STORE if place is to else LOAD
            transfer = transfer_of(instruction, ways, None if repeats else width, ())
            touches.append(Touch(transfer=transfer, address=place))
        moved = tuple(
            Compute(target=register, value=Sum(terms=(Term(register=register), UNKNOWN_AMOUNT)))
            for register in sorted(instruction.writes & {"rsi", "rdi"})
        )
        count = (Compute(target="rcx", value=Sum(terms=(UNKNOWN_AMOUNT,))),) if repeats else ()
        loaded = (Compute(target="rax", value=Sum(terms=(UNKNOWN_AMOUNT,))),) if name == "lods" else ()
        times = Sum(terms=(Term(register="rcx"),)) if repeats else Sum(constant=1)
        copies = (Copy(target=to, source=source, count=times, unit=width // 8),) if name == "movs" else ()
        # A copy loads before it stores.
        return (*reversed(touches), *copies, *moved, *count, *loaded)


_SLOTS = frozenset({"R_386_GOT32", "R_386_GOT32X"})
_TO_THE_TABLE = frozenset({"R_386_GOTPC", "R_X86_64_GOTPC32", "R_X86_64_GOTOFF64", "R_X86_64_GOTPC64"})


def _relocation_at(instruction: Instruction, within: int) -> Relocation | None:
    """The relocation of the field at that place of the encoding."""
    return next((one for one in instruction.relocations if one.within == within), None)


def _opaque(instruction: Instruction) -> Opaque:
    return Opaque(reads=instruction.reads, writes=_written(instruction))


def _written(instruction: Instruction) -> frozenset[str]:
    """Capstone 5 leaves out what a comparison loads."""
    return instruction.writes | COMPARED.get(instruction.mnemonic, frozenset())


def _flags(instruction: Instruction) -> Opaque:
    return Opaque(reads=frozenset(), writes=instruction.writes & {"rflags"})


def _address_registers(memory: MemoryOperand, others: Sequence[Operand]) -> frozenset[str]:
    """Those that are read for the address alone."""
    data = {one.name for one in others if isinstance(one, RegisterOperand)}
    return frozenset(name for name in (memory.base, memory.index) if name is not None) - data


def _data(operands: Sequence[Operand]) -> tuple[str, ...]:
    return tuple(operand.name for operand in operands if isinstance(operand, RegisterOperand))
