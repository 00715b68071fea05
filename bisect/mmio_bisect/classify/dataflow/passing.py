"""What a call passes to code that is not here: which registers and which words of the stack may be arguments.

A register that passes arguments is one only if all before it are: conventions fill them in order (AAPCS64 §6.8.2,
AAPCS32 §6.5, System V AMD64 §3.2.3, RISC-V psABI "Integer calling convention"). In one that is left from an earlier
call, or that the function under test was not handed, nothing is passed.
"""

from collections.abc import Sequence

from mmio_bisect.classify.dataflow.memory import Place, place_of
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.values import Linear, Value


def left_by_a_call(isa: Isa) -> Sequence[str]:
    """The registers that pass arguments and hold nothing that is known of after a call; results are in up to two."""
    return isa.handed_over[2:] if isa.result in isa.handed_over else isa.handed_over[:2]


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
