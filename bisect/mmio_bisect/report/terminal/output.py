"""Where output goes: the answer to standard output, everything else to standard error.

Whoever reads may go away (`| head`): what is left unsaid is dropped, and the exit code stays that of the answer.
"""

import os
import shutil
import sys
from collections.abc import Mapping

from mmio_bisect.redaction import redact
from mmio_bisect.report.documents.json_text import text_of

# Wide enough for two columns of assembly where nobody says how wide the reader is.
_UNKNOWN_WIDTH = 140


def width() -> int:
    return shutil.get_terminal_size(fallback=(_UNKNOWN_WIDTH, 24)).columns


def show(text: str) -> None:
    """Print a text that ends its own lines."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_the_rest()


def show_document(members: Mapping[str, object]) -> None:
    show(text_of(members))


def note(text: str) -> None:
    """A remark for whoever watches, without the passwords of an address in it."""
    print(redact(text), file=sys.stderr)  # noqa: T201 - this is what prints


def _drop_the_rest() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
