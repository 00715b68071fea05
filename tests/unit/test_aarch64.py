"""A64 words and what they do to memory: one line an instruction form, assembled by LLVM 22's assembler."""

import random

import pytest

from mmio_bisect.adapters.binary.disassemblers import disassembler
from mmio_bisect.classify.isa.aarch64.decode import decode
from mmio_bisect.classify.isa.aarch64.descriptor import AARCH64
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.aarch64.effects import integer_effects
from mmio_bisect.classify.isa.aarch64.lift import bitmask_immediate
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.machine.bits import pattern, signed
from mmio_bisect.classify.verdict.judge import defect_kinds

# word, assembly, form, directions, width in bits, addressing mode, registers, ISV
ACCESSES = """
b9400001 | ldr w1, [x0]                | single    | load       | 32   | offset          | general  | 1
39400c01 | ldrb w1, [x0, #3]           | single    | load       | 8    | offset          | general  | 1
79800401 | ldrsh x1, [x0, #2]          | single    | load       | 16   | offset          | general  | 1
b9800401 | ldrsw x1, [x0, #4]          | single    | load       | 32   | offset          | general  | 1
f900041f | str xzr, [x0, #8]           | single    | store      | 64   | offset          | general  | 1
b81ff001 | stur w1, [x0, #-1]          | single    | store      | 32   | offset          | general  | 1
f8403001 | ldur x1, [x0, #3]           | single    | load       | 64   | offset          | general  | 1
b8400801 | ldtr w1, [x0]               | single    | load       | 32   | offset          | general  | 1
38001801 | sttrb w1, [x0, #1]          | single    | store      | 8    | offset          | general  | 1
b8627801 | ldr w1, [x0, x2, lsl #2]    | single    | load       | 32   | register-offset | general  | 1
78224801 | strh w1, [x0, w2, uxtw]     | single    | store      | 16   | register-offset | general  | 1
58000041 | ldr x1, #8                  | single    | load       | 64   | literal         | general  | 1
98000041 | ldrsw x1, #8                | single    | load       | 32   | literal         | general  | 1
88dffc01 | ldar w1, [x0]               | single    | load       | 32   | offset          | general  | 1
489ffc01 | stlrh w1, [x0]              | single    | store      | 16   | offset          | general  | 1
c8df7c01 | ldlar x1, [x0]              | single    | load       | 64   | offset          | general  | 1
089f7c01 | stllrb w1, [x0]             | single    | store      | 8    | offset          | general  | 1
b8bfc001 | ldapr w1, [x0]              | single    | load       | 32   | offset          | general  | 1
d9401001 | ldapur x1, [x0, #1]         | single    | load       | 64   | offset          | general  | 1
991fc001 | stlur w1, [x0, #-4]         | single    | store      | 32   | offset          | general  | 1
19c00001 | ldapursb w1, [x0]           | single    | load       | 8    | offset          | general  | 1
f8201401 | ldraa x1, [x0, #8]          | single    | load       | 64   | offset          | general  | 1
b8404401 | ldr w1, [x0], #4            | single    | load       | 32   | post-index      | general  | 0
b8004409 | str w9, [x0], #4            | single    | store      | 32   | post-index      | general  | 0
38401c01 | ldrb w1, [x0, #1]!          | single    | load       | 8    | pre-index       | general  | 0
781fefe1 | strh w1, [sp, #-2]!         | single    | store      | 16   | pre-index       | general  | 0
f8fffc01 | ldrab x1, [x0, #-8]!        | single    | load       | 64   | pre-index       | general  | 0
99c00801 | ldapr w1, [x0], #4          | single    | load       | 32   | post-index      | general  | 0
d9800801 | stlr x1, [x0, #-8]!         | single    | store      | 64   | pre-index       | general  | 0
99421801 | ldiapp w1, w2, [x0]         | pair      | load       | 64   | offset          | general  | 0
d9020801 | stilp x1, x2, [x0, #-16]!   | pair      | store      | 128  | pre-index       | general  | 0
d9420801 | ldiapp x1, x2, [x0], #16    | pair      | load       | 128  | post-index      | general  | 0
29400801 | ldp w1, w2, [x0]            | pair      | load       | 64   | offset          | general  | 0
a9010801 | stp x1, x2, [x0, #16]       | pair      | store      | 128  | offset          | general  | 0
69400801 | ldpsw x1, x2, [x0]          | pair      | load       | 64   | offset          | general  | 0
a8400801 | ldnp x1, x2, [x0]           | pair      | load       | 128  | offset          | general  | 0
28000801 | stnp w1, w2, [x0]           | pair      | store      | 64   | offset          | general  | 0
a8810801 | stp x1, x2, [x0], #16       | pair      | store      | 128  | post-index      | general  | 0
29c10801 | ldp w1, w2, [x0, #8]!       | pair      | load       | 64   | pre-index       | general  | 0
69000801 | stgp x1, x2, [x0]           | pair      | store      | 128  | offset          | general  | 0
29400401 | ldp w1, w1, [x0]            | pair      | load       | 64   | offset          | general  | 0
b8404400 | ldr w0, [x0], #4            | single    | load       | 32   | post-index      | general  | 0
ad000400 | stp q0, q1, [x0]            | pair      | store      | 256  | offset          | simd-fp  | 0
bd400000 | ldr s0, [x0]                | single    | load       | 32   | offset          | simd-fp  | 0
fc008400 | str d0, [x0], #8            | single    | store      | 64   | post-index      | simd-fp  | 0
3ce16800 | ldr q0, [x0, x1]            | single    | load       | 128  | register-offset | simd-fp  | 0
3c001000 | stur b0, [x0, #1]           | single    | store      | 8    | offset          | simd-fp  | 0
1d800800 | stlur q0, [x0]              | single    | store      | 128  | offset          | simd-fp  | 0
9c000080 | ldr q0, #16                 | single    | load       | 128  | literal         | simd-fp  | 0
4c407800 | ld1 {v0.4s}, [x0]           | structure | load       | 128  | offset          | simd-fp  | 0
0c9f0000 | st4 {v0.8b-v3.8b}, [x0], #32 | structure | store     | 256  | post-index      | simd-fp  | 0
4d40cc00 | ld1r {v0.2d}, [x0]          | structure | load       | 64   | offset          | simd-fp  | 0
0d009000 | st1 {v0.s}[1], [x0]         | structure | store      | 32   | offset          | simd-fp  | 0
4c407000 | ld1 {v0.16b}, [x0]          | structure | load       | 128  | offset          | simd-fp  | 0
0c40a800 | ld1 {v0.2s, v1.2s}, [x0]    | structure | load       | 128  | offset          | simd-fp  | 0
4c006c00 | st1 {v0.2d-v2.2d}, [x0]     | structure | store      | 384  | offset          | simd-fp  | 0
4cdf2c00 | ld1 {v0.2d-v3.2d}, [x0], #64 | structure | load      | 512  | post-index      | simd-fp  | 0
4c808c00 | st2 {v0.2d, v1.2d}, [x0], x0 | structure | store     | 256  | post-index      | simd-fp  | 0
4c404800 | ld3 {v0.4s-v2.4s}, [x0]     | structure | load       | 384  | offset          | simd-fp  | 0
0d40c800 | ld1r {v0.2s}, [x0]          | structure | load       | 32   | offset          | simd-fp  | 0
4d60c000 | ld2r {v0.16b, v1.16b}, [x0] | structure | load       | 16   | offset          | simd-fp  | 0
4d60e400 | ld4r {v0.8h-v3.8h}, [x0]    | structure | load       | 64   | offset          | simd-fp  | 0
0d208400 | st2 {v0.d, v1.d}[0], [x0]   | structure | store      | 128  | offset          | simd-fp  | 0
0ddf7000 | ld3 {v0.h-v2.h}[2], [x0], #6 | structure | load      | 48   | post-index      | simd-fp  | 0
885f7c01 | ldxr w1, [x0]               | exclusive | load       | 32   | offset          | general  | 0
88037c01 | stxr w3, w1, [x0]           | exclusive | store      | 32   | offset          | general  | 0
c87f8801 | ldaxp x1, x2, [x0]          | exclusive | load       | 128  | offset          | general  | 0
c8238801 | stlxp w3, x1, x2, [x0]      | exclusive | store      | 128  | offset          | general  | 0
88a17c02 | cas w1, w2, [x0]            | atomic    | load+store | 32   | offset          | general  | 0
4862fc04 | caspal x2, x3, x4, x5, [x0] | atomic    | load+store | 128  | offset          | general  | 0
b8210002 | ldadd w1, w2, [x0]          | atomic    | load+store | 32   | offset          | general  | 0
f8e18002 | swpal x1, x2, [x0]          | atomic    | load+store | 64   | offset          | general  | 0
19228001 | swpp x1, x2, [x0]           | atomic    | load+store | 128  | offset          | general  | 0
19010440 | cpyfp [x0]!, [x1]!, x2!     | block     | load+store | None | offset          | none     | 0
19c20420 | setp [x0]!, x1!, x2         | block     | store      | None | offset          | none     | 0
d50b7420 | dc zva, x0                  | block     | store      | None | offset          | none     | 0
d50b7e20 | dc civac, x0                | cache     | store      | None | offset          | none     | 0
d50b7460 | dc gva, x0                  | tag       | store      | None | offset          | none     | 0
d9200800 | stg x0, [x0]                | tag       | store      | None | offset          | general  | 0
d9a02400 | st2g x0, [x0], #32          | tag       | store      | None | post-index      | general  | 0
d9600001 | ldg x1, [x0]                | tag       | load+store | None | offset          | general  | 0
f83fd100 | ld64b x0, [x8]              | ls64      | load       | 512  | offset          | general  | 0
f83f9100 | st64b x0, [x8]              | ls64      | store      | 512  | offset          | general  | 0
f821b100 | st64bv x1, x0, [x8]         | ls64      | store      | 512  | offset          | general  | 0
a540a000 | ld1w {z0.s}, p0/z, [x0]     | single    | load       | None | offset          | scalable | 0
e5e14000 | st1d {z0.d}, p0, [x0, x1, lsl #3] | single | store   | None | offset          | scalable | 0
85804000 | ldr z0, [x0]                | single    | load       | None | offset          | scalable | 0
e5800000 | str p0, [x0]                | single    | store      | None | offset          | scalable | 0
"""

