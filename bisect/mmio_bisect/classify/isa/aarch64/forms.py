"""How A64 loads and stores of one register are read: fields of the encoding to registers, address, width and syndrome.

Each function here reads one form, or makes the reader of one; the `aarch64_table` modules say which encodings have
which form. `aarch64_many_forms` reads what touches more than one register.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.operations import Sum, Term, Touch, load_or_store
from mmio_bisect.domain.access import LOAD, STORE, AddressingMode, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction

Fields = dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """An instruction that is not an access to an address in a register, or none at all.

    `valid` is the syndrome's ISV where there is an abort to carry one (a guarded control stack, a cache line).
    """

    form: str
    valid: bool | None
    why: str


Reader = Callable[[Fields], Touch | Aside | None]
"""Gives None for words of the form that are not allocated."""


def general(number: int) -> str:
    """The data register of that number: 31 is the zero register."""
    return "xzr" if number == 31 else f"x{number}"


def base(number: int) -> str:
    """The address register of that number: 31 is the stack pointer."""
    return "sp" if number == 31 else f"x{number}"


def vector_register(number: int) -> str:
    return f"v{number}"


_WHY_SINGLE = "a single general-purpose register without writeback: ISV = 1"
_WHY_WRITEBACK = "register writeback: ISV = 0"
_WHY = {
    Form.SINGLE: "a SIMD or floating-point register: ISV = 0",
    Form.PAIR: "two registers: ISV = 0",
    Form.STRUCTURE: "a structure of vector elements: ISV = 0",
    Form.EXCLUSIVE: "an exclusive access: ISV = 0",
    Form.ATOMIC: "an atomic read-modify-write: ISV = 0",
    Form.BLOCK: "a block operation: ISV = 0",
    Form.CACHE: "cache maintenance: ISV = 0",
    Form.TAG: "an allocation tag: ISV = 0",
    Form.GUARDED_STACK: "the guarded control stack: ISV = 0",
    Form.LS64: "64 bytes at once: ISV = 1 but described by LST, which no emulator handles",
    Form.LIBCALL: "a library routine",
}


def transfer_of(
    form: Form,
    directions: tuple[Direction, ...],
    width: int | None,
    registers: tuple[str, ...],
    mode: AddressingMode = AddressingMode.OFFSET,
    registers_are: RegisterClass = RegisterClass.GENERAL,
    *,
    elements: int = 1,
    signs: bool = False,
    ordered: bool = False,
) -> Transfer:
    """The transfer of that form, with the ISV rule applied."""
    valid = form is Form.SINGLE and registers_are is RegisterClass.GENERAL and not mode.writes_back
    why = _WHY_SINGLE if valid else _WHY_WRITEBACK if mode.writes_back else _WHY[form]
    return Transfer(
        form=form,
        directions=directions,
        element_width=width,
        elements=len(registers) if form is Form.PAIR else elements,
        addressing=mode,
        register_class=registers_are,
        registers=registers,
        syndrome_valid=valid,
        sign_extends=signs,
        ordered=ordered,
        why=why,
    )


Where = tuple[Sum, tuple[str, Sum] | None]
"""An address, and what becomes of its base."""


def access(
    form: Form,
    directions: tuple[Direction, ...],
    width: int | None,
    registers: tuple[str, ...],
    where: Where,
    mode: AddressingMode = AddressingMode.OFFSET,
    registers_are: RegisterClass = RegisterClass.GENERAL,
    *,
    elements: int = 1,
    signs: bool = False,
    ordered: bool = False,
    clobbers: tuple[str, ...] = (),
) -> Touch:
    """A plain load or store of these registers."""
    address, writeback = where
    transfer = transfer_of(
        form, directions, width, registers, mode, registers_are, elements=elements, signs=signs, ordered=ordered
    )
    if writeback is not None:
        transfer = replace(transfer, base=writeback[0])
    return load_or_store(transfer, address, clobbers=clobbers, writeback=writeback)


def address_of(fields: Fields, mode: AddressingMode = AddressingMode.OFFSET, displacement: int = 0) -> Where:
    """By base and displacement."""
    register = base(fields["n"])
    moved = Sum.of(register, displacement)
    if mode is AddressingMode.POST_INDEX:
        return Sum.of(register), (register, moved)
    return moved, (register, moved) if mode is AddressingMode.PRE_INDEX else None


def data_of(*numbers: int, vector: bool) -> tuple[tuple[str, ...], RegisterClass]:
    """Registers, and of which class they are."""
    if vector:
        return tuple(map(vector_register, numbers)), RegisterClass.SIMD_FP
    return tuple(map(general, numbers)), RegisterClass.GENERAL


def _kind(fields: Fields, *, vector: bool) -> tuple[tuple[Direction, ...], int, bool] | None:
    """Direction, log2 of the bytes and sign extension of LDR and STR, by size and opc; None if not allocated."""
    size, opc = fields["s"], fields["o"]
    if vector:
        return None if opc >> 1 and size else (LOAD if opc & 1 else STORE, 4 if opc >> 1 else size, False)
    # What is extended by its sign is narrower than its register: of 64 bits for opc 10, of 32 for opc 11.
    if opc >= 2 and size >= 5 - opc:
        return None
    return LOAD if opc else STORE, size, opc >= 2


def single(mode: AddressingMode, *, vector: bool = False, scaled: bool = False, ordered: bool = False) -> Reader:
    """LDR, STR and their kin of one register, base and immediate."""

    def read(fields: Fields) -> Touch | None:
        kind = _kind(fields, vector=vector)
        if kind is None:
            return None
        directions, scale, signs = kind
        displacement = fields["i"] << scale if scaled else signed(fields["i"], 9)
        where = address_of(fields, mode, displacement)
        data, registers_are = data_of(fields["t"], vector=vector)
        return access(
            Form.SINGLE, directions, 8 << scale, data, where, mode, registers_are, signs=signs, ordered=ordered
        )

    return read


def register_offset(*, vector: bool) -> Reader:
    def read(fields: Fields) -> Touch | None:
        kind = _kind(fields, vector=vector)
        if kind is None or not fields["p"] & 2:
            return None
        directions, scale, signs = kind
        data, registers_are = data_of(fields["t"], vector=vector)
        factor = 1 << (scale if fields["S"] else 0)
        index = Term(register=general(fields["m"]), factor=factor, narrow=not fields["p"] & 1)
        where, mode = Sum(terms=(Term(register=base(fields["n"])), index)), AddressingMode.REGISTER_OFFSET
        return access(Form.SINGLE, directions, 8 << scale, data, (where, None), mode, registers_are, signs=signs)

    return read


def literal(fields: Fields) -> Touch | None:
    """LDR and LDRSW of a constant beside the code."""
    vector, opc = bool(fields["v"]), fields["o"]
    if opc == 3:
        return None
    width = (32, 64, 128)[opc] if vector else (32, 64, 32)[opc]
    data, registers_are = data_of(fields["t"], vector=vector)
    signs, where, mode = not vector and opc == 2, Sum(symbol="literal pool"), AddressingMode.LITERAL
    return access(Form.SINGLE, LOAD, width, data, (where, None), mode, registers_are, signs=signs)


def authenticated(fields: Fields) -> Touch:
    """LDRAA and LDRAB: the base is a signed pointer; the offset is ten bits, times eight."""
    mode = AddressingMode.PRE_INDEX if fields["w"] else AddressingMode.OFFSET
    where = address_of(fields, mode, signed(fields["h"] << 9 | fields["i"], 10) * 8)
    return access(Form.SINGLE, LOAD, 64, (general(fields["t"]),), where, mode)


def ordered_writeback(*, load: bool) -> Reader:
    """LDAPR (post-index) and STLR (pre-index) of FEAT_LRCPC3."""

    def read(fields: Fields) -> Touch:
        width = 64 if fields["s"] else 32
        mode = AddressingMode.POST_INDEX if load else AddressingMode.PRE_INDEX
        where = address_of(fields, mode, width // 8 if load else -width // 8)
        return access(Form.SINGLE, LOAD if load else STORE, width, (general(fields["t"]),), where, mode, ordered=True)

    return read


def ordered(directions: tuple[Direction, ...] | None = None) -> Reader:
    """LDAR, STLR and their kin: at the base register itself. Without `directions` the field `l` tells."""

    def read(fields: Fields) -> Touch:
        ways = directions or (LOAD if fields["l"] else STORE)
        return access(Form.SINGLE, ways, 8 << fields["s"], (general(fields["t"]),), address_of(fields), ordered=True)

    return read
