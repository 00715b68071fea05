"""Follow the window's pointers through a function to every access that uses one.

An abstract interpretation over the control-flow graph: at each place that control reaches by more than falling through,
the state is joined from all ways that lead there, until nothing changes. Calls to functions of the same object are
followed into the callee, each call on its own. What is not followed (a jump that no table explains, a pointer handed to
code that is not here) is an `Escape`: it is said, never guessed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from mmio_bisect.classify.dataflow.accesses import carry_out_routine, copy, touch
from mmio_bisect.classify.dataflow.calls import NEVER_RETURNS, library_access
from mmio_bisect.classify.dataflow.contexts import Contexts, Waiting
from mmio_bisect.classify.dataflow.declared_calls import Declarations, carry_out
from mmio_bisect.classify.dataflow.findings import Escape, Flow, Node, WindowTouch
from mmio_bisect.classify.dataflow.memory import place_of
from mmio_bisect.classify.dataflow.numbers import Place
from mmio_bisect.classify.dataflow.passing import (
    forget_call_clobbered,
    lost_to,
    passed_as_declared,
    passed_on_the_stack,
    passed_registers,
)
from mmio_bisect.classify.dataflow.program import Program, Target, leads_on
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.dataflow.targets import functions_at, jump_targets
from mmio_bisect.classify.dataflow.unread import Leads, is_unknown
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import (
    Bitwise,
    Call,
    CallRegister,
    Choose,
    Compute,
    Copy,
    InsertBits,
    Jump,
    Multiply,
    Opaque,
    Return,
    Skip,
    Stop,
    Touch,
    Unknown,
)
from mmio_bisect.classify.machine.values import (
    InWindow,
    MayBeInWindow,
    Ordinary,
    Untracked,
    Value,
)
from mmio_bisect.domain.access import RegisterClass, Transfer
from mmio_bisect.domain.recipe import CallDeclaration

_FIRST_STEPS, _STEPS_EACH, _STEPS_SHARED = 500, 24, 100
"""How often instructions may be looked at: that many times altogether, and so often each, as calls are followed."""


def follow(image: CodeImage, function: FunctionCode, state: State, calls: Sequence[CallDeclaration] = ()) -> Flow:
    """Follow from the function's entry, where `state` holds. `calls` tell of functions of other files."""
    own = _Follower(image, function, state.copy(), calls, shared=False)
    if own.settle():
        return own.collect(finished=True)
    together = _Follower(image, function, state, calls, shared=True)
    flow = together.collect(finished=together.settle())
    return replace(flow, steps=own.steps + flow.steps)


Successors = list[tuple[Node, State]]


