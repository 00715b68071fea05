"""What is asked of the history on the command line, in text, JSON and CSV; the compilers do as a script says."""

import csv
import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scripted_wiring import Script, scripted

from mmio_bisect.cli.app import main

SCRIPT = Script({"0.11.0": "good", "0.12.0": "good", "0.13.0": "bad", "0.14.0": "bad", "0.15.0": "rejected"})


@dataclass(frozen=True, slots=True)
class Terminal:
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0) -> str:
        assert main(words, wire=partial(scripted, SCRIPT)) == code
        out, err = self.capture.readouterr()
        return out if code == 0 else err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))

    def csv(self, *words: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self(*words, "--csv"))))


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """After a sweep over the script's compilers."""
    monkeypatch.setenv("MMIO_BISECT_DATABASE", f"sqlite:///{tmp_path / 'history.db'}")
    monkeypatch.setenv("MMIO_BISECT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal(capsys)
    assert main(("sweep", "store_then_step", "zig", "--opt", "1,2", "-q"), wire=partial(scripted, SCRIPT)) == 0
    capsys.readouterr()
    return terminal


def test_the_matrix_has_a_glyph_a_verdict(terminal: Terminal) -> None:
    assert [line.rstrip() for line in terminal("history", "matrix").splitlines()[-5:]] == [
        "store_then_step.c  -O1 · · ✗ ✗ ?",
        "                   -O2 · · ✗ ✗ ?",
        "",
        "· good, ✗ bad, ? untestable, blank: not measured",
        "2 rows.",
    ]
    (series,) = terminal.json("history", "matrix", "--opt", "2")["series"]
    assert [cell["verdict"] for cell in series["rows"][0]["cells"]] == ["good", "good", "bad", "bad", "untestable"]
    rows = terminal.csv("history", "matrix", "--versions", "2", "--opt", "1")
    assert [(row["version"], row["verdict"]) for row in rows] == [("0.14.0", "bad"), ("0.15.0", "untestable")]


def test_transitions_tell_the_llvm_versions_on_both_sides(terminal: Terminal) -> None:
    assert terminal("history", "transitions") == (
        "store_then_step.c aarch64\n"
        "  introduced writeback-post in store_then_step of store32+0\n"
        "    LLVM 0.12.0 → 0.13.0  [confirmed]\n"
        "      zig@0.12.0 → 0.13.0  -O1,-O2\n"
        "2 transitions.\n"
    )
    document = terminal.json("history", "transitions", "--opt", "2")
    assert document["total"] == 1
    (found,) = document["transitions"]
    assert (found["last"], found["first"], found["defect"], found["access"]) == (
        "zig@0.12.0",
        "zig@0.13.0",
        "writeback-post",
        "store32+0",
    )
    assert {row["opt"] for row in terminal.csv("history", "transitions")} == {"1", "2"}
    assert terminal("history", "transitions", "--verdict", "good") == "No transitions fit.\n"


def test_notes_are_kept_and_shown_with_what_they_are_about(terminal: Terminal) -> None:
    assert terminal("history", "note") == "No notes yet.\n"
    about = ("--recipe", "store_then_step", "--defect", "writeback-post", "--author", "me")
    link = "https://example.org/issues/1"
    terminal("history", "note", "Told upstream", *about, "--state", "reported", "--link", link)
    assert link in terminal("history", "note", "--recipe", "store_then_step")
    assert terminal.json("history", "note")["notes"][0]["state"] == "reported"
    shown = terminal("history", "transitions")
    assert f"LLVM 0.12.0 → 0.13.0  [reported {link}]\n" in shown
    assert "me: Told upstream\n" in shown
    (row,) = terminal.csv("history", "transitions", "--opt", "2")
    assert (row["state"], row["links"]) == ("reported", link)
    assert "no recipe “nothing”" in terminal("history", "note", "x", "--recipe", "nothing", code=2)
    assert "name it with --recipe" in terminal("history", "note", "x", code=2)


def test_a_history_goes_out_and_in_again(terminal: Terminal, tmp_path: Path) -> None:
    terminal("history", "note", "kept too", "--recipe", "store_then_step")
    export, other = str(tmp_path / "export.jsonl"), f"sqlite:///{tmp_path / 'other.db'}"
    terminal("history", "export", "--output", export)
    assert terminal("history", "export") == Path(export).read_text()
    assert terminal("history", "import", export, "--database", other).startswith("New: ")
    assert "Known already: 1" not in terminal("history", "import", export, "--database", other, "--json")
    assert terminal("history", "transitions", "--database", other) == terminal("history", "transitions")
    assert terminal("history", "check", "--database", other).count("ok  ") == 4
    terminal("history", "backup", str(tmp_path / "copy.db"))
    assert (tmp_path / "copy.db").exists()
    assert "cannot be read" in terminal("history", "import", str(tmp_path / "nowhere"), code=2)


def test_two_compilers_are_compared(terminal: Terminal) -> None:
    words = ("history", "diff", "zig@0.12.0", "zig@0.13.0", "--recipe", "store_then_step", "--opt", "2")
    shown = terminal(*words)
    assert shown.startswith("aarch64 -O2: they differ\n")
    assert "zig@0.13.0 accesses: str w9, [x0], #8 (store32+0), str w9, [x8, #4] (store32+4)\n" in shown
    (pair,) = terminal.json(*words)["pairs"]
    assert (pair["same_code"], pair["same_defects"]) == (False, False)
    same = terminal("history", "diff", "zig@0.11.0", "zig@0.12.0", "--recipe", "store_then_step")
    assert same.count("both do the same, good, with equal code") == 2
    assert "untestable, zig@0.15.0: " in terminal("history", "diff", "zig", "zig", "--recipe", "store_then_step")
    assert "has nothing of" in terminal("history", "diff", "zig@9", "zig", "--recipe", "store_then_step", code=14)


def test_outcomes_are_listed_as_the_filters_say(terminal: Terminal) -> None:
    listed = terminal("history", "list", "--verdict", "untestable").splitlines()
    assert len(listed) == 4
    assert [
        row["version"] for row in terminal.csv("history", "list", "--outcomes", "--opt", "2", "--sort", "recipe")
    ] == [*SCRIPT.does]
    document = terminal.json("history", "list", "--defect", "writeback-post", "--limit", "1")
    assert (document["total"], document["more"], len(document["outcomes"])) == (4, True, 1)
    assert document["outcomes"][0]["marks"] == "store_then_step store32+0 writeback-post"


def test_show_takes_filters_too(terminal: Terminal) -> None:
    shown = terminal("history", "show", "--verdict", "bad", "--opt", "2", "--limit", "2")
    assert shown.count("\ncell ") + shown.startswith("cell ") == 2
    assert terminal("history", "show", "--verdict", "bad", "--series", "none") == "No outcomes fit.\n"
    assert len(terminal.json("history", "show", "--opt", "1", "--limit", "9")["outcomes"]) == 5


def test_changed_code_with_the_same_verdict_is_told(terminal: Terminal) -> None:
    assert terminal("history", "fingerprint") == "No changes of code fit.\n"
    assert "zig@0.12.0 → 0.13.0  -O1,-O2" in terminal("history", "fingerprint", "--all")
    assert len(terminal.csv("history", "fingerprint", "--all")) == 2


def test_statistics_and_sql(terminal: Terminal) -> None:
    assert "outcomes      10 (8 object, 2 rejected)\n" in terminal("history", "stats")
    assert terminal.csv("history", "stats")[0]["bad"] == "4"
    assert terminal.json("history", "stats")["outcomes"] == 10
    assert terminal("history", "sql", "SELECT count(*) AS n FROM outcomes") == "n\n10\n"
    assert terminal.json("history", "sql", "SELECT NULL, x'ff'")["rows"] == [[None, "ff"]]
    assert terminal("history", "sql", "SELECT 1 AS a, 2 AS b", "--csv") == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("matrix", "--json", "--csv"), "choose one"),
        (("list", "--since", "yesterday"), "“yesterday” is not a date"),
        (("list", "--verdict", "ugly"), "“ugly” is not a verdict"),
        (("transitions", "--defect", "ugly"), "“ugly” is not a defect kind"),
        (("sql", "DELETE FROM runs"), "only reads"),
    ],
)
def test_what_cannot_be_asked_is_refused(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    assert said in terminal("history", *words, code=2)
