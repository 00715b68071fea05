"""Follow the window's pointers through a function to every access that uses one.

An abstract interpretation over the control-flow graph: each instruction's state is joined from all ways that lead to
it, until nothing changes. Calls to functions of the same object are followed into the callee, each call on its own.
What is not followed (an indirect jump, a pointer handed to code that is not here) is an `Escape`: it is said, never
guessed.
"""

from collections import deque
from dataclasses import dataclass
from typing import assert_never

from mmio_bisect.classify.aarch64_lift import CALL_CLOBBERED, lift
from mmio_bisect.classify.calls import NEVER_RETURNS, library_access
from mmio_bisect.classify.machine import CodeImage, FunctionCode, Instruction
from mmio_bisect.classify.operations import (
    Call,
    CallRegister,
    Choose,
    Compute,
    InsertBits,
    Jump,
    Opaque,
    Operation,
    Return,
    Stop,
    Touch,
    Unknown,
)
from mmio_bisect.classify.state import State
from mmio_bisect.classify.values import InWindow, Linear, Untracked, Value
from mmio_bisect.domain.access import Transfer
from mmio_bisect.domain.recipe import Direction

_MAX_STEPS = 100_000
_MAX_DEPTH = 12

Frame = tuple[str, int]
Node = tuple[tuple[Frame, ...], str, int]
"""A place in the unfolded program: the calls it is in (function, position to return to), the function, the position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTouch:
    """An instruction, at one place of the unfolded program, that touches the window. `offset` as in `InWindow`."""

    node: Node
    instruction: Instruction
    transfer: Transfer
    region: str
    offset: int | None

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

    `edges` is the unfolded control-flow graph; `returns` are the places from which control returns.
    """

    entry: Node
    touches: tuple[WindowTouch, ...]
    escapes: tuple[Escape, ...]
    edges: dict[Node, tuple[Node, ...]]
    returns: frozenset[Node]
    followed: tuple[FunctionCode, ...]


def follow(image: CodeImage, function: FunctionCode, state: State) -> Flow:
    """Follow from the function's entry, where `state` holds."""
    return _Follower(image, function, state).run()


