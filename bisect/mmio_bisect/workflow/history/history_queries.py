"""What can be asked of the history: the questions, what they may be narrowed to, and the rows that answer them.

Verdicts are vectors throughout: `marks` tells every defect by function, access and kind. Rows are named tuples rather
than dataclasses because a question may be answered with a hundred thousand of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

Row = TypeVar("Row")


class CellOrder(StrEnum):
    """How cells are sorted: newest outcome first, or along their lines."""

    RECORDED = "recorded"
    RECIPE = "recipe"
    SERIES = "series"
    TARGET = "target"
    OPT = "opt"


class ChangeOrder(StrEnum):
    """How transitions and code changes are sorted: by what changed, newest first, or by LLVM version."""

    PLACE = "place"
    NOTICED = "noticed"
    LLVM = "llvm"
    SERIES = "series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All must fit; an empty tuple lets everything through. `recipes` are names, or file names (`fill_loop.c`).

    `since` is a date or time (UTC, ISO 8601, any prefix of it): recorded or noticed then or later.
    """

    recipes: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    opts: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    since: str | None = None
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """So many rows after so many others."""

    limit: int = 50
    offset: int = 0
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged(Generic[Row]):
    """One page; `total` is None where counting would take longer than answering."""

    rows: tuple[Row, ...]
    total: int | None
    more: bool


class CellRow(NamedTuple):
    """One cell at one point of a series."""

    cell_key: str
    recipe: str
    language: str
    series: str
    version: str
    family: str
    compiler_version: str
    llvm: str | None
    target: str
    opt: str
    kind: str
    verdict: str
    marks: str
    seconds: float
    recorded: str


class TransitionRow(NamedTuple):
    """A mark that came or went between two neighbouring testable points; `untestable` counts those between."""

    recipe: str
    language: str
    target: str
    opt: str
    series: str
    function: str
    access: str
    kind: str
    change: str
    last_version: str
    first_version: str
    last_llvm: str | None
    first_llvm: str | None
    untestable: int
    last_cell: str
    first_cell: str
    noticed: str


class CodeChangeRow(NamedTuple):
    """Other machine code in the functions under test, between two neighbouring testable points."""

    recipe: str
    language: str
    target: str
    opt: str
    series: str
    same_verdict: bool
    last_version: str
    first_version: str
    last_llvm: str | None
    first_llvm: str | None
    untestable: int
    last_cell: str
    first_cell: str
    noticed: str


class MatrixColumn(NamedTuple):
    version: str
    llvm: str | None


class MatrixCell(NamedTuple):
    """`verdict` is of the kinds of defects asked for; `marks` are all."""

    verdict: str
    marks: str
    cell_key: str


class MatrixRow(NamedTuple):
    """`cells` by column; None where nothing was measured."""

    recipe: str
    language: str
    target: str
    opt: str
    extra: str
    cells: tuple[MatrixCell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The rows of one series; `older` columns are not shown."""

    series: str
    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    older: int


class SeriesCount(NamedTuple):
    series: str
    points: int
    good: int
    bad: int
    untestable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How much there is. `size` in bytes, None where the database does not say; times as in rows."""

    outcomes: int
    kinds: tuple[tuple[str, int], ...]
    objects: int
    object_bytes: int
    judgements: int
    vectors: int
    transitions: int
    code_changes: int
    toolchains: int
    recipes: int
    runs: int
    first: str | None
    last: str | None
    size: int | None
    series: tuple[SeriesCount, ...]


class NoteRow(NamedTuple):
    """What somebody said of a regression; an empty text means any series, target and so on, or no state or link."""

    uid: str
    recipe: str
    series: str
    target: str
    function: str
    access: str
    defect: str
    state: str
    link: str
    text: str
    author: str
    recorded: str


class PointRow(NamedTuple):
    series: str
    version: str
    family: str
    compiler_version: str
    llvm: str | None


class LineRow(NamedTuple):
    id: int
    recipe: str
    language: str
    target: str
    opt: str
    extra: str
    series: str


class TimelineEntryRow(NamedTuple):
    """`judgement_id` is None for a cell without an object; see `HistorySnapshot.reasons`."""

    line_id: int
    version: str
    vector_id: int
    judgement_id: int | None
    cell_key: str


class CodeDefect(NamedTuple):
    kind: str
    access: str | None
    code: str | None
    position: int | None
    instruction: str | None
    why: str


class CodeFunction(NamedTuple):
    """`listing`: code, position, encoding in hexadecimal and text of each instruction."""

    function: str
    listing: tuple[tuple[str, int, str, str], ...]
    defects: tuple[CodeDefect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySnapshot:
    """Everything that fits, for a page that shows it all.

    `points` are in their order by series, lines by recipe. `codes` by judgement, `reasons` by cell.
    """

    points: tuple[PointRow, ...]
    lines: tuple[LineRow, ...]
    vectors: dict[int, tuple[str, str]]
    standings: tuple[TimelineEntryRow, ...]
    codes: dict[int, tuple[CodeFunction, ...]]
    reasons: dict[str, str]


class HistoryQueries(Protocol):
    """The history, to be asked; nothing here writes."""

    def cells(self, filters: Filters, order: CellOrder, page: Page) -> Paged[CellRow]: ...

    def matrix(self, filters: Filters, page: Page, *, columns: int, skip: int = 0) -> Paged[Matrix]:
        """A page of rows; of each series the newest `columns`, but for the `skip` newest. `total` counts rows."""

    def transitions(self, filters: Filters, order: ChangeOrder, page: Page) -> Paged[TransitionRow]: ...

    def code_changes(
        self, filters: Filters, order: ChangeOrder, page: Page, *, same_verdict: bool
    ) -> Paged[CodeChangeRow]:
        """With `same_verdict` only those that changed no mark."""

    def notes(self, recipes: tuple[str, ...] = ()) -> tuple[NoteRow, ...]:
        """Of these recipes, or all; oldest first."""

    def snapshot(self, filters: Filters) -> HistorySnapshot: ...

    def statistics(self, profile: str) -> Statistics: ...

    def sql(
        self, statement: str, limit: int | None, seconds: float
    ) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]:
        """Run one query that only reads, for so long. Gives columns and rows. Raises `UsageError` for anything else."""
