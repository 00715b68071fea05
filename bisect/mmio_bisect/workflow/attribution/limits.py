"""Passes switched off, as a search: LLVM counts its optional passes and runs the first N (`-opt-bisect-limit=N`).

The middle end's passes are searched with the whole back end after them, the back end's on IR that is optimised in full:
so what is found is the pass of that layer that makes the difference, not one that merely came in between. A compiler
that reads no IR counts the passes of both in one go: there the back end's are those after the last that it counts when
it is asked for IR.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mmio_bisect.domain.answer import Culprit, NoChange, Suspects
from mmio_bisect.domain.attribution import DecidingPass, Layer, LimitSearch, NoDecidingPass, PassName
from mmio_bisect.domain.outcome import Outcome, Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search import Session
from mmio_bisect.workflow.attribution import layer_commands
from mmio_bisect.workflow.attribution.dumps import read_bisected
from mmio_bisect.workflow.attribution.mixing import Comparison, Mixer, OpenToolchain, Refused
from mmio_bisect.workflow.ports.sandbox import Command

Limited = Callable[[int], tuple[Outcome, str]]
"""A limit to what was made with it, and what the limited stage printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trying:
    """One way to search: `by` is given the limits."""

    layer: Layer
    by: OpenToolchain
    then: str
    compile_with: Limited


def search_limits(comparison: Comparison, mixer: Mixer, guilty: frozenset[Layer]) -> tuple[LimitSearch, ...]:
    """The back end's pass that forms the access, and the middle end's that leads to it if that layer is guilty.

    Of several ways to search the middle end those until the first that finds a pass.
    """
    found = []
    for way in _middle_ways(comparison, mixer) if Layer.MIDDLE in guilty else ():
        found.append(_search(comparison, way))
        if isinstance(found[-1].answer, DecidingPass):
            break
    last = _back_way(comparison, mixer)
    return tuple(found) if last is None else (*found, _search(comparison, last))


def _back_way(comparison: Comparison, mixer: Mixer) -> _Trying | None:
    place = comparison.bad
    command: Callable[[tuple[str, ...]], Command] = partial(layer_commands.whole, place.cell)
    if place.reads_ir:
        optimised = mixer.optimised(front=True, middle=True)
        if isinstance(optimised, Refused):
            return None
        command = partial(layer_commands.back, place.cell, optimised)
    return _Trying(layer=Layer.BACK, by=place, then="", compile_with=_limited(place, command))


def _middle_ways(comparison: Comparison, mixer: Mixer) -> Iterator[_Trying]:
    """With all of the good toolchain's passes after those that are left on, no pass is missed for its own sake.

    Where the good one does not read that IR, or makes up for it, the bad one's own back end has to do.
    """
    limited, own = _limited_middle(comparison.bad, mixer), comparison.bad.reader(Layer.BACK)
    if limited is None or not comparison.bad.has_middle:
        return
    middle, back = comparison.good.reader(Layer.MIDDLE), comparison.good.reader(Layer.BACK)
    if isinstance(middle, OpenToolchain) and isinstance(back, OpenToolchain):
        then = f", then all of {back.point}'s middle and back end"
        yield _handed_over(comparison.bad, then, limited, (middle, Layer.MIDDLE), (back, Layer.BACK))
    if isinstance(own, OpenToolchain):
        yield _handed_over(comparison.bad, f", then {own.point}'s back end", limited, (own, Layer.BACK))


def _handed_over(by: OpenToolchain, then: str, limited: Limited, *readers: tuple[OpenToolchain, Layer]) -> _Trying:
    def compile_with(limit: int) -> tuple[Outcome, str]:
        outcome, printed = limited(limit)
        for reader, layer in readers:
            if outcome.object_code is not None and (layer is Layer.BACK or reader.has_middle):
                outcome = reader.run(layer_commands.of_layer(layer)(reader.cell, outcome.object_code))
        return outcome, printed

    return _Trying(layer=Layer.MIDDLE, by=by, then=then, compile_with=compile_with)


