"""Passes switched off, as a search: LLVM counts its optional passes and runs the first N (`-opt-bisect-limit=N`).

The middle end's passes are searched with the whole back end after them, the back end's on IR that is optimised in full:
so what is found is the pass of that layer that makes the difference, not one that merely came in between.
"""

from collections.abc import Callable

from mmio_bisect.domain.answer import Culprit, NoChange, Suspects
from mmio_bisect.domain.attribution import Layer, LimitSearch
from mmio_bisect.domain.outcome import Outcome, Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search import Session
from mmio_bisect.workflow import stages
from mmio_bisect.workflow.dumps import read_bisected
from mmio_bisect.workflow.mixing import Bench, Mixer, Refused

Compile = Callable[[int], tuple[Outcome, str]]
"""A limit to the object made with it, and what the limited stage printed."""


def search_limits(bench: Bench, mixer: Mixer, guilty: frozenset[Layer]) -> tuple[LimitSearch, ...]:
    """The back end's pass that forms the access, and the middle end's that leads to it if that layer is guilty."""
    place = bench.bad
    if not place.reads_ir:
        return (
            _search(bench, Layer.BACK, "", lambda limit: _printed(place.run(stages.whole(place.cell, _limit(limit))))),
        )
    optimised = mixer.optimised(front=True, middle=True)
    if isinstance(optimised, Refused):
        return ()

    def back(limit: int) -> tuple[Outcome, str]:
        return _printed(place.run(stages.back(place.cell, optimised, _limit(limit))))

    middle = (_search_middle(bench, mixer),) if Layer.MIDDLE in guilty else ()
    return (*(search for search in middle if search is not None), _search(bench, Layer.BACK, "", back))


def _search_middle(bench: Bench, mixer: Mixer) -> LimitSearch | None:
    """With all of the good toolchain's passes after those that are left on, no pass is missed for its own sake.

    Where the good one cannot read that IR, or makes up for it, the bad one's own back end has to do.
    """
    place, good = bench.bad, bench.good
    written = mixer.front(bad=True)
    if isinstance(written, Refused):
        return None

    def alone(limit: int) -> tuple[Outcome, str]:
        made = place.run(stages.middle(place.cell, written, _limit(limit)))
        ir = made.object_code
        return (made if ir is None else place.run(stages.back(place.cell, ir))), made.output

    def handed_over(limit: int) -> tuple[Outcome, str]:
        made = place.run(stages.middle(place.cell, written, _limit(limit)))
        again = made if made.object_code is None else good.run(stages.middle(good.cell, made.object_code))
        ir = again.object_code
        return (again if ir is None else good.run(stages.back(good.cell, ir))), made.output

    if good.reads_ir:
        found = _search(bench, Layer.MIDDLE, f", then all of {good.point}'s middle and back end", handed_over)
        if found.name is not None:
            return found
    return _search(bench, Layer.MIDDLE, f", then {place.point}'s back end", alone)


def _limit(limit: int) -> tuple[str, ...]:
    return (f"-opt-bisect-limit={limit}",)


def _printed(outcome: Outcome) -> tuple[Outcome, str]:
    return outcome, outcome.output


def _search(bench: Bench, layer: Layer, then: str, compile_with: Compile) -> LimitSearch:
    """A bisection whose points are limits; both ends are verified, as ever."""
    before = _compiles(bench)
    outcome, printed = compile_with(stages.NO_LIMIT)
    passes = read_bisected(printed)
    if passes and bench.judge(outcome, bench.bad)[0] is Verdict.BAD:
        number, note = _first_bad(bench, compile_with, len(passes))
    else:
        number, note = None, "with all of them on it is not bad" if passes else "the compiler does not count its passes"
    return LimitSearch(
        layer=layer,
        then=then,
        name=None if number is None else passes[number - 1],
        number=number,
        passes=len(passes),
        compiles=_compiles(bench) - before,
        note=note,
    )


def _first_bad(bench: Bench, compile_with: Compile, passes: int) -> tuple[int, None] | tuple[None, str]:
    """The least limit at which it is bad, or why there is none."""
    points = [Point(series="passes", version=str(limit), sort_key=f"{limit:06}") for limit in range(passes + 1)]
    session = Session(points)
    session.record(points[-1], Verdict.BAD)
    while not session.done:
        for point in session.propose((), 1):
            session.record(point, bench.judge(compile_with(int(point.version))[0], bench.bad)[0])
    match session.answer():
        case Culprit(first=first):
            return int(first.version), None
        case NoChange():
            return None, "with every optional pass off it is bad all the same"
        case Suspects(last=last, first=first):
            return None, f"good with {last.version} passes, bad with {first.version}, no object between"
        case _:
            return None, "it is bad, good and bad again as passes are added"


def _compiles(bench: Bench) -> int:
    return bench.good.compiles + bench.bad.compiles
