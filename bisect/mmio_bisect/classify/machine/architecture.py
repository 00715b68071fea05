"""What the data flow has to know of an architecture and its C calling convention: one value each.

The architecture's own file lifts instructions to operations; here is who reads it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from mmio_bisect.classify.machine.instructions import Architecture, FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Operation

Lift = Callable[[Instruction, FunctionCode], tuple[Operation, ...]]
"""What one instruction of a function does, in order."""

ArgumentPlace = str | int
"""A register, or a byte offset from the stack pointer as it is when the function is entered."""


class PlaceArguments(Protocol):
    def __call__(self, sizes: Iterable[tuple[int, bool]]) -> tuple[tuple[ArgumentPlace, ...], ...]:
        """Where arguments are, each given as its number of pointer-sized words and whether it is aligned to two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isa:
    """`pointer_bytes` is also a general register's size.

    `pushes` is what a call puts on the stack: how far the stack pointer at a function's entry is from where it was
    before the call. `handed_over` are the registers that a callee may read: those that pass arguments, and the one for
    a large result. `flags` are the registers that conditions of instructions are about; `opposite` negates a condition.
    """

    architecture: Architecture
    pointer_bytes: int
    stack_pointer: str
    result: str
    handed_over: tuple[str, ...]
    call_clobbered: frozenset[str]
    place_arguments: PlaceArguments
    lift: Lift
    pushes: int = 0
    flags: frozenset[str] = frozenset()
    opposite: Callable[[str], str] = str


def places_in(registers: tuple[str, ...], *, word: int, first: int = 0, pairs: bool = True) -> PlaceArguments:
    """A convention that fills registers in order, then the stack from `first` on.

    With `pairs` an argument aligned to two words begins at an even register; one that does not fit into the registers
    that are left goes to the stack, and with `pairs` so does every later one.
    """

    def place(sizes: Iterable[tuple[int, bool]]) -> tuple[tuple[ArgumentPlace, ...], ...]:
        found: list[tuple[ArgumentPlace, ...]] = []
        register, stack = 0, first
        for count, even in sizes:
            if even and pairs and register % 2:
                register += 1
            if register + count <= len(registers):
                found.append(registers[register : register + count])
                register += count
                continue
            if pairs:
                register = len(registers)
            stack += -(stack - first) % (2 * word) if even else 0
            found.append(tuple(stack + word * index for index in range(count)))
            stack += word * count
        return tuple(found)

    return place
