"""The document of a run, and that a run can be printed again from it."""

import json
from dataclasses import replace

import pytest
from report_values import BROKEN, CASE, DEFECT, FIRST_BAD, LAST_GOOD, cell_answer, point

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.run import CellAnswer, Cost, Probe, RunHead, Verification
from mmio_bisect.errors import CorruptDatabaseError
from mmio_bisect.report.documents.filecheck import filecheck_test
from mmio_bisect.report.documents.issue import issue_text
from mmio_bisect.report.documents.json_text import text_of
from mmio_bisect.report.documents.notices import change_notice
from mmio_bisect.report.documents.run_documents import answer_member, replay, run_document
from mmio_bisect.report.terminal.answers import answer_text
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord
from mmio_bisect.workflow.watch.news import Line, News
from mmio_bisect.workflow.watch.values import Bisected, ChangeGroup, Finding

ARGV = ("mmio-bisect", "run", "store_then_step", "zig:..")
COST = Cost(toolchains_fetched=2, cells_compiled=3)
HEAD = RunHead(
    case=CASE,
    series="zig",
    first=point("0.12.1"),
    last=point("0.13.0"),
    reversed=False,
    profile="arm-isv",
    defects=frozenset({DefectKind.WRITEBACK_POST}),
    changed=False,
    argv=ARGV,
)
PROBES = (LAST_GOOD, BROKEN, FIRST_BAD)
CULPRIT = Culprit(change=Change.INTRODUCED, last=point("0.12.1"), first=point("0.13.0"))
SUSPECTS = Suspects(
    change=Change.INTRODUCED, last=point("0.12.1"), first=point("0.13.0"), suspects=(point("0.12.9"), point("0.13.0"))
)
NO_CHANGE = NoChange(verdict=Verdict.BAD, oldest=point("0.12.1"), newest=point("0.13.0"), unprobed=17)
CONTRADICTION = Contradiction(witnesses=((point("0.12.1"), Verdict.GOOD), (point("0.13.0"), Verdict.BAD)))
NOTHING = NothingTestable(probed=3, unprobed=1)

KINDS: list[tuple[Answer, dict[str, object]]] = [
    (
        CULPRIT,
        {
            "kind": "culprit",
            "change": "introduced",
            "last": "zig@0.12.1",
            "first": "zig@0.13.0",
            "suspects": ["zig@0.13.0"],
        },
    ),
    (
        SUSPECTS,
        {
            "kind": "suspects",
            "change": "introduced",
            "last": "zig@0.12.1",
            "first": "zig@0.13.0",
            "suspects": ["zig@0.12.9", "zig@0.13.0"],
            "untestable": [{"toolchain": "zig@0.12.9", "reason": "crashed: error: unable to execute"}],
        },
    ),
    (
        NO_CHANGE,
        {
            "kind": "no-change",
            "verdict": "bad",
            "oldest": "zig@0.12.1",
            "newest": "zig@0.13.0",
            "unprobed": 17,
            "untestable": [{"toolchain": "zig@0.12.9", "reason": "crashed: error: unable to execute"}],
        },
    ),
    (
        CONTRADICTION,
        {
            "kind": "contradiction",
            "witnesses": [
                {"toolchain": "zig@0.12.1", "verdict": "good"},
                {"toolchain": "zig@0.13.0", "verdict": "bad"},
            ],
        },
    ),
]


@pytest.mark.parametrize(("answer", "members"), KINDS, ids=[type(answer).__name__ for answer, _ in KINDS])
def test_each_kind_of_answer_has_its_members(answer: Answer, members: dict[str, object]) -> None:
    assert answer_member(cell_answer(answer, *PROBES)) == {"target": "aarch64", "opt": "2", **members}


def test_the_document_repeats_what_was_asked_and_holds_every_probe() -> None:
    told = run_document(HEAD, run=7, answers=(cell_answer(CULPRIT, LAST_GOOD, FIRST_BAD),), cost=COST)
    assert {key: value for key, value in told.items() if key not in {"answers", "probes"}} == {
        "schema": 2,
        "command": "run",
        "recipe": "store_then_step",
        "case": "store_then_step.c",
        "series": "zig",
        "range": {"first": "zig@0.12.1", "last": "zig@0.13.0", "reversed": False},
        "profile": "arm-isv",
        "profiles": {"aarch64": "arm-isv"},
        "defects": ["writeback-post"],
        "only": [],
        "changed": False,
        "run": 7,
        "commits": [],
        "verifications": [],
        "cost": {"toolchains_fetched": 2, "cells_compiled": 3},
        "argv": list(ARGV),
    }
    probes = told["probes"]
    assert isinstance(probes, list)
    assert probes[1] == {
        "toolchain": "zig@0.13.0",
        "compiler": "clang 18.1.6",
        "llvm": "18.1.6",
        "target": "aarch64",
        "opt": "2",
        "verdict": "bad",
        "reason": None,
        "witness": "data-flow",
        "defects": [
            {
                "function": "store_then_step",
                "access": "store32+0",
                "kind": "writeback-post",
                "code": "store_then_step",
                "offset": 8,
                "instruction": "str\tw9, [x0], #8",
                "why": "register writeback: ISV = 0",
                "emulated": None,
            }
        ],
        "unseen": [],
        "from_history": False,
        "seconds": 0.25,
        "cell": FIRST_BAD.cell_key,
    }


