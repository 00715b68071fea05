"""The disassembler: canonical registers, and no byte lost."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmio_bisect.adapters.binary.disassemblers import disassembler
from mmio_bisect.classify.isa.aarch64.disassembly import A64, canonical_register
from mmio_bisect.classify.machine.instructions import Instruction

disassemble_aarch64 = disassembler(A64)


def one(word: int) -> Instruction:
    (instruction,) = disassemble_aarch64(word.to_bytes(4, "little"))
    return instruction


@pytest.mark.parametrize(
    ("word", "text", "reads", "writes"),
    [
        (0xB9000009, "str w9, [x0]", "x0 x9", ""),
        (0xB8004409, "str w9, [x0], #4", "x0 x9", "x0"),
        (0xB900001F, "str wzr, [x0]", "x0", ""),
        (0xA9BD7BFD, "stp x29, x30, [sp, #-0x30]!", "sp x29 x30", "sp"),
        (0x910003FD, "mov x29, sp", "sp", "x29"),
        (0x94000000, "bl #0", "", "x30"),
        (0xD63F0100, "blr x8", "x8", "x30"),
        (0xF1000400, "subs x0, x0, #1", "x0", "nzcv x0"),
        (0x1A9F17E0, "cset w0, eq", "nzcv", "x0"),
        (0x54000041, "b.ne #8", "nzcv", ""),
        (0x1E604020, "fmov d0, d1", "v1", "v0"),
        (0x4E080C00, "dup v0.2d, x0", "x0", "v0"),
        (0x3D800001, "str q1, [x0]", "v1 x0", ""),
        (0xD503201F, "nop", "", ""),
    ],
)
def test_registers_are_named_by_their_widest_form(word: int, text: str, reads: str, writes: str) -> None:
    instruction = one(word)
    assert instruction.text == text
    assert instruction.reads == frozenset(reads.split())
    assert instruction.writes == frozenset(writes.split())
    assert instruction.recognised


@pytest.mark.parametrize(
    ("word", "text", "writes"),
    [
        (0x0436E070, "incb x16, vl3, mul #7", "x16"),
        (0x047B57E5, "addpl x5, x27, #0xffffffffffffffff", "x5"),
        (0x1ED9CE24, "fcvtzu w4, h17, #0xd", "x4"),
        (0x04A00000, "add z0.s, z0.s, z0.s", "v0"),
    ],
)
def test_where_capstone_does_not_say_the_first_operand_is_taken_as_written(word: int, text: str, writes: str) -> None:
    instruction = one(word)
    assert instruction.text == text
    assert instruction.writes == {writes}


@pytest.mark.parametrize(
    "word",
    [
        0x69000820,  # stgp x0, x2, [x1], which executes
        0xA9400000,  # ldp x0, x0, [x0], unpredictable but encodable
        0xE7FFDEFF,  # nothing
    ],
)
def test_a_word_that_capstone_refuses_is_there_all_the_same(word: int) -> None:
    instruction = one(word)
    assert instruction.text == f".word {word:#010x}"
    assert instruction.word == word
    assert not instruction.recognised
    assert instruction.reads == instruction.writes == frozenset()


def test_a_branch_target_is_an_offset_in_the_function() -> None:
    nop, branch_back = bytes.fromhex("1f2003d5"), bytes.fromhex("ffffff17")
    assert [i.text for i in disassemble_aarch64(nop * 2 + branch_back)] == ["nop", "nop", "b #4"]


def test_data_is_not_disassembled_and_code_goes_on_behind_it() -> None:
    nop = bytes.fromhex("1f2003d5")
    result = disassemble_aarch64(nop + nop + b"\x01\x02" + nop + nop[:3], [range(4, 10)])
    assert [(i.position, i.text, i.recognised) for i in result] == [
        (0, "nop", True),
        (4, ".word 0xd503201f", False),
        (8, ".byte 0x01, 0x02", False),
        (10, "nop", True),
        (14, ".byte 0x1f, 0x20, 0x03", False),
    ]


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=64),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)).map(lambda ends: range(*sorted(ends))), max_size=4),
)
def test_every_byte_is_in_exactly_one_instruction_in_order(code: bytes, data_ranges: list[range]) -> None:
    result = disassemble_aarch64(code, sorted(data_ranges, key=lambda data: data.start))
    assert b"".join(instruction.encoding for instruction in result) == code
    position = 0
    for instruction in result:
        assert instruction.position == position
        position = instruction.end
    names = {name for instruction in result for name in instruction.reads | instruction.writes}
    assert not names & {"wzr", "xzr", "wsp", "fp", "lr"}


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("w7", "x7"),
        ("x7", "x7"),
        ("fp", "x29"),
        ("lr", "x30"),
        ("wsp", "sp"),
        ("sp", "sp"),
        ("wzr", None),
        ("xzr", None),
        ("b3", "v3"),
        ("h3", "v3"),
        ("s3", "v3"),
        ("d3", "v3"),
        ("q31", "v31"),
        ("z31", "v31"),
        ("p15", "p15"),
        ("nzcv", "nzcv"),
        ("zas0", "zas0"),
    ],
)
def test_each_register_has_one_name(name: str, canonical: str | None) -> None:
    assert canonical_register(name) == canonical


def test_several_threads_may_disassemble_at_once() -> None:
    code = b"".join(word.to_bytes(4, "little") for word in (0xB8004409, 0xF1000400, 0x94000000)) * 200
    expected = disassemble_aarch64(code)
    results: list[list[Instruction]] = []
    threads = [threading.Thread(target=lambda: results.append(disassemble_aarch64(code))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4
