"""Text in colours where they are wanted (NO_COLOR). Help and documents need only `output`, which loads no rich."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from mmio_bisect.report.foreign_text import for_terminal
from mmio_bisect.report.terminal import output


class NeutralConsole(Console):
    """What it prints, live or not, is text and styles; only what rich itself says to the terminal is obeyed."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(for_terminal(segment.text), segment.style)


def console(*, stderr: bool = False) -> Console:
    """Prints texts as they are: nothing wrapped, no markup read."""
    return NeutralConsole(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def show(text: Text) -> None:
    """As rich would print it; rich itself would end the process where nobody reads."""
    printer = console()
    with printer.capture() as captured:
        printer.print(text, end="")
    output.show_styled(captured.get())
