"""What a tick plans, from values alone: the points of a range, what can be told of, dates, and what waits."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from history_values import a_case

from mmio_bisect.adapters.config.configuration_file import load
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import DownloadError, MmioBisectError, OverBudgetError
from mmio_bisect.workflow.probing.ranges import nothing_more
from mmio_bisect.workflow.watch import planning
from mmio_bisect.workflow.watch.news import Deferred, LineState, MarkState, News, PointPlan, SeriesState, Trouble
from mmio_bisect.workflow.watch.planning import Probed
from mmio_bisect.workflow.watch.values import (
    Assignment,
    Bisected,
    ChangeGroup,
    NotBisected,
    Recovered,
    Unchanged,
    line_of,
)

POINTS = tuple(Point(series="zig", version=f"1.{place}", sort_key=f"{place:02}") for place in range(6))
REQUEST = CellRequest(case=a_case(), target=TARGETS["aarch64"], opt=OptLevel.O2)
LINE = line_of(REQUEST)
MARK = Mark(function="store", access="store32+0", kind=DefectKind.WRITEBACK_POST)
NOW = "2026-11-02T06:30:00+00:00"
SPENT = OverBudgetError("the budget is spent")


@pytest.fixture
def job(tmp_path: Path) -> Assignment:
    file = tmp_path / "mmio-bisect.toml"
    file.write_text('[watch]\npatience = 2\n[watch.series.zig]\nfrom = "1.1"\nto = "1.4"\n')
    config = load(file, {})
    return Assignment(config=config, watched=config.series[0], requests=(REQUEST,))


def lost(errors: Mapping[Point, MmioBisectError]) -> Probed:
    return Probed(probes={}, late=frozenset(), errors=errors)


def a_group(job: Assignment) -> ChangeGroup:
    news = News(line=LINE, mark=MARK, change=Change.INTRODUCED, last="1.1", first="1.4")
    (group,) = planning.plan_bisections(job, [news], POINTS)
    return group


def test_points_outside_the_range_are_not_watched(job: Assignment) -> None:
    listing = Listing(series="zig", points=POINTS, asked_at=datetime(2026, 11, 2, tzinfo=UTC))
    plan = planning.plan_look(job, SeriesState(), listing, nothing_more, frozenset())
    assert plan.watched == plan.new == POINTS[1:5]
    assert plan.before == ""
    assert planning.plan_look(job, SeriesState(through="03"), listing, nothing_more, frozenset()).new == (POINTS[4],)


@pytest.mark.parametrize(
    ("last", "first", "points"),
    [
        ("1.0", "1.5", POINTS),
        ("1.4", "1.5", POINTS[4:]),
        ("1.1", "gone", POINTS[1:3]),  # the point after its last stands in for it
        ("1.5", "gone", POINTS[5:]),
        ("gone", "1.3", POINTS[2:4]),
        ("gone", "1.0", POINTS[:1]),
        ("gone", "gone too", POINTS[4:]),
    ],
)
def test_a_points_neighbour_stands_in_for_it_where_it_is_listed_no_more(
    job: Assignment, last: str, first: str, points: tuple[Point, ...]
) -> None:
    news = News(line=LINE, mark=MARK, change=Change.INTRODUCED, last=last, first=first)
    (group,) = planning.plan_bisections(job, [news], POINTS)
    assert group.points == points


def test_what_changed_between_the_same_points_in_one_case_is_one_group_and_the_oldest_first(job: Assignment) -> None:
    def news(last: int, first: int, mark: Mark = MARK, change: Change = Change.INTRODUCED) -> News:
        return News(line=LINE, mark=mark, change=change, last=f"1.{last}", first=f"1.{first}")

    other = replace(MARK, access="load8")
    told = [news(3, 5), news(1, 3, change=Change.FIXED), news(1, 3), news(1, 3, other), news(2, 3)]
    groups = planning.plan_bisections(job, told, POINTS)
    assert [(one.points, one.change, [each.mark for each in one.news]) for one in groups] == [
        (POINTS[1:4], Change.FIXED, [MARK]),
        (POINTS[1:4], Change.INTRODUCED, [MARK, other]),
        (POINTS[2:4], Change.INTRODUCED, [MARK]),
        (POINTS[3:], Change.INTRODUCED, [MARK]),
    ]
    assert [(one.series, one.profile.name, one.requests) for one in groups] == [("zig", "arm-isv", (REQUEST,))] * 4


def test_what_is_dated_is_the_mark_that_the_bisection_was_about_and_came_when_it_says(job: Assignment) -> None:
    mark = MarkState(present=True, reported=True, since="1.4")
    older, gone = replace(mark, since="1.2"), replace(mark, present=False)
    other = replace(MARK, access="load8")

    def dated(known: MarkState, change: Change = Change.INTRODUCED, about: Mark = MARK) -> Mapping[Mark, MarkState]:
        news = News(line=LINE, mark=about, change=change, last="1.1", first="1.4")
        groups = planning.plan_bisections(job, [news], POINTS)
        state = SeriesState(lines={LINE: LineState(version="1.4", marks={MARK: known})})
        return planning.date_changes(state, [(groups[0], Bisected(run=1, culprit="1.3"))]).lines[LINE].marks

    assert dated(mark) == {MARK: replace(mark, since="1.3")}
    assert dated(older) == {MARK: older}
    assert dated(gone, Change.FIXED) == {MARK: gone}
    assert dated(mark, about=other) == {MARK: mark}


def test_a_series_is_left_alone_until_its_pause_ends() -> None:
    assert planning.find_pause("zig", SeriesState(), NOW, (86400.0,)) is None
    trouble = Trouble(message="no answer", since=NOW, ticks=4, again="2026-11-02T06:31:00+00:00")
    paused = planning.find_pause("zig", SeriesState(trouble=trouble), NOW, (86400.0,))
    assert paused is not None
    assert str(paused.error) == (
        "zig is left alone until 2026-11-02T06:31, because it failed 4 times in a row "
        "(`watch --once --ask-again` asks it now): no answer"
    )
    assert planning.find_pause("zig", SeriesState(trouble=trouble), "2026-11-02T06:31:00+00:00", (86400.0,)) is None


def test_a_change_is_bisected_between_the_points_that_show_it(job: Assignment) -> None:
    group = a_group(job)
    assert (group.points, group.requests, group.marks) == (POINTS[1:5], (REQUEST,), {REQUEST: frozenset({MARK})})


@pytest.mark.parametrize(
    ("bisection", "since"),
    [
        (Bisected(run=1, culprit="1.3"), "1.3"),
        (Bisected(run=1), "1.4"),
        (Unchanged(run=1), None),
        (NotBisected(why="no budget"), "1.4"),
    ],
)
def test_a_defect_is_dated_by_what_bisecting_gave(
    job: Assignment, bisection: Bisected | Unchanged | NotBisected, since: str | None
) -> None:
    mark = MarkState(present=True, reported=True, last="1.1", first="1.4", lasted=1, since="1.4")
    state = SeriesState(lines={LINE: LineState(version="1.4", marks={MARK: mark})})
    dated = planning.date_changes(state, [(a_group(job), bisection)])
    assert dated.lines[LINE].marks == {MARK: replace(mark, since=since)}


def test_what_the_budget_cut_off_waits_and_is_no_try(job: Assignment) -> None:
    plan = PointPlan(watched=POINTS, new=POINTS[4:], retry=POINTS[1:3])
    probed = lost({POINTS[1]: DownloadError("no answer"), POINTS[2]: SPENT, POINTS[4]: SPENT, POINTS[5]: SPENT})
    state = SeriesState(through="03", waiting={"1.1": 0, "1.2": 1})
    after, events = planning.conclude(job, state, plan, probed, now=NOW, progress=False)
    assert after.waiting == {"1.1": 1, "1.2": 1}
    assert (after.through, after.trouble, events) == ("03", None, ())
    assert after.deferred is not None
    assert (after.deferred.points, after.deferred.in_vain) == (3, 1)
    _, events = planning.conclude(job, after, plan, probed, now=NOW, progress=False)
    assert [str(event) for event in events] == ["3 toolchains. the budget is spent"]


def test_what_could_not_be_had_is_tried_again_until_patience_ends_or_it_is_watched_no_more(job: Assignment) -> None:
    plan = PointPlan(watched=POINTS[1:], new=POINTS[4:], retry=POINTS[1:4], left=POINTS[:1])
    probe = lost({})
    state = SeriesState(through="03", newest="1.3", waiting={"1.0": 1, "1.1": 0, "1.2": 1})
    after, _ = planning.conclude(job, state, plan, probe, now=NOW, progress=True)
    assert (after.through, after.newest, after.waiting) == ("03", "1.3", {"1.1": 1})
    at_first, _ = planning.conclude(job, replace(state, through=None), plan, probe, now=NOW, progress=True)
    assert at_first.waiting == {}


def test_only_what_a_budget_cut_off_for_so_long_is_overdue() -> None:
    def deferred(in_vain: int) -> SeriesState:
        return SeriesState(deferred=Deferred(message="", since=NOW, ticks=9, in_vain=in_vain, points=1))

    assert [planning.is_overdue(deferred(count), SPENT, 3) for count in (2, 3, 4)] == [False, True, True]
    assert not planning.is_overdue(deferred(4), DownloadError("no answer"), 3)


def test_trouble_is_an_event_when_it_lasts_and_when_it_ends(job: Assignment) -> None:
    error = DownloadError("no answer")
    plan = PointPlan(watched=POINTS, new=POINTS[5:])
    state, events = planning.conclude(job, SeriesState(), plan, lost({POINTS[5]: error}), now=NOW, progress=False)
    assert (state.trouble, events) == (Trouble(message="no answer", since=NOW, ticks=1), ())
    assert not planning.is_overdue(state, error, 2)
    state, events = planning.fail(job, state, error, NOW)
    assert events == (state.trouble,)
    assert planning.is_overdue(state, error, 2)
    assert not planning.is_overdue(state, SPENT, 2)
    assert state.trouble is not None
    assert planning.end_trouble(state) == (SeriesState(), (Recovered(trouble=state.trouble),))


def test_what_was_watched_while_the_clock_was_ahead_hides_nothing_that_is_new_afterwards(job: Assignment) -> None:
    ahead = SeriesState(through="9999", newest="2036-01-01")
    listing = Listing(series="zig", points=POINTS, asked_at=datetime(2026, 11, 1, tzinfo=UTC))
    state = planning.without_future(ahead, listing)
    assert state.through == POINTS[-1].sort_key
    later = Point(series="zig", version="9.9", sort_key=f"{POINTS[-1].sort_key}+")
    grown = replace(listing, points=(*POINTS, later))
    unbounded = replace(job, watched=replace(job.watched, first=None, last=None))
    assert planning.plan_look(unbounded, state, grown, lambda _word, _listing: (), frozenset()).new == (later,)
    known = SeriesState(through=POINTS[0].sort_key)
    assert planning.without_future(known, listing) == known
    assert planning.without_future(ahead, replace(listing, points=())) == ahead
