"""Text in colours where they are wanted (NO_COLOR). Help and documents need only `output`, which loads no rich."""

from rich.console import Console
from rich.text import Text

from mmio_bisect.report.terminal import output


def console(*, stderr: bool = False) -> Console:
    """Prints texts as they are: nothing wrapped, no markup read."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def show(text: Text) -> None:
    """As rich would print it; rich itself would end the process where nobody reads."""
    printer = console()
    with printer.capture() as captured:
        printer.print(text, end="")
    output.show(captured.get())
