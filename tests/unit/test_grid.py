"""The grid: what it probes, what it finds, and what it says that it did not look at."""

from collections.abc import Mapping

import pytest

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search.grid import Grid, coarse_stride


def points(count: int) -> tuple[Point, ...]:
    return tuple(Point(series="zig", version=str(place), sort_key=f"{place:04}") for place in range(count))


def vectors(*lines: str) -> list[tuple[frozenset[str] | None, ...]]:
    """One text a line, one letter a point: `.` without any mark, `x` cannot be read, any other letter is a mark."""
    marks: Mapping[str, frozenset[str] | None] = {".": frozenset(), "x": None}
    return [tuple(marks.get(letter, frozenset(letter)) for letter in point) for point in zip(*lines, strict=True)]


def explore(*lines: str, stride: int = 1, jobs: int = 1) -> tuple[Grid[str], list[str]]:
    """Probe until it is done; the grid, and the versions in the order in which they were probed."""
    seen = vectors(*lines)
    grid = Grid[str](points(len(seen)), lines=len(lines), stride=stride)
    probed = []
    while not grid.done:
        proposed = grid.propose((), jobs)
        assert proposed
        for point in proposed:
            probed.append(point.version)
            grid.record(point, seen[int(point.version)])
    return grid, probed


def found(grid: Grid[str]) -> list[tuple[int, str, str, str, str]]:
    return [(step.line, step.mark, step.change.value, step.last.version, step.first.version) for step in grid.steps()]


def test_every_point_is_probed_when_the_stride_is_one() -> None:
    grid, probed = explore("....aaaa")
    assert probed == [str(place) for place in range(8)]
    assert grid.unprobed == ()


def test_the_ends_and_every_so_many_points_are_probed_first() -> None:
    grid, probed = explore("..........", stride=4)
    assert probed == ["0", "4", "8", "9"]
    assert [point.version for point in grid.coarse] == probed
    assert [point.version for point in grid.unprobed] == ["1", "2", "3", "5", "6", "7"]


def test_between_neighbours_that_differ_it_halves_until_they_are_adjacent() -> None:
    grid, probed = explore("......aaaa", stride=9)
    assert probed == ["0", "9", "4", "6", "5"]
    assert found(grid) == [(0, "a", "introduced", "5", "6")]


def test_several_lines_change_in_their_own_places() -> None:
    grid, _ = explore("..aaaaaaaa", "bbbbbbbb..", "..........", stride=4)
    assert found(grid) == [(0, "a", "introduced", "1", "2"), (1, "b", "fixed", "7", "8")]


def test_one_mark_in_place_of_another_is_a_change_of_both() -> None:
    grid, _ = explore("aaab")
    assert found(grid) == [(0, "b", "introduced", "2", "3"), (0, "a", "fixed", "2", "3")]


def test_what_cannot_be_read_beside_a_change_makes_a_span() -> None:
    grid, _ = explore("...xxaaa", stride=7)
    (step,) = grid.steps()
    assert (step.last.version, step.first.version) == ("2", "5")
    assert [point.version for point in step.between] == ["3", "4"]


def test_what_cannot_be_read_is_no_change_by_itself() -> None:
    grid, probed = explore("..x..", stride=2)
    assert grid.steps() == ()
    assert probed == ["0", "2", "4"]


def test_a_mark_changes_between_points_at_which_its_group_was_seen_whole() -> None:
    """Group by case: `B` is of b's group. Of it not all is seen in the middle, where another mark is there."""
    grid = Grid[str](points(5), lines=1, group_of=str.lower)
    entries = [("", ""), ("a", "b"), ("aB", "b"), ("a", "b"), ("ab", "")]
    for point, (marks, blind) in zip(points(5), entries, strict=True):
        grid.record(point, (frozenset(marks),), (frozenset(blind),))
    assert found(grid) == [
        (0, "a", "introduced", "0", "1"),
        (0, "B", "introduced", "0", "2"),
        (0, "b", "introduced", "0", "4"),
        (0, "B", "fixed", "2", "4"),
    ]


def test_one_line_may_be_unreadable_where_another_changes() -> None:
    grid, _ = explore("..xaa", "bbb..", stride=4)
    assert found(grid) == [(0, "a", "introduced", "1", "3"), (1, "b", "fixed", "2", "3")]


def test_a_change_that_was_undone_between_two_probed_points_is_not_seen_and_they_are_said_to_be_unprobed() -> None:
    grid, _ = explore("..a.......", stride=5)
    assert grid.steps() == ()
    assert "2" in {point.version for point in grid.unprobed}


def test_nothing_is_proposed_twice_nor_more_than_is_free() -> None:
    grid = Grid[str](points(9), lines=1, stride=4)
    first = grid.propose((), 2)
    assert [point.version for point in first] == ["0", "4"]
    assert [point.version for point in grid.propose(first, 2)] == ["8"]
    assert grid.propose(first, 0) == ()
    assert not grid.done


def test_a_stretch_is_not_entered_before_the_grid_in_it_is_known() -> None:
    grid = Grid[str](points(9), lines=1, stride=4)
    grid.record(points(9)[0], (frozenset(),))
    grid.record(points(9)[8], (frozenset("a"),))
    assert [point.version for point in grid.propose((), 3)] == ["4"]


def test_what_is_known_beforehand_is_not_asked_for() -> None:
    line = points(9)
    grid = Grid[str](line, lines=1, stride=8)
    for place, marks in enumerate([*["."] * 4, *["a"] * 5]):
        grid.record(line[place], vectors(marks)[0])
    assert grid.done
    assert found(grid) == [(0, "a", "introduced", "3", "4")]


def test_a_single_point_is_a_grid() -> None:
    grid, probed = explore("a")
    assert (probed, grid.steps()) == (["0"], ())


@pytest.mark.parametrize(("count", "stride"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (20, 5), (100, 10), (101, 11)])
def test_the_stride_is_the_root_rounded_up(count: int, stride: int) -> None:
    assert coarse_stride(count) == stride


def test_a_change_has_a_direction() -> None:
    grid, _ = explore("aa..")
    assert [step.change for step in grid.steps()] == [Change.FIXED]


def test_contradicting_vectors_and_foreign_points_are_refused() -> None:
    grid = Grid[str](points(2), lines=1)
    grid.record(points(2)[0], (frozenset(),))
    grid.record(points(2)[0], (frozenset(),))
    with pytest.raises(ValueError, match="seen otherwise"):
        grid.record(points(2)[0], (None,))
    with pytest.raises(ValueError, match="not on the grid"):
        grid.record(points(3)[2], (None,))
    with pytest.raises(ValueError, match="2 entries for 1 lines"):
        grid.record(points(2)[1], (None, None))
    with pytest.raises(ValueError, match="distinct"):
        Grid[str]((), lines=1)
