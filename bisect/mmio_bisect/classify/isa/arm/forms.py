"""AArch32 loads and stores as transfers, shared by the A32 and the T32 decoder.

A data abort taken to Hyp mode or EL2 has a valid syndrome for LDR, STR, LDA, STL and their B, H, SB, SH, T forms
without writeback and whose register is not R15 (Arm ARM, HSR and ESR_EL2, ISS encoding for a Data Abort, field ISV).
"""

from collections.abc import Sequence
from dataclasses import replace

from mmio_bisect.classify.machine.operations import (
    UNKNOWN_AMOUNT,
    CallRegister,
    Compute,
    Operation,
    Return,
    Sum,
    Symbol,
    Term,
    Touch,
    load_or_store,
)
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction

SP, LR, PC = "sp", "lr", "pc"
SCRATCH = "(loaded)"

_WHY = {
    Form.SINGLE: "a single general-purpose register without writeback: ISV = 1",
    Form.PAIR: "two registers: ISV = 0",
    Form.BLOCK: "several registers: ISV = 0",
    Form.EXCLUSIVE: "an exclusive access: ISV = 0",
    Form.ATOMIC: "a swap: ISV = 0",
    Form.STRUCTURE: "a structure of vector elements: ISV = 0",
}


def register(number: int) -> str:
    return {13: SP, 14: LR, 15: PC}.get(number, f"r{number}")


def vector(number: int, *, double: bool) -> str:
    """The 128-bit register that holds this one."""
    return f"v{number // 2 if double else number // 4}"


def transfer(
    operation: str,
    form: Form,
    *,
    load: bool,
    width: int | None,
    registers: Sequence[str],
    mode: AddressingMode = AddressingMode.OFFSET,
    simd: bool = False,
    signs: bool = False,
    ordered: bool = False,
) -> Transfer:
    valid = form is Form.SINGLE and not simd and not mode.writes_back and PC not in registers
    why = _WHY[form]
    if form is Form.SINGLE and not valid:
        why = "a SIMD or floating-point register: ISV = 0" if simd else "register writeback or R15: ISV = 0"
    both = form is Form.ATOMIC
    return Transfer(
        form=form,
        directions=(Direction.LOAD, Direction.STORE) if both else (Direction.LOAD if load else Direction.STORE,),
        element_width=width,
        elements=max(len(registers), 1) if form in {Form.PAIR, Form.BLOCK} else 1,
        addressing=mode,
        register_class=RegisterClass.SIMD_FP if simd else RegisterClass.GENERAL,
        registers=tuple(registers),
        syndrome_valid=valid,
        sign_extends=signs,
        ordered=ordered,
        why=why,
        operation=operation,
    )


def indexed(base: Sum, offset: Sum, *, before: bool, writes: bool) -> tuple[Sum, Sum | None, AddressingMode]:
    """Address, what becomes of the base, and the mode; `offset` is terms and a constant."""
    moved = Sum(terms=(*base.terms, *offset.terms), constant=base.constant + offset.constant, symbol=base.symbol)
    if not before:
        return base, moved, AddressingMode.POST_INDEX
    if writes:
        return moved, moved, AddressingMode.PRE_INDEX
    return moved, None, AddressingMode.REGISTER_OFFSET if offset.terms else AddressingMode.OFFSET


def single(
    *,
    load: bool,
    width: int,
    data: str,
    base: str,
    here: Sum,
    offset: Sum,
    before: bool = True,
    writes: bool = False,
    signs: bool = False,
) -> tuple[Operation, ...]:
    """LDR, STR and their kin; `here` is the base's value. A load of the program counter is a jump."""
    address, moved, mode = indexed(here, offset, before=before, writes=writes)
    operation = ("ldr" if load else "str") + ("s" if signs else "") + {8: "b", 16: "h", 32: ""}[width]
    jumps = load and data == PC
    touch = load_or_store(
        transfer(operation, Form.SINGLE, load=load, width=width, registers=(data,), mode=mode, signs=signs),
        address,
        registers=(SCRATCH,) if jumps else None,
        writeback=None if moved is None else (base, moved),
    )
    if not jumps:
        return (touch,)
    return (touch, Return()) if base == SP else (touch, CallRegister(register=SCRATCH, tail=True))


