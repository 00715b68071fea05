"""What is news: pure rules over points and marks, for the watch. Nothing here probes, stores or tells.

A mark is one kind of defect of one access in one function (`Mark`). Along each line (case, target, level) of a series
the marks of neighbouring testable points are compared. A mark that comes or goes is told at once; but one that did so
within the last `patience` testable points flaps, and is told only when it has stayed for so many. What people were
told, and what the compilers do, are kept apart in `LineState`, so that a fix closes what was told and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.toolchain import Point


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Line:
    """What is measured at every point: `case` is a file's name."""

    case: str
    target: str
    opt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkState:
    """One mark of a line that changed under watch, or was there at its beginning.

    `last` and `first` are the versions between which it last changed; None: never yet. `lasted` counts the testable
    points since, that one included. `since` is the version that people were told it came with. `known_at` is the newest
    at which it was seen to be there or not; None: the line's.
    """

    present: bool
    reported: bool
    last: str | None = None
    first: str | None = None
    lasted: int = 0
    since: str | None = None
    held_back: int = 0
    known_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """`version` is the newest testable point's.

    `unseen` are functions of which not all was seen there, each with the newest version at which all was; None: never.
    """

    version: str
    marks: Mapping[Mark, MarkState] = field(default_factory=dict)
    unseen: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A mark came or went between two testable points. `since`, of one that went: with which version it had come."""

    line: Line
    mark: Mark
    change: Change
    last: str
    first: str
    since: str | None = None


def begin_line(version: str, marks: frozenset[Mark], *, unseen: frozenset[str] = frozenset()) -> LineState:
    """A line's first measurement: what is there is known, and no news."""
    return LineState(
        version=version,
        marks={mark: MarkState(present=True, reported=True) for mark in marks},
        unseen=dict.fromkeys(sorted(unseen)),
    )


def judge_line_again(state: LineState, marks: frozenset[Mark], *, unseen: frozenset[str] = frozenset()) -> LineState:
    """The line if the marks of its newest testable point are these by other rules: that is known, and no news."""
    begun = begin_line(state.version, marks, unseen=unseen)
    known = {mark: state.marks[mark] for mark in marks if mark in state.marks and state.marks[mark].present}
    return replace(begun, marks=dict(begun.marks) | {mark: replace(one, known_at=None) for mark, one in known.items()})


def advance_line(
    state: LineState,
    line: Line,
    version: str,
    marks: frozenset[Mark],
    *,
    patience: int,
    unseen: frozenset[str] = frozenset(),
) -> tuple[LineState, tuple[News, ...]]:
    """The line at its next testable point, and what is news there.

    Of functions in which something was `unseen` there, a mark that is lacking is neither there nor gone. One that comes
    where its function was never seen whole before is known, and no news.
    """
    after: dict[Mark, MarkState] = {}
    news = []
    for mark in sorted({*state.marks, *marks}, key=_order):
        before, last = _known(state, mark)
        if mark.function in unseen and mark not in marks:
            after[mark] = replace(before, known_at=last)
            continue
        if last is None:
            after[mark] = MarkState(present=True, reported=True)
            continue
        now, reporting = _step_mark(before, present=mark in marks, last=last, here=version, patience=patience)
        if reporting and now.last is not None and now.first is not None:
            change = Change.INTRODUCED if now.present else Change.FIXED
            since = before.since if change is Change.FIXED else None
            news.append(News(line=line, mark=mark, change=change, last=now.last, first=now.first, since=since))
            now = replace(now, reported=now.present, since=now.first if now.present else None, held_back=0)
        if now.present or now.reported or now.lasted <= patience:
            after[mark] = replace(now, known_at=None)
    seen_last = {function: state.unseen.get(function, state.version) for function in sorted(unseen)}
    return LineState(version=version, marks=after, unseen=seen_last), tuple(news)


def _known(state: LineState, mark: Mark) -> tuple[MarkState, str | None]:
    """How the mark is at the newest version at which that is known; None: it was never known."""
    if mark in state.marks:
        return state.marks[mark], state.marks[mark].known_at or state.version
    return MarkState(present=False, reported=False), state.unseen.get(mark.function, state.version)


def _step_mark(before: MarkState, *, present: bool, last: str, here: str, patience: int) -> tuple[MarkState, bool]:
    """The mark one point on, and whether that is to be told."""
    if present == before.present:
        lasted = before.lasted + 1
        return replace(before, lasted=lasted), present != before.reported and lasted >= patience
    changed = replace(before, present=present, last=last, first=here, lasted=1)
    if before.first is None or before.lasted >= patience or patience == 1:
        return changed, present != before.reported
    return replace(changed, held_back=before.held_back + 1), False


