"""`explain` as a user calls it: lists of words in, JSON Lines out, and what is said of bad input."""

import json
from pathlib import Path

import pytest

from mmio_bisect.cli.app import main


def test_a_list_of_words_is_answered_in_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text("b8004409\n0xF9400000\n\nf9800000\nd92f0000\n")
    assert main(["explain", "--words", str(words), "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"word": "b8004409", "text": "str w9, [x0], #4", "form": "single", "isv": False},
        {"word": "0xF9400000", "text": "ldr x0, [x0]", "form": "single", "isv": True},
        {"word": "f9800000", "text": "prfm pldl1keep, [x0]", "form": "prefetch", "isv": None},
        {"word": "d92f0000", "text": ".word 0xd92f0000", "form": "not an instruction", "isv": None},
    ]


def test_without_json_the_same_stands_in_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text("a8810801\n")
    assert main(["explain", "--words", str(words)]) == 0
    assert capsys.readouterr().out.split() == ["a8810801", "0", "pair", "stp", "x1,", "x2,", "[x0],", "#0x10"]


@pytest.mark.parametrize("line", ["1b8004409", "str w9, [x0]", "-1", "0x"])
def test_a_line_that_is_no_word_is_named(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text(f"b8004409\n{line}\n")
    assert main(["explain", "--words", str(words)]) == 2
    assert f"{words}:2" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--words", str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_topic_and_words_do_not_go_together(tmp_path: Path) -> None:
    assert main(["explain", "pair", "--words", str(tmp_path)]) == 2
