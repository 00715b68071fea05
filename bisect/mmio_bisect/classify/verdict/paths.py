"""In which orders control may pass the accesses of a function: every path, and what is in a loop."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mmio_bisect.classify.dataflow.findings import Flow, Node
from mmio_bisect.domain.recipe import Direction

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
    circles = _circles(flow)
    return frozenset(index for index, touch in enumerate(flow.touches) if touch.node in circles)


def _circles(flow: Flow) -> set[Node]:
    """Nodes that control may come back to (Kosaraju's strongly connected components, but for single nodes)."""
    finished, _ = _walk(flow)
    before: dict[Node, list[Node]] = {}
    for node in finished:
        for to in flow.edges.get(node, ()):
            before.setdefault(to, []).append(node)
    found: set[Node] = set()
    placed: set[Node] = set()
    for root in reversed(finished):
        component, waiting = list[Node](), [] if root in placed else [root]
        while waiting:
            node = waiting.pop()
            if node not in placed:
                placed.add(node)
                component.append(node)
                waiting.extend(before.get(node, ()))
        if len(component) > 1 or root in flow.edges.get(root, ()):
            found.update(component or [root])
    return found


def _reachable(edges: Mapping[Node, tuple[Node, ...]], roots: tuple[Node, ...]) -> set[Node]:
    seen: set[Node] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(edges.get(node, ()))
    return seen


def tried_again(flow: Flow) -> frozenset[int]:
    """Indices of the touches whose only loop tries a compare-and-exchange, or an exclusive pair, until it succeeds.

    What is known of flags tells a loop's first round from the others: it belongs to them.
    """
    at: dict[Node, list[int]] = {}
    for index, touch in enumerate(flow.touches):
        at.setdefault(touch.node, []).append(index)
    before, places = _before(flow), set[tuple[object, ...]]()
    for index in repeated(flow):
        node = flow.touches[index].node
        if node[:3] in places or not flow.touches[index].transfer.may_fail:
            continue
        loop, _ = _innermost_loop(flow, before, node)
        inside = [one for node in loop for one in at.get(node, ())]
        onward = tuple(to for node in loop for to in flow.edges[node] if to not in loop)
        if all(flow.touches[one].transfer.may_fail for one in inside) and not loop & _reachable(flow.edges, onward):
            places.update(flow.touches[one].node[:3] for one in inside)
    return frozenset(index for index, touch in enumerate(flow.touches) if touch.node[:3] in places)


def only_try(flow: Flow, order: Order, tried: frozenset[int]) -> Order:
    """The order without second tries; not complete where nothing was stored, so that it would be tried again."""
    first = {flow.touches[index].node[:3]: index for index in reversed(order.touches)}
    kept = tuple(index for index in order.touches if index not in tried or first[flow.touches[index].node[:3]] == index)
    tries = [flow.touches[index].transfer.directions for index in kept if index in tried]
    failed = bool(tries) and not any(Direction.STORE in directions for directions in tries)
    return Order(kept, order.complete and not failed)


def _before(flow: Flow) -> dict[Node, set[Node]]:
    before: dict[Node, set[Node]] = {}
    for node, onward in flow.edges.items():
        for to in onward:
            before.setdefault(to, set()).add(node)
    return before


def happens_again(flow: Flow, touches: Collection[int]) -> bool:
    """Whether one of the touches may follow one of them: in a loop, or in a loop's copies."""
    making = frozenset(flow.touches[index].node for index in touches)
    return any(making & _reachable(flow.edges, flow.edges[node]) for node in making)


def leaves_out(flow: Flow, touches: Collection[int]) -> bool:
    """Whether an innermost loop around one of the touches can be gone round without any of them."""
    making = frozenset(flow.touches[index].node for index in touches)
    before = _before(flow)
    for node in making:
        loop, heads = _innermost_loop(flow, before, node)
        spared = {at: tuple(to for to in flow.edges[at] if to in loop - making) for at in loop - making}
        if any(head in _reachable(spared, spared.get(head, ())) for head in heads):
            return True
    return False


def _innermost_loop(flow: Flow, before: dict[Node, set[Node]], node: Node) -> tuple[frozenset[Node], frozenset[Node]]:
    """The nodes of the loop, and those at which it is entered; none if the node is in no loop.

    Without the nodes at which a loop is entered only the loops inside it are left.
    """
    inside, loop, heads = frozenset(flow.edges), frozenset[Node](), frozenset[Node]()
    while node in inside:
        onward = {at: tuple(to for to in flow.edges[at] if to in inside) for at in inside}
        back = {at: tuple(to for to in before.get(at, ()) if to in inside) for at in inside}
        circle = _reachable(onward, onward[node]) & _reachable(back, back[node])
        if node not in circle:
            break
        loop = frozenset(circle)
        heads = frozenset(at for at in loop if at == flow.entry or not before[at] <= loop)
        inside = loop - heads
    return loop, heads


def orders(flow: Flow) -> tuple[Order, ...] | None:
    """Every order of touches from entry to end, shortest first; None if it is not known, or more than `MAX_ORDERS`.

    Edges that close a loop are left out, so each path passes a loop's body at most once.
    """
    if flow.shared:
        return None
    finished, closing = _walk(flow)
    asked = Counter(to for onward in flow.edges.values() for to in onward)
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
            asked.subtract(onward)
            for to in onward:
                if not asked[to]:
                    tails.pop(to, None)  # of long straight code only the last is kept
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