class _Follower:
    """One run of the interpretation: first to the fixed point, then once more over it to collect what is seen.

    States are kept where straight code begins; in between there is one, which changes from instruction to instruction.
    """

    def __init__(
        self, image: CodeImage, function: FunctionCode, state: State, calls: Sequence[CallDeclaration], *, shared: bool
    ) -> None:
        self._isa = image.isa
        self._declared = Declarations(image.names, calls)
        self._prototypes = image.prototypes
        self._data = ImageData(image)
        self._program = Program(image)
        self._entry: Node = ((), self._program.name(function), 0, "")
        self._states: dict[Node, State] = {self._entry: state}
        self._arguments = {place: held for place, held in state.memory if place[1] >= 0}
        self._reloaded: set[Place] = set()
        self._leads, self._blind = Leads.of(state), list[Escape]()
        self._contexts = Contexts(shared, image.isa.stack_pointer)
        self._waiting, self.steps = Waiting(), 0
        self._start: Node = self._entry
        self._touches: list[WindowTouch] = []
        self._escapes: list[Escape] = []
        self._edges: dict[Node, tuple[Node, ...]] = {}
        self._returns: set[Node] = set()

    def collect(self, *, finished: bool) -> Flow:
        self._touches.clear()
        self._escapes.clear()
        self._blind.clear()
        for start in sorted(self._states):
            self._start = start
            for node, successors in self._straight(start):
                self._edges[node] = tuple(after for after, _ in successors)
        if not finished:
            self._escape(self._entry, None, f"the function is too large to follow in {self.steps} steps")
        if not self._touches:
            self._escapes += self._leads.unread(self._reloaded, self._blind)
        names = dict.fromkeys([self._entry[1], *(node[1] for node in sorted(self._states))])
        return Flow(
            entry=self._entry,
            touches=tuple(self._touches),
            escapes=tuple(self._escapes),
            edges=self._edges,
            returns=frozenset(self._returns),
            followed=tuple(self._program.codes[name] for name in names),
            shared=self._contexts.shared,
            steps=self.steps,
        )

    def settle(self) -> bool:
        each = _STEPS_SHARED if self._contexts.shared else _STEPS_EACH
        self._waiting.push(self._entry)
        while self._waiting:
            successors: Successors = []
            self._start = self._waiting.pop()
            for _, successors in self._straight(self._start):  # noqa: B007  the last ones count
                self.steps += 1
                if self.steps > _FIRST_STEPS and self.steps > _FIRST_STEPS + each * self._program.size:
                    return False
            for after, state in successors:
                known = self._states.get(after)
                if known is None:
                    self._states[after] = state.copy()
                    for node in self._now_a_head(after):
                        self._waiting.push(node)
                elif not known.absorb(state):
                    continue
                self._waiting.push(after)
        return True

    def _now_a_head(self, node: Node) -> list[Node]:
        """Where to look again since straight code that ran through a place, in whatever calls, must end there now."""
        if node[2] in self._program.heads[node[1]]:
            return []
        self._program.heads[node[1]].add(node[2])
        return [known for known in self._states if known[1] == node[1] and known != node]

    def _straight(self, start: Node) -> Iterator[tuple[Node, Successors]]:
        """The nodes from `start` on up to where a state is kept, each with what comes next."""
        node, state = start, self._states[start].copy()
        passed = {start}
        while True:
            successors = self._step(node, state)
            yield node, successors
            if len(successors) != 1:
                return
            after, state = successors[0]
            if (after[:2], after[3]) != (node[:2], node[3]):
                return
            # A circle that is closed by a relocation has no head that the instructions tell: it begins where it closes.
            if after[2] in self._program.heads[after[1]] or after in self._states or after in passed:
                return
            passed.add(after)
            node = after

    def _step(self, node: Node, state: State) -> Successors:
        """The places that control reaches next, each with the state there."""
        calls, name, position, condition = node
        code = self._program.codes[name]
        index = code.at(position)
        if index is None:
            self._escape(node, None, f"control runs past the end of {name} at {position:#x}")
            return []
        instruction = code.instructions[index]
        for operation in self._program.operations(name, instruction):
            match operation:
                case Skip(unless=wanted):
                    decided = self._decide(node, instruction, wanted, state)
                    if decided is not None:
                        return decided
                case Compute() | Bitwise() | InsertBits() | Multiply() | Choose() | Opaque():
                    state.apply(operation)
                case Touch():
                    self._touch(node, instruction, operation, state)
                case Copy():
                    lost = copy(state, operation)
                    if lost:
                        self._escape(node, instruction, lost)
                case Jump() | Call() | CallRegister() | Return() | Stop() | Unknown():
                    return self._transfer_control(node, instruction, operation, state)
                case _:
                    assert_never(operation)
        if condition and self._isa.flags & instruction.writes:
            condition = ""
        return [((calls, name, instruction.end, condition), state)]

    def _decide(self, node: Node, instruction: Instruction, wanted: str, state: State) -> Successors | None:
        """Whether an instruction with a condition is executed: None if so, else where control goes instead."""
        calls, name, position, holds = node
        if holds == wanted:
            return None
        against = self._isa.opposite(wanted)
        if holds == against:
            return [((calls, name, instruction.end, holds), state)]
        return [((calls, name, position, wanted), state), ((calls, name, instruction.end, against), state.copy())]

    def _transfer_control(  # noqa: PLR0911  one return an operation
        self,
        node: Node,
        instruction: Instruction,
        operation: Jump | Call | CallRegister | Return | Stop | Unknown,
        state: State,
    ) -> Successors:
        calls, name, _, condition = node
        match operation:
            case Jump(position=to, conditional=conditional):
                onward: Successors = [((calls, name, instruction.end, condition), state)] if conditional else []
                return [*self._jump(node, instruction, to, state), *onward]
            case Call(position=to):
                return self._call(node, instruction, self._program.target(node[1], instruction, to), state)
            case CallRegister():
                return self._call_register(node, instruction, operation, state)
            case Return(register=register):
                if register is not None and leads_on(state.get(register)):
                    return self._jump_by_table(node, instruction, register, state)
                return self._return(node, state)
            case Stop():
                return []
            case Unknown():
                self._escape(node, instruction, "not an instruction that is known")
                return []

    def _escape(self, node: Node, instruction: Instruction | None, why: str) -> None:
        self._escapes.append(Escape(code=node[1], instruction=instruction, why=why))

    def _touch(self, node: Node, instruction: Instruction, operation: Touch, state: State) -> None:
        address = state.evaluate(operation.address, loads=True)
        self._note(node, instruction, operation.transfer, address, state)
        if operation.second is not None:
            self._note(node, instruction, operation.transfer, state.evaluate(operation.second), state)
        step = (operation.transfer.element_width or 0) // 8
        if step == state.memory.word and operation.transfer.register_class is RegisterClass.GENERAL:
            places = (place_of(address, step * number) for number in range(len(operation.loads)))
            self._reloaded.update(place for place in places if place is not None)
        lost = touch(state, operation, address)
        if lost:
            self._escape(node, instruction, lost)

    def _note(self, node: Node, instruction: Instruction, transfer: Transfer, address: Value, state: State) -> None:
        match state.algebra.locate(address):
            case InWindow() as place:
                self._touches.append(WindowTouch.at(node, instruction, transfer, place, certain=True))
            case MayBeInWindow(places):
                found = (WindowTouch.at(node, instruction, transfer, place, certain=False) for place in places)
                self._touches.extend(found)
            case Untracked(why):
                self._escape(node, instruction, f"an access through {why}")
            case Ordinary():
                if is_unknown(address):
                    self._blind.append(Escape(code=node[1], instruction=instruction, why=""))

    def _jump(self, node: Node, instruction: Instruction, to: int, state: State) -> Successors:
        calls, _, _, condition = node
        match self._program.target(node[1], instruction, to):
            case (FunctionCode() as code, int(position)):
                return [((calls, self._program.name(code), position, condition), state.copy())]
            case str(symbol):
                return self._leave(node, instruction, symbol, state.copy())
            case _:
                self._escape(node, instruction, "a jump to where no function of this object is")
                return []

    def _leave(self, node: Node, instruction: Instruction, symbol: str, state: State) -> Successors:
        """A jump out of the object: a call whose return is this function's."""
        self._call_outside(node, instruction, symbol, state, tail=True)
        return [] if NEVER_RETURNS.search(symbol) else self._return(node, state)

    def _call(self, node: Node, instruction: Instruction, target: Target, state: State) -> Successors:
        calls, name, _, _ = node
        after: Node = (calls, name, instruction.end, "")
        match target:
            case (FunctionCode() as code, int(position)):
                callee = self._program.name(code)
                entered = self._contexts.enter(node, instruction.end, callee, state)
                if entered is None:
                    self._escape(node, instruction, f"a recursive call of {callee}")
                    return []
                state.enter(pushes=self._isa.pushes, link=self._isa.link)
                for start in entered[1]:
                    self._waiting.push(start)
                return [((entered[0], callee, position, ""), state)]
            case str(symbol):
                self._call_outside(node, instruction, symbol, state)
                return [] if NEVER_RETURNS.search(symbol) else [(after, state)]
            case _:
                self._escape(node, instruction, "a call to where no function of this object is")
                return []

    def _call_register(self, node: Node, instruction: Instruction, operation: CallRegister, state: State) -> Successors:
        calls, name, _, _ = node
        register, value = operation.register, state.get(operation.register)
        targets = functions_at(value, self._program, self._data)
        if targets is not None:
            ways = [self._call_or_jump(node, instruction, target, state.copy(), operation) for target in targets]
            return [way for these in ways for way in these]
        if operation.tail:
            return self._jump_by_table(node, instruction, register, state)
        self._hand_over(node, instruction, f"the function that {register} points to", state)
        return [((calls, name, instruction.end, ""), state)]

    def _call_or_jump(
        self, node: Node, instruction: Instruction, target: Target, state: State, operation: CallRegister
    ) -> Successors:
        match target:
            case (FunctionCode() as code, int(position)) if operation.tail:
                return [((node[0], self._program.name(code), position, ""), state)]
            case str(symbol) if operation.tail:
                return self._leave(node, instruction, symbol, state)
            case _:
                return self._call(node, instruction, target, state)

    def _jump_by_table(self, node: Node, instruction: Instruction, register: str, state: State) -> Successors:
        calls, name, _, _ = node
        ways = jump_targets(state.get(register), name, self._program, self._data, state.algebra)
        if not ways:
            self._escape(node, instruction, f"a jump to where {register} points")
        return [((calls, to, position, ""), state.copy()) for to, position in ways]

    def _call_outside(
        self, node: Node, instruction: Instruction, symbol: str, state: State, *, tail: bool = False
    ) -> None:
        if NEVER_RETURNS.search(symbol):
            return
        entry = state.copy()
        entry.move_stack(0 if tail else -self._isa.pushes)
        access = library_access(symbol, entry, self._isa)
        if access is None:
            called = self._declared.of(symbol)
            if called is None:
                self._hand_over(node, instruction, symbol, state, tail=tail)
            else:
                for why in carry_out(called, entry, state, self._isa):
                    self._escape(node, instruction, why)
            return
        for transfer, address in access.accesses:
            self._note(node, instruction, transfer, address, state)
        result, lost = carry_out_routine(state, access)
        if lost:
            self._escape(node, instruction, lost)
        forget_call_clobbered(state, self._isa)
        if result is not None:
            state.set(self._isa.result, result)

    def _hand_over(
        self, node: Node, instruction: Instruction, callee: str, state: State, *, tail: bool = False
    ) -> None:
        """Unknown code gets what is passed to it, and the memory that this points to.

        Pointers in the memory that is handed over are not followed further.
        """
        prototype = self._prototypes.get(callee)
        if prototype is not None:
            passed = passed_as_declared(state, self._isa, prototype, tail=tail)
        else:
            on_the_stack = passed_on_the_stack(state, self._isa, tail=tail)
            passed = [(register, state.get(register)) for register in passed_registers(state, self._isa)]
            passed += [(None, held) for place, held in on_the_stack if not self._is_own(place, held)]
        for why in lost_to(callee, passed, state):
            self._escape(node, instruction, why)
        forget_call_clobbered(state, self._isa)

    def _is_own(self, place: Place, held: Value) -> bool:
        """Whether the code here loads it again, or it is the function's own argument."""
        return place in self._reloaded or self._arguments.get(place) == held

    def _return(self, node: Node, state: State) -> Successors:
        calls = node[0]
        if not calls:
            self._returns.add(node)
            return []
        state.move_stack(self._isa.pushes)
        ways = self._contexts.leave(calls, self._start, state)
        for _, _, _, back in ways:
            back.drop_dead_stack()
        return [((caller, name, position, ""), back) for caller, name, position, back in ways]
