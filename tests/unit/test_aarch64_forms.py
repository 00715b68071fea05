"""What A64 forms beside plain loads and stores move: registers, write-back, products; and their text."""

import re
from collections.abc import Iterator

import pytest

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.classify.isa.aarch64.decode import memory_access, reading
from mmio_bisect.classify.isa.aarch64.descriptor import AARCH64
from mmio_bisect.classify.isa.aarch64.text import assembly
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import ZERO, Bitwise, Compute, Multiply, Operation, Sum, Term, Touch
from mmio_bisect.domain.access import AddressingMode
from mmio_bisect.domain.target import Architecture


def lifted(word: int) -> tuple[Operation, ...]:
    instruction = Instruction(position=0, encoding=word.to_bytes(4, "little"), text="")
    code = FunctionCode(name="f", section=1, address=0, size=4, instructions=(instruction,))
    return AARCH64.lift(instruction, code)


def touched(word: int) -> Touch:
    found = memory_access(word)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("word", "mode", "moved"),
    [
        (0xD9420801, AddressingMode.POST_INDEX, 16),  # ldiapp x1, x2, [x0], #16
        (0x99420801, AddressingMode.POST_INDEX, 8),  # ldiapp w1, w2, [x0], #8
        (0xD9020801, AddressingMode.PRE_INDEX, -16),  # stilp x1, x2, [x0, #-16]!
        (0x99020801, AddressingMode.PRE_INDEX, -8),
        (0xD9C00801, AddressingMode.POST_INDEX, 8),  # ldapr x1, [x0], #8
        (0x99C00801, AddressingMode.POST_INDEX, 4),
        (0xD9800801, AddressingMode.PRE_INDEX, -8),  # stlr x1, [x0, #-8]!
        (0x99800801, AddressingMode.PRE_INDEX, -4),
        (0xD9421801, AddressingMode.OFFSET, None),  # ldiapp x1, x2, [x0]
        (0xF8200C01, AddressingMode.PRE_INDEX, 0),  # ldraa x1, [x0]!
        (0xF8601C01, AddressingMode.PRE_INDEX, -4096 + 8),  # ldraa x1, [x0, #-4088]!
        (0xD9201401, AddressingMode.POST_INDEX, 16),  # stg x1, [x0], #16
        (0xD93FFC01, AddressingMode.PRE_INDEX, -16),  # stg x1, [x0, #-16]!
        (0xA8C10801, AddressingMode.POST_INDEX, 16),  # ldp x1, x2, [x0], #16
        (0x29BF0801, AddressingMode.PRE_INDEX, -8),  # stp w1, w2, [x0, #-8]!
        (0x68C10801, AddressingMode.POST_INDEX, 8),  # ldpsw x1, x2, [x0], #8
        (0x68810801, AddressingMode.POST_INDEX, 32),  # stgp x1, x2, [x0], #32
        (0xACC10801, AddressingMode.POST_INDEX, 32),  # ldp q1, q2, [x0], #32
        (0x6CC10801, AddressingMode.POST_INDEX, 16),  # ldp d1, d2, [x0], #16
    ],
)
def test_a_base_is_moved_as_the_manual_says(word: int, mode: AddressingMode, moved: int | None) -> None:
    touch = touched(word)
    assert touch.transfer.addressing is mode
    assert touch.writeback == (None if moved is None else ("x0", Sum.of("x0", moved)))
    assert touch.address == Sum.of("x0", moved or 0 if mode is AddressingMode.PRE_INDEX else 0)


@pytest.mark.parametrize("first", range(0, 24, 2))
def test_sixty_four_bytes_are_eight_registers(first: int) -> None:
    load, store, with_status = (touched(word | first) for word in (0xF83FD100, 0xF83F9100, 0xF823B100))
    assert load.clobbers == tuple(f"x{first + place}" for place in range(8))
    assert (store.clobbers, with_status.clobbers) == ((), ("x3",))
    assert {one.transfer.width for one in (load, store, with_status)} == {512}


def vectors(first: int, count: int) -> set[str]:
    return {f"v{(first + place) % 32}" for place in range(count)}


@pytest.mark.parametrize(
    ("word", "data", "load"),
    [
        (0x4C407800, vectors(0, 1), True),  # ld1 {v0.4s}, [x0]
        (0x4C40781F, vectors(31, 1), True),
        (0x4C40201E, vectors(30, 4), True),  # ld1 {v30.16b-v1.16b}, [x0]
        (0x4C00001F, vectors(31, 4), False),  # st4 {v31.16b-v2.16b}, [x0]
        (0xA540A005, vectors(5, 1), True),  # ld1w {z5.s}, p0/z, [x0]
        (0xA560E01F, vectors(31, 4), True),  # ld4w {z31.s-z2.s}, p0/z, [x0]
        (0xE5405005 | 0x2000, vectors(5, 1), False),
    ],
)
def test_vectors_that_are_moved_are_written_or_mixed(word: int, data: set[str], load: bool) -> None:
    touch = touched(word)
    there = {*(touch.clobbers if load else touch.mixes)}
    assert data <= there
    assert not (touch.mixes if load else touch.clobbers)


