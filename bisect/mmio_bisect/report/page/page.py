"""The whole history as one page of HTML that needs nothing else: no network, no other file.

What a reader without scripts, a printer and a search engine should have stands in the page as text: the answers, the
timelines and the transitions. The matrix is made in the browser from compact data, a part at a time, so that a hundred
thousand outcomes are no burden; each different code is there once, whoever compiled it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mmio_bisect.domain.llvm import llvm_major
from mmio_bisect.report.foreign_text import for_terminal
from mmio_bisect.report.page.questions import Answered, answers_of
from mmio_bisect.workflow.history.history_queries import HistorySnapshot, NoteRow, Statistics, TransitionRow
from mmio_bisect.workflow.history.regressions import Cluster, Life, clusters, lives

_PARTS = Path(__file__).parent / "page_parts"
Thing = TypeVar("Thing")
_VERDICTS = ("good", "bad", "untestable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Transitions of one mark that one change of LLVM explains."""

    case: str
    target: str
    function: str
    access: str
    kind: str
    change: str
    cluster: Cluster
    life: Life

    @property
    def steps(self) -> list[str]:
        """`zig 0.12.1 → 0.13.0 (-O1 -O2)`, once for all levels."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in self.cluster.rows:
            between = f", {row.untestable} untestable between" if row.untestable else ""
            found[f"{row.series} {row.last_version} → {row.first_version}{between}"].append(f"-O{row.opt}")
        return [f"{step} ({' '.join(sorted(set(opts)))})" for step, opts in found.items()]

    @property
    def series(self) -> str:
        return " ".join(sorted({row.series for row in self.cluster.rows}))

    @property
    def opts(self) -> str:
        return " ".join(sorted({row.opt for row in self.cluster.rows}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One recipe along one series, by LLVM's major version: `good`, `bad`, `mixed`, `untestable` or empty."""

    case: str
    target: str
    series: str
    states: tuple[str, ...]


