"""Bisect a range: the search proposes points, probes run in a pool, answers come out.

Each target and optimisation level has a search of its own; a point that is probed is probed for all searches to which
it is of use. No search waits for one probe: after every verdict all are asked again, and what became useless is
cancelled.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import Final, Protocol

from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.answer import Culprit, NothingTestable, Suspects
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.run import CellAnswer, Cost, Probe, RunHead, VerifyMode
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CancelledError, NothingTestableError
from mmio_bisect.search import Session
from mmio_bisect.workflow.bisect.verify import Again, Rebuilds, compile_again, verify_answer
from mmio_bisect.workflow.ports.progress import ProbeEvents
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.probing.judge import compared, restrict
from mmio_bisect.workflow.probing.pool import Pool, Stoppable
from mmio_bisect.workflow.probing.prefetch import Ahead, Prefetcher
from mmio_bisect.workflow.probing.probe import Adapters, Prober
from mmio_bisect.workflow.probing.retry import BACK_OFF, with_back_off

Render = Callable[[RunHead, int, Sequence[CellAnswer], Cost], str]
"""The document of a finished run, by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntRequest:
    """What to bisect: all `requests` are of one case; `points` are the range, oldest first.

    `defects` are the kinds that make a verdict bad (None: all); of a request in `marks` only these of them do. With
    `changed` a point is bad when its code differs from the oldest point's. `ask_again` as in `Prober`.
    `verify`: compile the neighbours of a culprit again (`AUTO`: if this run compiled either of them), and, with
    `verify_build`, build their compilers again for it (`AUTO`: if that is cheap). `render` makes the document that
    history keeps of the finished run; `reversed` if the user named the newer end first.
    """

    requests: tuple[CellRequest, ...]
    points: tuple[Point, ...]
    profile: Profile
    defects: frozenset[DefectKind] | None = None
    marks: Mapping[CellRequest, frozenset[Mark]] = field(default_factory=dict)
    changed: bool = False
    jobs: int = 2
    ask_again: bool = False
    back_off: tuple[float, ...] = BACK_OFF
    ahead: Ahead = field(default_factory=Ahead)
    verify: VerifyMode = VerifyMode.AUTO
    verify_build: VerifyMode = VerifyMode.AUTO
    argv: tuple[str, ...] = ()
    render: Render
    reversed: bool = False

    @property
    def head(self) -> RunHead:
        return RunHead(
            case=self.requests[0].case,
            series=self.points[0].series,
            first=self.points[0],
            last=self.points[-1],
            reversed=self.reversed,
            profile=self.profile.name,
            defects=self.defects,
            changed=self.changed,
            argv=self.argv,
            only=self.marks,
        )


class HuntEvents(ProbeEvents, Protocol):
    """What a hunt tells besides."""

    def dropped(self, point: Point) -> None:
        """Another verdict made the probe useless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntResult:
    """`run` is the number that history gave; `untestable` says why no probed point was testable for any request."""

    run: int
    answers: tuple[CellAnswer, ...]
    cost: Cost
    untestable: str | None = None

    def testable(self) -> "HuntResult":
        """The same. Raises `NothingTestableError` where nothing is left to go on with."""
        if self.untestable is not None:
            raise NothingTestableError(self.untestable)
        return self


def hunt(request: HuntRequest, tools: Adapters, events: HuntEvents) -> HuntResult:
    """As `attempt`. Raises `NothingTestableError` when no probed point is testable for any request."""
    return attempt(request, tools, events).testable()


def attempt(request: HuntRequest, tools: Adapters, events: HuntEvents) -> HuntResult:
    """Bisect for every request at once.

    Raises the errors of the adapters; whatever was probed until then is kept.
    """
    prober = Prober(tools, request.profile, ask_again=request.ask_again)
    run = tools.history.begin_run(request.head)
    searches = tuple(_Search(request, one) for one in request.requests)
    probing = _Probing(request, prober, events, searches, run)
    probing.seed()
    probing.drain()
    with Rebuilds(tools, request.verify_build) as rebuilds:
        answers = tuple(_with_commits(probing.verify_answer(search, rebuilds), tools.source) for search in searches)
    if all(isinstance(answer.answer, NothingTestable) for answer in answers):
        reason = _nothing_testable(request, answers)
        return HuntResult(run=run, answers=answers, cost=prober.spent, untestable=reason)
    tools.history.finish_run(run, prober.spent, request.render(request.head, run, answers, prober.spent))
    return HuntResult(run=run, answers=answers, cost=prober.spent)


def _with_commits(answer: CellAnswer, source: SeriesSource) -> CellAnswer:
    """With what a series of commits knows of those that the answer names."""
    describe = source.capabilities.describe
    if describe is None:
        return answer
    match answer.answer:
        case Culprit(first=first):
            named: tuple[Point, ...] = (first,)
        case Suspects(suspects=suspects):
            named = suspects
        case _:
            named = ()
    return replace(answer, commits=tuple((point, describe(point)) for point in named))


def _nothing_testable(request: HuntRequest, answers: tuple[CellAnswer, ...]) -> str:
    probes = [probe for answer in answers for probe in answer.probes]
    points = {probe.point for probe in probes}
    name, example = request.requests[0].case.file_name, probes[0]
    unprobed = len(request.points) - len(points)
    advice = (
        "Let the recipe say more, `recipes/README.md` tells what."
        if any(probe.outcome.object_code is not None for probe in probes)
        else "Mend the recipe, or choose a range or a language that these compilers know."
    )
    return (
        f"{name} is untestable at all of the {len(points)} probed points of {request.points[0]}.."
        f"{request.points[-1].version} ({unprobed} not probed); {example.point} says: {example.judgement.reason}. "
        f"{advice}"
    )


_Weights = tuple[Callable[[Point], float], Callable[[Point], float] | None]
"""What points cost, and how likely each is to be the answer, as `Session.propose` takes them."""

_COMPILE_SECONDS: Final = 0.2
"""One recipe on one toolchain at hand, sandbox included."""

_DOWNLOAD_SECONDS: Final = 16.0
"""80 MiB, as a wheel or a distribution's compiler has, at 5 MiB a second."""


