"""`history rejudge`: objects in a real database, a real object reader, and judgements that other rules made."""

import json
from pathlib import Path

import pytest
from history_values import a_case, a_cell, a_judgement, a_point, a_toolchain, an_object
from signalling import eventually
from tool_process import Tool

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.cli.app import main
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.access import RULES
from mmio_bisect.domain.outcome import Cell, Verdict
from mmio_bisect.domain.recipe import OptLevel

# Its function `store` does one plain store: good under every profile.
OBJECT = (Path(__file__).parents[1] / "fixtures" / "objects" / "shapes.o").read_bytes()
OLDER = RULES - 1


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'history.db'}"


def remember(url: str, cell: Cell, data: bytes, verdict: Verdict, *, rules: int = OLDER) -> None:
    with SqlHistory(open_history_database(url)) as history:
        history.remember_toolchain(a_point(), cell.toolchain)
        history.record([(cell, an_object(data))])
        history.record([], [(cell, an_object(data), a_judgement(verdict, rules=rules))])


def rejudged(url: str, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["history", "rejudge", "--database", url, "--json", "--quiet", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_verdict_that_other_rules_gave_flips(url: str, jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    remember(url, a_cell(), OBJECT, Verdict.BAD)
    document = rejudged(url, capsys, "--jobs", jobs)
    assert document["judged"] == 1
    assert document["flips"] == [
        {
            "object": an_object(OBJECT).object_digest,
            "recipe": "store",
            "language": "c",
            "before": {
                "verdict": "bad",
                "rules": OLDER,
                "defects": [{"function": "store", "kind": "writeback-post"}],
            },
            "after": {"verdict": "good", "rules": RULES, "defects": []},
            "cells": [{"point": "zig@0.13.0", "target": "aarch64", "opt": "2"}],
        }
    ]


def test_the_older_judgement_stays_beside_the_new_one(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    remember(url, a_cell(), OBJECT, Verdict.BAD)
    rejudged(url, capsys, "--jobs", "1")
    with SqlHistory(open_history_database(url)) as history:
        kept = history.outcome(a_cell().key).judgements
    assert [(each.rules, each.verdict) for each in kept] == [(OLDER, Verdict.BAD), (RULES, Verdict.GOOD)]


def test_equal_objects_are_judged_once_and_a_second_run_has_nothing_to_do(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("0.11.0", "0.12.1", "0.13.0"):
        for opt in (OptLevel.O1, OptLevel.O2):
            remember(url, a_cell(toolchain=a_toolchain(version), opt=opt), OBJECT, Verdict.GOOD)
    document = rejudged(url, capsys, "--jobs", "1")
    assert (document["pending"], document["judged"], document["flips"]) == (1, 1, [])
    assert rejudged(url, capsys, "--jobs", "1")["pending"] == 0


def test_under_another_profile_everything_is_new(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    remember(url, a_cell(), OBJECT, Verdict.GOOD, rules=RULES)
    document = rejudged(url, capsys, "--jobs", "1", "--profile", "xen-arm")
    assert (document["profile"], document["new"], document["flips"]) == ("xen-arm", 1, [])


def test_what_older_rules_judged_can_be_left_out(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    remember(url, a_cell(), OBJECT, Verdict.BAD)
    assert rejudged(url, capsys, "--jobs", "1", "--since-rules", str(RULES))["pending"] == 0
    assert rejudged(url, capsys, "--jobs", "1", "--since-rules", str(OLDER))["pending"] == 1


def test_a_stored_text_that_is_no_case_any_more_is_named(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = a_case(directive=b"//mmio: fn=store(mmio) each=store32 newer=syntax\n")
    remember(url, a_cell(case=case), OBJECT, Verdict.BAD)
    document = rejudged(url, capsys, "--jobs", "1")
    assert document["judged"] == 1
    assert "newer" in json.dumps(document["unreadable"])


def test_people_get_a_line_a_flip(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    remember(url, a_cell(), OBJECT, Verdict.BAD)
    assert main(["history", "rejudge", "--database", url, "--jobs", "1"]) == 0
    said = capsys.readouterr()
    assert "1 verdicts flipped" in said.out
    assert "bad → good  store.c  zig@0.13.0 aarch64 -O2  writeback-post" in said.out
    assert "1 of 1 judged" in said.err


def test_the_workers_of_one_that_is_killed_end_within_a_second(tmp_path: Path) -> None:
    tool = Tool(root=tmp_path)
    for number in range(100):
        data = OBJECT + number.to_bytes(2, "little")
        remember(f"sqlite:///{tool.database}", a_cell(), data, Verdict.BAD)
    process = tool.start("history", "rejudge", "--jobs", "3")
    # It, three workers, and multiprocessing's tracker
    assert eventually(lambda: len(tool.processes()) == 5)
    process.kill()
    process.communicate()
    assert eventually(lambda: tool.processes() == [], 1)
    assert tool("history", "rejudge", "--json", "--quiet").document["pending"] > 0, "it was not over"
