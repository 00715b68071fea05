"""What a call may pass: the registers up to the first empty one, what lies on the stack, and how a loss is said."""

import pytest
from listed_code import listed_image
from window_values import STACK, WINDOW

from mmio_bisect.classify.dataflow.memory import Memory
from mmio_bisect.classify.dataflow.passing import (
    forget_call_clobbered,
    lost_to,
    passed_as_declared,
    passed_on_the_stack,
    passed_registers,
)
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.values import ANYTHING, Origin, number, pointer_to
from mmio_bisect.domain.prototype import Prototype
from mmio_bisect.domain.target import Architecture

ARM, A64, X86 = (ISAS[one] for one in (Architecture.ARM, Architecture.AARCH64, Architecture.X86_64))
POINTER = pointer_to(WINDOW, 4)


def a_state(isa: Isa) -> State:
    """With the stack pointer where the function was entered."""
    algebra = Algebra((), 8 * isa.pointer_bytes)
    state = State(algebra, isa.stack_pointer, Memory(algebra, isa.pointer_bytes, ImageData(listed_image(isa))))
    state.set(isa.stack_pointer, pointer_to(STACK, -64))
    return state


@pytest.mark.parametrize(
    ("empty", "passed"),
    [
        ("", "r0 r1 r2 r3"),
        ("r0", ""),
        ("r1", "r0 r2 r3"),  # a pair begins at r2
        ("r1 r2", "r0"),
        ("r1 r3", "r0"),
        ("r2", "r0 r1"),
        ("r3", "r0 r1 r2"),
        ("r1 r2 r3", "r0"),
    ],
)
def test_registers_are_passed_up_to_the_first_empty_one_but_for_a_pairs_alignment(empty: str, passed: str) -> None:
    state = a_state(ARM)
    state.unset = set(empty.split())
    assert passed_registers(state, ARM) == passed.split()


def test_after_a_call_only_what_may_be_a_result_is_passed_on() -> None:
    for isa, empty in ((A64, {f"x{place}" for place in range(2, 8)}), (X86, {"rdi", "rsi"})):
        state = a_state(isa)
        for register in (isa.result, *isa.handed_over):
            state.set(register, POINTER)
        forget_call_clobbered(state, isa)
        assert state.unset == empty
        assert all(state.get(register) == ANYTHING for register in isa.call_clobbered)


@pytest.mark.parametrize(
    ("isa", "tail", "empty", "offsets"),
    [
        (A64, False, "", {-64, -56, 0}),
        (A64, False, "x7", set()),
        (X86, False, "rdi", {-64, -56, 0}),
        (X86, True, "rdi", {-56, 0}),  # what a call put there is the way back
    ],
)
def test_words_from_the_stack_pointer_on_are_passed(isa: Isa, tail: bool, empty: str, offsets: set[int]) -> None:
    state = a_state(isa)
    state.unset = set(empty.split())
    for offset in (-72, -64, -56, 0):
        state.memory.set((pointer_to(STACK).terms, offset), POINTER)
    state.memory.set((pointer_to(Origin("argument 0")).terms, 0), POINTER)
    passed = passed_on_the_stack(state, isa, tail=tail)
    assert {place[1] for place, _ in passed} == offsets
    assert {held for _, held in passed} <= {POINTER}
    state.set(isa.stack_pointer, ANYTHING)
    assert passed_on_the_stack(state, isa, tail=tail) == []


def test_arguments_that_are_declared_are_looked_for_where_they_are() -> None:
    state = a_state(X86)
    state.set("rdi", number(1))
    state.set("rsi", POINTER)
    state.set("rdx", pointer_to(STACK))
    for offset, value in ((-64, number(7)), (-56, POINTER)):
        state.memory.set((pointer_to(STACK).terms, offset), value)
    declared = Prototype(symbol="f", parameters=(32, 64, None, 32, 32, 32, None))
    found = passed_as_declared(state, X86, declared, tail=False)
    assert found == [("rsi", POINTER), ("rdx", pointer_to(STACK)), (None, number(7))]
    assert passed_as_declared(state, X86, declared, tail=True)[-1] == (None, POINTER)


def test_what_is_lost_is_said_with_its_place() -> None:
    state = a_state(A64)
    state.memory.set((pointer_to(STACK).terms, -32), POINTER)
    passed = [
        ("x0", POINTER),
        (None, POINTER),
        ("x1", pointer_to(STACK, -48)),
        (None, pointer_to(STACK)),
        ("x2", number(5)),
    ]
    assert list(lost_to("sink", passed, state)) == [
        "x0, a pointer into the window, is handed to sink",
        "a pointer into the window is handed to sink on the stack",
        "x1 leads sink to a pointer into the window",
        "an argument on the stack leads sink to a pointer into the window",
    ]
