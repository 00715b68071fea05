"""Every command over a history, compilers and files that say what no terminal should be told."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from scripted_wiring import Script, scripted

from mmio_bisect.cli.app import main
from mmio_bisect.report.foreign_text import for_terminal

EVIL = (
    "\x1b[2Jevil\x1b]8;;https://evil.example/\x07\x9b31m\u202e\u2066\u200b\r\b[link=https://evil.example/]"
    "<script>alert(1)</script>![x](https://evil.example/) @everyone owner/name#1 | `"
)
SCRIPT = Script({"0.11.0": "good", "0.12.0": "good", "0.13.0": "bad", "0.14.0": "bad", "0.15.0": "rejected"})
# Names of columns, and of members of documents within them, that hold what people and compilers wrote.
WRITTEN = frozenset(
    """access argv author code command commit compiler compiler_version error first first_version function
    instruction last last_version link llvm llvm_version output paths plain reason recipe series summary text title
    toolchain trouble version version_text why""".split()  # noqa: SIM905 - words are read more easily so
)


def poisoned(value: Any, name: str | None = None) -> Any:
    """With evil after each text that has such a name."""
    match value:
        case dict():
            return {key: poisoned(item, key) for key, item in value.items()}
        case list():
            return [poisoned(item, name) for item in value]
        case str() if name in WRITTEN:
            return value + EVIL
        case _:
            return value


def poison(database: Path) -> int:
    """How many values were changed: in every table, whoever wrote it."""

    def changed(column: str, value: str) -> str:
        if column in WRITTEN and value[:1] not in {"[", "{"}:
            return value + EVIL
        if column == "listing":
            lines = [[code + EVIL, place, encoding, text + EVIL] for code, place, encoding, text in json.loads(value)]
            return json.dumps(lines)
        inside = column if column == "document" else "text"
        return json.dumps(poisoned(json.loads(value), inside))

    with closing(sqlite3.connect(database)) as connection, connection:
        connection.create_function("changed", 2, changed)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, *_ in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
                if column in WRITTEN | {"document", "listing", "registers", "fulfils", "arguments"}:
                    words = f"""UPDATE OR IGNORE "{table}" SET "{column}" = changed('{column}', "{column}")"""  # noqa: S608
                    connection.execute(f"""{words} WHERE typeof("{column}") = 'text' AND "{column}" <> ''""")
        return connection.total_changes


@pytest.fixture
def say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("MMIO_BISECT_DATABASE", f"sqlite:///{tmp_path / 'history.db'}")
    monkeypatch.setenv("MMIO_BISECT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words, wire=partial(scripted, SCRIPT))
        return code, *capsys.readouterr()

    assert run("run", "store_then_step", "zig:..", "--opt", "2", "-q")[0] == 0
    assert (
        run("history", "note", "--recipe", "store_then_step", "--state", "reported", "--link", "https://a.b/")[0] == 0
    )
    assert poison(tmp_path / "history.db") > 50
    return run


COMMANDS = [
    *((*words, form) for words in (
        ("history", "list"),
        ("history", "list", "--verdict", "bad"),
        ("history", "matrix"),
        ("history", "transitions"),
        ("history", "fingerprint"),
        ("history", "stats"),
        ("history", "sql", "SELECT * FROM points, toolchains, notes"),
        ("history", "note"),
        ("history", "show", "1"),
        ("history", "show", "--verdict", "bad"),
    ) for form in ("", "--json", "--csv")),
    ("history", "export"),
    ("history", "check"),
    ("report", "1"),
    ("report", "1", "--json"),
    ("toolchains", "list"),
    ("toolchains", "list", "--json"),
    ("run", "store_then_step", "zig:..", "--opt", "2"),
    ("run", "store_then_step", "zig:..", "--opt", "2", "--json"),
    ("sweep", "store_then_step", "zig", "--opt", "2"),
    ("history", "show", EVIL),
    ("run", EVIL, "zig:.."),
    ("run", "store_then_step", f"zig:{EVIL}.."),
    ("series", "show", EVIL),
    ("explain", EVIL),
    (EVIL,),
    ("run", f"--{EVIL}"),
    ("history", "sql", f"SELECT '{EVIL}' AS \"{EVIL}\""),
    ("history", "sql", f"SELECT {EVIL}"),
    ("recipes", "show", EVIL),
    ("check", "--object", EVIL, "--fn", EVIL),
    ("history", "import", EVIL),
    ("--database", f"sqlite:///{EVIL}", "history", "list"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_no_command_hands_it_to_the_terminal(say: Callable[..., tuple[int, str, str]]) -> None:
    answered: list[tuple[str, ...]] = []
    silent: list[tuple[str, ...]] = []
    for words in (tuple(filter(None, words)) for words in COMMANDS):
        code, out, err = say(*words)
        assert for_terminal(out) == out, words
        assert for_terminal(err) == err, words
        assert "Traceback" not in err, (words, err)
        (answered if code == 0 and "evil" in out else silent).append(words)
    assert len(answered) > 30, silent


def test_a_report_has_it_as_code(say: Callable[..., tuple[int, str, str]]) -> None:
    code, report, _ = say("report", "1")
    assert code == 0
    assert report.count("evil") > 10
    read = MarkdownIt("commonmark", {"html": True}).enable("table").parse(report)
    inside = [token for block in read for token in block.children or ()]
    assert {token.type for token in (*read, *inside)} & {"html_block", "html_inline", "image"} == set()
    addresses = [str(token.attrs["href"]) for token in inside if token.type == "link_open"]
    assert [address.split("/")[2] for address in addresses] == ["godbolt.org"]
    for text in (token.content for token in inside if token.type == "text"):
        assert not re.search(r"[@<>`*]|://|www\.|name#1|evil", text), text


def test_the_page_has_it_as_text(say: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    assert say("history", "report", "--html", "page.html")[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert "evil" in page
    assert for_terminal(page) == page
    assert "<script>alert" not in page
    assert not re.findall(r'href="(?!https://|#|data:,)[^"]*', page)
