"""What a call passes to code that is not here: which registers and which words of the stack may be arguments.

A register that passes arguments is one only if all before it are: conventions fill them in order (AAPCS64 §6.8.2,
AAPCS32 §6.5, System V AMD64 §3.2.3, RISC-V psABI "Integer calling convention"). In one that is left from an earlier
call, or that the function under test was not handed, nothing is passed. A prototype says it exactly.
"""

from collections.abc import Iterable, Iterator

from mmio_bisect.classify.dataflow.memory import place_of
from mmio_bisect.classify.dataflow.numbers import Place
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.values import ANYTHING, Linear, Value
from mmio_bisect.domain.prototype import Prototype

Passed = tuple[str | None, Value]
"""A register, None for a place on the stack, and what is in it."""


def forget_call_clobbered(state: State, isa: Isa) -> None:
    """After a call registers that pass arguments hold nothing that is known of; results are in up to two."""
    for register in isa.call_clobbered:
        state.registers.pop(register, None)
    state.unset.update(isa.handed_over[2:] if isa.result in isa.handed_over else isa.handed_over[:2])


def passed_registers(state: State, isa: Isa) -> list[str]:
    """Up to the first in which nothing was put; one may be left out before a pair that begins at an even one."""
    passed, registers = [], isa.handed_over
    for number, register in enumerate(registers):
        if register not in state.unset:
            passed.append(register)
            continue
        pair = registers[number + 1 : number + 3]
        if number % 2 == 0 or len(pair) < 2 or not state.unset.isdisjoint(pair):
            break
    return passed


def passed_on_the_stack(state: State, isa: Isa, *, tail: bool) -> list[tuple[Place, Value]]:
    """What lies at the stack pointer, if registers are full or the convention passes structures there alone."""
    top = place_of(state.get(isa.stack_pointer), isa.pushes if tail else 0)
    full = isa.pushes or state.unset.isdisjoint(isa.handed_over)
    if top is None or not full:
        return []
    reached = state.memory.reached(Linear(top[0]))
    return [(place, held) for place, held in reached if place[0] == top[0] and place[1] >= top[1]]


def passed_as_declared(state: State, isa: Isa, prototype: Prototype, *, tail: bool) -> list[Passed]:
    """The arguments of a call, which the state is just before; of numbers that are not pointers, the window's alone."""
    sizes = [1 if bits is None else -(-bits // (8 * isa.pointer_bytes)) for bits in prototype.parameters]
    found: list[Passed] = []
    for bits, places in zip(prototype.parameters, isa.place_arguments((size, size > 1) for size in sizes), strict=True):
        for where in places:
            value = _held(state, isa, where, tail=tail)
            if bits is None or state.algebra.derived(value):
                found.append((where if isinstance(where, str) else None, value))
    return found


def _held(state: State, isa: Isa, where: str | int, *, tail: bool) -> Value:
    """In a register, or so far from the stack pointer as it is when the callee is entered."""
    if isinstance(where, str):
        return state.get(where)
    place = place_of(state.get(isa.stack_pointer), where - (0 if tail else isa.pushes))
    return ANYTHING if place is None else state.memory.get(place)


def lost_to(callee: str, passed: Iterable[Passed], state: State) -> Iterator[str]:
    """Why sight of the window is lost where these are handed to code that is not followed."""
    for register, value in passed:
        if state.algebra.derived(value):
            where, after = (f"{register}, ", "") if register else ("", " on the stack")
            comma = "," if register else ""
            yield f"{where}a pointer into the window{comma} is handed to {callee}{after}"
        elif any(map(state.algebra.derived, state.hand_over(value))):
            yield f"{register or 'an argument on the stack'} leads {callee} to a pointer into the window"
