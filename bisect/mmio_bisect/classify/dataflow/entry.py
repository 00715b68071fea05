"""What holds when a function under test is entered: where its arguments are, and which of them lead into the window."""

from collections.abc import Sequence
from typing import assert_never

from mmio_bisect.classify.dataflow.memory import Memory
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.values import CONSTANT_WINDOW, Algebra, Linear, Origin, pointer_to
from mmio_bisect.domain.recipe import Argument, ArgumentKind, ConstantWindow


def entry_state(arguments: Sequence[Argument], window: ConstantWindow | None, image: CodeImage) -> State:
    """Arguments where the architecture's C convention passes them; a holder's field in the memory that it points to."""
    isa = image.isa
    memory = Memory(isa.pointer_bytes, ImageData(image))
    state = State(Algebra(window, 8 * isa.pointer_bytes), isa.stack_pointer, memory)
    stack = Origin("stack")
    state.set(isa.stack_pointer, pointer_to(stack))
    wide = {ArgumentKind.SLICE: (2, False), ArgumentKind.WIDE: (2, True), ArgumentKind.FLOAT: (0, False)}
    places = isa.place_arguments(wide.get(argument.kind, (1, False)) for argument in arguments)
    for number, (argument, place) in enumerate(zip(arguments, places, strict=True)):
        values: list[Linear] = []
        match argument.kind:
            case ArgumentKind.WINDOW:
                values = [pointer_to(_region(argument.label))]
            case ArgumentKind.SLICE:
                values = [pointer_to(_region(argument.label)), pointer_to(Origin(f"length {number}"))]
            case ArgumentKind.HOLDER:
                holder = pointer_to(Origin(f"argument {number}"))
                values = [holder]
                memory.set((holder.terms, argument.holds_at or 0), pointer_to(_region(argument.label)))
            case ArgumentKind.OPAQUE:
                values = [pointer_to(Origin(f"argument {number}"))]
            case ArgumentKind.WIDE | ArgumentKind.FLOAT:
                pass
            case _:
                assert_never(argument.kind)
        for where, value in zip(place, values, strict=False):
            if isinstance(where, str):
                state.set(where, value)
            else:
                memory.set((pointer_to(stack).terms, where), value)
    return state


def _region(label: str | None) -> Origin:
    return Origin(f"mmio {label or ''}".strip(), window=True)


def label_of(region: str) -> str | None:
    """The label of a region, as a recipe writes it."""
    if region == CONSTANT_WINDOW.name:
        return CONSTANT_WINDOW.name
    return region.removeprefix("mmio").strip() or None


def region_of(label: str | None, arguments: Sequence[Argument]) -> str:
    """The origin that an item's label means: without a window among the arguments, the constant addresses."""
    carriers = [one for one in arguments if one.kind in {ArgumentKind.WINDOW, ArgumentKind.SLICE, ArgumentKind.HOLDER}]
    if label == CONSTANT_WINDOW.name or (label is None and not carriers):
        return CONSTANT_WINDOW.name
    if label is None and len(carriers) == 1:
        return _region(carriers[0].label).name
    return _region(label).name
