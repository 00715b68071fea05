"""What is news and what is not: the rules of the watch over points and marks, night by night."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmio_bisect.adapters.history.outbox import decode_state, encode_state
from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CorruptDatabaseError
from mmio_bisect.workflow.watch.news import (
    Deferred,
    Line,
    LineState,
    PendingDescent,
    PointPlan,
    SeriesState,
    Trouble,
    add_trouble,
    advance_line,
    begin_line,
    defer,
    judge_line_again,
    plan_points,
)

LINE = Line(case="a.rs", target="aarch64", opt="2")
MARK = Mark(function="f", access="store32+0", kind=DefectKind.WRITEBACK_POST)
OTHER = Mark(function="f", access=None, kind=DefectKind.PAIR)


def changes_of(nights: str, *, patience: int = 3) -> list[str]:
    """A letter a night, `b` with the mark and `.` without; what is told, and in which night."""
    state = begin_line("0", _marks(nights[0]))
    said = []
    for night, letter in enumerate(nights[1:], start=1):
        state, news = advance_line(state, LINE, str(night), _marks(letter), patience=patience)
        said += [f"{night}: {one.change} {one.last}..{one.first}" for one in news]
    return said


def _marks(letter: str) -> frozenset[Mark]:
    return frozenset({MARK}) if letter == "b" else frozenset()


def test_what_is_lacking_where_not_all_was_seen_is_neither_there_nor_gone() -> None:
    state = begin_line("0", frozenset({MARK, OTHER}))
    for night in range(1, 9):
        state, news = advance_line(state, LINE, str(night), frozenset({OTHER}), patience=3, unseen=frozenset({"f"}))
        assert (news, set(state.marks)) == ((), {MARK, OTHER})
    assert [one.mark for one in advance_line(state, LINE, "9", frozenset({OTHER}), patience=3)[1]] == [MARK]


def test_a_change_lies_between_points_at_which_its_function_was_seen() -> None:
    """Points at which another function is bad are testable, and yet say nothing of what was not seen in this one."""
    for before, after in ((frozenset[Mark](), frozenset({MARK})), (frozenset({MARK}), frozenset[Mark]())):
        state = begin_line("0", before)
        for night in ("1", "2"):
            state, news = advance_line(state, LINE, night, frozenset(), patience=3, unseen=frozenset({"f"}))
            assert news == ()
        state = decode_state(encode_state(SeriesState(lines={LINE: state}))).lines[LINE]
        _, news = advance_line(state, LINE, "3", after, patience=3)
        assert [(one.mark, one.last, one.first) for one in news] == [(MARK, "0", "3")]


def test_what_comes_where_its_function_was_never_seen_whole_is_known_and_no_news() -> None:
    by_other_rules = judge_line_again(begin_line("0", frozenset({MARK})), frozenset({OTHER}), unseen=frozenset({"f"}))
    for begun in (begin_line("0", frozenset({OTHER}), unseen=frozenset({"f"})), by_other_rules):
        state, news = advance_line(begun, LINE, "1", frozenset({OTHER}), patience=3, unseen=frozenset({"f"}))
        after, more = advance_line(state, LINE, "2", frozenset({MARK, OTHER}), patience=3)
        assert (news, more, set(after.marks)) == ((), (), {MARK, OTHER})
        assert [one.last for one in advance_line(after, LINE, "3", frozenset({OTHER}), patience=3)[1]] == ["2"]


def test_what_does_not_change_is_no_news() -> None:
    assert changes_of("......") == changes_of("bbbbb") == []


def test_what_comes_and_what_goes_is_told_at_once() -> None:
    assert changes_of("..bbbb...") == ["2: introduced 1..2", "6: fixed 5..6"]
    assert changes_of("bb.") == ["2: fixed 1..2"]


def test_a_flapping_mark_is_told_when_it_has_stayed() -> None:
    assert changes_of("..b.b.b.b.") == ["2: introduced 1..2"]
    assert changes_of("..b.....") == ["2: introduced 1..2", "5: fixed 2..3"]
    assert changes_of("..b.b.bbbb....") == ["2: introduced 1..2", "10: fixed 9..10"]


def test_without_patience_every_change_is_told() -> None:
    assert len(changes_of(".b.b.b", patience=1)) == 5


def test_marks_of_one_line_are_told_apart() -> None:
    state, _ = advance_line(begin_line("0", frozenset({MARK})), LINE, "1", frozenset({MARK, OTHER}), patience=3)
    _, news = advance_line(state, LINE, "2", frozenset({OTHER}), patience=3)
    assert [(one.mark, one.change) for one in news] == [(MARK, "fixed")]


@settings(deadline=None)
@given(st.text(alphabet="b.", min_size=1, max_size=40), st.integers(1, 4))
def test_told_changes_alternate_and_end_where_the_compiler_stayed(nights: str, patience: int) -> None:
    changes = [one.split()[1] for one in changes_of(nights, patience=patience)]
    assert all(one != other for one, other in pairwise(changes))
    settled = changes_of(nights + nights[-1] * patience, patience=patience)
    bad = settled[-1].split()[1] == "introduced" if settled else nights[0] == "b"
    assert bad == (nights[-1] == "b")


def points(count: int) -> tuple[Point, ...]:
    return tuple(Point(series="s", version=f"v{place:03}", sort_key=f"{place:03}") for place in range(count))


def plan(count: int, state: SeriesState, *, limit: int = 5, known: frozenset[str] = frozenset()) -> PointPlan:
    return plan_points(points(count), state, known, bounded=False, limit=limit, patience=3)


def versions(planned: tuple[Point, ...]) -> list[str]:
    return [point.version for point in planned]


def test_the_first_look_is_at_the_newest_or_at_what_history_lacks() -> None:
    assert versions(plan(9, SeriesState()).new) == ["v008"]
    assert versions(plan(9, SeriesState(), known=frozenset({"v001", "v006"})).new) == ["v007", "v008"]


def test_after_days_off_the_newest_and_some_between_are_probed() -> None:
    planned = plan(100, SeriesState(through="049"))
    assert versions(planned.new) == ["v059", "v069", "v079", "v089", "v099"]
    assert len(planned.left) == 45


def test_older_points_are_tried_again_until_patience_ends() -> None:
    state = SeriesState(through="008", waiting={"v005": 2, "v006": 3})
    assert versions(plan(9, state).points) == ["v005"]


def test_what_was_left_out_fills_up_later_ticks_as_far_as_there_is_room() -> None:
    first = plan(100, SeriesState(through="089"), limit=4)
    assert versions(first.left) == ["v090", "v092", "v093", "v095", "v097", "v098"]
    waiting = dict.fromkeys(versions(first.left), 0)
    assert versions(plan(101, SeriesState(through="099", waiting=waiting), limit=4).points) == [
        "v090",
        "v092",
        "v093",
        "v100",
    ]


def test_a_source_that_failed_is_left_alone_for_growing_pauses_within_a_bound() -> None:
    trouble: Trouble | None = None
    again = []
    for day in range(1, 6):
        now = f"2026-01-0{day}T06:30:17+00:00"
        trouble, _ = add_trouble(trouble, "no answer", now, patience=3, pauses=(0.0, 3600.0, 86400.0, 172800.0))
        again.append(trouble.again)
    assert again == [
        None,
        "2026-01-02T07:30:00+00:00",
        "2026-01-04T06:30:00+00:00",
        "2026-01-06T06:30:00+00:00",
        "2026-01-07T06:30:00+00:00",
    ]


def test_a_pause_of_a_day_is_over_for_the_tick_of_the_next_day() -> None:
    trouble, _ = add_trouble(None, "no answer", "2026-01-01T06:30:00.9+00:00", patience=3, pauses=(86400.0,))
    assert trouble.leaves_alone("2026-01-01T23:00:00+00:00", pauses=(86400.0,))
    assert not trouble.leaves_alone("2026-01-02T06:30:00.1+00:00", pauses=(86400.0,))


def test_a_source_that_failed_while_the_clock_was_ahead_is_not_left_alone_for_years() -> None:
    trouble, _ = add_trouble(None, "no answer", "2036-01-01T06:30:00+00:00", patience=3, pauses=(86400.0,))
    assert not trouble.leaves_alone("2026-01-01T06:30:00+00:00", pauses=(86400.0,))
    assert not trouble.leaves_alone("2046-01-01T06:30:00+00:00", pauses=(86400.0,))


def test_what_a_budget_cut_off_counts_the_ticks_that_brought_nothing() -> None:
    cut: Deferred | None = None
    for progress in (True, False, False, True, False):
        cut = defer(cut, "spent", "2026-01-01", progress=progress, points=3)
    assert cut is not None
    assert (cut.ticks, cut.in_vain) == (5, 1)


def test_trouble_is_told_once_when_it_lasts() -> None:
    trouble: Trouble | None = None
    said = []
    for _ in range(5):
        trouble, telling = add_trouble(trouble, "no answer", "2026-01-01", patience=3)
        said.append(telling)
    assert said == [False, False, True, False, False]


def test_a_state_is_read_as_it_was_written() -> None:
    line, news = advance_line(begin_line("0", frozenset({OTHER})), LINE, "1", frozenset({MARK}), patience=3)
    state = SeriesState(
        through="001",
        newest="v001",
        lines={LINE: line, Line(case="b.c", target="aarch64", opt="s"): LineState(version="0")},
        waiting={"v000": 1},
        trouble=Trouble(message="no answer", since="2026-01-01", ticks=2, again="2026-01-02"),
        deferred=Deferred(message="spent", since="2026-01-01", ticks=2, in_vain=1, points=3, bisections=("a.rs in x",)),
        descents=(PendingDescent(run=7, title="a.rs regressed", why="spent", since="2026-01-01"),),
    )
    assert len(news) == 2
    assert decode_state(encode_state(state)) == state
    assert [(mark, since) for _, mark, since in state.regressions] == [(MARK, "1")]


def test_a_state_of_the_first_format_is_read() -> None:
    text = """{"format": 1, "through": "001", "newest": "v001", "waiting": {"v000": 1},
        "trouble": {"message": "no answer", "since": "2026-01-01", "ticks": 3, "told": true, "again": null},
        "pursuits": [{"run": 7, "title": "t", "why": "spent", "since": "2026-01-01", "in_vain": 1}],
        "lines": [{"case": "a.rs", "target": "aarch64", "opt": "2", "version": "1", "marks": [{"function": "f",
            "access": "store32+0", "kind": "writeback-post", "present": true, "told": true, "last": null,
            "first": null, "lasted": 0, "since": null, "held_back": 0}]}]}"""
    assert decode_state(text) == SeriesState(
        through="001",
        newest="v001",
        lines={LINE: begin_line("1", frozenset({MARK}))},
        waiting={"v000": 1},
        trouble=Trouble(message="no answer", since="2026-01-01", ticks=3, reported=True),
        descents=(PendingDescent(run=7, title="t", why="spent", since="2026-01-01", in_vain=1),),
    )
    with pytest.raises(CorruptDatabaseError, match="restore a backup"):
        decode_state(text.replace('"format": 1', '"format": 3'))


def told(nights: str, patience: int) -> list[str]:
    """The rule in other words: a change is told once the mark had stayed as it was before, or has stayed since."""
    known, changed, said = nights[0], None, []
    for night in range(1, len(nights)):
        calm = changed is None or night - changed >= patience
        if nights[night] != nights[night - 1]:
            changed = night
        else:
            calm = changed is not None and night - changed + 1 >= patience
        if calm and nights[night] != known and changed is not None:
            known = nights[night]
            said.append(f"{night}: {'introduced' if known == 'b' else 'fixed'} {changed - 1}..{changed}")
    return said


@settings(deadline=None)
@given(st.text(alphabet="b.", min_size=1, max_size=30), st.integers(1, 5))
def test_a_change_is_told_when_it_is_one_that_stays(nights: str, patience: int) -> None:
    assert changes_of(nights, patience=patience) == told(nights, patience)


def line_after(nights: str, *, patience: int = 3) -> LineState:
    state = begin_line("0", _marks(nights[0]))
    for night, letter in enumerate(nights[1:], start=1):
        state, _ = advance_line(state, LINE, str(night), _marks(letter), patience=patience)
    return state


@pytest.mark.parametrize(
    ("nights", "known", "held_back"),
    [
        ("bb.", 1, 0),
        ("bb...", 1, 0),
        ("bb....", 0, 0),  # gone for longer than patience: forgotten
        (".b.", 1, 1),
        (".b.b.", 1, 3),
        (".b.bbb", 1, 2),
        (".b.b...", 1, 0),
    ],
)
def test_a_mark_that_is_gone_is_known_until_patience_ends_and_one_that_flaps_is_counted(
    nights: str, known: int, held_back: int
) -> None:
    state = line_after(nights)
    assert len(state.marks) == known
    assert [one.held_back for one in state.marks.values()] == [held_back] * known
    assert SeriesState(lines={LINE: state}).flapping == (held_back > 0)
    assert state.version == str(len(nights) - 1)


def test_what_went_is_told_with_the_version_that_it_came_with() -> None:
    state, (came,) = advance_line(begin_line("0", frozenset()), LINE, "1", frozenset({MARK}), patience=3)
    for night in "234":
        state, _ = advance_line(state, LINE, night, frozenset({MARK}), patience=3)
    after, (went,) = advance_line(state, LINE, "5", frozenset(), patience=3)
    assert (came.since, went.since, went.last, went.first) == (None, "1", "4", "5")
    assert [one.since for one in after.marks.values()] == [None]
    series = SeriesState(lines={LINE: state})
    assert series.regressions == ((LINE, MARK, "1"),)
    assert SeriesState(lines={LINE: after}).regressions == ()


POINTS = points(20)


@settings(deadline=None)
@given(
    through=st.integers(-1, 20),
    waiting=st.dictionaries(st.integers(0, 19), st.integers(0, 4), max_size=8),
    limit=st.integers(1, 6),
)
def test_a_tick_takes_the_newest_and_some_at_even_distances_and_older_ones_as_far_as_there_is_room(
    through: int, waiting: dict[int, int], limit: int
) -> None:
    state = SeriesState(through=f"{through:03}", waiting={f"v{place:03}": tries for place, tries in waiting.items()})
    planned = plan_points(POINTS, state, frozenset(), bounded=False, limit=limit, patience=3)
    new = [point for point in POINTS if point.sort_key > f"{through:03}"]
    assert (planned.watched, set(planned.new) | set(planned.left)) == (POINTS, set(new))
    assert len(planned.new) == min(limit, len(new))
    assert planned.new[-1:] == tuple(new[-1:])
    places = [-1, *(new.index(point) for point in planned.new)]
    steps = [after - before for before, after in pairwise(places)]
    assert max(steps, default=0) - min(steps, default=0) <= 1
    old = [point for point in POINTS if point not in new]
    tries = {point: waiting.get(int(point.sort_key)) for point in old}
    tried = [point for point in old if tries[point] in {1, 2}]
    untried = [point for point in old if tries[point] == 0]
    room = max(0, limit - len(planned.new) - len(tried))
    assert set(planned.retry) == {*tried, *untried[:room]}
    assert list(planned.points) == sorted({*planned.new, *planned.retry}, key=lambda point: point.sort_key)
    assert planned.before == (old[-1].sort_key if old else "")


@pytest.mark.parametrize(("bounded", "known", "first"), [(True, (), 0), (False, (), 19), (True, (3, 7), 8)])
def test_a_first_look_begins_where_it_is_told_or_at_the_newest_or_after_what_is_known(
    bounded: bool, known: tuple[int, ...], first: int
) -> None:
    remembered = frozenset(f"v{place:03}" for place in known)
    planned = plan_points(POINTS, SeriesState(), remembered, bounded=bounded, limit=99, patience=3)
    assert planned.new == POINTS[first:]
    assert planned.before == (POINTS[first - 1].sort_key if first else "")


def test_trouble_is_told_when_it_has_lasted_and_its_beginning_is_kept() -> None:
    trouble, telling = add_trouble(None, "a", "2026-01-01T06:30:00+00:00", patience=1, pauses=(60.0, 120.0))
    assert (telling, trouble.reported, trouble.ticks) == (True, True, 1)
    trouble, telling = add_trouble(trouble, "b", "2026-01-02T06:30:59+00:00", patience=1, pauses=(60.0, 120.0))
    assert (telling, trouble.reported, trouble.ticks) == (False, True, 2)
    assert (trouble.message, trouble.since) == ("b", "2026-01-01T06:30:00+00:00")
    assert trouble.again == "2026-01-02T06:32:00+00:00"
    assert trouble.leaves_alone("2026-01-02T06:31:59+00:00", pauses=(60.0, 120.0))
    assert not trouble.leaves_alone("2026-01-02T06:32:00+00:00", pauses=(60.0, 120.0))
    assert not Trouble(message="a", since="", ticks=1).leaves_alone("2026-01-02T06:32:00+00:00", pauses=(60.0, 120.0))


@pytest.mark.parametrize(
    ("points", "bisections", "text"),
    [
        (2, (), "2 toolchains. spent"),
        (1, ("a.rs in x", "b.rs in y"), "1 toolchains, a.rs in x, b.rs in y. spent"),
    ],
)
def test_what_was_cut_off_is_counted_and_named(points: int, bisections: tuple[str, ...], text: str) -> None:
    first = defer(None, "spent", "1", progress=False, points=points, bisections=bisections)
    again = defer(first, "spent", "2", progress=False, points=points, bisections=bisections)
    assert (str(first), first.ticks, first.in_vain, first.since) == (text, 1, 1, "1")
    assert (str(again), again.ticks, again.in_vain, again.since) == (text, 2, 2, "1")
