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
from mmio_bisect.workflow.watch.news import LineState, MarkState, News, PointPlan, SeriesState, Trouble
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
