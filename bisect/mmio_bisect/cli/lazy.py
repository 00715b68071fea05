"""Typer's groups and commands, made from the table when they are asked for."""

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from mmio_bisect.cli.commands import Command, Group
from mmio_bisect.cli.option_groups import spread


class _Listed(TyperCommand):
    """What help and completion know of a command before its module is imported."""

    def __init__(self, entry: Command | Group) -> None:
        super().__init__(name=entry.name, help=entry.help, rich_help_panel=entry.panel, callback=None)
        self.entry = entry


class LazyGroup(TyperGroup):
    """Lists commands by their table entries, and makes the one that is invoked."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 - Typer keeps these types to itself
        name, command, rest = super().resolve_command(ctx, args)
        return name, _made(command.entry) if isinstance(command, _Listed) else command, rest


def list_all(group: TyperGroup, entries: Sequence[Command | Group]) -> TyperGroup:
    for entry in entries:
        group.add_command(_Listed(entry))
    return group


def _made(entry: Command | Group) -> Any:  # noqa: ANN401 - for the same reason
    app = typer.Typer(cls=LazyGroup, add_completion=False, rich_markup_mode="rich")
    if isinstance(entry, Group):
        app.callback(help=entry.help, epilog=entry.epilog(), no_args_is_help=True)(lambda: None)
        return list_all(typer.main.get_group(app), entry.commands)
    found = entry.load()
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    app.command(entry.name, help=entry.help, epilog=entry.epilog())(spread(found))
    return typer.main.get_command(app)
