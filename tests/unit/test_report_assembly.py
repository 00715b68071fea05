"""How two compilers' code is shown."""

from report_values import BAD_CODE, DEFECT, GOOD_CODE, function

from mmio_bisect.domain.access import Defect, DefectKind
from mmio_bisect.domain.outcome import FunctionJudgement, ListingLine
from mmio_bisect.report.terminal.assembly import Column, defect_notes, listing, side_by_side

GOOD = Column(title="good: zig@0.12.1", function=function(GOOD_CODE))
BAD = Column(title="bad: zig@0.13.0", function=function(BAD_CODE, DEFECT))

BESIDE = """\
good: zig@0.12.1           │ bad: zig@0.13.0
     0  mov     x8, x0     │      0  mov     x8, x0
     4  add     x0, x0, #8 │
     8  mov     w9, #1     │      4  mov     w9, #1
     c  str     w9, [x8]   │ ▶    8  str     w9, [x0], #8
    10  ret                │      c  ret
▶ 0x8 str w9, [x0], #8  writeback-post of store32+0: register writeback: ISV = 0
"""

BELOW = """\
good: zig@0.12.1
     0  mov     x8, x0
     4  add     x0, x0, #8
     8  mov     w9, #1
     c  str     w9, [x8]
    10  ret

bad: zig@0.13.0
     0  mov     x8, x0
     4  mov     w9, #1
▶    8  str     w9, [x0], #8
     c  ret
▶ 0x8 str w9, [x0], #8  writeback-post of store32+0: register writeback: ISV = 0
"""


def beside(left: Column, right: Column, *, width: int = 100) -> str:
    return side_by_side(left, right, width=width).plain


def test_equal_instructions_stand_beside_each_other_and_the_offending_one_is_marked_and_explained() -> None:
    assert beside(GOOD, BAD) == BESIDE


def test_no_line_ends_in_blanks() -> None:
    lines = beside(GOOD, BAD).split("\n")
    assert lines == [line.rstrip() for line in lines]


def test_where_there_is_no_room_they_stand_one_below_the_other() -> None:
    assert beside(GOOD, BAD, width=40) == BELOW


def test_no_line_of_code_is_wider_than_asked_where_both_fit() -> None:
    exact = max(map(len, beside(GOOD, BAD).splitlines()[:-1]))
    assert "│" in beside(GOOD, BAD, width=exact)
    assert "│" not in beside(GOOD, BAD, width=exact - 1)


def test_a_followed_callee_is_named_where_its_code_begins() -> None:
    lines = (
        ListingLine(code="outer", position=0, encoding=b"1", text="bl\tinner"),
        ListingLine(code="inner", position=0, encoding=b"2", text="ret"),
    )
    shown = Column(title="good", function=FunctionJudgement(function="outer", accesses=(), defects=(), listing=lines))
    assert listing(shown).plain == "good\n     0  bl      inner\n  inner:\n     0  ret\n"


def test_of_long_code_only_what_lies_near_a_difference_is_shown() -> None:
    same = tuple(f"mov\tx{place}, #1" for place in range(100))
    left = Column(title="left", function=function(same))
    right = Column(title="right", function=function((*same[:50], "nop", *same[51:])))
    lines = beside(left, right).splitlines()
    assert lines[1].split("│")[1].strip() == "⋮  46 more"
    assert lines[-1].split("│")[1].strip() == "⋮  45 more"
    assert len(lines) == 1 + 1 + 9 + 1


def test_long_code_without_a_mark_is_shown_from_its_head() -> None:
    code = tuple(f"mov\tx{place}, #1" for place in range(100))
    lines = listing(Column(title="good", function=function(code))).plain.splitlines()
    assert lines[1] == "     0  mov     x0, #1"
    assert lines[-1].strip() == "⋮  52 more"


def test_what_is_not_there_is_explained_without_a_place() -> None:
    missing = Defect(
        function="f",
        access="store32+4",
        kind=DefectKind.MISSING,
        code=None,
        position=None,
        instruction=None,
        why="gone",
    )
    assert defect_notes((missing,)).plain == "▶ missing of store32+4: gone\n"


def test_a_function_without_code_is_said_to_have_none() -> None:
    assert listing(Column(title="bad", function=function(()))).plain == "bad\n  (no code)\n"
