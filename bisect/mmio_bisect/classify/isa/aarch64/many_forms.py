"""How A64 forms of more than one general register are read: pairs, structures, exclusives, atomics, blocks, tags.

None of them has a valid syndrome; what counts is that and where memory is touched, and which registers are written.
"""

from dataclasses import replace

from mmio_bisect.classify.isa.aarch64.forms import (
    Aside,
    Fields,
    Reader,
    access,
    address_of,
    base,
    data_of,
    general,
    transfer_of,
    vector_register,
)
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.operations import UNKNOWN_AMOUNT, Sum, Term, Touch
from mmio_bisect.domain.access import BOTH, LOAD, STORE, AddressingMode, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction

_OFFSET = AddressingMode.OFFSET


def pair(mode: AddressingMode, *, vector: bool) -> Reader:
    """LDP, STP, LDNP, STNP, LDPSW; opc 01 of general stores is STGP, an access to allocation tags too.

    Opc 11 is FEAT_LSUI's LDTP, STTP and their kin: pairs of X or Q registers.
    """

    def read(fields: Fields) -> Touch:
        opc, directions = fields["o"], LOAD if fields["l"] else STORE
        tags = not vector and opc == 1 and not fields["l"]
        wide = tags or opc >= 2
        width = 32 << min(opc, 2) if vector else 64 if wide else 32
        scale = 16 if tags else width // 8
        where = address_of(fields, mode, signed(fields["i"], 7) * scale)
        data, registers_are = data_of(fields["t"], fields["u"], vector=vector)
        signs = opc == 1 and not vector and not tags
        return access(Form.PAIR, directions, width, data, where, mode, registers_are, signs=signs)

    return read


def ordered_pair(width: int | None = None, *, load: bool | None = None) -> Reader:
    """LDIAPP and STILP (FEAT_LRCPC3): post-indexed load, pre-indexed store, by the size of the data.

    LDAP, LDAPP and STLP (FEAT_LSCP) stand beside them, of one width (in bits) and without writeback.
    """

    def read(fields: Fields) -> Touch:
        size = width or (64 if fields["s"] else 32)
        loads = bool(fields["l"]) if load is None else load
        if fields.get("w", 1):
            mode, displacement = _OFFSET, 0
        else:
            mode = AddressingMode.POST_INDEX if loads else AddressingMode.PRE_INDEX
            displacement = size // 4 if loads else -size // 4
        where = address_of(fields, mode, displacement)
        data = (general(fields["t"]), general(fields["u"]))
        return access(Form.PAIR, LOAD if loads else STORE, size, data, where, mode, ordered=True)

    return read


def exclusive(fields: Fields) -> Touch:
    """LDXR, STXR, and of two registers LDXP, STXP, and their kin; a store writes its status to Rs."""
    ways = LOAD if fields["l"] else STORE
    data: tuple[str, ...] = (general(fields["t"]),)
    width = 8 << fields["s"]
    if "u" in fields:
        data, width = (general(fields["t"]), general(fields["u"])), 64 if fields["s"] else 32
    status = () if fields["l"] else (general(fields["r"]),)
    return access(Form.EXCLUSIVE, ways, width, data, address_of(fields), elements=len(data), clobbers=status)


def atomic(written: str, width: int | None = None, *, vector: bool = False) -> Reader:
    """Read-modify-write of one register's width; `written` is the field of the register that gets the old value.

    `width` is in bits; without it the field `s` tells.
    """

    def read(fields: Fields) -> Touch:
        size = width or 8 << fields["s"]
        if vector and not fields["s"]:
            size = 16  # BFloat16 takes the place of bytes
        data, kind = data_of(fields["r"], fields.get("t", 31), vector=vector)
        clobbers, _ = data_of(*([fields[written]] if written in fields else []), vector=vector)
        touch = access(Form.ATOMIC, BOTH, size, data, address_of(fields), registers_are=kind, clobbers=clobbers)
        return _comparing(touch) if written == "r" else touch

    return read


def atomic_pair(first: str, second: str | None, width: int | None = None) -> Reader:
    """Read-modify-write of two registers: those of the fields, or with one field the even one of it and the next.

    `width` is one register's, in bits; without it the field `s` tells words from doublewords.
    """

    def read(fields: Fields) -> Touch:
        size = width or (64 if fields["s"] else 32)
        low = fields[first] if second else 2 * fields[first]
        data = (general(low), general(fields[second] if second else low + 1))
        touch = access(Form.ATOMIC, BOTH, size, data, address_of(fields), elements=2, clobbers=data)
        return touch if second else _comparing(touch)

    return read


def _comparing(touch: Touch) -> Touch:
    """CAS, CASP and their kin: the register that they compare with, Rs, gets the old value."""
    return replace(touch, transfer=replace(touch.transfer, compares=True))


def guarded_store(fields: Fields) -> Touch:
    """GCSSTR and GCSSTTR (FEAT_GCS): a store that only a guarded control stack takes."""
    return access(Form.GUARDED_STACK, STORE, 64, (general(fields["t"]),), address_of(fields))


def sixty_four_bytes(directions: tuple[Direction, ...], *, status: bool = False) -> Reader:
    """LD64B, ST64B and their kin: eight registers from an even one up to X22; some stores write a status to Rs."""

    def read(fields: Fields) -> Touch | None:
        first = fields["t"]
        if first % 2 or first > 22:
            return None
        transfer = transfer_of(Form.LS64, directions, 512, ())
        loaded = tuple(general(first + index) for index in range(8)) if directions == LOAD else ()
        return _at_base(transfer, fields, (general(fields["r"]),) if status else loaded)

    return read


