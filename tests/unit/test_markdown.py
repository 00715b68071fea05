"""What strangers wrote stays text in Markdown: read back by a parser, nothing of it means anything."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mmio_bisect.report.documents.markdown import Markdown, code, fenced, inline, link, row
from mmio_bisect.report.foreign_text import for_terminal

SPECIAL = st.sampled_from(
    [
        *("`", "``", "```", "*", "_", "[x](y)", "![", "<b>", "</b>", "&lt;", "\\", "|", "~~", "$", "#", "#1", "GH-1"),
        *("@a", "a@b.cd", "https://e.x/", "www.e.x", "-", "1.", "+", "=", ">", "---", "a"),
        *(" ", "\n", "\n\n", "\t", "\x1b", "\u202e"),
    ]
)
TEXTS = st.lists(SPECIAL | st.text(max_size=4), max_size=12).map("".join)
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def read(text: str) -> tuple[list[str], list[Token]]:
    """The kinds of blocks, and what is in them."""
    blocks = READER.parse(text)
    return [block.type for block in blocks], [token for block in blocks for token in block.children or ()]


@given(text=TEXTS)
def test_a_text_in_a_line_is_read_as_it_was_written(text: str) -> None:
    written = Markdown("* a: {} b\n* {}").format(text, text)
    blocks, inside = read(written)
    item = ["list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close"]
    if text.strip():
        assert blocks == ["bullet_list_open", *item, *item, "bullet_list_close"]
    assert {token.type for token in inside} <= {"text", "code_inline"}
    shown = re.sub(r"\s+", "", "".join(token.content for token in inside))
    told = re.sub(r"\s+", "", for_terminal(text.replace("\n", " ").replace("\t", " ")))
    assert shown == f"a:{told}b{told}"
    for plain in (token.content for token in inside if token.type == "text"):
        assert not re.search(r"[@<>\[\]`*~$|\\&]|#|://|www\.|\bgh-\d", plain, re.IGNORECASE)


@given(text=TEXTS)
def test_a_block_of_code_ends_where_ours_ends(text: str) -> None:
    blocks, inside = read(f"{fenced(text, 'c')}\n\nafter")
    assert blocks == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert [token.content for token in inside] == ["after"]


@given(text=TEXTS)
def test_a_row_has_its_cells(text: str) -> None:
    blocks, _ = read("\n".join([row("a", "b"), "|---|---|", row(text, text)]))
    assert blocks.count("td_open") == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clang 18.1.6", "clang 18.1.6"),
        ("aarch64: fold the offset (100%)", "aarch64: fold the offset (100%)"),
        ("store_then_step of zig@0.13.0", "store_then_step of `zig@0.13.0`"),
        ("A. Programmer <a@example.org>", "A. Programmer `<a@example.org>`"),
        ("fix `a b` (#12)", "fix `` `a b` (#12) ``"),
        ("- x", "`-` x"),
        ("é 1.", "é 1."),
        ("", ""),
    ],
)
def test_plain_words_stay_as_they_are(text: str, expected: str) -> None:
    assert inline(text) == expected


def test_what_is_markdown_already_is_not_touched_again() -> None:
    assert inline(code("a*b")) == "`a*b`"
    assert Markdown("{}, {}").format(Markdown("**a**"), "**b**") == "**a**, `**b**`"
    assert Markdown(" ").join(["*", Markdown("*")]) == "`*` *"


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "https://a/)b", "https://a b", "http://a/<b>", "data:x", "//a", "https://", "", None],
)
def test_only_plain_addresses_of_the_web_become_links(address: str | None) -> None:
    assert link("text", address) == "text"
    assert link("a*", "https://example.org/a_b?c=d#e") == "[`a*`](https://example.org/a_b?c=d#e)"
