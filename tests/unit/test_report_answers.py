"""The sentences of an answer: what was measured, and no more."""

import pytest
from report_values import (
    BAD,
    BROKEN,
    FIRST_BAD,
    GOOD,
    LAST_GOOD,
    cell_answer,
    point,
    probe,
)

from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.run import CellAnswer, Cost
from mmio_bisect.report.terminal.answers import answer_text

ARGV = ("mmio-bisect", "run", "store_then_step", "zig:0.12.1..0.13.0")
CULPRIT = Culprit(change=Change.INTRODUCED, last=point("0.12.1"), first=point("0.13.0"))


def told(*answers: CellAnswer, changed: bool = False) -> str:
    cost = Cost(toolchains_fetched=2, cells_compiled=2)
    return answer_text(answers, argv=ARGV, cost=cost, width=100, changed=changed).plain


CLAIMS: list[tuple[Answer, str]] = [
    (CULPRIT, "-O2: introduced in zig@0.13.0 (clang 18.1.6); last good zig@0.12.1 (clang 17.0.6)\n"),
    (
        Culprit(change=Change.FIXED, last=point("0.12.1"), first=point("0.13.0")),
        "-O2: fixed in zig@0.13.0 (clang 18.1.6); last bad zig@0.12.1 (clang 17.0.6)\n",
    ),
    (
        Suspects(
            change=Change.INTRODUCED,
            last=point("0.12.1"),
            first=point("0.13.0"),
            suspects=(point("0.12.9"), point("0.13.0")),
        ),
        (
            "-O2: introduced in one of 2 toolchains; last good zig@0.12.1 (clang 17.0.6)\n"
            "    zig@0.12.9 (clang 17.0.9)  untestable: crashed: error: unable to execute\n"
            "    zig@0.13.0 (clang 18.1.6)  bad\n"
        ),
    ),
    (
        NoChange(verdict=Verdict.BAD, oldest=point("0.12.1"), newest=point("0.13.0"), unprobed=17),
        (
            "-O2: no change: bad at both ends, zig@0.12.1 (clang 17.0.6) and zig@0.13.0 (clang 18.1.6); "
            "17 between not probed\n"
            "    zig@0.12.9 (clang 17.0.9)  untestable: crashed: error: unable to execute\n"
            "    For the fix look at compilers newer than zig@0.13.0 (see `mmio-bisect explain writeback-post`), "
            "for the origin at ones older than zig@0.12.1.\n"
            "    A change that was undone inside shows in narrower ranges: "
            "mmio-bisect run store_then_step zig:0.12.1..VERSION\n"
        ),
    ),
    (
        NoChange(verdict=Verdict.GOOD, oldest=point("0.12.1"), newest=point("0.13.0"), unprobed=0),
        (
            "-O2: no change: good at both ends, zig@0.12.1 (clang 17.0.6) and zig@0.13.0 (clang 18.1.6); "
            "0 between not probed\n"
            "    zig@0.12.9 (clang 17.0.9)  untestable: crashed: error: unable to execute\n"
            "    A defect may still begin after zig@0.13.0, or have ended before zig@0.12.1.\n"
        ),
    ),
    (
        NoChange(verdict=Verdict.BAD, oldest=point("0.13.0"), newest=point("0.13.0"), unprobed=0),
        "-O2: no change seen: bad at zig@0.13.0 (clang 18.1.6), the only point that could be tested\n",
    ),
    (
        NoChange(verdict=Verdict.BAD, oldest=point("0.12.5"), newest=point("0.13.0"), unprobed=1),
        (
            "-O2: no change: bad at both ends of what could be tested, zig@0.12.5 and zig@0.13.0 (clang 18.1.6); "
            "1 between not probed\n"
        ),
    ),
    (
        Contradiction(
            witnesses=(
                (point("0.12.1"), Verdict.GOOD),
                (point("0.12.9"), Verdict.UNTESTABLE),
                (point("0.13.0"), Verdict.BAD),
            )
        ),
        (
            "-O2: contradiction: the verdicts fit no single boundary; bisect narrower ranges between the witnesses\n"
            "    zig@0.12.1 (clang 17.0.6)  good\n"
            "    zig@0.12.9 (clang 17.0.9)  untestable: crashed: error: unable to execute\n"
            "    zig@0.13.0 (clang 18.1.6)  bad\n"
        ),
    ),
    (
        NothingTestable(probed=1, unprobed=4),
        "-O2: nothing testable: none of 1 toolchain probed made an object; 4 not tried\n",
    ),
]


