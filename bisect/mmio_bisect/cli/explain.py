"""`mmio-bisect explain`: what a defect means, or what an A64 encoding does to memory."""

from typing import TYPE_CHECKING, Annotated

import typer

from mmio_bisect.cli import options, output
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.errors import UnknownTopicError

if TYPE_CHECKING:
    from mmio_bisect.report.documents import JSON

EXAMPLES = """
Examples:

  mmio-bisect explain writeback-post

  mmio-bisect explain 0xb8004409

An encoding is the instruction's word, as a disassembler prints it.
"""


def explain(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[DEFECT|WORD]",
            help="A defect kind, or an A64 instruction as a hexadecimal word; without: all kinds.",
            autocompletion=options.topic_names,
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> int:
    """Explain a defect kind or an A64 encoding."""
    from mmio_bisect.report import topics  # noqa: PLC0415 - `--help` needs none of this
    from mmio_bisect.report.documents import document  # noqa: PLC0415

    members: JSON
    if topic is None:
        text, members = topics.all_defects()
    elif topic in set(DefectKind):
        text, members = topics.defect(DefectKind(topic))
    else:
        text, members = topics.encoding(_word(topic))
    if as_json:
        output.show_document(document("explain", **members))
    else:
        output.show(text)
    return 0


def _word(topic: str) -> int:
    digits = topic.lower().removeprefix("0x")
    try:
        word = int(digits, 16)
    except ValueError:
        word = -1
    if len(digits) != 8 or word < 0:
        from mmio_bisect.workflow.ranges import nearest  # noqa: PLC0415 - only for the message

        near = nearest(topic, [kind.value for kind in DefectKind])
        hint = (
            f"; did you mean {', '.join(near)}?" if near else ": give a defect kind, or a word of 8 hexadecimal digits."
        )
        raise UnknownTopicError(f"“{topic}” is nothing that explain has a page on{hint}")
    return word
