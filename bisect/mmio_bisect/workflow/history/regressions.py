"""The life of a regression: introduced → confirmed → attributed → reported → fixed → verified.

Outcomes move it: it is introduced where a mark came, confirmed when a second level or series has it too, fixed where
the mark went, verified when it went from a second one as well. People move it by notes, which may add what no outcome
can tell: who did it, and where it was reported. It stands at the furthest that either of them says.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.llvm import LlvmVersion
from mmio_bisect.workflow.history.history_queries import CodeChangeRow, NoteRow, TransitionRow

Changed = TransitionRow | CodeChangeRow


class State(StrEnum):
    """In the order of a life."""

    INTRODUCED = "introduced"
    CONFIRMED = "confirmed"
    ATTRIBUTED = "attributed"
    REPORTED = "reported"
    FIXED = "fixed"
    VERIFIED = "verified"


_ORDER = list(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Changes whose steps of LLVM overlap: what they share is after `last`, and at `first` or before."""

    rows: tuple[Changed, ...]
    last: str | None
    first: str | None

    @property
    def name(self) -> str:
        return "" if self.first is None else f"LLVM {self.last or '?'} → {self.first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Where a regression stands, and what was said of it, oldest first."""

    state: State
    notes: tuple[NoteRow, ...] = ()

    @property
    def links(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note.link for note in self.notes if note.link))

    def __str__(self) -> str:
        return " ".join((self.state.value, *self.links))


def clusters(rows: Iterable[Changed]) -> list[Cluster]:
    """Rows of one mark, put together where one change of LLVM explains them; those without LLVM by themselves."""
    found: list[Cluster] = []
    for row in sorted(rows, key=lambda row: (_llvm(row.first_llvm), row.series)):
        before = found[-1] if found else None
        if before and before.first and row.first_llvm and _llvm(row.last_llvm) < _llvm(before.first):
            last = max((before.last, row.last_llvm), key=_llvm)
            found[-1] = Cluster(rows=(*before.rows, row), last=last, first=before.first)
        elif before and before.first is None and row.first_llvm is None:
            found[-1] = Cluster(rows=(*before.rows, row), last=None, first=None)
        else:
            found.append(Cluster(rows=(row,), last=row.last_llvm, first=row.first_llvm))
    return found


def _llvm(version: str | None) -> LlvmVersion:
    return LlvmVersion.from_text(version) or LlvmVersion(release=(0,))


def lives(rows: Iterable[TransitionRow], notes: Sequence[NoteRow]) -> Mapping[TransitionRow, Life]:
    """Of every transition, that of the regression which it began or ended. `rows` are all of their marks."""
    by_mark: defaultdict[tuple[str, ...], list[TransitionRow]] = defaultdict(list)
    for row in rows:
        by_mark[row.recipe, row.language, row.target, row.function, row.access, row.kind].append(row)
    found: dict[TransitionRow, Life] = {}
    for some in by_mark.values():
        begun = clusters(row for row in some if row.change == Change.INTRODUCED)
        ended = [row for row in some if row.change == Change.FIXED]
        for cluster in begun:
            began = [row for row in cluster.rows if isinstance(row, TransitionRow)]
            fixes = [row for row in ended if _ends(row, began, begun, cluster)]
            life = _life(began, fixes, notes)
            found |= dict.fromkeys([*began, *fixes], life)
        for cluster in clusters(row for row in ended if row not in found):
            fixes = [row for row in cluster.rows if isinstance(row, TransitionRow)]
            found |= dict.fromkeys(fixes, _life([], fixes, notes))
    return found


def _ends(fix: TransitionRow, began: Sequence[TransitionRow], begun: Sequence[Cluster], cluster: Cluster) -> bool:
    """Whether it ends this regression and not one that began later."""
    if fix.series not in {row.series for row in began}:
        return False
    if cluster.first is None or fix.first_llvm is None:
        return True
    later = [other for other in begun if _llvm(other.first) > _llvm(cluster.first)]
    fixed = _llvm(fix.first_llvm)
    return fixed > _llvm(cluster.first) and all(fixed <= _llvm(other.first) for other in later)


def _life(began: Sequence[TransitionRow], fixes: Sequence[TransitionRow], notes: Sequence[NoteRow]) -> Life:
    state = State.CONFIRMED if len(_lines(began)) > 1 else State.INTRODUCED
    if fixes:
        state = State.VERIFIED if len(_lines(fixes)) > 1 else State.FIXED
    own = tuple(note for note in notes if any(_is_about(note, row) for row in (*began, *fixes)))
    told = [State(note.state) for note in own if note.state]
    return Life(state=max((state, *told), key=_ORDER.index), notes=own)


def _lines(rows: Iterable[TransitionRow]) -> set[tuple[str, str]]:
    return {(row.series, row.opt) for row in rows}


def _is_about(note: NoteRow, row: TransitionRow) -> bool:
    told = (note.recipe, note.series, note.target, note.function, note.access, note.defect)
    has = (row.recipe, row.series, row.target, row.function, row.access, row.kind)
    return all(not one or one == other for one, other in zip(told, has, strict=True))