def stored(document: str | None) -> RunRecord:
    return RunRecord(
        id=7,
        recipe="store_then_step",
        case="store_then_step.c",
        series="zig",
        first="0.12.1",
        last="0.13.0",
        profile="arm-isv",
        started="2026-11-23T23:00:00+00:00",
        finished="2026-11-23T23:01:00+00:00",
        argv=ARGV,
        document=document,
    )


def kept(probe: Probe) -> OutcomeRecord:
    return OutcomeRecord(
        cell_key=probe.cell_key,
        recipe="store_then_step",
        language="c",
        case_text=CASE.text,
        points=(probe.point,),
        toolchain=probe.toolchain,
        triple="aarch64-unknown-linux-gnu",
        opt="2",
        flags=(),
        recorded="2026-11-23T23:00:30+00:00",
        outcome=probe.outcome,
        judgements=() if probe.judgement.verdict is Verdict.UNTESTABLE else (probe.judgement,),
    )


def printed(*answers: CellAnswer, changed: bool = False) -> str:
    return answer_text(answers, argv=ARGV, cost=COST, width=100, changed=changed).plain


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize(
    "answer", [CULPRIT, SUSPECTS, NO_CHANGE, CONTRADICTION, NOTHING], ids=lambda answer: type(answer).__name__
)
def test_a_stored_run_is_printed_again_word_for_word(answer: Answer, *, changed: bool) -> None:
    cell = cell_answer(answer, *PROBES)
    text = text_of(run_document(replace(HEAD, changed=changed), run=7, answers=(cell,), cost=COST))
    again = replay(stored(text), map(kept, PROBES))
    assert again is not None
    assert (again.cost, again.argv, again.changed) == (COST, ARGV, changed)
    assert printed(*again.answers, changed=changed) == printed(cell, changed=changed)


@pytest.mark.parametrize(
    "comment", ["// RUN: touch x", "int y; /* RUN: touch x */", "// DEFINE: %{x} = y", "// REDEFINE: a"]
)
def test_a_test_for_lit_runs_nothing_that_the_case_says(comment: str) -> None:
    """Neither by its text, nor by a symbol with a line feed in it, nor by a flag."""
    case = replace(CASE, text=CASE.text + comment.encode())
    defect = replace(DEFECT, function="f\n// RUN: touch x")
    test = filecheck_test(case, target="aarch64", flags=["-O2", "-DX=;touch x"], defects=[defect])
    assert [line for line in test.splitlines() if "RUN:" in line or "DEFINE:" in line] == [
        "// RUN: %clang -O2 '-DX=;touch x' -S -o - %s | FileCheck %s"
    ]


def test_a_report_and_a_notice_say_that_a_culprit_was_not_verified() -> None:
    doubt = Verification(confirmed=False, why="zig@0.13.0 cannot be judged", compiles=2, builds=0)
    cell = replace(cell_answer(CULPRIT, *PROBES), verification=doubt)
    text = text_of(run_document(HEAD, run=7, answers=(cell,), cost=COST))
    again = replay(stored(text), map(kept, PROBES))
    assert again is not None
    assert "Not verified: `zig@0.13.0` cannot be judged" in issue_text(stored(text), again)
    line = Line(case="store_then_step.c", target="aarch64", opt="2")
    (mark,) = FIRST_BAD.judgement.marks
    news = News(line=line, mark=mark, change=Change.INTRODUCED, last="0.12.1", first="0.13.0")
    group = ChangeGroup(
        series="zig", profile=ARM_ISV, points=(CULPRIT.last, CULPRIT.first), requests=(cell.request,), news=(news,)
    )
    finding = Finding(group=group, bisection=Bisected(run=7))
    assert "Not verified: zig@0.13.0 cannot be judged." in change_notice(finding, (), stored(text), again).plain


def test_an_outcome_that_is_gone_leaves_the_claim_standing() -> None:
    text = text_of(run_document(HEAD, run=7, answers=(cell_answer(CULPRIT, *PROBES),), cost=COST))
    again = replay(stored(text), ())
    assert again is not None
    assert printed(*again.answers).startswith("-O2: introduced in zig@0.13.0; last good zig@0.12.1\n")


def test_a_run_that_did_not_finish_has_no_answer() -> None:
    assert replay(stored(None), ()) is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"defects": ["no-such-kind"]})])
def test_a_damaged_document_is_said_to_be_damaged(text: str) -> None:
    with pytest.raises(CorruptDatabaseError, match="The document of run 7 cannot be read"):
        replay(stored(text), ())
