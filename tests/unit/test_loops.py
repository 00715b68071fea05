"""Rounds of loops, drawn as graphs: which accesses are made again, and which rounds leave them out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmio_bisect.classify.dataflow.findings import Flow, Node, WindowTouch
from mmio_bisect.classify.machine.instructions import Instruction
from mmio_bisect.classify.verdict.paths import (
    MAX_ORDERS,
    Order,
    happens_again,
    leaves_out,
    only_try,
    orders,
    repeated,
    tried_again,
)
from mmio_bisect.domain.access import Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction

EXCLUSIVE = tuple(
    Transfer(
        form=Form.EXCLUSIVE,
        directions=(direction,),
        element_width=32,
        register_class=RegisterClass.GENERAL,
        syndrome_valid=False,
        why="",
    )
    for direction in Direction
)
LOAD = Transfer(
    form=Form.SINGLE,
    directions=(Direction.LOAD,),
    element_width=32,
    register_class=RegisterClass.GENERAL,
    syndrome_valid=True,
    why="",
)


def node(place: int) -> Node:
    return ((), "f", place, "")


def flow(edges: Mapping[int, Sequence[int]], touches: Sequence[int], *transfers: Transfer) -> Flow:
    """A function that begins at 0; an access at each of `touches`, a plain load or one of the `transfers`."""
    return Flow(
        entry=node(0),
        touches=tuple(
            WindowTouch(
                node=node(place),
                instruction=Instruction(position=place, encoding=b"", text="load"),
                transfer=transfer,
                region="mmio",
                offset=0,
            )
            for place, transfer in zip(touches, transfers or [LOAD] * len(touches), strict=True)
        ),
        escapes=(),
        edges={node(at): tuple(map(node, onward)) for at, onward in edges.items()},
        returns=frozenset(node(at) for at, onward in edges.items() if not onward),
        followed=(),
    )


POLL = {0: [1], 1: [2], 2: [1, 3], 3: []}
HOISTED = {0: [1], 1: [2, 3], 2: [2], 3: []}
PEELED = {0: [1, 4], 1: [2], 2: [1, 4], 4: []}
UNROLLED = {0: [1], 1: [2, 4], 2: [3, 4], 3: [4], 4: []}
SKIPPING = {0: [1], 1: [2, 3], 2: [3], 3: [1, 4], 4: []}
WITH_DELAY = {0: [1], 1: [2], 2: [2, 3], 3: [1, 4], 4: []}
OUTER = {0: [1], 1: [2], 2: [2, 3], 3: [1, 4], 4: []}
DEEPER = {0: [1], 1: [2], 2: [3, 4], 3: [2], 4: [1, 5], 5: []}
TWO_ENTRIES = {0: [1, 2], 1: [2], 2: [1, 3], 3: []}

GRAPHS: list[tuple[str, Mapping[int, Sequence[int]], Sequence[int], bool, bool]] = [
    ("a poll", POLL, [1], True, False),
    ("a poll, touched at its end", POLL, [2], True, False),
    ("a poll that is read before the loop", HOISTED, [0], False, False),
    ("a poll whose first round stands before the loop", PEELED, [0, 1], True, False),
    ("three copies without a loop", UNROLLED, [1, 2, 3], True, False),
    ("two ends of which each has one", {0: [1, 2], 1: [], 2: []}, [1, 2], False, False),
    ("a loop with a round that goes past it", SKIPPING, [2], True, True),
    ("a loop whose two ways both have it", {0: [1], 1: [2, 3], 2: [4], 3: [4], 4: [1, 5], 5: []}, [2, 3], True, False),
    ("a poll with a delay inside", WITH_DELAY, [1], True, False),
    ("the inner loop of two", OUTER, [2], True, False),
    ("an inner loop that a round of the outer one skips", DEEPER, [3], True, False),
    ("an outer loop around an inner one without it", DEEPER, [4], True, False),
    ("a loop that is entered in two places", TWO_ENTRIES, [2], True, False),
]


@pytest.mark.parametrize(
    ("edges", "touches", "again", "leaving"), [one[1:] for one in GRAPHS], ids=[one[0] for one in GRAPHS]
)
def test_a_graph_says_what_is_done_again(
    edges: Mapping[int, Sequence[int]], touches: Sequence[int], again: bool, leaving: bool
) -> None:
    drawn = flow(edges, touches)
    assert happens_again(drawn, range(len(touches))) == again
    assert leaves_out(drawn, repeated(drawn)) == leaving


@pytest.mark.parametrize(
    ("edges", "touches", "tried"),
    [
        ({0: [1], 1: [2], 2: [1, 3], 3: []}, [1, 2], {0, 1}),
        ({0: [1], 1: [2, 3], 2: [1, 3], 3: []}, [1, 2], {0, 1}),
        ({0: [1], 1: [2], 2: [1, 3], 3: [0, 4], 4: []}, [1, 2], set()),
        ({0: [1], 1: [2], 2: [3], 3: []}, [1, 2], set()),
    ],
    ids=["a retry", "a retry that may give up", "a retry in a loop of the source", "no loop"],
)
def test_an_exclusive_pair_that_is_tried_again_is_told_from_a_loop_of_the_source(
    edges: Mapping[int, Sequence[int]], touches: Sequence[int], tried: set[int]
) -> None:
    assert tried_again(flow(edges, touches, *EXCLUSIVE)) == tried


def test_a_loop_with_another_access_is_one_of_the_source() -> None:
    assert not tried_again(
        flow({0: [1], 1: [2], 2: [3], 3: [1, 4], 4: []}, [1, 2, 3], EXCLUSIVE[0], LOAD, EXCLUSIVE[1])
    )


def test_of_a_retry_only_one_try_counts_and_one_that_stores_nothing_is_not_the_last() -> None:
    first = flow({0: [1], 1: [2], 2: [1, 3], 3: []}, [1, 2, 1, 2], *EXCLUSIVE, *EXCLUSIVE)
    tried = tried_again(first)
    assert only_try(first, Order((0, 1, 2, 3), complete=True), tried) == Order((0, 1), complete=True)
    assert only_try(first, Order((0,), complete=True), tried) == Order((0,), complete=False)
    assert only_try(first, Order((), complete=True), tried) == Order((), complete=True)


@st.composite
def graphs(draw: st.DrawFn, *, back: bool) -> dict[int, list[int]]:
    """Of seven places, all entered from 0 on; without edges `back` none is passed twice."""
    return {
        at: sorted(draw(st.sets(st.integers(0 if back else at + 1, 6), max_size=3))) if at < 6 else []
        for at in range(7)
    }


def paths(edges: Mapping[int, Sequence[int]], at: int = 0) -> Iterator[tuple[int, ...]]:
    if not edges[at]:
        yield (at,)
    for to in edges[at]:
        yield from ((at, *rest) for rest in paths(edges, to))


@settings(deadline=None)
@given(graphs(back=False), st.lists(st.integers(0, 6), max_size=5), st.sets(st.integers(1, 6)))
def test_orders_are_what_every_path_passes(edges: dict[int, list[int]], touches: list[int], trapping: set[int]) -> None:
    drawn = flow(edges, touches)
    drawn = replace(drawn, returns=drawn.returns - set(map(node, trapping)))
    expected = {
        Order(
            tuple(index for at in path for index, place in enumerate(touches) if place == at),
            path[-1] not in trapping,
        )
        for path in paths(edges)
    }
    found = orders(drawn)
    assert found is not None
    assert set(found) == expected
    assert [len(one.touches) for one in found] == sorted(len(one.touches) for one in found)


def beyond(edges: Mapping[int, Sequence[int]], start: int) -> set[int]:
    seen: set[int] = set()
    waiting = [*edges[start]]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting += edges[at]
    return seen


@settings(deadline=None)
@given(graphs(back=True), st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_what_is_made_again_lies_on_a_circle(edges: dict[int, list[int]], touches: list[int]) -> None:
    met = {0, *beyond(edges, 0)}
    touches = [place for place in touches if place in met]
    drawn = flow({at: onward for at, onward in edges.items() if at in met}, touches)
    assert repeated(drawn) == {index for index, place in enumerate(touches) if place in beyond(edges, place)}
    for index, place in enumerate(touches):
        circle = {at for at in beyond(edges, place) if place in beyond(edges, at)}
        assert happens_again(drawn, [index]) == (place in circle)
        if leaves_out(drawn, [index]):
            assert circle - {place}
    for one in orders(drawn) or ():
        assert len(set(one.touches)) == len(one.touches), "each at most once"


@pytest.mark.parametrize(("ways", "told"), [(6, True), (7, False)])
def test_more_orders_than_are_held_against_the_expectation_are_not_told(ways: int, told: bool) -> None:
    """Two ways at each of so many forks, with an access on one of them."""
    edges: dict[int, list[int]] = {}
    for fork in range(ways):
        edges |= {3 * fork: [3 * fork + 1, 3 * fork + 2], 3 * fork + 1: [3 * fork + 3], 3 * fork + 2: [3 * fork + 3]}
    found = orders(flow(edges | {3 * ways: []}, [3 * fork + 1 for fork in range(ways)]))
    assert (None if found is None else len(found)) == (MAX_ORDERS if told else None)
