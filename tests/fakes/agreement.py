"""What an emulator saw held against what the data flow found.

An emulator may split one instruction's access into several, so what an instruction covers is compared, not how.
"""

from collections.abc import Mapping, Sequence

from emulated import WINDOW, Event, Ranges, Trace, joined, region_base

from mmio_bisect.classify.dataflow.entry import entry_state, label_of
from mmio_bisect.classify.dataflow.findings import Flow, Node, WindowTouch
from mmio_bisect.classify.dataflow.flow import follow
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.domain.access import Form
from mmio_bisect.domain.recipe import ConstantWindow, Direction, FunctionExpectation

MAYBE_NOTHING = frozenset({Form.BLOCK, Form.LIBCALL})
"""The forms that may touch no byte at all: a repeated instruction, a library routine."""

Touches = Mapping[Node, Sequence[WindowTouch]]


def flow_of(image: CodeImage, function: FunctionExpectation, windows: tuple[ConstantWindow, ...]) -> Flow:
    code = image.function(function.symbol)
    assert code is not None, function.symbol
    return follow(image, code, entry_state(function, windows, image))


def disagreement(flow: Flow, trace: Trace, windows: tuple[ConstantWindow, ...]) -> str | None:
    """The first thing in which the run is not one of the ways through what the data flow found; None if it is."""
    touches: dict[Node, list[WindowTouch]] = {}
    for touch in flow.touches:
        touches.setdefault(touch.node, []).append(touch)
    here = {flow.entry}
    for event in trace.events:
        what = f"{event.code}+{event.position:#x} loads {event.loads} and stores {event.stores}"
        reached = {node for node in _ahead(flow, here, touches) if node[1:3] == (event.code, event.position)}
        if not reached:
            return f"{what}: not seen, or not there in the order"
        fitting = {node for node in reached if _covers(touches[node], event, windows)}
        if not fitting:
            said = [(touch.instruction.text, touch.offset) for node in reached for touch in touches[node]]
            return f"{what}: found was {said}"
        here = {after for node in fitting for after in flow.edges[node]} | (fitting & flow.returns)
    if trace.returned and not _ahead(flow, here, touches) & flow.returns:
        return f"it returns after {len(trace.events)} accesses, by no way that was found"
    return _idle(flow, trace)


def _idle(flow: Flow, trace: Trace) -> str | None:
    """An instruction that was found to touch the window wherever it stands, and was executed without touching it."""
    did = {(event.code, event.position) for event in trace.events}
    found: dict[tuple[str, int], set[Node]] = {}
    for touch in flow.touches:
        if not _may_do_nothing(touch):
            found.setdefault((touch.code, touch.instruction.position), set()).add(touch.node)
    for place in trace.executed & found.keys() - did:
        if {node for node in flow.edges if node[1:3] == place} == found[place]:
            return f"{place[0]}+{place[1]:#x} was executed and did not touch the window"
    return None


def _may_do_nothing(touch: WindowTouch) -> bool:
    return touch.transfer.form in MAYBE_NOTHING or not touch.certain


def _ahead(flow: Flow, start: set[Node], touches: Touches) -> set[Node]:
    """The next places that touch the window or return, on any way from `start`."""
    found: set[Node] = set()
    seen, waiting = set(start), list(start)
    while waiting:
        node = waiting.pop()
        if node in flow.returns:
            found.add(node)
        if node in touches:
            found.add(node)
            if not any(_may_do_nothing(touch) for touch in touches[node]):
                continue
        for after in flow.edges.get(node, ()):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return found


def _covers(touches: Sequence[WindowTouch], event: Event, windows: tuple[ConstantWindow, ...]) -> bool:
    """Whether the instruction's touches are what was done; of those that are uncertain one is enough."""
    certain = [touch for touch in touches if touch.certain]
    if len(certain) == len(touches):
        return _covered(touches, event, windows)
    return any(_covered([*certain, touch], event, windows) for touch in touches if not touch.certain)


def _covered(touches: Sequence[WindowTouch], event: Event, windows: tuple[ConstantWindow, ...]) -> bool:
    for way, done in ((Direction.LOAD, event.loads), (Direction.STORE, event.stores)):
        said = [touch for touch in touches if way in touch.transfer.directions]
        if bool(said) != bool(done):
            return False
        widths = [touch.transfer.width for touch in said]
        if None in widths:
            continue
        ranges = [(low, low + (touch.transfer.width or 0) // 8) for touch in said for low in _places(touch, windows)]
        if len(ranges) == len(said):
            if done not in {joined(ranges), _aligned(ranges, way)}:
                return False
        elif sum(high - low for low, high in done) * 8 != sum(width or 0 for width in widths):
            return False
    return True


def _aligned(ranges: Sequence[tuple[int, int]], way: Direction) -> Ranges:
    """The rule "unaligned loads": the emulator reads the two aligned words around what is not aligned to its size."""
    if way is Direction.STORE:
        return joined(ranges)
    sizes = [min(high - low, 8) for low, high in ranges]
    return joined(
        [(low // size * size, -(-high // size) * size) for (low, high), size in zip(ranges, sizes, strict=True)]
    )


def _places(touch: WindowTouch, windows: tuple[ConstantWindow, ...]) -> list[int]:
    """Where it touches what is trapped; none where that varies."""
    label = label_of(touch.region)
    constant = {window.label or "window": window.low - WINDOW for window in windows}
    base = constant[label] if label in constant else region_base(label)
    return [] if touch.offset is None else [base + touch.offset]