NO_ACCESSES = {
    0xF9800000: "prfm pldl1keep, [x0]",
    0xF8801000: "prfum pldl1keep, [x0, #1]",
    0xF8A16800: "prfm pldl1keep, [x0, x1]",
    0xD8000040: "prfm pldl1keep, #8",
    0x85C00000: "prfb pldl1keep, p0, [x0]",
    0x8501C000: "prfw pldl1keep, p0, [x0, x1, lsl #2]",
    0x91001000: "add x0, x0, #4",
    0xD503201F: "nop",
    0xD65F03C0: "ret",
    0xD5033FBF: "dmb sy",
    0xD50B7520: "ic ivau, x0",
    0xD5087800: "at s1e1r, x0",
}


def rows() -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ")] for line in ACCESSES.strip().splitlines()]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_each_form_is_read_from_its_bits(row: list[str]) -> None:
    word, _, form, directions, width, addressing, register_class, valid = row
    transfer = decode(int(word, 16))
    assert transfer is not None
    assert transfer.form == form
    assert "+".join(transfer.directions) == directions
    assert str(transfer.width) == width
    assert transfer.addressing == addressing
    assert transfer.register_class == register_class
    assert transfer.syndrome_valid == (valid == "1")


@pytest.mark.parametrize("word", NO_ACCESSES, ids=NO_ACCESSES.__getitem__)
def test_prefetches_and_what_is_no_load_or_store_are_no_access(word: int) -> None:
    assert decode(word) is None