def _weigh(tools: Adapters, arrived: Callable[[], Collection[Point]]) -> _Weights:
    """Given the store as it is now, and what has `arrived` since without having been probed.

    What is in the store costs a compile, what is not also a download; where a series builds its toolchains, it says
    what a build takes. Only the proportions matter: the search weighs what a probe tells against them.
    """
    able = tools.source.capabilities
    here = {point for entry in tools.store.entries() for point in entry.points}

    def cost(point: Point) -> float:
        if point in here or point in arrived():
            return _COMPILE_SECONDS
        return _COMPILE_SECONDS + (_DOWNLOAD_SECONDS if able.seconds is None else able.seconds(point))

    return cost, able.likelihood


@dataclass(slots=True, eq=False)
class _Search:
    """One target and level: its session, the probes it was given, and by what rule it reads a judgement."""

    hunt: HuntRequest
    request: CellRequest
    session: Session = field(init=False)
    probes: dict[Point, Probe] = field(default_factory=dict)
    _baseline: str | None = None

    def __post_init__(self) -> None:
        self.session = Session(self.hunt.points)

    def wants(self, point: Point) -> bool:
        if self._lacks_baseline:
            return point == self.hunt.points[0]
        return self.session.useful(point)

    @property
    def done(self) -> bool:
        return self.session.done

    @property
    def _lacks_baseline(self) -> bool:
        return self.hunt.changed and self.hunt.points[0] not in self.probes

    def propose(self, in_flight: set[Point], free: int, weights: _Weights) -> tuple[Point, ...]:
        if self._lacks_baseline:
            oldest = self.hunt.points[0]
            return () if oldest in in_flight else (oldest,)
        return self.session.propose(in_flight, free, *weights)

    def record(self, probe: Probe) -> Probe:
        """Take a probe; it is given back as this search reads it."""
        read = replace(probe, judgement=self._read(probe))
        self.probes[probe.point] = read
        self.session.record(probe.point, read.judgement.verdict)
        return read

    def _read(self, probe: Probe) -> Judgement:
        if self.hunt.changed and probe.point == self.hunt.points[0]:
            self._baseline = probe.judgement.fingerprint
            if compared(probe.judgement, self._baseline).verdict is Verdict.UNTESTABLE:
                raise NothingTestableError(
                    f"--changed compares with {probe.point}, which is untestable ({probe.judgement.reason}): "
                    "begin the range at a point that makes an object with the functions under test."
                )
        return self.reread(probe.judgement)

    def reread(self, judgement: Judgement) -> Judgement:
        """A judgement made once more, of a point that was recorded before."""
        if self.hunt.changed:
            return compared(judgement, self._baseline)
        return restrict(judgement, self.hunt.defects, self.hunt.marks.get(self.request))

    def answer(self) -> CellAnswer:
        probes = sorted(self.probes.values(), key=lambda probe: probe.point.sort_key)
        return CellAnswer(request=self.request, answer=self.session.answer(), probes=tuple(probes))


