"""Laws of the grid, against brute force on random histories, several workers and any order of arrival."""

from itertools import pairwise
from math import ceil, log2

from hypothesis import given, settings
from hypothesis import strategies as st

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search.grid import Grid

Vector = tuple[frozenset[str] | None, ...]

marks = st.frozensets(st.sampled_from("abc"), max_size=2)


@st.composite
def histories(draw: st.DrawFn, readable: bool = False) -> tuple[Vector, ...]:
    """Of some lines along some points: stretches of equal marks, with holes unless all is `readable`."""
    length, lines = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    rows = []
    for _ in range(lines):
        row: list[frozenset[str] | None] = []
        while len(row) < length:
            row += [draw(marks)] * draw(st.integers(1, 20))
        row = row[:length]
        if not readable:
            for hole in draw(st.sets(st.integers(0, length - 1), max_size=8)):
                row[hole] = None
        rows.append(row)
    return tuple(zip(*rows, strict=True))


def line_of(history: tuple[Vector, ...]) -> tuple[Point, ...]:
    return tuple(Point(series="zig", version=str(place), sort_key=f"{place:04}") for place in range(len(history)))


def explored(history: tuple[Vector, ...], stride: int, jobs: int, data: st.DataObject) -> tuple[Grid[str], set[int]]:
    """Probe with so many workers, the results in any order, some known beforehand; and the promises on the way."""
    points = line_of(history)
    grid = Grid[str](points, lines=len(history[0]), stride=stride)
    known = data.draw(st.sets(st.sampled_from(range(len(points)))), "known")
    for place in known:
        grid.record(points[place], history[place])
    flying: list[Point] = []
    while flying or not grid.done:
        proposed = grid.propose(flying, jobs - len(flying))
        assert len(proposed) <= jobs - len(flying)
        assert len(set(proposed)) == len(proposed)
        assert not {int(point.version) for point in proposed} & known
        assert not set(proposed) & set(flying)
        flying += proposed
        assert flying, "not done, and nothing proposed"
        landing = flying.pop(data.draw(st.integers(0, len(flying) - 1), "lands"))
        known.add(int(landing.version))
        grid.record(landing, history[int(landing.version)])
    return grid, known


def steps_by_force(history: tuple[Vector, ...], known: set[int]) -> set[tuple[int, str, Change, int, int]]:
    """Every change between neighbours that were probed and can be read."""
    found = set()
    for line in range(len(history[0])):
        readable = [place for place in sorted(known) if history[place][line] is not None]
        for low, high in pairwise(readable):
            before, after = history[low][line] or frozenset(), history[high][line] or frozenset()
            found |= {(line, mark, Change.INTRODUCED, low, high) for mark in after - before}
            found |= {(line, mark, Change.FIXED, low, high) for mark in before - after}
    return found


@given(histories(), st.integers(1, 12), st.integers(1, 4), st.data())
@settings(deadline=None)
def test_every_difference_between_probed_neighbours_is_narrowed_to_adjacent_readable_points(
    history: tuple[Vector, ...], stride: int, jobs: int, data: st.DataObject
) -> None:
    grid, known = explored(history, stride, jobs, data)
    steps = grid.steps()
    told = {(it.line, it.mark, it.change, int(it.last.version), int(it.first.version)) for it in steps}
    assert told == steps_by_force(history, known)
    assert len(told) == len(steps)
    for step in steps:
        between = range(int(step.last.version) + 1, int(step.first.version))
        assert [int(point.version) for point in step.between] == list(between)
        assert all(place in known and history[place][step.line] is None for place in between)


@given(histories(), st.integers(1, 12), st.integers(1, 4), st.data())
def test_the_ends_and_the_grid_are_probed_and_the_rest_is_said_not_to_be(
    history: tuple[Vector, ...], stride: int, jobs: int, data: st.DataObject
) -> None:
    grid, known = explored(history, stride, jobs, data)
    assert {0, len(history) - 1, *range(0, len(history), stride)} <= known
    assert {int(point.version) for point in grid.unprobed} == set(range(len(history))) - known


@given(histories(), st.data())
def test_with_every_point_probed_all_changes_are_found(history: tuple[Vector, ...], data: st.DataObject) -> None:
    grid, known = explored(history, 1, 1, data)
    assert known == set(range(len(history)))
    told = {(it.line, it.mark, it.change, int(it.last.version), int(it.first.version)) for it in grid.steps()}
    assert told == steps_by_force(history, known)


@given(histories(readable=True), st.integers(1, 12))
def test_probes_are_bounded_by_the_grid_and_a_bisection_for_each_change(
    history: tuple[Vector, ...], stride: int
) -> None:
    points = line_of(history)
    grid = Grid[str](points, lines=len(history[0]), stride=stride)
    probes = 0
    while not grid.done:
        (point,) = grid.propose((), 1)
        probes += 1
        grid.record(point, history[int(point.version)])
    changes = {(step.last, step.first) for step in grid.steps()}
    assert probes <= len(grid.coarse) + len(changes) * ceil(log2(stride))
