"""A user's own series: files that override what ships, checked before anything is asked, fetched or run with them.

pydantic validates each table into its kind's configuration, whose annotations say what is allowed. A key that the
configuration does not have is an error that names the file and the key.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mmio_bisect.adapters.foreign_input import MALFORMED, why
from mmio_bisect.adapters.series.catalogue import KINDS, Catalogue, config_type, merged, shipped_catalogue, tables_of
from mmio_bisect.adapters.series.kind import SeriesConfig
from mmio_bisect.errors import InvalidSeriesFileError
from mmio_bisect.workflow.probing.ranges import nearest

_UNKNOWN: Final = "unexpected_keyword_argument"


@cache
def catalogue_with(files: tuple[Path, ...]) -> Catalogue:
    """The shipped series and those of `files`, of which later ones override earlier ones.

    Raises `InvalidSeriesFileError`.
    """
    tables = dict(shipped_catalogue().tables)
    configs = {}
    for path in files:
        for name, values in tables_of(path):
            tables[name] = merged(tables.get(name, {}), values)
            configs[name] = validated(f"{path}: series.{name}", name, tables[name])
    return Catalogue(tables=tables, configs=configs)


def validated(where: str, name: str, table: Mapping[str, Any]) -> SeriesConfig:
    """Raises `InvalidSeriesFileError`."""
    values = dict(table)
    kind = values.pop("kind", None)
    if kind not in tuple(KINDS):
        raise InvalidSeriesFileError(f"{where} has no known kind ({kind!r}): write kind = one of {', '.join(KINDS)}.")
    if ":" in name or "@" in name or not name.isprintable() or " " in name:
        raise InvalidSeriesFileError(f"{where}: a name has no space, colon or @: ranges are written SERIES:FROM..TO.")
    config = config_type(kind)
    try:
        # In strict mode pydantic takes a list for a tuple and a text for an enum from JSON alone. It has no dates, and
        # neither have series: an empty table in a date's place is refused wherever it stands.
        return TypeAdapter(config).validate_json(json.dumps(values, default=lambda _: {}), strict=True)
    except ValidationError as error:
        raise InvalidSeriesFileError(f"{where}{_first_problem(error, config)}") from error
    except MALFORMED as error:
        raise InvalidSeriesFileError(f"{where} cannot be read: {why(error)}.") from error


def _first_problem(error: ValidationError, config: type[SeriesConfig]) -> str:
    # A key that is unknown rather than what is missing for it: most are misspelt.
    problem = min(error.errors(), key=lambda one: one["type"] != _UNKNOWN)
    place = tuple(str(part) for part in problem["loc"])
    key = ".".join(place)
    if problem["type"] == _UNKNOWN:
        if len(place) > 1:
            return f".{key} is not a key of a {place[0]}: see the README for those that are."
        known = tuple(field.name for field in fields(config))
        near = nearest(place[-1], known)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(('kind', *known))}."
        return f".{key} is not a key of this kind of series: {hint}"
    if problem["type"] == "missing":
        return f" lacks {key}: add it."
    said = problem["msg"].removeprefix("Value error, ").replace("an object", "a table").replace("array", "list")
    return f"{'.' if key else ''}{key}: {said}."
