"""The questions of the report that began all this (rust-lang/rust#131894), answered from what was measured."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mmio_bisect.domain.answer import Change
from mmio_bisect.report.terminal.tables import counted
from mmio_bisect.workflow.history.history_queries import HistorySnapshot, TransitionRow

_WRITEBACK = frozenset({"writeback-post", "writeback-pre"})
_ACCESSOR = "asm_accessor"
_COMPILERS = {"clang": "clang", "gcc": "GCC", "rustc": "rustc"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """`state`: bad, good, or unknown where nothing was measured."""

    question: str
    state: str
    answer: str


@dataclass(slots=True)
class _Tally:
    """Cells of one family that could be tested."""

    cells: int = 0
    bad: int = 0
    cases: set[str] = field(default_factory=set)


def answers_of(snapshot: HistorySnapshot, transitions: Sequence[TransitionRow]) -> list[Answered]:
    tallies = _by_family(snapshot)
    answers = [_does(family, name, tallies.get(family)) for family, name in _COMPILERS.items()]
    since = _changed(
        "Since when?", transitions, Change.INTRODUCED, "bad", "No writeback was introduced between measured points"
    )
    fixed = _changed(
        "Is it fixed?",
        transitions,
        Change.FIXED,
        "good",
        "No writeback went away between measured points: what is bad is so up to the newest",
    )
    return [*answers, since, fixed, _accessor(snapshot)]


def _by_family(snapshot: HistorySnapshot) -> dict[str, _Tally]:
    family = {(point.series, point.version): point.family for point in snapshot.points}
    lines = {line.id: line for line in snapshot.lines}
    writes_back = {
        number: any(mark.rsplit(" ", 1)[-1] in _WRITEBACK for mark in marks.split(", "))
        for number, (_, marks) in snapshot.vectors.items()
    }
    found: defaultdict[str, _Tally] = defaultdict(_Tally)
    for row in snapshot.standings:
        if snapshot.vectors[row.vector_id][0] == "untestable":
            continue
        line = lines[row.line_id]
        tally = found[family[line.series, row.version]]
        tally.cells += 1
        if writes_back[row.vector_id]:
            tally.bad += 1
            tally.cases.add(f"{line.recipe}.{line.language}")
    return dict(found)


def _does(family: str, name: str, tally: _Tally | None) -> Answered:
    question = f"Does {name} give volatile accesses register writeback?"
    if tally is None:
        return Answered(question=question, state="unknown", answer=f"Not measured: this history has no {family}.")
    if not tally.bad:
        return Answered(question=question, state="good", answer=f"Not in any of {counted(tally.cells, 'cell')} tested.")
    return Answered(
        question=question,
        state="bad",
        answer=f"Yes: in {tally.bad} of {counted(tally.cells, 'cell')} tested, of {_listed(tally.cases)}.",
    )


def _changed(
    question: str, transitions: Iterable[TransitionRow], change: Change, state: str, otherwise: str
) -> Answered:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in transitions:
        if row.change == change and row.kind in _WRITEBACK:
            step = f"{row.series} {row.last_version} → {row.first_version}"
            llvm = f", LLVM {row.last_llvm} → {row.first_llvm}" if row.first_llvm else ""
            found[f"{step}{llvm}"].add(f"{row.recipe}.{row.language}")
    if not found:
        return Answered(question=question, state="unknown", answer=f"{otherwise}.")
    told = "; ".join(f"{_listed(cases)} at {step}" for step, cases in sorted(found.items()))
    return Answered(question=question, state=state, answer=f"{told}.")


def _accessor(snapshot: HistorySnapshot) -> Answered:
    question = "Is an accessor in inline assembly safe?"
    lines = {line.id for line in snapshot.lines if line.recipe == _ACCESSOR}
    verdicts = [snapshot.vectors[row.vector_id][0] for row in snapshot.standings if row.line_id in lines]
    good, bad = verdicts.count("good"), verdicts.count("bad")
    if not good + bad:
        return Answered(question=question, state="unknown", answer=f"Not measured: this history has no {_ACCESSOR}.")
    if bad:
        answer = f"Not everywhere: {bad} of {counted(good + bad, 'cell')} of {_ACCESSOR} are bad."
        return Answered(question=question, state="bad", answer=answer)
    return Answered(
        question=question, state="good", answer=f"Yes: all {counted(good, 'cell')} of {_ACCESSOR} are good."
    )


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ordered[0] if len(ordered) == 1 else f"{', '.join(ordered[:-1])} and {ordered[-1]}"