class _Follower:
    """One run of the interpretation: first to the fixed point, then once more over it to collect what is seen."""

    def __init__(self, image: CodeImage, function: FunctionCode, state: State) -> None:
        self._image = image
        self._codes: dict[str, FunctionCode] = {function.name: function}
        self._entry: Node = ((), function.name, 0)
        self._states: dict[Node, State] = {self._entry: state}
        self._lifted: dict[tuple[str, int], Operation] = {}
        self._touches: list[WindowTouch] = []
        self._escapes: list[Escape] = []
        self._edges: dict[Node, tuple[Node, ...]] = {}
        self._returns: set[Node] = set()

    def run(self) -> Flow:
        finished = self._settle()
        self._touches.clear()
        self._escapes.clear()
        for node in sorted(self._states):
            self._edges[node] = tuple(after for after, _ in self._step(node, self._states[node].copy()))
        if not finished:
            self._escape(self._entry, None, f"the function is too large to follow in {_MAX_STEPS} steps")
        names = dict.fromkeys([self._entry[1], *(node[1] for node in sorted(self._states))])
        return Flow(
            entry=self._entry,
            touches=tuple(self._touches),
            escapes=tuple(self._escapes),
            edges=self._edges,
            returns=frozenset(self._returns),
            followed=tuple(self._codes[name] for name in names),
        )

    def _settle(self) -> bool:
        waiting: deque[Node] = deque([self._entry])
        for _ in range(_MAX_STEPS):
            if not waiting:
                return True
            node = waiting.popleft()
            for after, state in self._step(node, self._states[node].copy()):
                known = self._states.get(after)
                if known is None:
                    self._states[after] = state.copy()
                elif not known.absorb(state):
                    continue
                if after not in waiting:
                    waiting.append(after)
        return False

    def _step(self, node: Node, state: State) -> list[tuple[Node, State]]:  # noqa: PLR0911  one return an operation
        """The places that control reaches next, each with the state there."""
        calls, name, position = node
        code = self._codes[name]
        index = code.at(position)
        if index is None:
            self._escape(node, None, f"control runs past the end of {name} at {position:#x}")
            return []
        instruction = code.instructions[index]
        after: Node = (calls, name, instruction.end)
        operation = self._operation(name, instruction)
        match operation:
            case Compute() | InsertBits() | Choose() | Opaque():
                state.apply(operation)
            case Touch():
                self._touch(node, instruction, operation, state)
            case Jump(position=to, conditional=conditional):
                return self._jump(node, instruction, to, state) + ([(after, state)] if conditional else [])
            case Call(position=to):
                return self._call(node, instruction, to, state)
            case CallRegister(register=register, tail=tail):
                return self._call_register(node, instruction, register, state, tail=tail)
            case Return():
                return self._return(node, state)
            case Stop():
                return []
            case Unknown():
                self._escape(node, instruction, "not an instruction that is known")
                return []
            case _:
                assert_never(operation)
        return [(after, state)]

    def _name(self, code: FunctionCode) -> str:
        """The function's name, with its place if another function that was met has the same name."""
        if self._codes.setdefault(code.name, code) == code:
            return code.name
        name = f"{code.name}@{code.section}+{code.address:#x}"
        self._codes[name] = code
        return name

    def _operation(self, name: str, instruction: Instruction) -> Operation:
        key = (name, instruction.position)
        if key not in self._lifted:
            self._lifted[key] = lift(instruction)
        return self._lifted[key]

    def _escape(self, node: Node, instruction: Instruction | None, why: str) -> None:
        self._escapes.append(Escape(code=node[1], instruction=instruction, why=why))

    def _touch(self, node: Node, instruction: Instruction, operation: Touch, state: State) -> None:
        address = state.evaluate(operation.address)
        self._note(node, instruction, operation.transfer, address, state)
        if operation.second is not None:
            self._note(node, instruction, operation.transfer, state.evaluate(operation.second), state)
        lost = state.touch(operation, address)
        if lost:
            self._escape(node, instruction, lost)

    def _note(self, node: Node, instruction: Instruction, transfer: Transfer, address: Value, state: State) -> None:
        match state.algebra.locate(address):
            case InWindow(origin, offset):
                self._touches.append(
                    WindowTouch(
                        node=node, instruction=instruction, transfer=transfer, region=origin.name, offset=offset
                    )
                )
            case Untracked(why):
                self._escape(node, instruction, f"an access through {why}")
            case _:
                pass

    def _target(self, node: Node, instruction: Instruction, to: int) -> tuple[FunctionCode, int] | str | None:
        """Where a direct branch leads: code of this object, or the name of a symbol outside; None if neither."""
        code = self._codes[node[1]]
        if instruction.relocations:
            relocation = instruction.relocations[0]
            if relocation.section is None or relocation.address is None:
                return relocation.symbol
            return self._image.containing(relocation.section, relocation.address) or relocation.symbol
        if code.at(to) is not None:
            return code, to
        return self._image.containing(code.section, code.address + to)

    def _jump(self, node: Node, instruction: Instruction, to: int, state: State) -> list[tuple[Node, State]]:
        match self._target(node, instruction, to):
            case (FunctionCode() as code, int(position)):
                return [((node[0], self._name(code), position), state.copy())]
            case str(symbol):
                state = state.copy()
                self._call_outside(node, instruction, symbol, state)
                return [] if NEVER_RETURNS.search(symbol) else self._return(node, state)
            case _:
                self._escape(node, instruction, "a jump to where no function of this object is")
                return []

    def _call(self, node: Node, instruction: Instruction, to: int, state: State) -> list[tuple[Node, State]]:
        calls, name, _ = node
        after: Node = (calls, name, instruction.end)
        match self._target(node, instruction, to):
            case (FunctionCode() as code, int(position)):
                callee = self._name(code)
                if len(calls) >= _MAX_DEPTH or any(frame[0] == callee for frame in (*calls, (name, 0))):
                    self._escape(node, instruction, f"a recursive or deeply nested call of {callee}")
                    return []
                return [(((*calls, (name, instruction.end)), callee, position), state)]
            case str(symbol):
                self._call_outside(node, instruction, symbol, state)
                return [] if NEVER_RETURNS.search(symbol) else [(after, state)]
            case _:
                self._escape(node, instruction, "a call to where no function of this object is")
                return []

    def _call_register(
        self, node: Node, instruction: Instruction, register: str, state: State, *, tail: bool
    ) -> list[tuple[Node, State]]:
        if tail:
            self._escape(node, instruction, f"a jump to where {register} points")
            return []
        self._hand_over(node, instruction, f"the function that {register} points to", state)
        return [((node[0], node[1], instruction.end), state)]

    def _call_outside(self, node: Node, instruction: Instruction, symbol: str, state: State) -> None:
        if NEVER_RETURNS.search(symbol):
            return
        access = library_access(symbol, state)
        if access is None:
            self._hand_over(node, instruction, symbol, state)
            return
        result = state.get("x0")
        for transfer, address in access.accesses:
            self._note(node, instruction, transfer, address, state)
        if access.copies:
            lost = state.copy_words(access.accesses[0][1], access.accesses[1][1], access.size)
            if lost:
                self._escape(node, instruction, lost)
        else:
            for transfer, address in access.accesses:
                if Direction.STORE in transfer.directions:
                    state.forget(address, access.size)
        self._forget_call_clobbered(state)
        if access.returns_first:
            state.set("x0", result)

    def _hand_over(self, node: Node, instruction: Instruction, callee: str, state: State) -> None:
        """Unknown code gets the argument registers, and through them the memory that they point to.

        Arguments on the stack, and pointers in the memory that is handed over, are not followed further.
        """
        for register in (f"x{number}" for number in range(9)):
            value = state.get(register)
            if state.algebra.derived(value):
                self._escape(node, instruction, f"{register}, a pointer into the window, is handed to {callee}")
            elif isinstance(value, Linear) and any(map(state.algebra.derived, state.hand_over(value))):
                self._escape(node, instruction, f"{register} leads {callee} to a pointer into the window")
        self._forget_call_clobbered(state)

    @staticmethod
    def _forget_call_clobbered(state: State) -> None:
        for register in CALL_CLOBBERED:
            state.registers.pop(register, None)

    def _return(self, node: Node, state: State) -> list[tuple[Node, State]]:
        calls = node[0]
        if not calls:
            self._returns.add(node)
            return []
        name, position = calls[-1]
        state.drop_dead_stack()
        return [((calls[:-1], name, position), state)]
