"""Compilers' dumps, as several versions print them, to what they say of memory; and what is not a dump."""

import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmio_bisect.adapters.word.limits import MAX_ITEMS, MAX_LINE
from mmio_bisect.adapters.word.reader import read_lines
from mmio_bisect.classify.word.values import FunctionWord, WordAssembly, WordInstruction, WordItem
from mmio_bisect.domain.families import CompilerFamily

MIR_HEAD = "# Machine code for function f: NoPHIs, TracksLiveness, NoVRegs\n"
MIR_END = "# End machine code for function f.\n"
RTL_HEAD = ";; Function f (f, funcdef_no=0, decl_uid=3604, cgraph_uid=1, symbol_order=0)\n"


def machine_ir(*lines: str) -> FunctionWord:
    text = [MIR_HEAD, "Function Live Ins: $x0\n", "\n", "bb.0 (%ir-block.1):\n"]
    body = [f"  {line}\n" for line in lines]
    return read_lines(CompilerFamily.CLANG, [*text, *body, MIR_END])["f"]


def rtl(*lines: str) -> FunctionWord:
    return read_lines(CompilerFamily.GCC, [RTL_HEAD, *(f"{line}\n" for line in "\n".join(lines).split("\n"))])["f"]


def summary(item: WordItem) -> str:
    """`STRWui: volatile store32 @ a.c:3:5 < b.c:9`."""
    places = " < ".join(map(str, item.source))
    text = f"asm of {item.instructions}" if isinstance(item, WordAssembly) else f"{item.opcode}: {parts_of(item)}"
    return f"{text} @ {places}" if places else text


def parts_of(instruction: WordInstruction) -> str:
    marks = ("volatile", "atomic", "stack", "constant", "variable")
    return ", ".join(
        " ".join([*(mark for mark in marks if getattr(part, mark)), f"{part.direction}{part.width or '?'}"])
        for part in instruction.parts
    )


MACHINE_IR: list[tuple[str, str, list[str]]] = [
    (
        "LLVM 12 says sizes in bytes",
        "STRWui killed renamable $w8, renamable $x0, 0 :: (volatile store 4 into %ir.0, !tbaa !8)",
        ["STRWui: volatile store32"],
    ),
    (
        "LLVM 13 and later say types",
        "early-clobber renamable $x0 = STRWpost renamable $w9, $x0(tied-def 0), 4 :: (volatile store (s32) into %ir.0)",
        ["STRWpost: volatile store32"],
    ),
    (
        "places begin with the innermost",
        "$w8 = LDRWui $x0, 1, debug-location :: (volatile load (s32) from %ir.4); /s/u.h:6:14 @[ u.c:10:2 @[ m.c:2 ] ]",
        ["LDRWui: volatile load32 @ /s/u.h:6:14 < u.c:10:2 < m.c:2"],
    ),
    (
        "a pair has two parts, and one of the frame is on the stack",
        "frame-setup STPXi killed $fp, killed $lr, $sp, 8 :: (store (s64) into %stack.1), (store (s64) into %stack.0)",
        ["STPXi: stack store64, stack store64"],
    ),
    (
        "what moves the stack pointer is left out, whatever it is of",
        "early-clobber $sp = frame-setup STPXpre $fp, killed $lr, $sp(tied-def 0), -4 :: (store 8 into %stack.3)",
        [],
    ),
    (
        "a push moves it too",
        "frame-setup tPUSH 14, $noreg, killed $r4, implicit-def $sp, implicit $sp :: (store (s32) into %stack.0)",
        [],
    ),
    (
        "memory that is read, changed and written",
        "OR32mi8 $rip, 1, $noreg, @g, 1 :: (volatile store 4 into @g), (volatile dereferenceable load 4 from @g)",
        ["OR32mi8: volatile variable store32, volatile variable load32"],
    ),
    (
        "an atomic exchange, with a scope",
        'LOCK_INC32m $rdi, 1, $noreg, 16, $noreg :: (load store syncscope("singlethread") seq_cst (s32) on %ir.6)',
        ["LOCK_INC32m: atomic load32, atomic store32"],
    ),
    (
        "vectors, pointers and what has no size that is known",
        "X $x0 :: (load (<4 x s32>)), (load (p0) from %ir.q), (load unknown-size), (load (<vscale x 4 x s8>))",
        ["X: load128, load?, load?, load?"],
    ),
    (
        "constants of a pool and of the global offset table",
        "$d0 = LDRDui $x8, target-flags(aarch64-pageoff) %const.0 :: (load (s64) from constant-pool)",
        ["LDRDui: constant load64"],
    ),
    (
        "a constant address, and a name in which anything stands",
        'X $w8 :: (volatile store (s32) into `ptr inttoptr (i64 150 to ptr)`), (store (s32) into %ir.":: (load (s8)")',
        ["X: volatile store32, store32"],
    ),
    (
        "inline assembly has as many instructions as its text has statements",
        'INLINEASM &"str w0, [x1]\\0A\\09dmb sy; nop" [sideeffect], $0:[reguse], $x0, !2, debug-location !3; a.c:7:3',
        ["asm of 3 @ a.c:7:3"],
    ),
    ("a barrier to the compiler has none", 'INLINEASM &"" [sideeffect] [mayload] [maystore]', ["asm of 0"]),
    ("what accesses no memory", "$w0 = ADDWri killed $w0, 1, 0", []),
    ("successors are not instructions", "successors: %bb.1(0x80000000); %bb.1(100.00%)", []),
]  # fmt: skip


