"""Where the data flow loses sight of the window the compiler decides, from the command line to the answer."""

from pathlib import Path
from typing import Any

import pytest
from tool_process import Tool

pytestmark = [pytest.mark.network, pytest.mark.compiler]

HEAD = """\
//mmio: target=aarch64 opt=2
extern volatile unsigned *mapped(volatile unsigned *p);
"""
STEP = f"""{HEAD}\
//mmio: fn=start(mmio) accesses=store32+0,store32+4
volatile unsigned *start(volatile unsigned *p) {{ p = mapped(p); p[0] = 1; p[1] = 2; return p + 2; }}
"""
BETWEEN = "zig:0.12.1..0.13.0"


def told(tool: Tool, text: str, *words: str) -> dict[str, Any]:
    (tool.folder / "start.c").write_text(text)
    said = tool("run", "start.c", BETWEEN, "--sandbox", "local", "--json", *words)
    assert said.status == 0, said.err
    return said.document


def verdicts(document: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((probe["verdict"], probe["witness"]) for probe in document["probes"])


def test_a_change_is_found_checked_and_remembered_by_the_compilers_word(tool: Tool) -> None:
    first = told(tool, STEP)
    assert verdicts(first) == [("bad", "compiler"), ("good", "compiler")]
    (answer,) = first["answers"]
    assert (answer["kind"], answer["first"]) == ("culprit", "zig@0.13.0")
    assert [check["confirmed"] for check in first["verifications"]] == [True]
    (defect,) = [one for probe in first["probes"] for one in probe["defects"]]
    assert (defect["kind"], defect["access"]) == ("writeback-post", "store32+0")

    again = told(tool, STEP)
    assert verdicts(again) == verdicts(first)
    assert again["cost"]["cells_compiled"] == 0


def test_history_judges_again_by_the_word_that_it_keeps_also_where_it_was_brought(tool: Tool, tmp_path: Path) -> None:
    told(tool, STEP)
    (tool.folder / "history.jsonl").write_text(tool("history", "export").out)
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    assert tool("history", "import", "history.jsonl", "--database", elsewhere).status == 0
    for database in ((), ("--database", elsewhere)):
        assert tool("history", "rejudge", "--profile", "xen-arm", *database).status == 0
        rows = tool(
            "history", "sql", "SELECT verdict FROM judgements WHERE profile = 'xen-arm'", "--json", *database
        ).document["rows"]
        assert rows == [["good"], ["good"]]


UNDECIDED = {
    "an access that is missing": (
        "start(mmio) accesses=store32+0,store32+4",
        "void start(volatile unsigned *p) { p = mapped(p); p[0] = 1; }",
        "not what the source asks for",
    ),
    "a window that is not volatile": (
        "start(mmio) accesses=store32+0",
        "void start(volatile unsigned *p) { p = mapped(p); *(unsigned *)p = 1; }",
        "not what the source asks for",
    ),
    "inline assembly": (
        "start(mmio) accesses=store32+0",
        'void start(volatile unsigned *p) { p = mapped(p); __asm__ volatile("str wzr, [%0]" : : "r"(p) : "memory"); }',
        "inline assembly",
    ),
}


@pytest.mark.parametrize("what", UNDECIDED)
def test_what_the_compiler_does_not_decide_stays_untestable(tool: Tool, what: str) -> None:
    function, source, why = UNDECIDED[what]
    (tool.folder / "start.c").write_text(f"{HEAD}//mmio: fn={function}\n{source}\n")
    said = tool("sweep", "start.c", "zig:0.13.0..0.13.0", "--sandbox", "local", "--json")
    assert said.status == 0, said.err
    listed = tool("history", "list", "--verdict", "untestable", "--json").document
    assert listed, what
    (cell,) = [row["cell"] for row in listed["outcomes"]]
    shown = tool("history", "show", cell, "--json").document
    (judged,) = shown["judgements"][0]["functions"]
    assert (judged["verdict"], judged["witness"]) == ("untestable", "data-flow")
    assert why in judged["unseen"][-1]["why"]
