"""`mmio-bisect watch`: the nightly job, once or on a schedule; and how it stands."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mmio_bisect.cli import configuration, options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.watch import hold_watch, open_outbox, open_watch, schedule_of
from mmio_bisect.errors import CancelledError, UsageError
from mmio_bisect.report.documents.json_text import text_of
from mmio_bisect.report.documents.watch_documents import plan_document, status_document, tick_document
from mmio_bisect.report.terminal import output
from mmio_bisect.report.terminal.watch import LogForm, StreamLog, plan_text, status_text
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.watch.configuration import Configuration
from mmio_bisect.workflow.watch.schedule import on_schedule
from mmio_bisect.workflow.watch.status import find_status
from mmio_bisect.workflow.watch.tick import plan_tick, run_tick
from mmio_bisect.workflow.watch.values import TickResult

EXAMPLES = """
Examples:

  mmio-bisect watch --once

  mmio-bisect watch --dry-run

  mmio-bisect watch status --json

What is watched, when and who is told stands in mmio-bisect.toml (`config init`). `--once` exits with 0 where nothing is
new, 1 for a regression, 10 and up for trouble.
"""

app = typer.Typer(help="Watch series of compilers, and tell of what changed.", epilog=EXAMPLES)


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
    to = StreamLog(log, sys.stdout if not once and not dry_run else sys.stderr)
    if dry_run:
        with open_watch(config, wiring, to) as opened:
            plan = plan_tick(opened)
        output.show(text_of(plan_document(plan)) if as_json else plan_text(plan))
        return 0
    try:
        with hold_watch(wiring.store_folder()):
            result = _tick(config, wiring, to, ask_again=ask_again) if once else _keep_watching(config, wiring, to)
    except KeyboardInterrupt:
        raise CancelledError("Interrupted: what was probed is kept; the next tick goes on from there.") from None
    if as_json:
        output.show_document(tick_document(result))
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
    with open_outbox(config) as outbox:
        current = find_status(config, wiring, outbox, schedule_of(config).after(datetime.now(UTC)))
    output.show(text_of(status_document(current)) if as_json else status_text(current))
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


def _tick(config: Configuration, wiring: Wiring, log: StreamLog, *, ask_again: bool = False) -> TickResult:
    with open_watch(config, wiring, log) as opened:
        return run_tick(opened, ask_again=ask_again)


def _keep_watching(config: Configuration, wiring: Wiring, log: StreamLog) -> NoReturn:
    on_schedule(
        schedule_of(config),
        _last_whole(config),
        lambda: log.say(f"done, code {_tick(config, wiring, log).code}"),
        log.say,
    )


def _last_whole(config: Configuration) -> datetime | None:
    """When the last tick began; None if there was none, or it did not come to its end."""
    with open_outbox(config) as outbox:
        ticks = outbox.ticks(limit=1)
    return datetime.fromisoformat(ticks[0].started) if ticks and ticks[0].finished is not None else None