@pytest.mark.parametrize(("what", "line", "said"), MACHINE_IR, ids=[row[0] for row in MACHINE_IR])
def test_machine_instructions(what: str, line: str, said: list[str]) -> None:
    word = machine_ir(line)
    assert word.unread is None, what
    assert [summary(item) for item in word.items] == said


RTL: list[tuple[str, str, list[str]]] = [
    (
        "a volatile load, widened",
        """(insn:TI 11 60 12 (set (reg:DI 1 x1)
        (zero_extend:DI (mem/v:QI (reg/v/f:DI 0 x0 [base ]) [0 *base_10+0 S1 A8]))) "a.c":8:71 119 {*zero_extend}
     (nil))""",
        ["*zero_extend: volatile load8 @ a.c:8:71"],
    ),
    (
        "a store with post-increment, whose notes name memory too",
        """(insn 19 18 62 (set (mem/v:SI (post_inc:DI (reg:DI 3 x3)) [7 MEM[(volatile unsigned int *)p_11(D)]+0 S4 A32])
        (reg:SI 2 x2 [orig:96 _5 ] [96])) "a.c":9:20 52 {*movsi_aarch64}
     (expr_list:REG_EQUAL (mem/v:SI (reg:DI 9))
        (nil)))""",
        ["*movsi_aarch64: volatile store32 @ a.c:9:20"],
    ),
    (
        "a pop sets the stack pointer",
        """(jump_insn 23 22 26 2 (parallel [
            (return)
            (set/f (reg/f:SI 13 sp)
                (plus:SI (reg/f:SI 13 sp)
                    (const_int 8 [0x8])))
            (set/f (reg:SI 15 pc)
                (mem/c:SI (reg/f:SI 13 sp) [2  S4 A32]))
        ]) "a.c":11:1 383 {*pop_multiple_with_writeback_and_return}
     (nil)
 -> return)""",
        [],
    ),
    (
        "a push moves it",
        """(insn/f 20 4 21 (set (mem/c:DI (pre_dec:DI (reg/f:DI 7 sp)) [2  S8 A8])
        (reg:DI 3 bx)) "a.c":7:42 59 {*pushdi2_rex64}
     (nil))""",
        [],
    ),
    (
        "what is called stands there as memory, and scratch for any",
        """(call_insn 11 10 14 2 (parallel [
            (call (mem:SI (symbol_ref:SI ("udelay") [flags 0x41]) [0 udelay S4 A32])
                (const_int 0 [0]))
            (clobber (mem:BLK (scratch) [0  A8]))
        ]) "a.c":9:5 290 {*call_symbol}
     (nil))""",
        [],
    ),
    (
        "memory that is read, changed and written",
        """(insn 7 4 8 2 (parallel [
            (set (mem/v:SI (reg:DI 5 di) [1 *p_2(D)+0 S4 A32])
                (ior:SI (mem/v:SI (reg:DI 5 di) [1 *p_2(D)+0 S4 A32])
                    (const_int 1 [0x1])))
            (clobber (reg:CC 17 flags))
        ]) "a.c":2:6 1 {*iorsi_1}
     (nil))""",
        ["*iorsi_1: volatile store32, volatile load32 @ a.c:2:6"],
    ),
    (
        "a constant of a pool",
        """(insn 7 4 8 2 (set (reg:SI 3 r3)
        (mem/u/c:SI (symbol_ref/u:SI ("*.LC0") [flags 0x2]) [0  S4 A32])) "a.c":2:6 1 {*arm_movsi_vfp}
     (nil))""",
        ["*arm_movsi_vfp: constant variable load32 @ a.c:2:6"],
    ),
    (
        "inline assembly",
        """(insn:TI 7 4 8 2 (parallel [
            (asm_operands/v ("dmb sy; nop") ("") 0 []
                 []
                 [] a.c:3)
            (clobber (mem:BLK (scratch) [0  A8]))
        ]) "a.c":3:5 -1
     (nil))""",
        ["asm of 2 @ a.c:3:5"],
    ),
]


