"""The rows of answers from the history as members of documents; as values they are columns, in this order."""

from mmio_bisect.report.documents.json_text import JSON
from mmio_bisect.workflow.history.history_queries import (
    CellRow,
    CodeChangeRow,
    Matrix,
    Statistics,
    TransitionRow,
)
from mmio_bisect.workflow.history.regressions import Life


def cell_row_member(row: CellRow) -> JSON:
    return {
        "cell": row.cell_key,
        "recipe": row.recipe,
        "case": f"{row.recipe}.{row.language}",
        "series": row.series,
        "version": row.version,
        "compiler": f"{row.family} {row.compiler_version}",
        "llvm": row.llvm,
        "target": row.target,
        "opt": row.opt,
        "outcome_kind": row.kind,
        "verdict": row.verdict,
        "marks": row.marks,
        "seconds": round(row.seconds, 3),
        "recorded": row.recorded,
    }


def transition_member(row: TransitionRow, life: Life | None) -> JSON:
    """`untestable` counts the points between `last` and `first` without a verdict; `state` is the regression's."""
    return {
        "recipe": row.recipe,
        "case": f"{row.recipe}.{row.language}",
        "target": row.target,
        "opt": row.opt,
        "series": row.series,
        "function": row.function,
        "access": row.access or None,
        "defect": row.kind,
        "change": row.change,
        **_edge(row),
        "state": life.state.value if life else None,
        "links": list(life.links) if life else [],
    }


def code_change_member(row: CodeChangeRow) -> JSON:
    return {
        "recipe": row.recipe,
        "case": f"{row.recipe}.{row.language}",
        "target": row.target,
        "opt": row.opt,
        "series": row.series,
        "same_verdict": row.same_verdict,
        **_edge(row),
    }


def matrix_member(matrix: Matrix) -> JSON:
    """One series; a cell is null where nothing was measured."""
    return {
        "series": matrix.series,
        "columns": [{"version": column.version, "llvm": column.llvm} for column in matrix.columns],
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
        "outcomes": found.outcomes,
        "outcome_kinds": dict(found.kinds),
        "objects": found.objects,
        "object_bytes": found.object_bytes,
        "judgements": found.judgements,
        "verdict_vectors": found.vectors,
        "transitions": found.transitions,
        "code_changes": found.code_changes,
        "toolchains": found.toolchains,
        "recipes": found.recipes,
        "runs": found.runs,
        "first": found.first,
        "last": found.last,
        "database_bytes": found.size,
        "series": [row._asdict() for row in found.series],
    }


def _edge(row: TransitionRow | CodeChangeRow) -> JSON:
    return {
        "last": f"{row.series}@{row.last_version}",
        "first": f"{row.series}@{row.first_version}",
        "last_llvm": row.last_llvm,
        "first_llvm": row.first_llvm,
        "untestable": row.untestable,
        "last_cell": row.last_cell,
        "first_cell": row.first_cell,
        "noticed": row.noticed,
    }
