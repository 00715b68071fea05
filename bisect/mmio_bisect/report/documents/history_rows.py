"""Rows from the history as members of documents, whose values in their order are the rows of CSV."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from mmio_bisect.domain.records import record_of
from mmio_bisect.report.documents.json_text import JSON
from mmio_bisect.workflow.history.history_queries import CellRow, CodeChangeRow, Matrix, Statistics, TransitionRow
from mmio_bisect.workflow.history.regressions import Life

_Columns = Mapping[str, Callable[[Any], object]]


def _same(*names: str) -> _Columns:
    return {name: attrgetter(name) for name in names}


_LINE: _Columns = {
    **_same("recipe"),
    "case": lambda row: f"{row.recipe}.{row.language}",
    **_same("target", "opt", "series"),
}
_EDGE: _Columns = {
    "last": lambda row: f"{row.series}@{row.last_version}",
    "first": lambda row: f"{row.series}@{row.first_version}",
    **_same("last_llvm", "first_llvm", "untestable", "last_cell", "first_cell", "noticed"),
}
_CELL: _Columns = {
    "cell": attrgetter("cell_key"),
    **_same("recipe"),
    "case": _LINE["case"],
    **_same("series", "version"),
    "compiler": lambda row: f"{row.family} {row.compiler_version}",
    **_same("llvm", "target", "opt"),
    "outcome_kind": attrgetter("kind"),
    **_same("verdict", "marks"),
    "seconds": lambda row: round(row.seconds, 3),
    **_same("recorded"),
}
_TRANSITION: _Columns = {
    **_LINE,
    **_same("function"),
    "access": lambda row: row.access or None,
    "defect": attrgetter("kind"),
    **_same("change"),
    **_EDGE,
}
_CODE_CHANGE: _Columns = {**_LINE, **_same("same_verdict"), **_EDGE}

CELL_HEAD = tuple(_CELL)
TRANSITION_HEAD = (*_TRANSITION, "state", "links")
CODE_CHANGE_HEAD = tuple(_CODE_CHANGE)


def _members(columns: _Columns, row: object) -> JSON:
    return {name: of(row) for name, of in columns.items()}


def cell_row_member(row: CellRow) -> JSON:
    return _members(_CELL, row)


def transition_member(row: TransitionRow, life: Life | None) -> JSON:
    """`untestable` counts the points between `last` and `first` without a verdict; `state` is the regression's."""
    state, links = (life.state.value, list(life.links)) if life else (None, list[str]())
    return {**_members(_TRANSITION, row), "state": state, "links": links}


def code_change_member(row: CodeChangeRow) -> JSON:
    return _members(_CODE_CHANGE, row)


def matrix_member(matrix: Matrix) -> JSON:
    """One series; a cell is null where nothing was measured."""
    return {
        "series": matrix.series,
        "columns": [column._asdict() for column in matrix.columns],
        "older_columns": matrix.older,
        "rows": [
            {
                "recipe": row.recipe,
                "case": f"{row.recipe}.{row.language}",
                "target": row.target,
                "opt": row.opt,
                "extra": row.extra,
                "cells": [
                    None if cell is None else {"verdict": cell.verdict, "marks": cell.marks, "cell": cell.cell_key}
                    for cell in row.cells
                ],
            }
            for row in matrix.rows
        ],
    }


def statistics_members(found: Statistics) -> JSON:
    return {
        **record_of(found, without={"kinds", "vectors", "size", "series"}),
        "outcome_kinds": dict(found.kinds),
        "verdict_vectors": found.vectors,
        "database_bytes": found.size,
        "series": [row._asdict() for row in found.series],
    }
