"""Laws of the search, against brute force over the whole history, whatever the pool of workers does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search import Session

GOOD, BAD, UNTESTABLE = Verdict
LAWS = settings(deadline=None, max_examples=300)


@dataclass
class FakePool:
    """Workers that finish in any order, are cancelled when useless, and now and then lose a probe for no reason."""

    session: Session
    points: Sequence[Point]
    history: Sequence[Verdict]
    workers: int
    chance: Random
    losses: int = 0
    costs: Sequence[float] | None = None
    probed: list[int] = field(default_factory=list)
    in_flight: list[Point] = field(default_factory=list)

    def run(self) -> Answer:
        while not self.session.done:
            self._start()
            assert self.in_flight, "an unfinished search with idle workers must have something to propose"
            self._finish_one()
            self.in_flight = [point for point in self.in_flight if self.session.useful(point)]
        assert not self.in_flight, "nothing is useful once the search is done"
        return self.session.answer()

    def _start(self) -> None:
        free = self.workers - len(self.in_flight)
        proposed = self.session.propose(tuple(self.in_flight), free, self._cost if self.costs else None)
        assert len(proposed) <= free
        assert len(set(proposed)) == len(proposed)
        assert not set(proposed) & set(self.in_flight), "proposed although in flight"
        assert all(map(self.session.useful, proposed)), "proposed although of no use"
        self.in_flight += proposed

    def _cost(self, point: Point) -> float:
        assert self.costs is not None
        return self.costs[self.points.index(point)]

    def _finish_one(self) -> None:
        point = self.in_flight.pop(self.chance.randrange(len(self.in_flight)))
        if self.losses and self.chance.random() < 0.3:
            self.losses -= 1
            return
        position = self.points.index(point)
        assert position not in self.probed, "probed twice"
        self.probed.append(position)
        self.session.record(point, self.history[position])


@dataclass(frozen=True)
class Scene:
    """A history, what an earlier run left of it, and the pool that will probe the rest."""

    history: tuple[Verdict, ...]
    seeds: frozenset[int]
    workers: int
    losses: int
    chance: Random
    costs: tuple[float, ...] | None

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(Point(series="toy", version=str(n), sort_key=f"{n:06}") for n in range(len(self.history)))

    def play(self) -> tuple[Answer, FakePool]:
        points = self.points
        session = Session(points)
        for seed in self.seeds:
            session.record(points[seed], self.history[seed])
        pool = FakePool(session, points, self.history, self.workers, self.chance, self.losses, self.costs)
        answer = pool.run()
        assert not self.seeds & set(pool.probed), "probed although known from history"
        return answer, pool


@st.composite
def monotone(draw: st.DrawFn) -> list[Verdict]:
    """One boundary, or none."""
    length = draw(st.integers(2, 200))
    boundary = draw(st.integers(0, length))
    before, after = draw(st.permutations((GOOD, BAD)))
    return [before] * boundary + [after] * (length - boundary)


@st.composite
def scenes(
    draw: st.DrawFn,
    histories: st.SearchStrategy[list[Verdict]],
    max_workers: int = 8,
    prices: Sequence[float] = (0, 0.5, 20, 1800),
) -> Scene:
    history = draw(histories)
    price = st.sampled_from(draw(st.sampled_from([prices, prices[-1:]])))
    costs = draw(st.one_of(st.none(), st.lists(price, min_size=len(history), max_size=len(history)).map(tuple)))
    return Scene(
        history=tuple(history),
        seeds=frozenset(draw(st.lists(st.integers(0, len(history) - 1), max_size=draw(st.sampled_from([0, 4, 60]))))),
        workers=draw(st.integers(1, max_workers)),
        losses=draw(st.integers(0, 5)) if max_workers > 1 else 0,
        chance=draw(st.randoms(use_true_random=False)),
        costs=costs,
    )


@st.composite
def with_untestable_inside(draw: st.DrawFn) -> list[Verdict]:
    """Anything but the two ends may be untestable: scattered, and in one run."""
    history = draw(monotone())
    inside = st.integers(1, max(1, len(history) - 2))
    scattered = draw(st.sets(inside, max_size=100))
    low, high = sorted((draw(inside), draw(inside)))
    for position in (scattered | set(range(low, high))) & set(range(1, len(history) - 1)):
        history[position] = UNTESTABLE
    return history


@st.composite
def with_untestable_ends(draw: st.DrawFn) -> list[Verdict]:
    """One contiguous run at each end is untestable, either of which may be empty; something is left between."""
    history = draw(monotone())
    low = draw(st.integers(0, len(history) - 1))
    high = draw(st.integers(low + 1, len(history)))
    return [UNTESTABLE] * low + history[low:high] + [UNTESTABLE] * (len(history) - high)


def any_history() -> st.SearchStrategy[list[Verdict]]:
    """Flaky compilers, several changes, anything."""
    return st.one_of(
        st.lists(st.sampled_from([GOOD, BAD, UNTESTABLE]), min_size=2, max_size=60),
        st.lists(st.sampled_from([GOOD, UNTESTABLE, UNTESTABLE, UNTESTABLE]), min_size=2, max_size=200),
    )


def boundaries(history: Sequence[Verdict]) -> list[tuple[int, int]]:
    testable = [n for n, verdict in enumerate(history) if verdict is not UNTESTABLE]
    return [(a, b) for a, b in pairwise(testable) if history[a] is not history[b]]


def brute_force_boundary(scene: Scene, low: int, high: int) -> Answer:
    points = scene.points
    change = Change.INTRODUCED if scene.history[high] is BAD else Change.FIXED
    if high == low + 1:
        return Culprit(change=change, last=points[low], first=points[high])
    return Suspects(change=change, last=points[low], first=points[high], suspects=points[low + 1 : high + 1])


def probe_bound(points: int) -> int:
    halvings = 0
    while 2**halvings < points:
        halvings += 1
    return halvings + 2


@LAWS
@given(scenes(with_untestable_inside()))
def test_the_answer_is_what_brute_force_over_the_whole_history_says(scene: Scene) -> None:
    answer, pool = scene.play()
    match boundaries(scene.history):
        case [(low, high)]:
            assert answer == brute_force_boundary(scene, low, high)
        case _:
            known = scene.seeds | set(pool.probed)
            assert answer == NoChange(
                verdict=scene.history[0],
                oldest=scene.points[0],
                newest=scene.points[-1],
                unprobed=len(scene.history) - len(known),
            )


@LAWS
@given(scenes(with_untestable_ends()))
def test_untestable_ends_are_replaced_by_the_outermost_testable_points(scene: Scene) -> None:
    answer, pool = scene.play()
    known = scene.seeds | set(pool.probed)
    if isinstance(answer, NothingTestable):
        # Too small an island to be found with the probes that a bisection would have taken.
        assert all(scene.history[position] is UNTESTABLE for position in known)
        assert len(known) >= probe_bound(len(scene.history))
        assert answer == NothingTestable(probed=len(known), unprobed=len(scene.history) - len(known))
        return
    match boundaries(scene.history):
        case [(low, high)]:
            assert answer == brute_force_boundary(scene, low, high)
        case _:
            testable = [n for n, verdict in enumerate(scene.history) if verdict is not UNTESTABLE]
            assert isinstance(answer, NoChange)
            assert answer.verdict is scene.history[testable[0]]
            assert (answer.oldest, answer.newest) == (scene.points[testable[0]], scene.points[testable[-1]])
            assert answer.unprobed == len(set(testable) - known)


@LAWS
@given(scenes(monotone(), max_workers=1, prices=(7,)))
def test_one_worker_needs_at_most_two_probes_more_than_halving_takes(scene: Scene) -> None:
    _, pool = scene.play()
    assert len(pool.probed) <= probe_bound(len(scene.history))


@LAWS
@given(scenes(any_history()))
def test_no_answer_says_more_than_the_verdicts_show(scene: Scene) -> None:
    answer, pool = scene.play()
    history, points = scene.history, scene.points
    known = {position: history[position] for position in scene.seeds | set(pool.probed)}
    match answer:
        case Culprit() | Suspects():
            low, high = points.index(answer.last), points.index(answer.first)
            assert (low, high) in boundaries(history)
            assert answer == brute_force_boundary(scene, low, high)
        case Contradiction(witnesses=witnesses):
            at = [points.index(point) for point, _ in witnesses]
            assert at == sorted(at)
            assert [verdict for _, verdict in witnesses] == [known[position] for position in at]
            assert [verdict for _, verdict in witnesses] in ([GOOD, BAD, GOOD], [BAD, GOOD, BAD])
        case NoChange():
            assert {verdict for verdict in known.values() if verdict is not UNTESTABLE} == {answer.verdict}
            outermost = points.index(answer.oldest), points.index(answer.newest)
            assert all(known[position] is answer.verdict for position in outermost)
            for position, neighbour in zip(outermost, (outermost[0] - 1, outermost[1] + 1), strict=True):
                assert position in {0, len(history) - 1} or known[neighbour] is UNTESTABLE
            inside = range(outermost[0] + 1, outermost[1])
            assert answer.unprobed == len(set(inside) - known.keys())
        case NothingTestable():
            assert set(known.values()) == {UNTESTABLE}
            assert answer == NothingTestable(probed=len(known), unprobed=len(history) - len(known))


@LAWS
@given(scenes(any_history()), st.randoms(use_true_random=False))
def test_the_order_in_which_verdicts_arrive_has_no_say_in_the_answer(scene: Scene, chance: Random) -> None:
    answer, pool = scene.play()
    arrivals = [*scene.seeds, *pool.probed]
    chance.shuffle(arrivals)
    again = Session(scene.points)
    for position in arrivals:
        again.record(scene.points[position], scene.history[position])
    assert again.done
    assert again.answer() == answer


@LAWS
@given(scenes(with_untestable_inside()), st.sampled_from([0.0, 1.0, 0.1, 1800.0]))
def test_costs_that_are_all_the_same_change_no_proposal(scene: Scene, price: float) -> None:
    session, points = Session(scene.points), scene.points
    for seed in scene.seeds:
        session.record(points[seed], scene.history[seed])
    while not session.done:
        plain = session.propose((), scene.workers)
        assert session.propose((), scene.workers, lambda _: price) == plain
        session.record(plain[0], scene.history[points.index(plain[0])])


@LAWS
@given(st.data())
def test_what_is_free_is_probed_before_what_is_not_and_the_middlemost_first(data: st.DataObject) -> None:
    points = [Point(series="toy", version=str(n), sort_key=f"{n:06}") for n in range(data.draw(st.integers(3, 200)))]
    free = data.draw(st.sets(st.integers(1, len(points) - 2), min_size=1))
    session = Session(points)
    session.record(points[0], GOOD)
    session.record(points[-1], BAD)
    (proposed,) = session.propose((), 1, lambda point: 0 if points.index(point) in free else 60)
    middle = (len(points) - 1) / 2
    assert abs(points.index(proposed) - middle) == min(abs(position - middle) for position in free)
