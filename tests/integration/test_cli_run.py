"""`run` and `history` as a user meets them, with compilers that do as a script says."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scripted_wiring import Script, scripted

from mmio_bisect.cli.app import main
from mmio_bisect.errors import DownloadError

GOOD_TO_BAD = {"0.11.0": "good", "0.12.0": "good", "0.12.1": "good", "0.13.0": "bad", "0.14.0": "bad", "0.15.1": "bad"}
ANSWER = """\
-O2: introduced in zig@0.13.0 (clang 0.13.0); last good zig@0.12.1 (clang 0.12.1)

store_then_step
good: zig@0.12.1 (clang 0.12.1) │ bad: zig@0.13.0 (clang 0.13.0)
"""


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Terminal:
    """Types a command and reads what it says; the history and the store are this test's own."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, script: Script, *words: str) -> Said:
        code = main(words, wire=partial(scripted, script))
        out, err = self.capture.readouterr()
        return Said(code, out, err)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setenv("MMIO_BISECT_DATABASE", f"sqlite:///{tmp_path / 'history.db'}")
    monkeypatch.setenv("MMIO_BISECT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal(capsys)


def claim(said: Said) -> str:
    return said.out.split("\n\n", maxsplit=1)[0]


def test_the_answer_names_the_culprit_and_shows_the_proof(terminal: Terminal) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "2")
    assert said.code == 0
    assert said.out.startswith(ANSWER)
    assert "│ ▶    8  str     w9, [x0], #8\n" in said.out
    assert "\n▶ 0x8 str w9, [x0], #8  writeback-post of store32+0: " in said.out
    assert "mmio-bisect run store_then_step zig:.. --opt 2\n" in said.out


def test_probes_are_told_on_standard_error_as_they_come(terminal: Terminal) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "--jobs", "1")
    lines = said.err.splitlines()
    assert "zig@0.12.1  clang 0.12.1  -O2  good" in lines
    assert "zig@0.13.0  clang 0.13.0  -O2  bad  writeback-post in store_then_step" in lines
    assert "zig@0.12.1  fetching 2.0 KiB" in lines


def test_json_is_one_document_and_nothing_else_on_standard_output(terminal: Terminal) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "2", "--jobs", "1", "--json")
    told = said.document
    assert told["schema"] == 2
    assert told["answers"] == [
        {
            "target": "aarch64",
            "opt": "2",
            "kind": "culprit",
            "change": "introduced",
            "last": "zig@0.12.1",
            "first": "zig@0.13.0",
            "suspects": ["zig@0.13.0"],
        }
    ]
    assert len(told["probes"]) == told["cost"]["cells_compiled"] <= 5


def test_quiet_leaves_standard_error_empty(terminal: Terminal) -> None:
    assert terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "2", "-q").err == ""


def test_the_second_time_nothing_is_fetched_or_compiled(terminal: Terminal) -> None:
    words = ("run", "store_then_step", "zig:..", "--opt", "2", "--json")
    first = terminal(Script(GOOD_TO_BAD), *words).document
    again = Script(GOOD_TO_BAD)
    second = terminal(again, *words).document
    assert (again.fetched, again.compiled) == ([], [])
    assert second["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}
    assert second["answers"] == first["answers"]
    assert all(probe["from_history"] for probe in second["probes"])


def test_levels_that_agree_are_answered_together(terminal: Terminal) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "1,2", "--opt", "s")
    assert claim(said).startswith("-O1, -O2, -Os: introduced in zig@0.13.0")


EXITS: list[tuple[Mapping[str, str], int, str]] = [
    ({"1": "bad", "2": "good", "3": "good"}, 0, "-O2: fixed in zig@2"),
    ({"1": "bad", "2": "bad", "3": "bad"}, 0, "-O2: no change: bad at both ends"),
    ({"1": "good", "2": "it crashed", "3": "bad"}, 3, "-O2: introduced in one of 2 toolchains; last good zig@1"),
]


@pytest.mark.parametrize(("does", "code", "sentence"), EXITS)
def test_the_exit_code_says_how_much_was_answered(
    terminal: Terminal, does: Mapping[str, str], code: int, sentence: str
) -> None:
    said = terminal(Script(does), "run", "store_then_step", "zig:..", "--opt", "2")
    assert said.code == code
    assert said.out.startswith(sentence)