def pair(
    *, load: bool, data: tuple[str, str], base: str, here: Sum, offset: Sum, before: bool, writes: bool
) -> tuple[Operation, ...]:
    """LDRD, STRD."""
    address, moved, mode = indexed(here, offset, before=before, writes=writes)
    moves = transfer("ldrd" if load else "strd", Form.PAIR, load=load, width=32, registers=data, mode=mode)
    return (load_or_store(moves, address, writeback=None if moved is None else (base, moved)),)


def several(
    *,
    load: bool,
    names: Sequence[str],
    base: str,
    increments: bool,
    before: bool,
    writes: bool,
    width: int = 32,
    simd: bool = False,
) -> tuple[Operation, ...]:
    """LDM, STM, VLDM, VSTM: ascending registers at ascending addresses. A load of the program counter returns."""
    size = len(names) * width // 8
    begin = (width // 8 if before else 0) if increments else -size + (0 if before else width // 8)
    here = Term(register=base)
    mode = AddressingMode.OFFSET
    if writes:
        mode = AddressingMode.PRE_INDEX if before else AddressingMode.POST_INDEX
    moved = Sum(terms=(here,), constant=size if increments else -size)
    operation = ("v" if simd else "") + ("ldm" if load else "stm")
    touch = load_or_store(
        transfer(operation, Form.BLOCK, load=load, width=width, registers=names, mode=mode, simd=simd),
        Sum(terms=(here,), constant=begin),
        registers=tuple(SCRATCH if load and name == PC else name for name in names),
        writeback=(base, moved) if writes else None,
        part=load and simd,
    )
    return (touch, Return()) if load and PC in names else (touch,)


def block(word: int, *, before: bool) -> tuple[Operation, ...]:
    """LDM, STM, whose fields A32 and T32 place alike, but for what tells whether the address moves before."""
    return several(
        load=bool(word >> 20 & 1),
        names=[register(number) for number in range(16) if word >> number & 1],
        base=register(word >> 16 & 15),
        increments=bool(word >> 23 & 1),
        before=before,
        writes=bool(word >> 21 & 1),
    )


def bare(
    operation: str,
    form: Form,
    *,
    load: bool,
    width: int | None,
    base: str,
    names: Sequence[str] = (),
    clobbers: Sequence[str] = (),
    offset: int = 0,
    simd: bool = False,
    moves: bool = False,
    by_width: bool = False,
    mixes: Sequence[str] = (),
) -> tuple[Operation, ...]:
    """Accesses at the base register itself whose data is not followed: exclusives, swaps, structures."""
    here = Sum.of(base, offset)
    if by_width and width is not None:
        moved = Sum(terms=here.terms, constant=width // 8)
    else:
        moved = Sum(terms=(*here.terms, UNKNOWN_AMOUNT))
    mode = AddressingMode.POST_INDEX if moves else AddressingMode.OFFSET
    touch = Touch(
        transfer=transfer(operation, form, load=load, width=width, registers=names, mode=mode, simd=simd),
        address=here,
        stores=() if load or simd else tuple(names[:1]),
        clobbers=tuple(clobbers),
        writeback=(base, moved) if moves else None,
        mixes=tuple(mixes),
    )
    return (touch,)


def exclusive(
    *, load: bool, names: Sequence[str], base: str, clobbers: Sequence[str], width: int = 32, offset: int = 0
) -> tuple[Operation, ...]:
    """LDREX, STREX and their kin, which write a status."""
    name = "ldrex" if load else "strex"
    return bare(name, Form.EXCLUSIVE, load=load, width=width, names=names, base=base, clobbers=clobbers, offset=offset)


def ordered(*, load: bool, width: int, data: str, base: str) -> tuple[Operation, ...]:
    """LDA, STL."""
    name = "lda" if load else "stl"
    moves = transfer(name, Form.SINGLE, load=load, width=width, registers=(data,), ordered=True)
    return (load_or_store(moves, Sum.of(base)),)


def coprocessor(word: int, counter: Sum) -> tuple[Operation, ...] | None:
    """VLDR, VSTR, VLDM, VSTM, in A32 and T32 alike (coprocessors 10 and 11); None for what touches no memory.

    `counter` is what reading the program counter gives.
    """
    if word >> 25 & 7 != 6 or word >> 9 & 7 != 5:
        return None
    before, increments, high, writes, load = (bool(word >> bit & 1) for bit in (24, 23, 22, 21, 20))
    if not before and not increments and not writes:
        return None  # moves of two registers
    base, double, count = register(word >> 16 & 15), bool(word >> 8 & 1), word & 0xFF
    first = word >> 12 & 15 | high << 4 if double else (word >> 12 & 15) << 1 | high
    width = 64 if double else 32
    if before and not writes:
        data, name = (vector(first, double=double),), "vldr" if load else "vstr"
        moves = transfer(name, Form.SINGLE, load=load, width=width, registers=data, simd=True)
        offset = 4 * count if increments else -4 * count
        here = counter if base == PC else Sum.of(base)
        return (load_or_store(moves, replace(here, constant=here.constant + offset), part=load),)
    numbers = range(first, first + (count // 2 if double else count))
    names = [vector(number, double=double) for number in numbers]
    return several(
        load=load,
        names=names,
        width=width,
        base=base,
        increments=increments,
        before=before,
        writes=writes,
        simd=True,
    )


def structure(word: int) -> tuple[Operation, ...]:
    """Advanced SIMD element and structure loads and stores: bytes that follow one another."""
    load = bool(word >> 21 & 1)
    first = (word >> 12 & 15) | (word >> 22 & 1) << 4
    data = tuple(dict.fromkeys(vector(min(first + index, 31), double=True) for index in range(8)))
    return bare(
        "vld" if load else "vst",
        Form.STRUCTURE,
        load=load,
        width=_structure_width(word),
        base=register(word >> 16 & 15),
        clobbers=data if load else (),
        simd=True,
        moves=word & 15 != 15,
        by_width=word & 15 == 13,
        mixes=() if load else data,
    )


_WHOLE_REGISTERS = {7: 1, 10: 2, 6: 3, 2: 4, 8: 2, 9: 2, 3: 4, 4: 3, 5: 3, 0: 4, 1: 4}
"""Of the multiple-structure forms, how many 64-bit registers, by `itype`."""


def _structure_width(word: int) -> int | None:
    """In bits; None for a reserved form."""
    if not word >> 23 & 1:
        registers = _WHOLE_REGISTERS.get(word >> 8 & 15)
        return None if registers is None else 64 * registers
    size = word >> 10 & 3
    if size == 3:  # to all lanes
        size = min(word >> 6 & 3, 2)
    return (8 << size) * ((word >> 8 & 3) + 1)


def table_branch(place: Symbol, constant: int, index: str, width: int) -> tuple[Operation, ...]:
    """TBB, TBH: twice the number found in the table that follows, from where the table begins."""
    here = Sum(symbol=place, constant=constant)
    table = Sum(symbol=place, constant=constant, terms=(Term(register=index, factor=width // 8),))
    load = Touch(
        transfer=transfer("tbb", Form.SINGLE, load=True, width=width, registers=(SCRATCH,)),
        address=table,
        loads=(SCRATCH,),
    )
    target = Sum(symbol=place, constant=here.constant, terms=(Term(register=SCRATCH, factor=2),))
    return load, Compute(target=SCRATCH, value=target), CallRegister(register=SCRATCH, tail=True)
