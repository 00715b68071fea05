"""`mmio-bisect toolchains`: the compilers on this disk."""

from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition import load_bars
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CorruptArtefactError
from mmio_bisect.report.documents.documents import compiler_name, stored_member, toolchain_member
from mmio_bisect.report.documents.json_text import document
from mmio_bisect.report.terminal import output, styled
from mmio_bisect.report.terminal.listings import stored_text
from mmio_bisect.report.terminal.progress import watching
from mmio_bisect.report.terminal.tables import counted
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.acquire import acquire
from mmio_bisect.workflow.probing.ranges import matching_points, parse_range, resolve_range
from mmio_bisect.workflow.probing.sandboxes import choose

EXAMPLES = """
Examples:

  mmio-bisect toolchains list

  mmio-bisect toolchains fetch zig@0.13.0 zig:0.15..0.17

  mmio-bisect toolchains prune --keep 2GiB

  mmio-bisect toolchains verify
"""


def list_toolchains(context: typer.Context, store: options.Store = None, as_json: options.AsJson = False) -> int:
    entries = sorted(
        wiring_of(context, Settings(store=store)).store().entries(), key=lambda entry: entry.last_used, reverse=True
    )
    if as_json:
        output.show_document(document("toolchains list", toolchains=[stored_member(entry) for entry in entries]))
    else:
        output.show(stored_text(entries))
    return 0


def fetch(
    context: typer.Context,
    which: Annotated[
        list[str], typer.Argument(metavar="SERIES@VERSION|SERIES:FROM..TO...", autocompletion=options.series_names)
    ],
    places: options.SeriesPlaces,
    shown: options.Output,
    refresh: options.Refresh = False,
) -> int:
    wiring = wiring_of(context, places.settings())
    points = list(dict.fromkeys(point for words in which for point in _points(wiring, words, refresh=refresh)))
    sources = {series: wiring.source(series) for series in dict.fromkeys(point.series for point in points)}
    sandboxes = {
        series: choose(wiring, options.DEFAULT_SANDBOX, say=shown.say, runs_in=wiring.runs_in(series))
        for series in sources
    }
    toolchains = wiring.store()
    members = []
    with watching(styled.console(stderr=True), load_bars, expected=len(points), quiet=shown.quiet) as events:
        for point in points:
            source, sandbox = sources[point.series], sandboxes[point.series]
            with acquire(point, source, toolchains, sandbox, events.fetching(point)) as lease:
                events.dropped(point)
                members.append({"point": str(point), "fetched": lease.fetched, **toolchain_member(lease.toolchain)})
                if not shown.as_json:
                    state = "fetched" if lease.fetched else "was there"
                    output.show(f"{point}  {compiler_name(lease.toolchain)}  {state}\n")
    if shown.as_json:
        output.show_document(document("toolchains fetch", toolchains=members))
    return 0


def prune(
    context: typer.Context,
    keep: Annotated[str, typer.Option("--keep", metavar="SIZE", help="What may stay, as in 2GiB.")],
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> int:
    size = options.size(keep)
    removed = wiring_of(context, Settings(store=store)).store().prune(keep_bytes=size)
    if as_json:
        output.show_document(document("toolchains prune", removed=[stored_member(entry) for entry in removed]))
    else:
        freed = size_text(sum(entry.size for entry in removed))
        output.show(f"{counted(len(removed), 'toolchain')} removed, {freed} freed.\n")
    return 0


def verify(context: typer.Context, store: options.Store = None, as_json: options.AsJson = False) -> int:
    members, changed = [], 0
    for verified in wiring_of(context, Settings(store=store)).store().verify():
        changed += verified.change is not None
        members.append({**stored_member(verified.stored), "change": verified.change})
        if not as_json:
            names = ", ".join(map(str, verified.stored.points))
            output.show(f"{names}  {verified.change or 'as it was stored'}\n")
    if as_json:
        output.show_document(document("toolchains verify", toolchains=members))
    return CorruptArtefactError.exit_code if changed else 0


def _points(wiring: Wiring, words: str, *, refresh: bool) -> tuple[Point, ...]:
    if "@" in words:
        series, _, version = words.partition("@")
        source = wiring.source(series)
        return matching_points(version, source.listing(refresh=refresh), source.interpret)
    text = parse_range(words)
    source = wiring.source(text.series)
    return resolve_range(text, source.listing(refresh=refresh), source.interpret).points
