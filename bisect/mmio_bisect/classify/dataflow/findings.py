"""What the data flow finds in a function: touches of the window, where sight of it was lost, and the ways between."""

from dataclasses import dataclass

from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.values import InWindow
from mmio_bisect.domain.access import Transfer

Frame = tuple[str, int]
Calls = tuple[Frame, ...]
Node = tuple[Calls, str, int, str]
"""A place in the unfolded program: the calls it is in (function, position to return to), the function, the position,
and what is known there of the flags (the name of a condition that holds; empty if nothing is)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTouch:
    """An instruction, at one place of the unfolded program, that touches the window. `offset` as in `InWindow`.

    It may touch something else instead unless it is `certain`.
    """

    node: Node
    instruction: Instruction
    transfer: Transfer
    region: str
    offset: int | None
    certain: bool = True

    @classmethod
    def at(
        cls, node: Node, instruction: Instruction, transfer: Transfer, place: InWindow, *, certain: bool
    ) -> "WindowTouch":
        return cls(
            node=node,
            instruction=instruction,
            transfer=transfer,
            region=place.origin.name,
            offset=place.offset,
            certain=certain,
        )

    @property
    def code(self) -> str:
        return self.node[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Escape:
    """Where sight of the window was lost, and why."""

    code: str
    instruction: Instruction | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """All that was found.

    `edges` is the unfolded control-flow graph; `returns` are the places from which control returns. `shared` says that
    ways to a call were followed as one: then the graph has paths that no run takes. `steps` counts how often an
    instruction was looked at.
    """

    entry: Node
    touches: tuple[WindowTouch, ...]
    escapes: tuple[Escape, ...]
    edges: dict[Node, tuple[Node, ...]]
    returns: frozenset[Node]
    followed: tuple[FunctionCode, ...]
    shared: bool = False
    steps: int = 0
