"""How the forms of A64 loads and stores are read: fields of the encoding to registers, address, width and syndrome.

Each function here reads one form, or makes the reader of one; `aarch64` says which encodings have which form.
"""

from collections.abc import Callable

from mmio_bisect.classify.bits import signed
from mmio_bisect.classify.operations import UNKNOWN_AMOUNT, Sum, Term, Touch
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction

Fields = dict[str, int]

Reader = Callable[[Fields], Touch | None]
"""Gives None for words of the form that are prefetches or undefined."""

LOAD = (Direction.LOAD,)
STORE = (Direction.STORE,)
BOTH = (Direction.LOAD, Direction.STORE)


def _moving(
    transfer: Transfer,
    address: Sum,
    *,
    whole: bool = False,
    writeback: tuple[str, Sum] | None = None,
    clobbers: tuple[str, ...] = (),
) -> Touch:
    """A plain load or store of the transfer's registers."""
    loads = transfer.directions == LOAD
    return Touch(
        transfer=transfer,
        address=address,
        stores=() if loads else transfer.registers,
        loads=transfer.registers if loads else (),
        clobbers=clobbers,
        whole=whole,
        writeback=writeback,
    )


def general(number: int) -> str:
    """The data register of that number: 31 is the zero register."""
    return "xzr" if number == 31 else f"x{number}"


def base(number: int) -> str:
    """The address register of that number: 31 is the stack pointer."""
    return "sp" if number == 31 else f"x{number}"


def _vector(number: int) -> str:
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
    Form.LS64: "64 bytes at once: ISV = 1 but described by LST, which no emulator handles",
    Form.LIBCALL: "a library routine",
}


def _transfer(
    form: Form,
    directions: tuple[Direction, ...],
    width: int | None,
    registers: tuple[str, ...],
    mode: AddressingMode = AddressingMode.OFFSET,
    registers_are: RegisterClass = RegisterClass.GENERAL,
    *,
    signs: bool = False,
    ordered: bool = False,
) -> Transfer:
    valid = form is Form.SINGLE and registers_are is RegisterClass.GENERAL and not mode.writes_back
    why = _WHY_SINGLE if valid else _WHY_WRITEBACK if mode.writes_back else _WHY[form]
    return Transfer(
        form=form,
        directions=directions,
        element_width=width,
        elements=max(len(registers), 1) if form is Form.PAIR else 1,
        addressing=mode,
        register_class=registers_are,
        registers=registers,
        syndrome_valid=valid,
        sign_extends=signs,
        ordered=ordered,
        why=why,
    )


def _address(fields: Fields, mode: AddressingMode, displacement: int) -> tuple[Sum, tuple[str, Sum] | None]:
    """The address of an access by base and displacement, and what becomes of the base."""
    register = base(fields["n"])
    moved = Sum(terms=(Term(register=register),), constant=displacement)
    if mode is AddressingMode.POST_INDEX:
        return Sum(terms=(Term(register=register),)), (register, moved)
    return moved, (register, moved) if mode is AddressingMode.PRE_INDEX else None


def _general_kind(size: int, opc: int) -> tuple[tuple[Direction, ...], int, bool] | None:
    """Direction, width in bits and sign extension of LDR/STR's size and opc; None for prefetch and unallocated."""
    width = 8 << size
    match opc:
        case 0:
            return STORE, width, False
        case 1:
            return LOAD, width, False
        case 2 if size < 3:
            return LOAD, width, True
        case 3 if size < 2:
            return LOAD, width, True
        case _:
            return None


def single(mode: AddressingMode, *, scaled: bool = False, ordered: bool = False) -> Reader:
    """LDR, STR and their kin of one general-purpose register, base and immediate."""

    def read(fields: Fields) -> Touch | None:
        kind = _general_kind(fields["s"], fields["o"])
        if kind is None:
            return None
        directions, width, signs = kind
        displacement = fields["i"] << fields["s"] if scaled else signed(fields["i"], 9)
        address, writeback = _address(fields, mode, displacement)
        data = (general(fields["t"]),)
        transfer = _transfer(Form.SINGLE, directions, width, data, mode, signs=signs, ordered=ordered)
        return _moving(transfer, address, whole=width == 64, writeback=writeback)

    return read


def single_vector(mode: AddressingMode, *, scaled: bool = False, ordered: bool = False) -> Reader:
    """LDR and STR of one SIMD&FP register, base and immediate."""

    def read(fields: Fields) -> Touch | None:
        kind = _vector_kind(fields)
        if kind is None:
            return None
        directions, scale = kind
        displacement = fields["i"] << scale if scaled else signed(fields["i"], 9)
        address, writeback = _address(fields, mode, displacement)
        data = (_vector(fields["t"]),)
        transfer = _transfer(Form.SINGLE, directions, 8 << scale, data, mode, RegisterClass.SIMD_FP, ordered=ordered)
        return _moving(transfer, address, writeback=writeback)

    return read