@dataclass(slots=True)
class _Probing:
    """Keeps as many probes going as there are jobs, and hands their results to the searches."""

    request: HuntRequest
    prober: Prober
    events: HuntEvents
    searches: tuple[_Search, ...]
    run: int
    _serving: dict[Point, tuple[_Search, ...]] = field(default_factory=dict)
    _weights: _Weights = field(init=False)
    _ahead: Prefetcher = field(init=False)

    def __post_init__(self) -> None:
        tools = self.prober.tools
        self._ahead = Prefetcher(self.request.ahead, tools.store, self.prober.fetch, self.events.fetching)
        self._weights = _weigh(tools, lambda: self._ahead.arrived)

    def seed(self) -> None:
        """Tell the searches what history knows, the oldest point first."""
        for point in self.prober.remembered(self.request.points):
            for probe in self.prober.known(point, self.request.requests):
                self._record(probe)

    def drain(self) -> None:
        """Probe until every search is done. Whatever ends it, no probe is left running."""
        with Pool[tuple[Probe, ...]](self.request.jobs) as pool, self._ahead.pool:
            try:
                while not all(search.done for search in self.searches):
                    self._launch(pool)
                    self._fetch_ahead(pool)
                    self._land(pool)
                    self._ahead.drop(self._wanted)
            finally:
                for point in pool.points:
                    self.events.dropped(point)

    def verify_answer(self, search: _Search, rebuilds: Rebuilds) -> CellAnswer:
        """A search's answer, its culprit looked at twice where that is wanted."""
        answer, wanted = search.answer(), self.request.verify
        if wanted is VerifyMode.NEVER:
            return answer

        def again(probe: Probe) -> Again:
            work = partial(compile_again, probe, self.prober.tools, self.request.profile, rebuilds)
            signals = Stoppable(self.events.fetching(probe.point), Event())
            return with_back_off(work, signals, self.request.back_off, partial(self.events.retrying, probe.point))

        forced = VerifyMode.ALWAYS in {wanted, self.request.verify_build}
        return verify_answer(answer, again, search.reread, forced=forced, by_code=self.request.changed)

    def _launch(self, pool: Pool[tuple[Probe, ...]]) -> None:
        """Fill free workers: first each search's most wanted point, then what several workers may try besides."""
        for ahead in (1, self.request.jobs):
            for search in self.searches:
                flying = pool.points
                serving = {point for point in flying if search in self._serving[point]}
                if pool.free <= 0 or (serving and ahead == 1):
                    continue
                for point in search.propose(serving, min(pool.free, ahead), self._weights):
                    if point not in flying:
                        self._submit(pool, point)

    def _fetch_ahead(self, pool: Pool[tuple[Probe, ...]]) -> None:
        """Begin to fetch what the searches would propose next, were there more workers."""
        for search in self.searches:
            begun = pool.points | self._ahead.points
            self._ahead.begin(search.propose(set(begun), self._ahead.room(self._wanted), self._weights))

    def _wanted(self, point: Point) -> bool:
        return any(search.wants(point) for search in self.searches)

    def _submit(self, pool: Pool[tuple[Probe, ...]], point: Point) -> None:
        searches = tuple(search for search in self.searches if point not in search.probes and search.wants(point))
        self._serving[point] = searches
        self.events.begun(point)
        pool.submit(
            point,
            partial(self._probe, point, tuple(search.request for search in searches)),
            self.events.fetching(point),
        )

    def _probe(self, point: Point, requests: tuple[CellRequest, ...], signals: Stoppable) -> tuple[Probe, ...]:
        work = partial(self.prober.probe, point, requests)
        return with_back_off(work, signals, self.request.back_off, partial(self.events.retrying, point))

    def _land(self, pool: Pool[tuple[Probe, ...]]) -> None:
        """Wait for a probe to end, tell its verdicts, cancel what they made useless."""
        for landed in pool.next_finished():
            try:
                probes = landed.result()
            except CancelledError:
                if not landed.stopped:
                    raise
                self.events.dropped(landed.point)
                continue
            for probe in probes:
                self._record(probe)
        for point in pool.points:
            if not any(search.wants(point) for search in self._serving[point]):
                pool.stop(point)

    def _record(self, probe: Probe) -> None:
        for search in self.searches:
            if search.request == probe.request and probe.point not in search.probes:
                read = search.record(probe)
                self.prober.tools.history.record_probe(self.run, read)
                self.events.probed(read)