def test_whatever_has_no_valid_syndrome_has_a_defect_that_says_why() -> None:
    draw = random.Random(0)  # noqa: S311  a fixed sample, not a secret
    seen = set()
    for _ in range(200_000):
        transfer = decode(draw.getrandbits(32))
        if transfer is not None:
            seen.add(transfer.form)
            assert bool(defect_kinds(transfer, ARM_ISV)) != transfer.syndrome_valid
    assert len(seen) >= 8


def test_no_form_with_writeback_has_a_valid_syndrome() -> None:
    draw = random.Random(1)  # noqa: S311  a fixed sample, not a secret
    words = (draw.getrandbits(32) for _ in range(200_000))
    transfers = [transfer for word in words if (transfer := decode(word)) is not None]
    assert not [transfer for transfer in transfers if transfer.addressing.writes_back and transfer.syndrome_valid]


@pytest.mark.parametrize(
    ("word", "defects"),
    [
        (0xB8004409, {"writeback-post"}),
        (0xA8810801, {"writeback-post", "pair"}),
        (0xFC008400, {"writeback-post", "simd-fp"}),
        (0x0C9F0000, {"writeback-post", "structure"}),
        (0xB9400001, set()),
    ],
)
def test_an_access_may_have_several_defects(word: int, defects: set[str]) -> None:
    transfer = decode(word)
    assert transfer is not None
    assert {str(kind) for kind in defect_kinds(transfer, ARM_ISV)} == defects