def _vector_kind(fields: Fields) -> tuple[tuple[Direction, ...], int] | None:
    """Direction and log2 of the bytes of a SIMD&FP LDR/STR; None for unallocated."""
    quad = fields["o"] >> 1
    if quad and fields["s"]:
        return None
    return (LOAD if fields["o"] & 1 else STORE), 4 if quad else fields["s"]


def register_offset(*, vector: bool) -> Reader:
    def read(fields: Fields) -> Touch | None:
        if not fields["p"] & 2:
            return None
        signs = False
        if vector:
            kind = _vector_kind(fields)
            if kind is None:
                return None
            directions, scale = kind
        else:
            general_kind = _general_kind(fields["s"], fields["o"])
            if general_kind is None:
                return None
            directions, _, signs = general_kind
            scale = fields["s"]
        data = (_vector(fields["t"]) if vector else general(fields["t"]),)
        index = Term(
            register=general(fields["m"]),
            factor=1 << (scale if fields["S"] else 0),
            narrow=not fields["p"] & 1,
        )
        registers_are = RegisterClass.SIMD_FP if vector else RegisterClass.GENERAL
        transfer = _transfer(
            Form.SINGLE, directions, 8 << scale, data, AddressingMode.REGISTER_OFFSET, registers_are, signs=signs
        )
        address = Sum(terms=(Term(register=base(fields["n"])), index))
        return _moving(transfer, address, whole=not vector and scale == 3)

    return read


def literal(fields: Fields) -> Touch | None:
    vector = bool(fields["v"])
    if fields["o"] == 3:
        return None
    width = (32, 64, 128)[fields["o"]] if vector else (32, 64, 32)[fields["o"]]
    data = (_vector(fields["t"]) if vector else general(fields["t"]),)
    registers_are = RegisterClass.SIMD_FP if vector else RegisterClass.GENERAL
    transfer = _transfer(
        Form.SINGLE,
        LOAD,
        width,
        data,
        AddressingMode.LITERAL,
        registers_are,
        signs=not vector and fields["o"] == 2,
    )
    return _moving(transfer, Sum(symbol="literal pool"))


def authenticated(fields: Fields) -> Touch:
    """LDRAA and LDRAB: the base is a signed pointer; the offset is ten bits, times eight."""
    mode = AddressingMode.PRE_INDEX if fields["w"] else AddressingMode.OFFSET
    address, writeback = _address(fields, mode, signed(fields["h"] << 9 | fields["i"], 10) * 8)
    data = (general(fields["t"]),)
    transfer = _transfer(Form.SINGLE, LOAD, 64, data, mode)
    return _moving(transfer, address, whole=True, writeback=writeback)


def pair(mode: AddressingMode, *, vector: bool) -> Reader:
    """LDP, STP, LDNP, STNP, LDPSW; opc 01 of general stores is STGP, an access to allocation tags too."""

    def read(fields: Fields) -> Touch | None:
        opc, directions = fields["o"], LOAD if fields["l"] else STORE
        if opc == 3:
            return None
        tags = not vector and opc == 1 and not fields["l"]
        width = 32 << opc if vector else 64 if tags or opc == 2 else 32
        scale = 16 if tags else width // 8
        address, writeback = _address(fields, mode, signed(fields["i"], 7) * scale)
        name = _vector if vector else general
        data = (name(fields["t"]), name(fields["u"]))
        registers_are = RegisterClass.SIMD_FP if vector else RegisterClass.GENERAL
        transfer = _transfer(
            Form.PAIR, directions, width, data, mode, registers_are, signs=opc == 1 and not vector and not tags
        )
        return _moving(transfer, address, whole=not vector and width == 64, writeback=writeback)

    return read


def ordered_pair(fields: Fields) -> Touch:
    """LDIAPP and STILP (FEAT_LRCPC3): post-indexed load, pre-indexed store, by the size of the data."""
    width = 64 if fields["s"] else 32
    load = bool(fields["l"])
    if fields["w"]:
        mode, displacement = AddressingMode.OFFSET, 0
    else:
        mode = AddressingMode.POST_INDEX if load else AddressingMode.PRE_INDEX
        displacement = width // 4 if load else -width // 4
    address, writeback = _address(fields, mode, displacement)
    data = (general(fields["t"]), general(fields["u"]))
    transfer = _transfer(Form.PAIR, LOAD if load else STORE, width, data, mode, ordered=True)
    return _moving(transfer, address, whole=width == 64, writeback=writeback)