@pytest.mark.parametrize(("answer", "claim"), CLAIMS, ids=[type(answer).__name__ for answer, _ in CLAIMS])
def test_each_kind_of_answer_has_its_sentences(answer: Answer, claim: str) -> None:
    assert told(cell_answer(answer, LAST_GOOD, BROKEN, FIRST_BAD)).startswith(claim)


def test_levels_that_agree_share_a_sentence_and_one_proof() -> None:
    text = told(
        cell_answer(CULPRIT, LAST_GOOD, FIRST_BAD, opt=OptLevel.O1),
        cell_answer(CULPRIT, LAST_GOOD, FIRST_BAD, opt=OptLevel.O2),
        cell_answer(NothingTestable(probed=1, unprobed=0), BROKEN, opt=OptLevel.OS),
    )
    assert text.startswith("-O1, -O2: introduced in zig@0.13.0 (clang 18.1.6); last good")
    assert "\n-Os: nothing testable" in text
    assert text.count("│ bad: zig@0.13.0 (clang 18.1.6)") == 1
    assert "store_then_step, -O2\n" in text


def test_a_change_of_code_is_not_called_good_or_bad() -> None:
    assert told(cell_answer(CULPRIT, LAST_GOOD, FIRST_BAD), changed=True).startswith(
        "-O2: the code changed in zig@0.13.0 (clang 18.1.6); last with the old code zig@0.12.1 (clang 17.0.6)\n"
    )
    same = NoChange(verdict=Verdict.GOOD, oldest=point("0.12.1"), newest=point("0.13.0"), unprobed=3)
    assert told(cell_answer(same, LAST_GOOD, probe("0.13.0", "18.1.6", GOOD)), changed=True).startswith(
        "-O2: no change: zig@0.13.0 (clang 18.1.6) makes the same code as zig@0.12.1 (clang 17.0.6); "
        "3 between not probed\n"
    )


def test_the_proof_is_the_two_neighbours_code() -> None:
    text = told(cell_answer(CULPRIT, LAST_GOOD, FIRST_BAD))
    assert "\nstore_then_step\ngood: zig@0.12.1 (clang 17.0.6)" in text
    assert "▶ 0x8 str w9, [x0], #8  writeback-post of store32+0: register writeback: ISV = 0\n" in text


def test_bad_at_both_ends_shows_the_newest_code() -> None:
    answer = NoChange(verdict=Verdict.BAD, oldest=point("0.12.1"), newest=point("0.13.0"), unprobed=0)
    text = told(cell_answer(answer, probe("0.12.1", "17.0.6", BAD), FIRST_BAD))
    assert "bad: zig@0.13.0 (clang 18.1.6)\n     0  mov     x8, x0\n" in text


def test_it_ends_with_how_to_do_it_again_and_what_it_cost() -> None:
    assert told(cell_answer(CULPRIT, LAST_GOOD, FIRST_BAD)).endswith(
        "\nTo reproduce, beside store_then_step.c:\n"
        "    zig@0.12.1  /store/0.12.1/zig clang -O2 -c store_then_step.c\n"
        "    zig@0.13.0  /store/0.13.0/zig clang -O2 -c store_then_step.c\n"
        "\n"
        "To resume or repeat (nothing is compiled twice): mmio-bisect run store_then_step zig:0.12.1..0.13.0\n"
        "2 probes, 0 from history; 2 cells compiled, 2 toolchains fetched.\n"
    )
