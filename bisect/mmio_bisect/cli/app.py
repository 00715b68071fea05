"""The command line as a whole, and the one place where an error becomes an exit code."""

import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer

from mmio_bisect import __version__
from mmio_bisect.cli import codes
from mmio_bisect.cli.commands import COMMANDS, is_for_git_bisect
from mmio_bisect.cli.context import Invocation
from mmio_bisect.cli.lazy import LazyGroup, list_all
from mmio_bisect.errors import CancelledError, MmioBisectError, sentence
from mmio_bisect.report.terminal import output

if TYPE_CHECKING:
    from mmio_bisect.composition.wiring import Wire

_EXAMPLES = """
Examples:

  mmio-bisect run store_then_step zig:0.8.0..0.17.1 --opt 2

  mmio-bisect check --object driver.o --fn 'write_ring(mmio)'

  mmio-bisect explain writeback-post

MMIO_BISECT_… variables give options their defaults: MMIO_BISECT_STORE, MMIO_BISECT_DATABASE and so on.
"""

app = typer.Typer(
    cls=LazyGroup,
    name="mmio-bisect",
    help="Which compiler change made my device access impossible to emulate, and which change fixed it?",
    epilog=f"{_EXAMPLES}\n{codes.help_text()}",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.show(f"mmio-bisect {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """What holds for all commands."""


def main(argv: Sequence[str] | None = None, *, wire: "Wire | None" = None) -> int:
    """Run one command and return its exit code. `wire` makes the adapters from the settings; None: the tool's own."""
    words = tuple(sys.argv[1:] if argv is None else argv)
    interrupts = _Interrupts()
    signal.signal(signal.SIGTERM, interrupts)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as for a job that a script left running
        signal.signal(signal.SIGINT, interrupts)
    for_git_bisect = is_for_git_bisect(words)
    try:
        return _run(words, wire)
    except MmioBisectError as error:
        cancelled = isinstance(error, CancelledError)  # ends with a command that is to be copied
        output.note(str(error) if cancelled else f"error: {sentence(str(error))}")
        return codes.of_error(error.exit_code, for_git_bisect=for_git_bisect)
    except typer.TyperException as error:  # Typer's own word on wrong usage
        _explain_usage(error, words)
        return codes.of_error(error.exit_code, for_git_bisect=for_git_bisect)
    except Exception:  # noqa: BLE001 - whatever it is, Python's own code for it means “bad” and “a regression”
        if interrupts.came:  # pydantic, for one, makes a SchemaError of it
            return codes.INTERRUPTED
        output.note(traceback.format_exc())
        return codes.CRASHED


def _run(words: Sequence[str], wire: "Wire | None") -> int:
    command = list_all(cast("LazyGroup", typer.main.get_command(app)), COMMANDS)
    invocation = Invocation(argv=tuple(words), wire=wire)
    returned = command.main(args=list(words), prog_name="mmio-bisect", standalone_mode=False, obj=invocation)
    return returned if isinstance(returned, int) else 0


def _explain_usage(error: typer.TyperException, words: Sequence[str]) -> None:
    if not words:  # the help was printed instead
        return
    output.note(f"error: {error.format_message()} `mmio-bisect --help` tells more.")


class _Interrupts:
    """SIGTERM is an interrupt like Ctrl-C: what is under way is cleaned up. `came` stays, whatever becomes of it."""

    came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> NoReturn:
        self.came = True
        raise KeyboardInterrupt