def tag(directions: tuple[Direction, ...], mode: AddressingMode = _OFFSET) -> Reader:
    """STG and its kin, whose offsets count granules of 16 bytes; a load writes its tag into Rt."""

    def read(fields: Fields) -> Touch:
        displacement = 16 * signed(fields["i"], 9) if "i" in fields else 0
        address, writeback = address_of(fields, mode, displacement)
        transfer = transfer_of(Form.TAG, directions, None, (), mode)
        loaded = (general(fields["t"]),) if directions != STORE else ()
        return Touch(transfer=transfer, address=address, clobbers=loaded, writeback=writeback)

    return read


def _at_base(transfer: Transfer, fields: Fields, clobbers: tuple[str, ...] = ()) -> Touch:
    return Touch(transfer=transfer, address=Sum.of(base(fields["n"])), clobbers=clobbers)


def structures(registers: int, *, post: bool) -> Reader:
    """LD1 to ST4 of whole registers, `e` of 128 bits: bytes that follow one another, each once."""
    return lambda fields: _structure(fields, registers, registers * (128 if fields["e"] else 64), post=post)


def lane(scale: int | None, *, post: bool) -> Reader:
    """LD1 to ST4 of one lane, LD1R to LD4R: an element of 8 << `scale` bits for each register."""

    def read(fields: Fields) -> Touch:
        registers = 1 + fields["r"] + 2 * fields["q"]
        width = 8 << (fields["z"] if scale is None else scale)
        return _structure(fields, registers, registers * width, post=post)

    return read


def ordered_lane(fields: Fields) -> Touch:
    """LDAP1 and STL1: one lane of 64 bits."""
    return _structure(fields, 1, 64, post=False)


def _structure(fields: Fields, registers: int, width: int, *, post: bool) -> Touch:
    """`width` in bits of all that is touched."""
    load, here = bool(fields["l"]), Term(register=base(fields["n"]))
    mode = AddressingMode.POST_INDEX if post else _OFFSET
    data = tuple(vector_register((fields["t"] + index) % 32) for index in range(registers))
    transfer = transfer_of(Form.STRUCTURE, LOAD if load else STORE, width, (), mode, RegisterClass.SIMD_FP)
    moved = None
    if post:
        by = fields["m"]
        total = Sum.of(here.register, width // 8) if by == 31 else Sum(terms=(here, Term(register=general(by))))
        moved = (here.register, total)
    return Touch(
        transfer=transfer,
        address=Sum(terms=(here,)),
        clobbers=data if load else (),
        writeback=moved,
        mixes=() if load else data,
    )


def scalable(
    directions: tuple[Direction, ...], loaded: int = 1, *, vector_base: bool = False, form: Form = Form.SINGLE
) -> Reader:
    """SVE and SME: `loaded` vector registers from Zt on are written by a load.

    The base is a general register, or with `vector_base` the elements of Zn.
    """

    def read(fields: Fields) -> Touch:
        where = vector_register(fields["n"]) if vector_base else base(fields["n"])
        data = tuple(vector_register((fields["t"] + index) % 32) for index in range(loaded if "t" in fields else 0))
        transfer = transfer_of(form, directions, None, (), registers_are=RegisterClass.SCALABLE)
        address, loads = Sum.of(where), directions == LOAD
        return Touch(transfer=transfer, address=address, clobbers=data if loads else (), mixes=() if loads else data)

    return read


def copy(fields: Fields) -> Touch | None:
    """CPY* (FEAT_MOPS).

    Registers that coincide, and address registers of number 31, are CONSTRAINED UNPREDICTABLE, either UNDEFINED or NOP
    (Arm ARM, K1.2, MOPSOVERLAP31): no access. So is a size register of 31, which LLVM takes for XZR, as is done here.
    """
    numbers = (fields["d"], fields["r"], fields["n"])
    if len(set(numbers)) < 3 or 31 in numbers[:2]:
        return None
    destination, source = Term(register=general(fields["d"])), Term(register=general(fields["r"]))
    return Touch(
        transfer=transfer_of(Form.BLOCK, BOTH, None, (), registers_are=RegisterClass.NONE),
        address=Sum(terms=(destination,)),
        second=Sum(terms=(source,)),
        clobbers=(source.register, general(fields["n"])),
        writeback=(destination.register, Sum(terms=(destination, UNKNOWN_AMOUNT))),
    )


def fill(*, valued: bool = True) -> Reader:
    """SET*, SETG* (FEAT_MOPS) and, without a value register, SETGO*; for coincident registers see `copy`."""

    def read(fields: Fields) -> Touch | None:
        numbers = [fields["d"], fields["n"], *([fields["r"]] if valued else [])]
        if fields["d"] == 31 or len(set(numbers)) < len(numbers):
            return None
        destination = Term(register=general(fields["d"]))
        return Touch(
            transfer=transfer_of(Form.BLOCK, STORE, None, (), registers_are=RegisterClass.NONE),
            address=Sum(terms=(destination,)),
            clobbers=(general(fields["n"]),),
            writeback=(destination.register, Sum(terms=(destination, UNKNOWN_AMOUNT))),
        )

    return read


def maintenance(form: Form) -> Reader:
    """DC operations: the address is Rt."""

    def read(fields: Fields) -> Touch:
        return Touch(
            transfer=transfer_of(form, STORE, None, (), registers_are=RegisterClass.NONE),
            address=Sum.of(general(fields["t"])),
        )

    return read


def aside(form: str, why: str, *, valid: bool | None = None) -> Reader:
    """What touches no memory at an address that it was given."""
    found = Aside(form=form, valid=valid, why=why)
    return lambda _: found


PREFETCH = aside("prefetch", "a prefetch is a hint: it never aborts")


def undefined(_: Fields) -> None:
    """Stands before a wider row and takes words out of it."""
