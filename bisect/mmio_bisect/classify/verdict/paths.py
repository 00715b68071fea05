"""In which orders control may pass the accesses of a function: every path, and what is in a loop."""

from dataclasses import dataclass

from mmio_bisect.classify.dataflow.findings import Flow, Node

MAX_ORDERS = 64


@dataclass(frozen=True, slots=True)
class Order:
    """Indices of touches in the order of one path, each loop gone through at most once.

    `complete` if the function returned at its end, rather than trapping or never coming back.
    """

    touches: tuple[int, ...]
    complete: bool


def repeated(flow: Flow) -> frozenset[int]:
    """Indices of the touches that may be executed more than once."""
    return frozenset(
        index for index, touch in enumerate(flow.touches) if touch.node in _reachable(flow, flow.edges[touch.node])
    )


def _reachable(flow: Flow, roots: tuple[Node, ...]) -> set[Node]:
    seen: set[Node] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(flow.edges.get(node, ()))
    return seen


def orders(flow: Flow) -> tuple[Order, ...] | None:
    """Every order of touches from entry to end, shortest first; None if there are more than `MAX_ORDERS`.

    Edges that close a loop are left out, so each path passes a loop's body at most once.
    """
    finished, closing = _walk(flow)
    at: dict[Node, tuple[int, ...]] = {}
    for index, touch in enumerate(flow.touches):
        at[touch.node] = (*at.get(touch.node, ()), index)
    tails: dict[Node, set[Order]] = {}
    for node in finished:
        if node in flow.returns:
            after = {Order((), complete=True)}
        else:
            onward = [to for to in flow.edges.get(node, ()) if (node, to) not in closing]
            after = {order for to in onward for order in tails[to]} or {Order((), complete=False)}
        tails[node] = {Order((*at.get(node, ()), *order.touches), order.complete) for order in after}
        if len(tails[node]) > MAX_ORDERS:
            return None
    return tuple(sorted(tails[flow.entry], key=lambda order: (len(order.touches), order.touches)))


def _walk(flow: Flow) -> tuple[list[Node], set[tuple[Node, Node]]]:
    """Depth first, without recursion: nodes as they are finished, and the edges back into a path still open."""
    finished: list[Node] = []
    closing: set[tuple[Node, Node]] = set()
    open_nodes: set[Node] = {flow.entry}
    seen: set[Node] = {flow.entry}
    path = [(flow.entry, iter(flow.edges.get(flow.entry, ())))]
    while path:
        node, ways = path[-1]
        to = next(ways, None)
        if to is None:
            path.pop()
            open_nodes.discard(node)
            finished.append(node)
        elif to in open_nodes:
            closing.add((node, to))
        elif to not in seen:
            seen.add(to)
            open_nodes.add(to)
            path.append((to, iter(flow.edges.get(to, ()))))
    return finished, closing