def ordered_writeback(*, load: bool) -> Reader:
    """LDAPR (post-index) and STLR (pre-index) of FEAT_LRCPC3."""

    def read(fields: Fields) -> Touch:
        width = 64 if fields["s"] else 32
        mode = AddressingMode.POST_INDEX if load else AddressingMode.PRE_INDEX
        address, writeback = _address(fields, mode, width // 8 if load else -width // 8)
        data = (general(fields["t"]),)
        transfer = _transfer(Form.SINGLE, LOAD if load else STORE, width, data, mode, ordered=True)
        return _moving(transfer, address, whole=width == 64, writeback=writeback)

    return read


def ordered(directions: tuple[Direction, ...] | None = None) -> Reader:
    """LDAR, STLR and their kin: at the base register itself. Without `directions` the field `l` tells."""

    def read(fields: Fields) -> Touch:
        ways = directions or (LOAD if fields["l"] else STORE)
        transfer = _transfer(Form.SINGLE, ways, 8 << fields["s"], (general(fields["t"]),), ordered=True)
        return _moving(transfer, Sum(terms=(Term(register=base(fields["n"])),)), whole=fields["s"] == 3)

    return read


def exclusive(fields: Fields) -> Touch:
    """LDXR, STXR and their kin; a store writes its status to Rs."""
    ways = LOAD if fields["l"] else STORE
    transfer = _transfer(Form.EXCLUSIVE, ways, 8 << fields["s"], (general(fields["t"]),))
    status = () if fields["l"] else (general(fields["r"]),)
    return _moving(transfer, Sum(terms=(Term(register=base(fields["n"])),)), clobbers=status)


def atomic(written: str) -> Reader:
    """Read-modify-write of one register's width; `written` is the field of the register that gets the old value."""

    def read(fields: Fields) -> Touch:
        transfer = _transfer(Form.ATOMIC, BOTH, 8 << fields["s"], (general(fields["r"]), general(fields["t"])))
        return _moving(transfer, Sum(terms=(Term(register=base(fields["n"])),)), clobbers=(general(fields[written]),))

    return read


def whole(
    form: Form,
    directions: tuple[Direction, ...],
    width: int | None,
    registers_are: RegisterClass = RegisterClass.GENERAL,
    mode: AddressingMode = AddressingMode.OFFSET,
) -> Reader:
    """Forms whose data registers are of no interest: all that counts is that and where memory is touched."""
    return lambda fields: _at_base(_transfer(form, directions, width, (), mode, registers_are), fields)


def _at_base(transfer: Transfer, fields: Fields, clobbers: tuple[str, ...] = ()) -> Touch:
    register = base(fields["n"])
    here = Term(register=register)
    moved = (register, Sum(terms=(here, UNKNOWN_AMOUNT))) if transfer.addressing.writes_back else None
    return Touch(transfer=transfer, address=Sum(terms=(here,)), clobbers=clobbers, writeback=moved)


def structure(*, post: bool) -> Reader:
    """LD1 to ST4, several structures or one lane. The bytes touched are not worked out: the width is left open."""
    mode = AddressingMode.POST_INDEX if post else AddressingMode.OFFSET

    def read(fields: Fields) -> Touch:
        ways = LOAD if fields["l"] else STORE
        loaded = tuple(_vector((fields["t"] + index) % 32) for index in range(4)) if fields["l"] else ()
        return _at_base(_transfer(Form.STRUCTURE, ways, None, (), mode, RegisterClass.SIMD_FP), fields, loaded)

    return read


def memory_copy(fields: Fields) -> Touch:
    """CPY* and SET* (FEAT_MOPS): the destination is Rd; SET (op1 = 11) has no source."""
    sets = fields["o"] == 3
    destination, source = Term(register=general(fields["d"])), Term(register=general(fields["r"]))
    moved = (destination.register, Sum(terms=(destination, UNKNOWN_AMOUNT)))
    return Touch(
        transfer=_transfer(Form.BLOCK, STORE if sets else BOTH, None, (), AddressingMode.OFFSET, RegisterClass.NONE),
        address=Sum(terms=(destination,)),
        second=None if sets else Sum(terms=(source,)),
        writeback=moved,
    )


def maintenance(form: Form) -> Reader:
    """DC operations: the address is Rt."""

    def read(fields: Fields) -> Touch:
        return Touch(
            transfer=_transfer(form, STORE, None, (), AddressingMode.OFFSET, RegisterClass.NONE),
            address=Sum(terms=(Term(register=general(fields["t"])),)),
        )

    return read


def nothing(_: Fields) -> None:
    """Prefetches: not an access."""