def _order(mark: Mark) -> tuple[str, str, str]:
    return (mark.function, mark.access or "", mark.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What keeps a series from being watched, for so many ticks in a row; `reported`: people know.

    `again`: its source is left alone until then. Times are ISO 8601 in UTC.
    """

    message: str
    since: str
    ticks: int
    reported: bool = False
    again: str | None = None

    def leaves_alone(self, now: str, *, pauses: Sequence[float]) -> bool:
        """Not for longer than any pause: then the clock has gone back since."""
        if self.again is None or not pauses:
            return False
        left = datetime.fromisoformat(self.again) - datetime.fromisoformat(now)
        return timedelta(0) < left <= timedelta(seconds=max(pauses))


def add_trouble(
    before: Trouble | None, message: str, now: str, *, patience: int, pauses: Sequence[float] = ()
) -> tuple[Trouble, bool]:
    """One more tick of it, and whether that is to be told now.

    `pauses` are the seconds for which its source is left alone after the first failure, the second, …; the last counts
    for all that follow. They end with the minute that they would end in, so that a pause of a day is over for a tick
    that comes each day, whenever within its minute it comes.
    """
    ticks = 1 if before is None else before.ticks + 1
    known = before is not None and before.reported
    telling = not known and ticks >= patience
    since = now if before is None else before.since
    pause = pauses[min(ticks, len(pauses)) - 1] if pauses else 0
    until = (datetime.fromisoformat(now) + timedelta(seconds=pause)).replace(second=0, microsecond=0)
    again = until.isoformat() if pause else None
    return Trouble(message=message, since=since, ticks=ticks, reported=known or telling, again=again), telling


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesChanged:
    """What other rules made of the newest testable point of each of `lines`: so many marks came, and so many went.

    `lost` lines begin anew: by these rules their point is untestable, or what it compiled is gone.
    """

    before: int | None
    after: int
    lines: int
    came: int
    went: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """What the budget left for the next tick: so many `points`, and `bisections` by what they are of.

    It was so for `ticks` in a row, of which the last `in_vain` brought no toolchain either.
    """

    message: str
    since: str
    ticks: int
    in_vain: int
    points: int
    bisections: tuple[str, ...] = ()

    def __str__(self) -> str:
        left = [*([f"{self.points} toolchains"] if self.points else []), *self.bisections]
        return f"{', '.join(left)}. {self.message}"


def defer(
    before: Deferred | None, message: str, now: str, *, progress: bool, points: int, bisections: Sequence[str] = ()
) -> Deferred:
    """One more tick of it."""
    return Deferred(
        message=message,
        since=now if before is None else before.since,
        ticks=1 if before is None else before.ticks + 1,
        in_vain=0 if progress else 1 if before is None else before.in_vain + 1,
        points=points,
        bisections=tuple(bisections),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDescent:
    """A change, bisected by `run` and told with this `title`, whose descent goes on in the next tick, and `why`.

    `in_vain`: for so many ticks in a row it did not get on.
    """

    run: int
    title: str
    why: str
    since: str
    in_vain: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesState:
    """How far a series was watched: up to the point with `through` as its sort key.

    The marks of its lines were found by the `rules` of that number; None: before that was kept.
    `waiting` are older versions that could not be had, and for how many ticks; 0: the limit left them out.
    """

    through: str | None = None
    newest: str | None = None
    lines: Mapping[Line, LineState] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    trouble: Trouble | None = None
    deferred: Deferred | None = None
    descents: tuple[PendingDescent, ...] = ()
    rules: int | None = None

    @property
    def regressions(self) -> tuple[tuple[Line, Mark, str | None], ...]:
        """What people were told, or knew from the beginning, and is not fixed: with the version it came with."""
        return tuple(
            (line, mark, one.since)
            for line, state in sorted(self.lines.items())
            for mark, one in state.marks.items()
            if one.reported
        )

    @property
    def flapping(self) -> int:
        """How many marks change so often that they are not told."""
        return sum(one.held_back > 0 for line in self.lines.values() for one in line.marks.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPlan:
    """What to probe of the points that are `watched`: `new` ones, oldest first, and older ones to `retry`.

    New ones that are `left` are probed in later ticks.
    """

    watched: tuple[Point, ...] = ()
    new: tuple[Point, ...] = ()
    retry: tuple[Point, ...] = ()
    left: tuple[Point, ...] = ()

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(sorted((*self.retry, *self.new), key=lambda point: point.sort_key))

    @property
    def before(self) -> str:
        """The sort key that all new points are beyond."""
        first = min((point.sort_key for point in (*self.new, *self.left)), default=None)
        return max((point.sort_key for point in self.watched if first is None or point.sort_key < first), default="")


def plan_points(
    points: Sequence[Point],
    state: SeriesState,
    remembered: frozenset[str],
    *,
    bounded: bool,
    limit: int,
    patience: int,
) -> PointPlan:
    """What to probe of a series' `points`, oldest first, of which history remembers some.

    Not `bounded`: nobody said where to begin, so it is the newest. Of more than `limit` new points the newest and
    others at even distances are taken: a change between them is found by bisection. Those that were left out fill up
    later ticks to their limit.
    """
    if state.through is not None:
        new = [point for point in points if point.sort_key > state.through]
    else:
        known = [place for place, point in enumerate(points) if point.version in remembered]
        new = list(points[known[-1] + 1 :] if known else points if bounded else points[-1:])
    chosen = _spread(new, limit)
    older = [point for point in points if point not in set(new) and point.version in state.waiting]
    tried = [point for point in older if 0 < state.waiting[point.version] < patience]
    untried = [point for point in older if not state.waiting[point.version]]
    free = max(0, limit - len(chosen) - len(tried))
    return PointPlan(
        watched=tuple(points),
        new=chosen,
        retry=tuple(sorted((*tried, *untried[:free]), key=lambda point: point.sort_key)),
        left=tuple(point for point in new if point not in set(chosen)),
    )


def _spread(points: Sequence[Point], limit: int) -> tuple[Point, ...]:
    count = len(points)
    if count <= limit:
        return tuple(points)
    return tuple(points[(count * (step + 1)) // limit - 1] for step in range(limit))
