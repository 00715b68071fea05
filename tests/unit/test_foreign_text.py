"""What a terminal would obey, hide or reorder is made visible, and every way to the terminal goes through that."""

import ast
import io
import json
import re
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import mmio_bisect
from mmio_bisect.report.foreign_text import for_json, for_terminal
from mmio_bisect.report.terminal.bars import bars
from mmio_bisect.report.terminal.styled import NeutralConsole
from mmio_bisect.report.terminal.watch import LogForm, StreamLog

PACKAGE = Path(mmio_bisect.__file__).parent
TEXTS = st.text(
    alphabet=st.one_of(st.characters(codec=None), st.sampled_from("\x1b\x07\x9b\r\b\u202e\u2066\u200b[]0m"))
)
HOSTILE = (
    "\x1b[2J\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\x9b31m\r\b\u202eevil\u2066\u200b[link=https://e]x[/link]"
)


def test_all_that_unicode_calls_control_format_surrogate_or_separator_is_replaced() -> None:
    stays = {"\n", "\t"}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in stays:
            assert for_terminal(character) in {chr(0x2400 + code), "\u2421", "\ufffd"}, hex(code)
    for harmless in "aé中🎉⚠\ufe0f ‘’–→\u0301\n\t␛\ufffd":
        assert for_terminal(harmless) == harmless


@given(text=TEXTS)
def test_each_character_is_one_and_again_changes_nothing(text: str) -> None:
    neutral = for_terminal(text)
    assert len(neutral) == len(text)
    assert for_terminal(neutral) == neutral
    neutral.encode()


@given(text=TEXTS)
def test_json_means_what_it_meant(text: str) -> None:
    written = for_json(json.dumps({text: [text]}, ensure_ascii=False, indent=2))
    assert json.loads(written) == {text: [text]}
    assert for_terminal(written) == written


def printed(*, live: bool) -> str:
    """What a terminal with colours is sent for hostile texts in all that is printed through rich."""
    stream = io.StringIO()
    console = NeutralConsole(file=stream, force_terminal=live, highlight=False, markup=False, width=200)
    table = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    table.add_row(HOSTILE)
    styled = Text(HOSTILE, style="red")
    for thing in (HOSTILE, styled, table, Panel(HOSTILE)):
        console.print(thing)
    with Live(table, console=console, refresh_per_second=50):
        console.print(HOSTILE)
    with bars(console, 3, None, changed=False) as watcher:
        watcher._progress.add_task(HOSTILE)  # type: ignore[attr-defined]
        watcher._progress.refresh()  # type: ignore[attr-defined]
    return stream.getvalue()


def test_a_console_prints_text_and_styles() -> None:
    plain = printed(live=False)
    assert for_terminal(plain) == plain
    assert "␛[2J" in plain
    assert "[link=https://e]x[/link]" in plain


def test_on_a_terminal_only_richs_own_sequences_are_left() -> None:
    """Those that style text (SGR) and those that move the cursor, hide it and erase lines."""
    left = re.sub(r"\x1b\[(?:\d+(?:;\d+)*m|\d*A|2K|\?25[lh]|0m|H)|\r", "", printed(live=True))
    assert for_terminal(left) == left
    assert "evil.example" in left


@pytest.mark.parametrize("form", list(LogForm))
def test_the_log_of_the_watch_is_neutral(form: LogForm) -> None:
    stream = io.StringIO()
    StreamLog(form, stream).say(HOSTILE)
    assert for_terminal(stream.getvalue()) == stream.getvalue()
    assert "evil.example" in stream.getvalue()
    if form is LogForm.JSON:
        assert json.loads(stream.getvalue())["message"] == HOSTILE


def test_nothing_prints_but_what_neutralises() -> None:
    """`__main__` prints the version; `watch` has a log of its own, which the next test reads."""
    printers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if named in {
                "print",
                "sys.stdout.write",
                "sys.stderr.write",
                "Console",
                "typer.echo",
                "Progress",
                "rich.print",
            }:
                printers.add(path.relative_to(PACKAGE).as_posix())
    assert printers == {
        "__main__.py",
        "report/terminal/bars.py",
        "report/terminal/output.py",
        "report/terminal/watch.py",
    }