def test_verdicts_that_fit_no_boundary_are_a_contradiction(terminal: Terminal) -> None:
    does = {"1": "good", "2": "bad", "3": "good", "4": "bad"}
    for one in does:  # each pair of neighbours, so that history holds all four verdicts
        if one != "4":
            terminal(Script(does), "run", "store_then_step", f"zig:{one}..{int(one) + 1}", "--opt", "2")
    said = terminal(Script(does), "run", "store_then_step", "zig:1..4", "--opt", "2")
    assert said.code == 4
    assert said.out.startswith("-O2: contradiction: the verdicts fit no single boundary")


def test_a_recipe_that_compiles_nowhere_is_an_error(terminal: Terminal) -> None:
    said = terminal(Script({"1": "no such header", "2": "no such header"}), "run", "store_then_step", "zig:..", "-q")
    assert said.code == 16
    assert "no such header" in said.err
    assert said.out == ""


def test_a_reversed_range_is_accepted_and_said(terminal: Terminal) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:0.13..0.12", "--opt", "2", "--json")
    assert said.err.startswith("note: the range was given newest first; it is zig@0.12.0 to zig@0.13.0.\n")
    assert said.document["range"] == {"first": "zig@0.12.0", "last": "zig@0.13.0", "reversed": True}


def test_a_change_of_code_can_be_looked_for_instead(terminal: Terminal) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "2", "--changed")
    assert claim(said).startswith("-O2: the code changed in zig@0.13.0")


def test_only_the_defects_asked_for_make_it_bad(terminal: Terminal) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "2", "--defect", "torn,merged")
    assert claim(said).startswith("-O2: no change: good at both ends")


@pytest.mark.parametrize("mark", ["writeback-post:store_then_step", "writeback-post:store_then_step:store32+0"])
def test_a_defect_may_be_named_with_its_access_or_without(terminal: Terminal, mark: str) -> None:
    said = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "2", "--only", mark)
    assert claim(said).startswith("-O2: introduced in zig@0.13.0")


