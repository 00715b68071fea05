"""`mmio-bisect explain`: what a defect means, or what A64 encodings do to memory."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.classify.isa.aarch64.words import Word, read_word
from mmio_bisect.cli import options
from mmio_bisect.composition import a64_texts
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.errors import UnknownTopicError, UsageError, from_os_error
from mmio_bisect.report.documents.json_text import JSON, document
from mmio_bisect.report.explain import topics
from mmio_bisect.report.explain.topics import word_line
from mmio_bisect.report.terminal import output
from mmio_bisect.workflow.probing.ranges import nearest

EXAMPLES = """
Examples:

  mmio-bisect explain writeback-post

  mmio-bisect explain 0xb8004409

  mmio-bisect explain --words words.txt --json

  mmio-bisect explain --table

An encoding is the instruction's word, as a disassembler prints it. With --words and --json each word gets one line of
JSON: word, text, form and isv: true, false, or null where it is not a memory access or no instruction.
"""

_CHUNK = 4096


def explain(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[DEFECT|WORD]",
            help="A defect kind, or an A64 instruction as a hexadecimal word; without: all kinds.",
            autocompletion=options.topic_names,
        ),
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            "--words", metavar="FILE", help="Classify A64 words, one hexadecimal word a line; - is standard input."
        ),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Which hypervisor emulates which form, for every architecture.")
    ] = False,
    as_json: options.AsJson = False,
) -> int:
    if sum((topic is not None, words is not None, table)) > 1:
        raise UsageError("explain takes one of a topic, --words and --table, not several.")
    if words is not None:
        return _explain_words(words, as_json=as_json)
    members: JSON
    if table:
        text, members = topics.profile_table()
    elif topic is None:
        text, members = topics.all_defects()
    elif topic in set(DefectKind):
        text, members = topics.defect(DefectKind(topic))
    else:
        word = _word(topic)
        text, members = topics.encoding(word, next(iter(a64_texts([word]))))
    if as_json:
        output.show_document(document("explain", **members))
    else:
        output.show(text)
    return 0


def _explain_words(path: Path, *, as_json: bool) -> int:
    def line(written: str, found: Word) -> str:
        if as_json:
            return json.dumps(word_line(written, found))
        isv = "-" if found.valid is None else str(int(found.valid))
        return f"{found.word:08x}  {isv}  {found.form:<29} {found.text}"

    every = _words_of(path)
    while some := list(islice(every, _CHUNK)):
        texts = a64_texts(word for _, word in some)
        lines = (line(written, read_word(word, text)) for (written, word), text in zip(some, texts, strict=True))
        output.show("".join(f"{text}\n" for text in lines))
    return 0


def _words_of(path: Path) -> Iterator[tuple[str, int]]:
    """Each word as it is written, and its value. Blank lines are passed over; else an error says where."""
    name = "standard input" if str(path) == "-" else str(path)
    try:
        with sys.stdin if str(path) == "-" else path.open(encoding="ascii", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if written := line.strip():
                    yield written, _hexadecimal(written, f"{name}:{number}")
    except OSError as error:
        raise from_os_error(error, f"{name} cannot be read", UsageError, "give a file of hexadecimal words") from error


def _hexadecimal(digits: str, where: str) -> int:
    try:
        word = int(digits, 16)
    except ValueError:
        word = -1
    if not 0 <= word < 1 << 32:
        raise UsageError(f"{where}: “{digits[:40]}” is not an A64 word; write 32 bits in hexadecimal, as b8004409.")
    return word


def _word(topic: str) -> int:
    digits = topic.lower().removeprefix("0x")
    try:
        word = int(digits, 16)
    except ValueError:
        word = -1
    if len(digits) != 8 or word < 0:
        near = nearest(topic, [kind.value for kind in DefectKind])
        hint = (
            f"; did you mean {', '.join(near)}?" if near else ": give a defect kind, or a word of 8 hexadecimal digits."
        )
        raise UnknownTopicError(f"“{topic}” has no page in explain{hint}")
    return word
