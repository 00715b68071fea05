"""`explain --words`: what one A64 word is, whatever the disassembler says of it."""

import pytest

from mmio_bisect.classify.isa.aarch64.words import read_word

# word, form, ISV, and the text for a word that the disassembler refuses
WORDS = """
b8004409 | single                        | False | str w9, [x0], #4
b8404400 | single                        | False | ldr w0, [x0], #4
69000801 | pair                          | False | stgp x1, x2, [x0]
29400401 | pair                          | False | ldp w1, w1, [x0]
b8400800 | single                        | True  | ldtr w0, [x0]
39c00401 | single                        | True  | ldrsb w1, [x0, #1]
39800401 | single                        | True  | ldrsb x1, [x0, #1]
c8c07c01 | single                        | True  | ldlar x1, [x0]
f8a1c001 | single                        | True  | ldapr x1, [x0]
f83fd100 | ls64                          | True  | ld64b [x8]
f83fd101 | not an instruction            | None  | .word 0xf83fd101
f83fd118 | not an instruction            | None  | .word 0xf83fd118
e9400801 | pair                          | False | ldtp x1, x2, [x0]
d9425801 | pair                          | False | ldap x1, x2, [x0]
d91f0c01 | guarded-stack                 | False | gcsstr x1, [x0]
d50b7701 | guarded-stack                 | False | gcspushm
19210401 | atomic                        | False | ldtadd w1, w1, [x0]
3c218001 | not an instruction            | None  | .word 0x3c218001
3c21801f | atomic                        | False | stbfadd h1, h31, [x0]
19210801 | atomic                        | False | rcwcas x1, x1, [x0]
19013802 | not an instruction            | None  | .word 0x19013802
08227c20 | atomic                        | False | casp w2, w3, [x1]
08237c20 | not an instruction            | None  | .word 0x08237c20
0d018401 | structure                     | False | stl1 [x0]
1d410444 | block                         | False | cpym [x4]!, [x1]!
1d410441 | not an instruction            | None  | .word 0x1d410441
f8a1681f | prefetch                      | None  | rprfm
f8a16800 | prefetch                      | None  | prfm
d50b7520 | instruction-cache maintenance | None  | ic ivau
d5087800 | address translation           | None  | at s1e1r
d5087640 | cache                         | False | dc isw
d50b7421 | block                         | False | dc zva x1
85806001 | single                        | False | ldapro [x0]
a4004000 | single                        | False | ld1 (scalar plus scalar) [x0]
a41f4000 | not an instruction            | None  | .word 0xa41f4000
e11f8000 | single                        | False | ldr (table) [x0]
d92f0000 | not an instruction            | None  | .word 0xd92f0000
"""


def rows() -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ")] for line in WORDS.strip().splitlines()]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_word_is_classified_by_its_bits(row: list[str]) -> None:
    word, form, valid, text = row
    found = read_word(int(word, 16), None)
    assert (found.form, str(found.valid), found.text) == (form, valid, text)


@pytest.mark.parametrize(
    ("word", "form"),
    [
        (0x91001000, "no memory access"),  # add x0, x0, #4
        (0xD503201F, "no memory access"),  # nop
        (0x00000000, "no memory access"),  # udf #0: permanently undefined, but an instruction with a name
        (0xC1B6E000, "no memory access"),  # zip {z0.s-z3.s}, {z0.s-z3.s}: SME2, later than capstone
        (0x80800000, "no memory access"),  # an outer product of SME
        (0x7FFFFFFF, "not an instruction"),
        (0x00010000, "not an instruction"),
        (0xFFFFFFFF, "not an instruction"),
    ],
)
def test_what_neither_loads_nor_stores_is_told_from_what_is_not_there(word: int, form: str) -> None:
    assert read_word(word, None).form == form


def test_the_disassembler_has_no_say_in_what_a_word_is() -> None:
    assert read_word(0xD92F0000, "stzgm x0, [x0]").form == "not an instruction"
    assert read_word(0xB8404400, None).form == "single"
    assert read_word(0xFFFFFFFF, "something").text == ".word 0xffffffff"
