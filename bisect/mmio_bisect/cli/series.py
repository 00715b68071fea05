"""`mmio-bisect series`: where compilers come from, and which there are."""

from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.report.documents.documents import compiler_name, document, listing_member, toolchain_member
from mmio_bisect.report.terminal import output
from mmio_bisect.report.terminal.tables import columns

EXAMPLES = """
Examples:

  mmio-bisect series list

  mmio-bisect series show zig --refresh
"""


def list_series(
    context: typer.Context, series_file: options.SeriesFiles = None, as_json: options.AsJson = False
) -> int:
    wiring = wiring_of(context, options.settings(series_files=series_file))
    found = [(name, wiring.family(name), wiring.source(name).summary) for name in wiring.series()]
    if as_json:
        members = [{"series": name, "family": family.value, "summary": summary} for name, family, summary in found]
        output.show_document(document("series list", series=members))
    else:
        output.show(columns([(name, family.value, summary) for name, family, summary in found]) + "\n")
    return 0


def show(
    context: typer.Context,
    series: Annotated[str, typer.Argument(metavar="SERIES", autocompletion=options.series_names)],
    refresh: options.Refresh = False,
    store: options.Store = None,
    series_file: options.SeriesFiles = None,
    rust_repo: options.RustRepo = None,
    repository: options.Repository = None,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(
        context, options.settings(store=store, series_files=series_file, repository=repository, rust_repo=rust_repo)
    )
    source = wiring.source(series)
    listing = source.listing(refresh=refresh)
    known = {point: entry.toolchain for entry in wiring.store().entries() for point in entry.points}
    if as_json:
        fetched = {str(point): toolchain_member(known[point]) for point in listing.points if point in known}
        output.show_document(
            document(
                "series show",
                summary=source.summary,
                fetched=fetched,
                origins={str(point): source.origin(point) for point in listing.points},
                **listing_member(listing),
            )
        )
    else:
        rows = [
            (str(point), f"here: {compiler_name(known[point])}" if point in known else "", source.origin(point))
            for point in listing.points
        ]
        asked = f"{listing.asked_at:%Y-%m-%d %H:%M} UTC"
        output.show(f"{series}: {source.summary} (asked {asked})\n\n{columns(rows)}\n")
    return 0
