"""`mmio-bisect config`: the file that the watch reads; and reading it for the commands that need it."""

import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.watch import TEMPLATE, find, load, schedule_of
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.records import record_of
from mmio_bisect.errors import InvalidConfigurationError, MmioBisectError, UsageError, from_os_error
from mmio_bisect.redaction import redact_url
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.terminal import output
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.watch.configuration import Configuration

EXAMPLES = """
Examples:

  mmio-bisect config init

  mmio-bisect config check

  mmio-bisect config show --json

The nearest mmio-bisect.toml counts, in this folder or above it, or else the one in your configuration folder.
"""


File = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="MMIO_BISECT_CONFIG", help="The configuration. Default: found."),
]


def configuration(file: Path | None, **given: str | None) -> Configuration:
    """The file's, or the one that is found; `given` are variables that options stand for.

    Raises `InvalidConfigurationError`.
    """
    found = file or find(Path.cwd(), platformdirs.user_config_path("mmio-bisect"))
    set_here = {name: value for name, value in given.items() if value is not None}
    return load(found, {**os.environ, **set_here})


def settings_of(config: Configuration) -> Settings:
    return Settings(
        database=config.database,
        store=config.store,
        recipes=config.recipes,
        series_files=config.series_files,
        rust_repo=config.rust_repo,
        repository=config.repository,
        sandbox=config.sandbox,
    )


def check_against(config: Configuration, wiring: Wiring) -> tuple[str, ...]:
    """What the file cannot know by itself: series, recipes, the schedule. Sentences, one a problem."""
    problems = []
    try:
        schedule_of(config)
        names = wiring.recipes().names()
        for series in config.series:
            wiring.family(series.name)
            problems += [
                f"watch.series.{series.name}: no recipe's name fits “{glob}”"
                for glob in series.recipes
                if not any(fnmatchcase(name, glob.rpartition(".")[0] if "." in glob else glob) for name in names)
            ]
    except MmioBisectError as error:
        problems.append(str(error))
    if not config.series:
        problems.append("nothing is watched: write a table [watch.series.NAME]")
    problems += [
        f"notify.{channel.name}: {channel.address} is not there"
        for channel in config.channels
        if not (os.environ.get(channel.address.variable or "") or (channel.address.file or Path()).is_file())
    ]
    return tuple(problems)


def show(file: File = None, as_json: options.AsJson = False) -> int:
    config = configuration(file)
    if as_json:
        output.show_document(document("config", **_members(config)))
        return 0
    for key, value in _members(config).items():
        output.show(f"{key} = {value}\n")
    return 0


def check(context: typer.Context, file: File = None) -> int:
    config = configuration(file)
    problems = check_against(config, wiring_of(context, settings_of(config)))
    where = config.file or "no file"
    if problems:
        raise InvalidConfigurationError(f"{where}: {'; '.join(problems)}")
    output.show(f"{where}: {len(config.series)} series, {len(config.channels)} channels\n")
    return 0


def init(file: Annotated[Path, typer.Argument(metavar="[FILE]")] = Path("mmio-bisect.toml")) -> int:
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{file} is there already: name another file, or edit it.") from None
    except OSError as error:
        raise from_os_error(error, f"{file} cannot be written", UsageError, "name another file") from error
    output.note(f"{file} is written: edit it, then try `mmio-bisect config check`.")
    return 0


def _renamed(members: dict[str, object], **names: str) -> dict[str, object]:
    """By the keys of the file."""
    return {names.get(name, name): value for name, value in members.items()}


def _members(config: Configuration) -> dict[str, object]:
    members = record_of(config, without={"budget", "channels"})
    return members | {
        "database": None if config.database is None else redact_url(config.database),
        "limits": _renamed(members["limits"], seconds="time"),
        "retention": _renamed(members["retention"], count="toolchain_count"),
        **_renamed(record_of(config.budget), seconds="time"),
        "series": {
            one.name: _renamed(record_of(one, without={"name"}), first="from", last="to", opts="opt")
            for one in config.series
        },
        "notify": {channel.name: str(channel.address) for channel in config.channels},
    }
