"""What a command knows of how it was called: the words typed, and the adapters that `main()` chose."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from mmio_bisect.composition import real_wiring
from mmio_bisect.redaction import redact_words

if TYPE_CHECKING:
    from mmio_bisect.composition.wiring import Settings, Wire
    from mmio_bisect.workflow.ports.wiring import Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """`wire` None: the adapters that ship with the tool."""

    argv: tuple[str, ...]
    wire: "Wire | None" = None


def wiring_of(context: typer.Context, settings: "Settings") -> "Wiring":
    invocation: Invocation = context.obj
    return (invocation.wire or real_wiring)(settings)


def typed(context: typer.Context) -> tuple[str, ...]:
    """The whole command, passwords and tokens hidden: it is stored and printed (`redaction.command_to_repeat`)."""
    invocation: Invocation = context.obj
    return ("mmio-bisect", *redact_words(invocation.argv))