def _limited_middle(place: OpenToolchain, mixer: Mixer) -> Limited | None:
    """IR with the toolchain's first so many passes."""
    if not place.reads_ir:
        return _limited(place, partial(layer_commands.optimise, place.cell))
    written = mixer.front(bad=True)
    return (
        None if isinstance(written, Refused) else _limited(place, partial(layer_commands.middle, place.cell, written))
    )


def _limited(place: OpenToolchain, command: Callable[[tuple[str, ...]], Command]) -> Limited:
    def compile_with(limit: int) -> tuple[Outcome, str]:
        outcome = place.run(command(_limit(limit)))
        return outcome, outcome.output

    return compile_with


def _limit(limit: int) -> tuple[str, ...]:
    return (f"-opt-bisect-limit={limit}",)


def _search(comparison: Comparison, trying: _Trying) -> LimitSearch:
    """A bisection whose points are limits; both ends are verified, as ever."""
    began = comparison.compiles
    outcome, printed = trying.compile_with(layer_commands.NO_LIMIT)
    passes = read_bisected(printed)
    before = _passes_before(comparison.bad, passes) if trying.layer is Layer.BACK else 0
    answer: DecidingPass | NoDecidingPass
    if not passes:
        answer = NoDecidingPass(why="the compiler does not count its passes")
    elif before is None:
        answer = NoDecidingPass(why="which of its passes are the middle end's cannot be told")
    else:
        found = _first_bad(comparison, trying, outcome, before, len(passes))
        answer = found if isinstance(found, NoDecidingPass) else _deciding(trying.by, passes, found)
    return LimitSearch(
        layer=trying.layer,
        then=trying.then,
        answer=answer,
        passes=len(passes),
        before=before or 0,
        compiles=comparison.compiles - began,
    )


def _deciding(by: OpenToolchain, passes: Sequence[PassName], number: int) -> DecidingPass:
    option = " ".join(layer_commands.layers_of(by.cell).options(_limit(number)))
    return DecidingPass(name=passes[number - 1], number=number, option=option)


def _passes_before(place: OpenToolchain, passes: Sequence[PassName]) -> int | None:
    """How many of a whole compile's passes are the middle end's; None where it counts otherwise when asked for IR."""
    if place.reads_ir:
        return 0
    middle = read_bisected(place.run(layer_commands.optimise(place.cell, _limit(layer_commands.NO_LIMIT))).output)
    return len(middle) if middle and tuple(passes[: len(middle)]) == middle else None


def _first_bad(
    comparison: Comparison, trying: _Trying, unlimited: Outcome, least: int, most: int
) -> int | NoDecidingPass:
    """The least limit at which it is bad."""
    verdict, reason = comparison.judge(unlimited, comparison.bad)
    if verdict is not Verdict.BAD:
        return NoDecidingPass(why=f"with all of them on it is {verdict}" + (f": {reason}" if reason else ""))
    points = [Point(series="passes", version=str(limit), sort_key=f"{limit:06}") for limit in range(least, most + 1)]
    if len(points) < 2:
        return NoDecidingPass(why="it has no optional pass")

    def judge(point: Point) -> tuple[Verdict, str | None]:
        return comparison.judge(trying.compile_with(int(point.version))[0], comparison.bad)

    lowest, reason = judge(points[0])
    if lowest is Verdict.UNTESTABLE:
        return NoDecidingPass(why=f"with every optional pass off it is untestable: {reason}")
    session = Session(points)
    session.record(points[-1], Verdict.BAD)
    session.record(points[0], lowest)
    while not session.done:
        for point in session.propose((), 1):
            session.record(point, judge(point)[0])
    match session.answer():
        case Culprit(first=first):
            return int(first.version)
        case NoChange():
            why = "with every optional pass off it is bad all the same"
        case Suspects(last=last, first=first):
            why = f"good with {last.version} passes, bad with {first.version}, no object between"
        case _:
            why = "it is bad, good and bad again as passes are added"
    return NoDecidingPass(why=why)