def test_bitmask_immediates_are_what_the_manual_says() -> None:
    # mov x8, #0x0ffffffffffff000 is orr x8, xzr, with N=1, immr=52, imms=47
    assert bitmask_immediate(1, 47, 52, 64) == 0x0FFF_FFFF_FFFF_F000
    # orr w8, wzr, #0x55555555
    assert bitmask_immediate(0, 0b111100, 0, 32) == 0x5555_5555
    assert bitmask_immediate(0, 0b111111, 0, 64) is None


@pytest.mark.parametrize(
    ("word", "text", "reads", "writes"),
    [
        (0xEB01001F, "cmp x0, x1", {"x0", "x1"}, set()),
        (0xEA01001F, "tst x0, x1", {"x0", "x1"}, set()),
        (0xF100041F, "cmp x0, #1", {"x0"}, set()),
        (0x31235BC0, "adds w0, w30, #0x8d6", {"x30"}, {"x0"}),
        (0xFA401800, "ccmp x0, #0, #0, ne", {"x0"}, set()),
        (0xBA0F06E1, "rmif x23, #0x1e, #1", {"x23"}, set()),
        (0xB3407C41, "bfxil x1, x2, #0, #32", {"x1", "x2"}, {"x1"}),
        (0x9B020C20, "madd x0, x1, x2, x3", {"x1", "x2", "x3"}, {"x0"}),
        (0x927CEC1F, "and sp, x0, #0xfffffffffffffff0", {"x0"}, {"sp"}),
        (0xDAC10041, "pacia x1, x2", {"x1", "x2"}, {"x1"}),
    ],
)
def test_integer_effects_come_from_the_bits(word: int, text: str, reads: set[str], writes: set[str]) -> None:
    effects = integer_effects(word)
    assert effects is not None, text
    assert (set(effects.reads), set(effects.writes)) == (reads, writes)


def test_integer_effects_are_the_disassemblers_but_for_its_known_gaps() -> None:
    # Aliases whose destination is dropped or taken for a source, and a field that is fixed in the encoding.
    gaps = {
        *("adds", "cmp", "cmn", "tst", "rmif", "umulh", "smulh", "sbfx", "sbfiz", "ubfx", "ubfiz", "lsl", "lsr", "asr"),
        *("addg", "subg", "pacga", "subp", "subps", "gmi", "irg", "sxtw"),
        *("sxtb", "sxth", "uxtb", "uxth"),
    }
    draw = random.Random(2)  # noqa: S311  a fixed sample, not a secret
    compared = 0
    for _ in range(20_000):
        word = draw.getrandbits(32) & ~(0xF << 25) | draw.choice([0b1000, 0b1001, 0b0101, 0b1101]) << 25
        (instruction,) = disassembler(A64)(word.to_bytes(4, "little"))
        if not instruction.recognised or instruction.text.split()[0] in gaps:
            continue
        effects = integer_effects(word)
        assert effects is not None
        assert effects.reads == instruction.reads - {"nzcv"}, instruction.text
        assert effects.writes == instruction.writes - {"nzcv"}, instruction.text
        compared += 1
    assert compared > 5000


def test_arguments_go_where_aapcs64_says() -> None:
    one, wide, none = (1, False), (2, True), (0, False)
    assert AARCH64.place_arguments([one, wide, one]) == (("x0",), ("x2", "x3"), ("x4",))
    assert AARCH64.place_arguments([none, (2, False), one]) == ((), ("x0", "x1"), ("x2",))
    assert AARCH64.place_arguments([one] * 10)[8:] == ((0,), (8,))
    assert AARCH64.place_arguments([one] * 7 + [wide, one]) == (*((f"x{n}",) for n in range(7)), (0, 8), (16,))


def test_patterns_refuse_what_is_not_an_encoding() -> None:
    with pytest.raises(ValueError, match="31 bits"):
        pattern("0" * 31)
    with pytest.raises(ValueError, match="torn"):
        pattern("n" + "0" * 30 + "n")
    assert signed(0x1FF, 9) == -1
