"""In which calls a function is followed, and in which order places are looked at.

At first each call is followed on its own. Where helpers that call helpers would multiply, all ways to a call are
followed as one (call strings of length one: Sharir and Pnueli, "Two approaches to interprocedural data flow analysis",
1981), told apart by the height of the stack alone: then the work is bounded by the number of calls in the code.
"""

import heapq
from dataclasses import dataclass, field

from mmio_bisect.classify.dataflow.findings import Calls, Node
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.machine.values import Linear, Value


@dataclass(slots=True)
class Contexts:
    """`shared`: ways to a call are one. `starts` has where straight code begins that returns from a shared call."""

    shared: bool
    stack_pointer: str
    _callers: dict[Calls, dict[Calls, Value]] = field(default_factory=dict)
    _starts: dict[Calls, set[Node]] = field(default_factory=dict)

    def enter(self, node: Node, after: int, callee: str, state: State) -> tuple[Calls, set[Node]] | None:
        """The calls that the callee is in, and places to look at again since it returns to here too.

        None if it is recursive.
        """
        calls, name, _, _ = node
        if not self.shared:
            recursive = any(frame[0] == callee for frame in (*calls, (name, 0)))
            return None if recursive else ((*calls, (name, after)), set())
        if callee == name or callee in self._open(calls):
            return None
        stack = state.get(self.stack_pointer)
        entered: Calls = ((name, after), ("", (stack.constant or 0) if isinstance(stack, Linear) else 0))
        callers = self._callers.setdefault(entered, {})
        known = callers.get(calls)
        callers[calls] = stack if known is None else state.algebra.join(known, stack)
        return entered, set() if callers[calls] == known else self._starts.get(entered, set())

    def leave(self, calls: Calls, start: Node, state: State) -> list[tuple[Calls, str, int, State]]:
        """Where a call returns to: the calls there, function and position, and the state with the caller's stack.

        `start` is where the straight code begins that returns.
        """
        name, position = calls[0] if self.shared else calls[-1]
        if not self.shared:
            return [(calls[:-1], name, position, state)]
        self._starts.setdefault(calls, set()).add(start)
        ways = []
        for caller, stack in self._callers.get(calls, {}).items():
            back = state.copy()
            back.set(self.stack_pointer, stack)
            ways.append((caller, name, position, back))
        return ways

    def _open(self, calls: Calls) -> set[str]:
        """The functions that may be in the middle of a call."""
        found: set[str] = set()
        seen, waiting = set[Calls](), [calls]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                found.update(name for name, _ in one)
                waiting.extend(self._callers.get(one, ()))
        return found


@dataclass(slots=True)
class Waiting:
    """Places to look at, in the order of the code: before what they lead to, and callees before what comes after."""

    _heap: list[tuple[tuple[int, ...], Node]] = field(default_factory=list)
    _inside: set[Node] = field(default_factory=set)

    def push(self, node: Node) -> None:
        if node not in self._inside:
            self._inside.add(node)
            calls, _, position, _ = node
            heapq.heappush(self._heap, ((*(after - 1 for name, after in calls if name), position), node))

    def pop(self) -> Node:
        _, node = heapq.heappop(self._heap)
        self._inside.discard(node)
        return node

    def __bool__(self) -> bool:
        return bool(self._heap)