def page(
    snapshot: HistorySnapshot,
    transitions: Sequence[TransitionRow],
    notes: Sequence[NoteRow],
    statistics: Statistics,
    *,
    made: str,
) -> str:
    """`made` says when, and by which version."""
    environment = Environment(
        loader=FileSystemLoader(_PARTS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    majors, timelines = timelines_of(snapshot)
    answers: list[Answered] = answers_of(snapshot, transitions)
    text = environment.get_template("page.html.j2").render(
        css=Markup((_PARTS / "page.css").read_text()),  # noqa: S704 - ours
        script=Markup((_PARTS / "page.js").read_text()),  # noqa: S704 - ours
        data=data_of(snapshot),
        answers=answers,
        majors=majors,
        timelines=timelines,
        changes=changes_of(transitions, notes),
        statistics=statistics,
        made=made,
        choices=_choices(snapshot),
    )
    return for_terminal(text)


def data_of(snapshot: HistorySnapshot) -> dict[str, object]:
    """What the script works from; everything named by its place in a list.

    `lines[n]` = recipe, language, target, level, extra flags, series, cells, codes, keys: of each point of the series
    the vector (-1: none), the code (-1: none), and the beginning of the cell's key.
    """
    points: defaultdict[str, list[list[str | None]]] = defaultdict(list)
    place: dict[tuple[str, str], int] = {}
    measured = {line.series for line in snapshot.lines}
    for point in snapshot.points:
        if point.series in measured:
            place[point.series, point.version] = len(points[point.series])
            points[point.series].append([point.version, point.llvm, f"{point.family} {point.compiler_version}"])
    series = list(points)
    vectors, codes, reasons = _Numbers[int](), _Numbers[int](), _Numbers[str]()
    by_line = {line: list(rows) for line, rows in groupby(snapshot.standings, key=lambda row: row.line_id)}
    lines = []
    for line in snapshot.lines:
        many = len(points[line.series])
        cells, code, keys = [-1] * many, [-1] * many, [""] * many
        for row in by_line.get(line.id, []):
            at = place[line.series, row.version]
            cells[at] = vectors[row.vector_id]
            code[at] = (
                codes[row.judgement_id]
                if row.judgement_id is not None
                else -2 - reasons[snapshot.reasons.get(row.cell_key, "")]
            )
            keys[at] = row.cell_key.removeprefix("sha256:")[:12]
        lines.append([*line[1:6], series.index(line.series), cells, code, " ".join(keys)])
    return {
        "series": [[name, points[name]] for name in series],
        "vectors": [[_VERDICTS.index(snapshot.vectors[number][0]), snapshot.vectors[number][1]] for number in vectors],
        "codes": [_code(snapshot, number) for number in codes],
        "reasons": list(reasons),
        "lines": lines,
    }


class _Numbers(dict[Thing, int]):
    """Numbers things in the order in which they are first asked for."""

    def __missing__(self, key: Thing) -> int:
        self[key] = len(self)
        return self[key]


def _code(snapshot: HistorySnapshot, judgement: int) -> list[object]:
    functions: list[object] = []
    for function in snapshot.codes.get(judgement, ()):
        wrong = {(defect.code, defect.position) for defect in function.defects}
        listing = [
            [code if code != function.function else "", position, text, int((code, position) in wrong)]
            for code, position, _, text in function.listing
        ]
        defects = [[defect.kind, defect.access, defect.instruction, defect.why] for defect in function.defects]
        functions.append([function.function, listing, defects])
    return functions


def timelines_of(snapshot: HistorySnapshot) -> tuple[list[str], list[Timeline]]:
    """The major versions of LLVM, and by recipe and series what happened with each."""
    llvm = {(point.series, point.version): llvm_major(point.llvm) for point in snapshot.points}
    lines = {line.id: line for line in snapshot.lines}
    found: defaultdict[tuple[str, str, str], defaultdict[int | None, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in snapshot.standings:
        line = lines[row.line_id]
        key = (f"{line.recipe}.{line.language}", line.target, line.series)
        found[key][llvm.get((line.series, row.version))].add(snapshot.vectors[row.vector_id][0])
    majors = sorted({major for states in found.values() for major in states if major is not None})
    return list(map(str, majors)), [
        Timeline(
            case=case, target=target, series=series, states=tuple(_state(states.get(major, set())) for major in majors)
        )
        for (case, target, series), states in sorted(found.items())
        if any(major in states for major in majors)
    ]


def _state(verdicts: set[str]) -> str:
    testable = verdicts - {"untestable"}
    if len(testable) > 1:
        return "mixed"
    return next(iter(testable or verdicts), "")


_MARK = ("case", "target", "function", "access", "kind", "change")


def changes_of(transitions: Sequence[TransitionRow], notes: Sequence[NoteRow]) -> list[Change]:
    known = lives(transitions, notes)

    def mark(row: TransitionRow) -> tuple[str, ...]:
        return (f"{row.recipe}.{row.language}", row.target, row.function, row.access, row.kind, row.change)

    changes = []
    for key, rows in groupby(sorted(transitions, key=mark), key=mark):
        for cluster in clusters(rows):
            life = next(known[row] for row in cluster.rows if isinstance(row, TransitionRow))
            changes.append(Change(**dict(zip(_MARK, key, strict=True)), cluster=cluster, life=life))
    return changes


def _choices(snapshot: HistorySnapshot) -> dict[str, list[str]]:
    kinds = {mark.rsplit(" ", 1)[-1] for _, marks in snapshot.vectors.values() for mark in marks.split(", ") if mark}
    return {
        "recipe": sorted({f"{line.recipe}.{line.language}" for line in snapshot.lines}),
        "series": sorted({line.series for line in snapshot.lines}),
        "target": sorted({line.target for line in snapshot.lines}),
        "opt": sorted({line.opt for line in snapshot.lines}),
        "verdict": list(_VERDICTS),
        "defect": sorted(kinds),
    }
