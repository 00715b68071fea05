"""Markdown (GitHub's, https://github.github.com/gfm/) around what strangers wrote.

`Markdown.format` and `join` put texts in as markupsafe's `Markup` does: what is not Markdown already becomes `inline`.
Nothing of it is then markup, HTML, a link, a mention or a reference to an issue: words that could be part of any become
code, where none is looked for, and only plain ones are left as they are.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from mmio_bisect.report.foreign_text import for_terminal

# Letters, digits, and signs that mean nothing beside them; no emphasis, no address, no issue of GitHub's (GH-1).
_PLAIN: Final = re.compile(r"(?!.*(?:\b_|_\b|__|www\.|\bGH-\d|://))[\w,.;:()/+=%'“”‘’…–→-]*", re.IGNORECASE)
_BEGINNING: Final = re.compile(r"[-+=]+|\d+[.)]")  # of a list or a heading
_ADDRESS: Final = re.compile(r"https?://[\w.:-]+(?:/[\w./:%~+@?=&#,-]*)?")


class Markdown(str):
    """Text that is Markdown, and nobody else's than ours."""

    __slots__ = ()

    def format(self, *values: object, **named: object) -> "Markdown":
        shown = {name: inline(value) for name, value in named.items()}
        return Markdown(super().format(*map(inline, values), **shown))

    def join(self, parts: Iterable[object]) -> "Markdown":
        return Markdown(super().join(map(inline, parts)))


def inline(value: object) -> Markdown:
    """The value as part of a line: plain words as they are, and rows of others as code."""
    if isinstance(value, Markdown):
        return value
    words = _one_line(str(value)).split(" ")
    plain = [(place > 0 and word == "") or _is_plain(word, first=place == 0) for place, word in enumerate(words)]
    rows = groupby(zip(plain, words, strict=True), key=lambda pair: pair[0])
    parts = ((are_plain, " ".join(word for _, word in row)) for are_plain, row in rows)
    return Markdown(" ".join(text if are_plain else code(text) for are_plain, text in parts))


def _is_plain(word: str, *, first: bool) -> bool:
    return _PLAIN.fullmatch(word) is not None and not (first and _BEGINNING.fullmatch(word))


def code(text: str) -> Markdown:
    """A code span: its fence is longer than any row of backticks within (section 6.1)."""
    text = _one_line(text)
    fence = _fence(text, "`")
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}" if text else "")


def fenced(text: str, language: str) -> Markdown:
    """A block of code (section 4.5)."""
    text = for_terminal(text).rstrip()
    fence = _fence(text, "```")
    return Markdown(f"{fence}{language}\n{text}\n{fence}")


def link(value: object, address: str | None) -> Markdown:
    """Of an address that is not plainly one of the web, the value alone."""
    plain = address is not None and _ADDRESS.fullmatch(address)
    return Markdown(f"[{inline(value)}]({address})") if plain else inline(value)


def row(*cells: object) -> Markdown:
    """Of a table, whose cells end at any bar (section 4.10)."""
    return Markdown("| " + " | ".join(inline(each).replace("|", r"\|") for each in cells) + " |")


def _one_line(text: str) -> str:
    return for_terminal(text.replace("\n", " ").replace("\t", " ")).strip(" ")


def _fence(text: str, shortest: str) -> str:
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    return "`" * max(len(shortest), longest + 1)
