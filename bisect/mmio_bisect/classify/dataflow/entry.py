"""What holds when a function under test is entered: where its arguments are, and which of them lead into the window."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from mmio_bisect.classify.dataflow.memory import Memory
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.architecture import ArgumentPlace, Isa
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    CONSTANT_WINDOW,
    Linear,
    Origin,
    Value,
    pointer_to,
    section_origin,
    window_origin,
)
from mmio_bisect.domain.names import select
from mmio_bisect.domain.recipe import Argument, ArgumentKind, ConstantWindow, FunctionExpectation, HeldPointer


def entry_state(function: FunctionExpectation, windows: tuple[ConstantWindow, ...], image: CodeImage) -> State:
    """Arguments where the calling convention passes them; pointers in the memory and the variables that hold them."""
    isa = image.isa
    algebra = Algebra(windows, 8 * isa.pointer_bytes)
    memory = Memory(algebra, isa.pointer_bytes, ImageData(image))
    state = State(algebra, isa.stack_pointer, memory)
    stack = Origin("stack")
    state.set(isa.stack_pointer, pointer_to(stack))
    if isa.result_address is not None:  # whether the result is in memory or not: no other use is made of it
        state.set(isa.result_address, pointer_to(Origin("result")))
    hidden, places = place_arguments(function.arguments, isa, result_in_memory=function.result_in_memory)
    values = [_values(number, argument) for number, argument in enumerate(function.arguments)]
    for place, passed in zip([hidden, *places], [[pointer_to(Origin("result"))], *values], strict=True):
        for where, value in zip(place, passed, strict=False):
            if isinstance(where, str):
                state.set(where, value)
            else:
                memory.set((pointer_to(stack).terms, where), value)
    state.unset = set(isa.handed_over).difference(*([hidden, *places]))
    for passed, argument in zip(values, function.arguments, strict=True):
        if argument.holds:
            hold(memory, passed[0], argument.holds)
    for static in function.statics:
        for base in _addresses(image, static.symbol):
            hold(memory, base, static.holds)
    return state


def place_arguments(
    arguments: Iterable[Argument], isa: Isa, *, result_in_memory: bool
) -> tuple[tuple[ArgumentPlace, ...], list[tuple[ArgumentPlace, ...]]]:
    """Where the address of a result in memory is, if it is passed, and where each argument is."""
    wide = {
        ArgumentKind.SLICE: (2, False),
        ArgumentKind.WIDE: (2, True),
        ArgumentKind.FLOAT: (isa.words_of_float, False),
    }
    sizes = [wide.get(argument.kind, (1, False)) for argument in arguments]
    if not result_in_memory:
        return (), list(isa.place_arguments(sizes))
    if isa.result_address is not None:
        return (isa.result_address,), list(isa.place_arguments(sizes))
    first, *places = isa.place_arguments([(1, False), *sizes])
    return first, places


def _values(number: int, argument: Argument) -> list[Linear]:
    match argument.kind:
        case ArgumentKind.WINDOW:
            return [pointer_to(window_origin(argument.label))]
        case ArgumentKind.SLICE:
            return [pointer_to(window_origin(argument.label)), pointer_to(Origin(f"length {number}"))]
        case ArgumentKind.HOLDER | ArgumentKind.OPAQUE | ArgumentKind.MEMORY:
            return [pointer_to(Origin(f"argument {number}"))]
        case ArgumentKind.WIDE | ArgumentKind.FLOAT:
            return []
        case _:
            assert_never(argument.kind)


def hold(memory: Memory, base: Linear, pointers: Sequence[HeldPointer]) -> None:
    """Put the pointers into the memory at `base`; what lies on the way to several of them is one and the same."""
    for pointer in pointers:
        bases = [base]
        for step in pointer.steps[:-1]:
            bases = [_follow(memory, place, offset) for place in bases for offset in step.offsets(memory.word)]
        for place in bases:
            for offset in pointer.steps[-1].offsets(memory.word):
                memory.set((place.terms, (place.constant or 0) + offset), pointer_to(window_origin(pointer.label)))


def _follow(memory: Memory, base: Linear, offset: int) -> Linear:
    """Where the word there points; to ordinary memory of its own if nothing is known of it."""
    place = (base.terms, (base.constant or 0) + offset)
    held: Value = memory.get(place)
    if isinstance(held, Linear) and held != ANYTHING and held.terms:
        return held
    ((origin, _),) = base.terms
    target = pointer_to(Origin(f"word {place[1]:+} of {origin.name}"))
    memory.set(place, target)
    return target


def _addresses(image: CodeImage, symbol: str) -> list[Linear]:
    """Where the variable is: in this object or, as far as code can tell, outside it."""
    found = [pointer_to(section_origin(section), offset) for section, offset in image.variables_named(symbol)]
    return found or [pointer_to(Origin(f"&{name}")) for name in select(symbol, image.names) or [symbol]]


def label_of(region: str) -> str | None:
    """The label of a region, as a recipe writes it."""
    if region == CONSTANT_WINDOW.name:
        return CONSTANT_WINDOW.name
    return region.removeprefix("mmio").strip() or None


def region_of(label: str | None, function: FunctionExpectation, windows: Sequence[ConstantWindow]) -> str:
    """The origin that an item's label means; without one, the only window to which anything leads.

    Arguments go before what else leads to a window.
    """
    if label is None:
        constant = [window.label or CONSTANT_WINDOW.name for window in windows]
        reached = function.pointers or [*function.other_pointers, *constant, CONSTANT_WINDOW.name]
        label = reached[0]
    return window_origin(label).name
