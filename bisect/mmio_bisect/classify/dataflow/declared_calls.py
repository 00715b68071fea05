"""Functions of other files of which the recipe says what they take, do and give."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmio_bisect.classify.dataflow.entry import hold, place_arguments
from mmio_bisect.classify.dataflow.memory import place_of
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.machine.architecture import ArgumentPlace, Isa
from mmio_bisect.classify.machine.values import ANYTHING, Linear, Origin, Value, pointer_to, window_origin
from mmio_bisect.domain.names import select
from mmio_bisect.domain.recipe import Argument, ArgumentKind, CallDeclaration


@dataclass(slots=True)
class Declarations:
    """What is declared of the functions that code calls; `names` as in `CodeImage`."""

    names: Mapping[str, str]
    calls: Sequence[CallDeclaration]
    _found: dict[str, CallDeclaration | None] = field(default_factory=dict)

    def of(self, symbol: str) -> CallDeclaration | None:
        if symbol not in self._found:
            own = {symbol: self.names.get(symbol, symbol)}
            self._found[symbol] = next((call for call in self.calls if select(call.symbol, own)), None)
        return self._found[symbol]


def carry_out(call: CallDeclaration, entry: State, state: State, isa: Isa) -> Iterator[str]:
    """What the call does to `state`, `entry` being the callee's; says why a pointer into the window was lost."""
    in_memory = call.result is not None and call.result.kind is ArgumentKind.MEMORY
    hidden, places = place_arguments(call.arguments, isa, result_in_memory=in_memory)
    for argument, place in zip(call.arguments, places, strict=True):
        values = [_read(entry, isa, where) for where in place]
        if argument.holds:
            yield from _give(call, argument, values[0], state)
        elif not argument.pointers:
            for value in values:
                if state.algebra.derived(value):
                    yield f"a pointer into the window is handed to {call.symbol}, which is declared to take none there"
                elif isinstance(value, Linear):
                    state.hand_over(value)
    result = _result(call, [_read(entry, isa, where) for where in hidden], state)
    for register in isa.call_clobbered:
        state.registers.pop(register, None)
    state.set(isa.result, result)


def _give(call: CallDeclaration, argument: Argument, value: Value, state: State) -> Iterator[str]:
    place = place_of(value, 0)
    if place is None:
        yield f"the pointers that {call.symbol} puts into memory are not followed there"
    else:
        hold(state.memory, Linear(*place), argument.holds)


def _result(call: CallDeclaration, hidden: Sequence[Value], state: State) -> Value:
    if hidden:
        if isinstance(hidden[0], Linear):
            state.hand_over(hidden[0])
        return hidden[0]
    if call.result is None or not call.result.pointers:
        return ANYTHING
    if not call.result.holds:
        return pointer_to(window_origin(call.result.label))
    given = pointer_to(Origin(f"result of {call.symbol}"))
    hold(state.memory, given, call.result.holds)
    return given


def _read(entry: State, isa: Isa, where: ArgumentPlace) -> Value:
    if isinstance(where, str):
        return entry.get(where)
    place = place_of(entry.get(isa.stack_pointer), where)
    return ANYTHING if place is None else entry.memory.get(place)
