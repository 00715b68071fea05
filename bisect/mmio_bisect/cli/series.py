"""`mmio-bisect series`: where compilers come from, and which there are."""

from typing import Annotated

import typer

from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.report.documents.documents import compiler_name, listing_member, toolchain_member
from mmio_bisect.report.documents.json_text import document
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
    wiring = wiring_of(context, Settings(series_files=tuple(series_file or ())))
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
    places: options.SeriesPlaces,
    refresh: options.Refresh = False,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(context, places.settings())
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