def product(
    left: str, right: str, plus: str, *, less: bool = False, half: bool = False, narrow: bool = False
) -> Multiply:
    return Multiply(
        target="x0",
        left=Sum(terms=(Term(register=left, factor=-1 if less else 1, narrow=half),)),
        right=Sum(terms=(Term(register=right, narrow=half),)),
        plus=Sum.of(plus),
        narrow=narrow,
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0x9B020C20, product("x1", "x2", "x3")),  # madd x0, x1, x2, x3
        (0x1B020C20, product("x1", "x2", "x3", narrow=True)),
        (0x9B028C20, product("x1", "x2", "x3", less=True)),  # msub
        (0x9B027C20, product("x1", "x2", ZERO)),  # mul
        (0x9BA20C20, product("x1", "x2", "x3", half=True)),  # umaddl
        (0x9B228C20, product("x1", "x2", "x3", half=True, less=True)),  # smsubl
    ],
)
def test_products_are_of_the_registers_that_are_named(word: int, expected: Multiply) -> None:
    assert lifted(word) == (expected,)


@pytest.mark.parametrize(
    ("word", "kind", "constant"),
    [
        (0x92401C20, "and", 0xFF),  # and x0, x1, #0xff
        (0xB2400020, "or", 1),
        (0xD2401C20, "xor", 0xFF),
        (0x927CEC20, "and", 0xFFFF_FFFF_FFFF_FFF0),  # and x0, x1, #0xfffffffffffffff0
        (0x12003C20, "and", 0xFFFF),
        (0x92009C20, "and", 0x00FF_00FF_00FF_00FF),
    ],
)
def test_logical_constants_are_what_their_bits_say(word: int, kind: str, constant: int) -> None:
    (found,) = lifted(word)
    assert isinstance(found, Bitwise)
    assert (found.kind, found.right, found.left) == (kind, Sum(constant=constant), Sum.of("x1"))


PLAIN = (
    *("ldr", "str", "ldrb", "strb", "ldrh", "strh", "ldrsb", "ldrsh", "ldrsw", "ldur", "stur", "ldp", "stp", "ldnp"),
    *("stnp", "ldpsw", "ldar", "stlr", "ldxr", "stxr", "ldapr", "ldraa", "ldrab", "ldtr", "sttr"),
)


def words() -> Iterator[int]:
    """Every size, direction and mode of the plain forms, with displacements of both signs and none."""
    for high in (high for high in range(0x100) if high & 0x0A == 0x08):
        for middle in (0x00, 0x10, 0x41, 0x5F, 0x80, 0xC1, 0xDF):
            for low in (0x0400, 0x0800, 0x0C00, 0xF000, 0xFC00):
                yield high << 24 | middle << 16 | low | 0x0041


def test_what_is_written_for_a_word_is_what_the_disassembler_prints() -> None:
    """The base is x2 and the register 1; a pair's second register is part of the rest."""
    compared = 0
    for word in words():
        found = reading(word)
        if found is None or not isinstance(found.what, Touch) or found.what.address.symbol is not None:
            continue
        (instruction,) = DISASSEMBLERS[Architecture.AARCH64, False](word.to_bytes(4, "little"))
        mnemonic = instruction.text.partition(" ")[0]
        if (
            not instruction.recognised
            or mnemonic not in PLAIN
            or "sxt" in instruction.text
            or "uxt" in instruction.text
        ):
            continue
        if mnemonic == "stxr" or "lsl" in instruction.text:
            continue
        assert assembly(found).partition(" ")[0] == mnemonic
        assert _numbers(assembly(found)) == _numbers(instruction.text), (assembly(found), instruction.text)
        assert assembly(found).endswith("!") == instruction.text.endswith("!")
        compared += 1
    assert compared > 300


def _numbers(text: str) -> list[str]:
    """Registers as they are, numbers by their value."""
    parts = re.sub(r"[][!,]", " ", text).split()[1:]
    found = [str(signed(int(part[1:], 0), 64)) if part.startswith("#") else part for part in parts]
    return [one for one in found if one != "0"]


@pytest.mark.parametrize(
    ("word", "term", "narrow"),
    [
        (0x8B220020, Term(register="x2", narrow=True), False),  # add x0, x1, w2, uxtb
        (0x8B222020, Term(register="x2", narrow=True), False),
        (0x8B224420, Term(register="x2", factor=2, narrow=True), False),  # add x0, x1, w2, uxtw #1
        (0x8B226820, Term(register="x2", factor=4), False),  # add x0, x1, x2, uxtx #2
        (0x8B228020, Term(register="x2", narrow=True, extends=8), False),
        (0x8B22A020, Term(register="x2", narrow=True, extends=16), False),
        (0x8B22CC20, Term(register="x2", factor=8, narrow=True, extends=32), False),  # add x0, x1, w2, sxtw #3
        (0x8B22F020, Term(register="x2", factor=16, extends=64), False),
        (0xCB22A020, Term(register="x2", factor=-1, narrow=True, extends=16), False),  # sub x0, x1, w2, sxth
        (0x0B22A020, Term(register="x2", narrow=True, extends=16), True),  # add w0, w1, w2, sxth
    ],
)
def test_what_is_added_is_extended_as_the_manual_says(word: int, term: Term, narrow: bool) -> None:
    value = Sum(terms=(Term(register="x1"), term))
    assert lifted(word) == (Compute(target="x0", value=value, narrow=narrow),)