def test_everything_of_the_probes_can_be_kept(terminal: Terminal, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    words = ("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "--keep", str(kept))
    terminal(Script(GOOD_TO_BAD), *words)
    assert sorted(place.name for place in kept.iterdir()) == ["zig@0.12.1", "zig@0.13.0"]
    assert (kept / "zig@0.13.0" / "store_then_step.c-aarch64-O2" / "store_then_step.o").read_bytes() == b"bad"


def test_a_source_that_does_not_answer_is_no_verdict(terminal: Terminal) -> None:
    failing = Script(GOOD_TO_BAD, failure=DownloadError("The index does not answer: try again."))
    said = terminal(failing, "run", "store_then_step", "zig:..", "--opt", "2")
    assert (said.code, said.out) == (17, "")
    *retries, error = said.err.splitlines()
    assert error == "error: The index does not answer: try again."
    assert "zig@0.15.1  again in 1 s: The index does not answer: try again." in retries
    assert "zig@0.15.1  again in 4 s: The index does not answer: try again." in retries


def test_an_interrupt_says_what_is_kept_and_how_to_go_on(terminal: Terminal) -> None:
    words = ("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "-q")
    said = terminal(Script(GOOD_TO_BAD, failure=KeyboardInterrupt()), *words)
    assert said.code == 130
    assert said.err == f"Interrupted: 0 probes are kept; resume with: mmio-bisect {' '.join(words)}\n"


REFUSALS: list[tuple[tuple[str, ...], int, str]] = [
    (("run", "store_then_stop", "zig:.."), 11, "store_then_step"),
    (("run", "store_then_step.rs", "zig:.."), 11, "The series zig compiles .c and .ll, but store_then_step.rs is"),
    (("run", "store_then_step", "zigg:.."), 13, "did you mean zig?"),
    (("run", "store_then_step", "zig:0.12.2.."), 14, "the nearest are 0.12.1"),
    (("run", "store_then_step", "zig:0.12.1..0.12.1"), 15, "needs two different ends"),
    (("run", "store_then_step", "zig:0.12.1"), 2, "write SERIES:FROM..TO"),
    (("run", "store_then_step", "zig:..", "--opt", "7"), 2, "“7” is not an optimisation level; there are 0, 1, 2"),
    (("run", "store_then_step", "zig:..", "--target", "vax"), 2, "“vax” is not a target; there are aarch64"),
    (("run", "store_then_step", "zig:..", "--profile", "vax"), 2, "“vax” is not a profile; there are arm-isv"),
    (("run", "store_then_step", "zig:..", "--defect", "ugly"), 2, "“ugly” is not a defect kind"),
    (("run", "store_then_step", "zig:..", "--defect", "escapes"), 2, "“escapes” can match nothing"),
    (("run", "store_then_step", "zig:..", "--only", "undefined:store_then_step"), 2, "“undefined” can match nothing"),
    (("run", "store_then_step", "zig:..", "--only", "torn:gone"), 2, "tests no function gone"),
    (("run", "store_then_step", "zig:..", "--only", "torn:store_then_step:load8+0"), 2, "has the accesses store32+0, "),
    (("run", "store_then_step", "zig:..", "--sandbox", "docker"), 20, "Cannot reach the docker daemon"),
    (("run", "store_then_step", "zig:..", "--sandbox", "cloud"), 2, "there are auto, docker, local"),
    (("run", "store_then_step", "zig:..", "--jobs", "0"), 2, "--jobs"),
    (("run", "store_then_step"), 2, "Missing argument"),
    (("rum",), 2, "Did you mean 'run'"),
    (("history", "show", "99"), 27, "no run 99"),
    (("history", "show", "xyz"), 27, "'xyz'"),
    (("explain", "writeback"), 28, "did you mean writeback-p"),
    (("explain", "0x12"), 28, "8 hexadecimal digits"),
    (("series", "show", "gig"), 13, "did you mean zig?"),
    (("toolchains", "prune", "--keep", "much"), 2, "“much” is not a size"),
    (("toolchains", "fetch", "zig@0.99"), 14, "no version “0.99”"),
]


@pytest.mark.parametrize(("words", "code", "sentence"), REFUSALS, ids=[" ".join(words) for words, _, _ in REFUSALS])
def test_bad_input_is_one_sentence_with_its_own_exit_code(
    terminal: Terminal, words: tuple[str, ...], code: int, sentence: str
) -> None:
    said = terminal(Script(GOOD_TO_BAD), *words)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("error: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_a_foreign_recipe_is_not_run_locally_unasked(terminal: Terminal, tmp_path: Path) -> None:
    mine = tmp_path / "store_then_step.c"
    mine.write_text("//mmio: target=aarch64 opt=2\n//mmio: fn=store_then_step(mmio) each=store32\nint x;\n")
    refused = terminal(Script(GOOD_TO_BAD), "run", str(mine), "zig:..")
    assert refused.code == 20
    assert "pass --sandbox local" in refused.err
    assert terminal(Script(GOOD_TO_BAD), "run", str(mine), "zig:..", "--sandbox", "local").code == 0


def test_history_prints_the_answer_again_in_full(terminal: Terminal) -> None:
    first = terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "1,2", "-q")
    again = terminal(Script(GOOD_TO_BAD), "history", "show", "1")
    assert again.out.endswith(first.out)


def test_history_lists_runs_newest_first(terminal: Terminal) -> None:
    assert terminal(Script(GOOD_TO_BAD), "history", "list").out == "No runs yet.\n"
    terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:0.11..0.12", "--opt", "2")
    terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:..", "--opt", "2")
    rows = [re.split(r"\s{2,}", line.strip()) for line in terminal(Script({}), "history", "list").out.splitlines()]
    assert [(row[0], *row[2:]) for row in rows] == [
        ("run", "case", "range", "answer"),
        ("2", "store_then_step.c", "zig:0.11.0..0.15.1", "-O2 introduced in zig@0.13.0"),
        ("1", "store_then_step.c", "zig:0.11.0..0.12.1", "-O2 no-change"),
    ]


def test_history_shows_everything_of_a_cell(terminal: Terminal) -> None:
    words = ("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2", "--json")
    probes = terminal(Script(GOOD_TO_BAD), *words).document["probes"]
    key = next(probe["cell"] for probe in probes if probe["verdict"] == "bad")
    said = terminal(Script({}), "history", "show", key.removeprefix("sha256:")[:12])
    for expected in (key, "clang 0.13.0", "-O2", "judged as arm-isv", "str     w9, [x0], #8", "//mmio: fn="):
        assert expected in said.out
    told = terminal(Script({}), "history", "show", key, "--json").document
    assert told["cell"] == key
    assert told["judgements"][0]["verdict"] == "bad"


def test_history_lists_outcomes(terminal: Terminal) -> None:
    terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2")
    lines = terminal(Script({}), "history", "list", "--outcomes").out.splitlines()
    verdicts = [re.split(r"\s{2,}", line)[6] for line in lines[1:-1]]
    assert sorted(verdicts) == ["bad", "good"]
    assert lines[-1] == "2 outcomes."


def test_toolchains_are_fetched_listed_and_pruned(terminal: Terminal) -> None:
    script = Script(GOOD_TO_BAD)
    fetched = terminal(script, "toolchains", "fetch", "zig@0.13.0", "zig:0.12..0.13", "-q")
    assert fetched.out.splitlines() == [
        "zig@0.13.0  clang 0.13.0  fetched",
        "zig@0.12.0  clang 0.12.0  fetched",
        "zig@0.12.1  clang 0.12.1  fetched",
    ]
    assert "was there" in terminal(script, "toolchains", "fetch", "zig@0.13.0", "-q").out
    assert terminal(script, "toolchains", "list").out.endswith("3 toolchains, 18 B.\n")
    shown = terminal(script, "series", "show", "zig").out
    lines = [line.split("  ") for line in shown.splitlines()]
    assert ["zig@0.13.0", "here: clang 0.13.0", "0.13.0, as the script says"] in [
        [word.strip() for word in line if word] for line in lines
    ]
    assert terminal(script, "toolchains", "prune", "--keep", "0").out == "3 toolchains removed, 18 B freed.\n"


DOCUMENTS = (
    "explain",
    "explain pair",
    "explain 0xb8004409",
    "recipes list",
    "recipes show fill_loop",
    "recipes check",
    "series list",
    "series show zig",
    "toolchains fetch zig@0.13.0",
    "toolchains list",
    "toolchains prune --keep 1MiB",
    "history list",
    "history list --outcomes",
    "history show 1",
)


@pytest.mark.parametrize("command", DOCUMENTS)
def test_every_command_has_a_versioned_document(terminal: Terminal, command: str) -> None:
    terminal(Script(GOOD_TO_BAD), "run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2")
    said = terminal(Script(GOOD_TO_BAD), *command.split(), "--json")
    assert said.code == 0
    assert said.document["schema"] == 2
    assert command.startswith(said.document["command"])


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("explain", "writeback-post  the instruction also moves"),
        ("explain pair", "pair: one instruction, two registers"),
        ("explain 0xb8004409", "ISV = 0"),
        ("recipes show slice_fill.ll", "case      slice_fill.ll\n"),
        ("series list", "\nzig              clang  "),
    ],
)
def test_what_is_looked_up_is_told_in_text(terminal: Terminal, command: str, sentence: str) -> None:
    said = terminal(Script(GOOD_TO_BAD), *command.split())
    assert said.code == 0
    assert sentence in said.out


def test_a_culprit_that_does_not_stand_is_a_contradiction_and_history_shows_it_so(terminal: Terminal) -> None:
    words = ("run", "store_then_step", "zig:..", "--opt", "2", "-q")
    assert "Checked: both neighbours were compiled again" in terminal(Script(GOOD_TO_BAD), *words).out
    now = terminal(Script(dict.fromkeys(GOOD_TO_BAD, "good")), *words, "--verify")
    assert now.code == 4
    assert "contradiction: zig@0.12.1 and zig@0.13.0, compiled again, make the same object\n" in now.out
    assert terminal(Script(GOOD_TO_BAD), "history", "show", "2").out.endswith(now.out)
