"""Where output goes: the answer to standard output, everything else to standard error.

All that is printed is neutralised here, or in `styled` before it gets its colours.

Whoever reads may go away (`| head`): what is left unsaid is dropped, and the exit code stays that of the answer.
"""

import os
import shutil
import sys
from collections.abc import Mapping

from mmio_bisect.errors import MmioBisectError, from_os_error
from mmio_bisect.redaction import redact
from mmio_bisect.report.documents.json_text import text_of
from mmio_bisect.report.foreign_text import for_terminal

# Wide enough for two columns of assembly where nobody says how wide the reader is.
_UNKNOWN_WIDTH = 140


def width() -> int:
    return shutil.get_terminal_size(fallback=(_UNKNOWN_WIDTH, 24)).columns


def show(text: str) -> None:
    """Print a text that ends its own lines."""
    show_styled(for_terminal(text))


def show_styled(text: str) -> None:
    """Print a text whose escape sequences are ours."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_the_rest()
    except OSError as error:
        _drop_the_rest()  # Python would try it again at the end
        raise from_os_error(
            error, "Standard output cannot be written", MmioBisectError, "write it to another place"
        ) from error


def show_document(members: Mapping[str, object]) -> None:
    show(text_of(members))


def note(text: str) -> None:
    """A remark for whoever watches, without the passwords of an address in it."""
    print(for_terminal(redact(text)), file=sys.stderr)  # noqa: T201 - this is what prints


def _drop_the_rest() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
