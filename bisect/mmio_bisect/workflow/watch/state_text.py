"""A series' state as text, for a database that keeps it whole, and back."""

import json
from collections.abc import Mapping
from typing import Any

from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.errors import CorruptDatabaseError
from mmio_bisect.workflow.watch.news import Deferred, Line, LineState, MarkState, PendingDescent, SeriesState, Trouble

_FORMAT = 1


def written(state: SeriesState) -> str:
    return json.dumps(
        {
            "format": _FORMAT,
            "through": state.through,
            "newest": state.newest,
            "waiting": dict(state.waiting),
            "trouble": None if state.trouble is None else _fields(state.trouble),
            "cut": None if state.cut is None else _fields(state.cut),
            "pursuits": [_fields(one) for one in state.pursuits],
            "lines": [
                {
                    **_fields(line),
                    "version": one.version,
                    "marks": [{**_fields(mark), **_fields(found)} for mark, found in one.marks.items()],
                }
                for line, one in state.lines.items()
            ],
        },
        ensure_ascii=False,
    )


def read(text: str | None) -> SeriesState:
    """None is a series that was never watched. Raises `CorruptDatabaseError`."""
    if text is None:
        return SeriesState()
    try:
        told = json.loads(text)
        _checked(told["format"])
        return SeriesState(
            through=told["through"],
            newest=told["newest"],
            lines=dict(map(_line, told["lines"])),
            waiting=told["waiting"],
            trouble=None if told["trouble"] is None else Trouble(**told["trouble"]),
            cut=_cut(told.get("cut")),  # there was no budget at first
            pursuits=tuple(PendingDescent(**one) for one in told.get("pursuits", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptDatabaseError(
            f"What the watch keeps of a series cannot be read ({type(error).__name__}: {error}): restore a backup."
        ) from error


def _checked(format_number: int) -> None:
    if format_number != _FORMAT:
        raise ValueError(f"format {format_number}")


def _line(told: Mapping[str, Any]) -> tuple[Line, LineState]:
    line = Line(case=told["case"], target=told["target"], opt=told["opt"])
    return line, LineState(version=told["version"], marks=dict(map(_mark, told["marks"])))


def _cut(told: Mapping[str, Any] | None) -> Deferred | None:
    return None if told is None else Deferred(**{**told, "bisections": tuple(told["bisections"])})


def _mark(told: Mapping[str, Any]) -> tuple[Mark, MarkState]:
    rest = {name: told[name] for name in MarkState.__dataclass_fields__}
    return Mark(function=told["function"], access=told["access"], kind=DefectKind(told["kind"])), MarkState(**rest)


def _fields(value: Line | Mark | MarkState | Trouble | Deferred | PendingDescent) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
