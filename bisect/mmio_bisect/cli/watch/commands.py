"""`mmio-bisect watch`: the nightly job, once or on a schedule; and how it stands."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from mmio_bisect.cli import configuration, options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.cli.watch import tick
from mmio_bisect.cli.watch.schedule import on_schedule
from mmio_bisect.cli.watch.status import status_document, status_text
from mmio_bisect.composition.watch import hold_watch, open_outbox, schedule_of
from mmio_bisect.errors import CancelledError, UsageError
from mmio_bisect.report.terminal import output
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.watch.configuration import Configuration

EXAMPLES = """
Examples:

  mmio-bisect watch --once

  mmio-bisect watch --dry-run

  mmio-bisect watch status --json

What is watched, when and who is told stands in mmio-bisect.toml (`config init`). `--once` exits with 0 where nothing is
new, 1 for a regression, 10 and up for trouble.
"""

app = typer.Typer(help="Watch series of compilers, and tell of what changed.", epilog=EXAMPLES)


class LogForm(StrEnum):
    TEXT = "text"
    JSON = "json"


@app.callback(invoke_without_command=True)
def watch(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One tick, for cron and CI.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be probed and told; do nothing.")] = False,
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="Ask sources too that are left alone because they failed.")
    ] = False,
    log: Annotated[LogForm, typer.Option("--log", envvar="MMIO_BISECT_LOG", help="How the log is written.")] = (
        LogForm.TEXT
    ),
    file: configuration.File = None,
    database: options.Database = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> int:
    """Probe new toolchains with all recipes, bisect what changed, and tell it once."""
    if context.invoked_subcommand is not None:
        _refuse_before(context, context.invoked_subcommand)
        return 0
    if ask_again and not once:
        raise UsageError("--ask-again is for one tick: write `mmio-bisect watch --once --ask-again`.")
    config, wiring = _configured(context, file, database, store)
    if dry_run:
        told = tick.dry_run(config, wiring)
        if as_json:
            output.show_document(told)
        else:
            output.show(_plan_text(told))
        return 0
    stream = sys.stderr if once else sys.stdout
    say = _Log(log, stream.fileno())
    try:
        with hold_watch(wiring.store_folder()):
            if not once:
                _on_schedule(config, wiring, say)
            result = tick.tick(config, wiring, say, ask_again=ask_again)
    except KeyboardInterrupt:
        raise CancelledError("Interrupted: what was probed is kept; the next tick goes on from there.") from None
    if as_json:
        output.show_document(result.document)
    return result.code


@app.command(epilog=EXAMPLES)
def status(
    context: typer.Context,
    file: configuration.File = None,
    database: options.Database = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> int:
    """How the watch stands: last and next run, newest seen, lag, open regressions, notices not yet delivered."""
    config, wiring = _configured(context, file, database, store)
    told = status_document(config, wiring)
    if as_json:
        output.show_document(told)
    else:
        output.show(status_text(told))
    return 0


def _refuse_before(context: typer.Context, command: str) -> None:
    """Options of `watch` itself mean nothing to its commands, and would be ignored."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"Write {parameter.opts[0]} after `{command}`: before it, it is of `watch` itself.")


def _configured(
    context: typer.Context, file: Path | None, database: str | None, store: Path | None
) -> tuple[Configuration, Wiring]:
    config = configuration.configuration(
        file, MMIO_BISECT_DATABASE=database, MMIO_BISECT_STORE=None if store is None else str(store.absolute())
    )
    return config, wiring_of(context, configuration.settings_of(config))


class _Log:
    """A line of text, or a JSON object, for each sentence."""

    def __init__(self, form: LogForm, descriptor: int) -> None:
        self._form = form
        self._descriptor = descriptor

    def __call__(self, sentence: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if self._form is LogForm.JSON:
            line = json.dumps({"time": now, "message": sentence}, ensure_ascii=False)
        else:
            line = f"{now} {sentence}"
        stream = sys.stderr if self._descriptor == sys.stderr.fileno() else sys.stdout
        print(line, file=stream, flush=True)


def _on_schedule(config: Configuration, wiring: Wiring, say: _Log) -> NoReturn:
    on_schedule(schedule_of(config), _last_whole(config), lambda: _tick(config, wiring, say), say)


def _tick(config: Configuration, wiring: Wiring, say: _Log) -> tick.TickResult:
    result = tick.tick(config, wiring, say)
    say(f"done, code {result.code}")
    return result


def _last_whole(config: Configuration) -> datetime | None:
    """When the last tick began; None if there was none, or it did not come to its end."""
    with open_outbox(config) as outbox:
        ticks = outbox.ticks(limit=1)
    return datetime.fromisoformat(ticks[0].started) if ticks and ticks[0].finished is not None else None


def _plan_text(told: dict[str, Any]) -> str:
    lines = []
    for one in told["series"]:
        lines += [f"{one['series']}: the descent would go on of: {title}" for title in one["descents"]]
        if one["left_alone"]:
            lines.append(one["left_alone"])
            continue
        new, retry = len(one["new"]), len(one["retry"])
        lines.append(f"{one['series']}: {new} new toolchains, {retry} to try again, {one['cells']} cells")
        lines += [f"  would be probed: {version}" for version in (*one["retry"], *one["new"])]
        lines += [f"  would be told: {news}" for news in one["news"]]
    lines += [f"waits for {one['channel']}: {one['plain']}" for one in told["waiting"]]
    return "\n".join(lines) + "\n"