@pytest.mark.parametrize(("what", "text", "said"), RTL, ids=[row[0] for row in RTL])
def test_register_transfers(what: str, text: str, said: list[str]) -> None:
    word = rtl(text)
    assert word.unread is None, what
    assert [summary(item) for item in word.items] == said


def test_a_cold_part_has_a_symbol_of_its_own() -> None:
    access = RTL[0][1]
    note = "(note 50 49 51 NOTE_INSN_SWITCH_TEXT_SECTIONS)"
    word = read_lines(
        CompilerFamily.GCC, [RTL_HEAD, *(f"{line}\n" for line in f"{access}\n{note}\n{access}".split("\n"))]
    )
    assert {name: len(function.items) for name, function in word.items()} == {"f": 1, "f.cold": 1}


def test_the_last_dump_of_a_function_is_of_its_final_instructions() -> None:
    store = "  STRWui $w8, $x0, 0 :: (volatile store (s32) into %ir.0)\n"
    word = read_lines(CompilerFamily.LLC, [MIR_HEAD, store, store, MIR_END, MIR_HEAD, store, MIR_END])
    assert len(word["f"].items) == 1


@pytest.mark.parametrize(
    "lines",
    [
        [MIR_HEAD, "  STRWui $w8, $x0, 0 :: (volatile store (s32) into %ir.0)\n"],
        [MIR_HEAD, MIR_HEAD.replace("f:", "g:"), MIR_END],
        [MIR_HEAD, "  STRWui" + " " * MAX_LINE + ":: (volatile store (s32) into %ir.0)\n", MIR_END],
        [MIR_HEAD, *["  X $x0 :: (load (s8) from %ir.0)\n"] * (MAX_ITEMS + 1), MIR_END],
    ],
    ids=["it breaks off", "another begins in it", "a line that is too long", "too many instructions"],
)
def test_a_dump_that_is_not_whole_is_unread(lines: list[str]) -> None:
    word = read_lines(CompilerFamily.RUSTC, lines)["f"]
    assert word.unread
    assert not word.items


@pytest.mark.parametrize(
    "text",
    [
        '(insn 7 4 8 (parallel [(asm_operands/v ("nop\n(insn 8 7 9 (set (mem/v:SI (reg:DI 1))") ("") 0 [] [] [])])',
        "(insn 7 4 8 (set (mem/v:SI (reg:DI 1) [1 S4]",
        "(insn 7 4 8 " + "(plus:SI " * 10_000 + "(mem/v:SI (reg:DI 1)",
        "(insn 7 4 8 (set (mem/v:SI (reg:DI 1)]",
    ],
    ids=["assembly that looks like a dump", "it breaks off", "too deep", "brackets that do not pair"],
)
def test_an_instruction_that_is_not_understood_leaves_its_function_unread(text: str) -> None:
    word = rtl(text)
    assert word.unread
    assert not word.items


WHOLE = {
    CompilerFamily.CLANG: "".join([MIR_HEAD, *(f"  {row[1]}\n" for row in MACHINE_IR), MIR_END]),
    CompilerFamily.GCC: "".join([RTL_HEAD, *(f"{row[1]}\n" for row in RTL)]),
}


@pytest.mark.parametrize("family", WHOLE)
@given(data=st.data())
def test_whatever_is_printed_is_read(family: CompilerFamily, data: st.DataObject) -> None:
    """Damaged anywhere, a dump raises nothing, and says no more than a function or two."""
    text = WHOLE[family]
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    damaged = text[:start] + data.draw(st.text(alphabet='()[]":; \n\\`,fmevxSI0', max_size=20)) + text[stop:]
    said: Iterable[FunctionWord] = read_lines(family, damaged.splitlines(keepends=True)).values()
    assert all(function.unread is None or not function.items for function in said)


def test_an_expression_without_operands_is_none() -> None:
    assert rtl("(insn 7 4 8 (parallel [(set) (set/f pc) (mem) (mem/v:SI [1 S4])]) 1)").items == ()


def test_a_line_that_is_made_to_take_long_does_not() -> None:
    started = time.process_time()
    machine_ir(f"X $x0 :: ({'load ' * (MAX_LINE // 6)}")
    machine_ir(f"{'$x0, ' * (MAX_LINE // 6)} = X :: (load 4")
    assert time.process_time() - started < 2
