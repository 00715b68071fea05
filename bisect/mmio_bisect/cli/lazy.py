"""Typer's groups and commands, made from the table when they are asked for; option groups become options.

A command takes `where: Where`; Typer sees one option for each field of `Where`, as if the command had it itself.

Typer has pydantic validate every value of the command line. To load pydantic and to make it validators takes a third of
what an answer from history may take: so values that are already what is asked for are not handed to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from mmio_bisect.cli.commands import Command, Group
from mmio_bisect.errors import MmioBisectError, from_os_error


def _convert_late(parameters: Sequence[Any]) -> None:
    for parameter in parameters:
        parameter.process_value = partial(_process, parameter, parameter.process_value)


def _process(parameter: Any, convert: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:  # noqa: ANN401 - for the same reason
    """As the parameter's own `process_value`, which is `convert`."""
    wanted = parameter.type_descriptor.annotation
    if value is None and not parameter.required:
        value = () if parameter.multiple or parameter.nargs == -1 else None
    elif wanted == list[str] and isinstance(value, list | tuple) and value:
        value = list(value)
    elif type(value) is not wanted:
        return convert(context, value)
    return value if parameter.callback is None else parameter.callback(context, parameter, value)


class _Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer keeps these types to itself
        _convert_late(self.get_params(ctx))
        return super().parse_args(ctx, args)


class _Listed(TyperCommand):
    """What help and completion know of a command before its module is imported."""

    def __init__(self, entry: Command | Group) -> None:
        super().__init__(name=entry.name, help=entry.help, rich_help_panel=entry.panel, callback=None)
        self.entry = entry


class LazyGroup(TyperGroup):
    """Lists commands by their table entries, and makes the one that is invoked."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - for the same reason
        _convert_late(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - for the same reason
        """What the system refused where nobody expected it is an error like others; Typer takes some for its own."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            what = f"{error.filename} cannot be used" if error.filename else "The system refused something"
            raise from_os_error(error, what, MmioBisectError, "look at what it says, and mend that") from error

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 - Typer keeps these types to itself
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load_command(command.entry) if isinstance(command, _Listed) else command, rest


def list_all(group: TyperGroup, entries: Sequence[Command | Group]) -> TyperGroup:
    for entry in entries:
        group.add_command(_Listed(entry))
    return group


def _load_command(entry: Command | Group) -> Any:  # noqa: ANN401 - for the same reason
    app = typer.Typer(cls=LazyGroup, add_completion=False, rich_markup_mode="rich")
    if isinstance(entry, Group):
        app.callback(help=entry.help, epilog=entry.epilog(), no_args_is_help=True)(lambda: None)
        return list_all(typer.main.get_group(app), entry.commands)
    found = entry.load()
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    app.command(entry.name, cls=_Command, help=entry.help, epilog=entry.epilog())(spread(found))
    return typer.main.get_command(app)


def spread(command: Callable[..., int]) -> Callable[..., int]:
    """The command with its option groups spread out into options."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {}
    parameters = []
    for name, parameter in signature(command).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            parameters += _options(hints[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def call(**given: Any) -> int:  # noqa: ANN401 - whatever the options are
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(**given)

    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _options(group: type[Any]) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
