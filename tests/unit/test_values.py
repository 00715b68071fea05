"""What the data flow knows of a value: sums, bits, one of several, and what memory holds at an index."""

import pytest
from window_values import LOW, OTHER, STACK, WINDOW, access, memory_of

from mmio_bisect.classify.dataflow.accesses import load_word, touch
from mmio_bisect.classify.dataflow.memory import Memory
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.operations import Bitwise, Compute, InsertBits, Multiply, Sum, Term
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    CONSTANT_WINDOW,
    InWindow,
    Lanes,
    Linear,
    MayBeInWindow,
    OneOf,
    Ordinary,
    Origin,
    Tainted,
    Value,
    pointer_to,
    section_origin,
)
from mmio_bisect.domain.recipe import ConstantWindow

INDEX = pointer_to(Origin("argument 1"))


@pytest.fixture
def algebra() -> Algebra:
    return Algebra((ConstantWindow(low=LOW, high=LOW + 0x8000),), 64)


@pytest.fixture
def state(algebra: Algebra) -> State:
    image = memory_of(LOW, LOW + 0x1000)
    return State(algebra, "sp", Memory(algebra, 8, ImageData(image)))


def test_a_pointer_or_an_error_code_is_the_pointer(algebra: Algebra) -> None:
    pointer = pointer_to(WINDOW, 8)
    assert algebra.join(pointer, algebra.number(-22)) == pointer
    assert algebra.join(algebra.number(0), pointer) == pointer


def test_one_of_two_windows_is_either(algebra: Algebra) -> None:
    value = algebra.join(pointer_to(WINDOW, 8), pointer_to(OTHER, 4))
    assert algebra.locate(value) == MayBeInWindow((InWindow(WINDOW, 8), InWindow(OTHER, 4)))
    moved = algebra.shift(value, 4)
    assert algebra.locate(moved) == MayBeInWindow((InWindow(WINDOW, 12), InWindow(OTHER, 8)))


def test_a_pointer_or_some_number_may_be_in_the_window(algebra: Algebra) -> None:
    value = algebra.join(pointer_to(WINDOW, 8), ANYTHING)
    assert algebra.locate(value) == MayBeInWindow((InWindow(WINDOW, 8),))
    assert algebra.derived(value)


def test_two_places_of_one_window_are_one_at_an_unknown_offset(algebra: Algebra) -> None:
    assert algebra.locate(algebra.join(pointer_to(WINDOW, 8), pointer_to(WINDOW, 12))) == InWindow(WINDOW, None)


@pytest.mark.parametrize("joins", [3, 40])
def test_what_is_joined_again_and_again_comes_to_rest(algebra: Algebra, joins: int) -> None:
    value: Value = pointer_to(STACK)
    for number in range(joins):
        value = algebra.join(value, pointer_to(STACK, -8 * number))
    assert algebra.join(value, pointer_to(STACK, -8)) == value


def test_a_displacement_beside_a_number_is_the_windows_address(algebra: Algebra) -> None:
    assert algebra.locate(algebra.shift(INDEX, LOW + 0x30)) == InWindow(Origin("window", window=True), None)
    assert algebra.locate(algebra.shift(INDEX, 0x30)) == Ordinary()
    assert algebra.locate(algebra.shift(pointer_to(STACK), LOW)) == Ordinary()


def test_a_pages_number_that_is_shifted_is_the_windows_address(algebra: Algebra) -> None:
    page = algebra.add(algebra.number(LOW >> 12), ANYTHING)
    assert algebra.locate(page) == Ordinary()
    assert algebra.locate(algebra.scale(page, 1 << 12)) == InWindow(Origin("window", window=True), None)


def test_bits_of_a_pointer(state: State) -> None:
    here = Sum(terms=(Term(register="x1"),))

    def after(kind: str, number: int) -> Value:
        state.set("x1", pointer_to(WINDOW, 6))
        state.apply(Bitwise(target="x2", kind=kind, left=here, right=Sum(constant=number)))  # type: ignore[arg-type]  # the parameter's own cases
        return state.get("x2")

    assert after("and", ~3) == pointer_to(WINDOW, 4)
    assert state.algebra.locate(after("and", ~0xFF)) == InWindow(WINDOW, None)
    assert after("and", 7) == ANYTHING
    assert state.algebra.locate(after("or", 8)) == InWindow(WINDOW, None)
    assert isinstance(after("and", ~0xFFFF_FFFF), Tainted)


def test_fields_put_together_are_the_windows_address(state: State) -> None:
    state.set("x1", INDEX)
    state.apply(InsertBits(target="x1", shift=16, width=16, bits=LOW >> 16))
    assert state.algebra.locate(state.get("x1")) == InWindow(Origin("window", window=True), None)
    state.set("x2", state.algebra.number(LOW))
    state.apply(InsertBits(target="x2", shift=4, width=4, source=Sum(terms=(Term(register="x3"),))))
    assert state.algebra.locate(state.get("x2")) == InWindow(Origin("window", window=True), None)


def test_multiply_and_add(state: State) -> None:
    state.set("x1", pointer_to(WINDOW, 8))
    state.set("x3", state.algebra.number(0x58))
    terms = {name: Sum(terms=(Term(register=name),)) for name in ("x1", "x2", "x3")}
    state.apply(Multiply(target="x4", left=terms["x2"], right=terms["x3"], plus=terms["x1"]))
    assert state.algebra.locate(state.get("x4")) == InWindow(WINDOW, None)
    state.apply(Multiply(target="x4", left=terms["x1"], right=terms["x3"], plus=terms["x2"]))
    assert state.algebra.derived(state.get("x4"))


def test_what_is_stored_at_an_index_may_be_loaded_from_anywhere_there(state: State) -> None:
    array = state.algebra.add(pointer_to(STACK, -64), INDEX)
    state.set("x1", pointer_to(WINDOW, 8))
    assert touch(state, access(store="x1"), array) is None
    assert state.algebra.locate(load_word(state, pointer_to(STACK, -40))) == MayBeInWindow((InWindow(WINDOW, 8),))
    state.set("x2", ANYTHING)
    touch(state, access(store="x2"), pointer_to(STACK, -40))
    assert state.algebra.locate(load_word(state, pointer_to(STACK, -40))) == Ordinary()
    assert state.algebra.locate(load_word(state, pointer_to(STACK, -48))) == MayBeInWindow((InWindow(WINDOW, 8),))


def test_a_pointer_that_is_stored_through_nobody_knows_what_is_lost(state: State) -> None:
    state.set("x1", pointer_to(WINDOW, 8))
    assert touch(state, access(store="x1"), ANYTHING) is not None
    state.set("x2", pointer_to(STACK, -16))
    assert touch(state, access(store="x2"), ANYTHING) is None
    touch(state, access(store="x1"), pointer_to(STACK, -16))
    assert touch(state, access(store="x2"), ANYTHING) is not None


def test_a_table_of_the_objects_own_at_an_unknown_index(state: State) -> None:
    table = state.algebra.add(pointer_to(section_origin(5)), INDEX)
    assert state.algebra.locate(load_word(state, table)) == InWindow(Origin("window", window=True), None)


def test_a_vector_keeps_the_pointer_in_its_part(state: State) -> None:
    state.memory.set((pointer_to(STACK).terms, -32), pointer_to(WINDOW, 4))
    touch(state, access(load="v0", width=128), pointer_to(STACK, -40))
    assert state.get("v0") == Lanes((ANYTHING, pointer_to(WINDOW, 4)))
    touch(state, access(store="v0", width=128), pointer_to(STACK, -128))
    assert load_word(state, pointer_to(STACK, -120)) == pointer_to(WINDOW, 4)


def test_bytes_of_a_pointer_that_are_copied_one_by_one_are_the_pointer_again(state: State) -> None:
    state.memory.set((pointer_to(STACK).terms, -32), pointer_to(WINDOW, 4))
    touch(state, access(load="x1", width=8), state.algebra.add(pointer_to(STACK, -32), ANYTHING))
    assert state.algebra.locate(state.algebra.add(pointer_to(STACK), state.get("x1"))) == Ordinary()
    touch(state, access(store="x1", width=8), state.algebra.add(pointer_to(STACK, -96), ANYTHING))
    assert state.algebra.derived(load_word(state, pointer_to(STACK, -96)))


def test_known_addresses_are_told_apart(state: State) -> None:
    """The nodes of a list."""
    for place, offset in ((-32, 4), (-64, 8)):
        state.memory.set((pointer_to(STACK).terms, place), pointer_to(WINDOW, offset))
    nodes = state.algebra.join(pointer_to(STACK, -32), pointer_to(STACK, -64))
    assert nodes == OneOf(frozenset({pointer_to(STACK, -32), pointer_to(STACK, -64)}))
    assert load_word(state, nodes) == Linear(pointer_to(WINDOW).terms)


def test_an_index_that_is_scaled_leads_nowhere(state: State) -> None:
    state.set("x1", pointer_to(WINDOW))
    state.apply(Compute(target="x2", value=Sum(terms=(Term(register="x1", factor=4),))))
    assert not isinstance(state.algebra.locate(state.get("x2")), InWindow | MayBeInWindow)


ARGUMENT = pointer_to(Origin("argument 0"))


def test_the_distance_of_a_buffer_from_the_window_and_the_windows_pointer_are_the_buffer(algebra: Algebra) -> None:
    distance = algebra.shift(ARGUMENT, -LOW - 1)
    for pointer, constant in ((algebra.number(LOW), -1), (algebra.add(algebra.number(LOW), ANYTHING), None)):
        assert algebra.add(pointer, distance) == algebra.add(distance, pointer) == Linear(ARGUMENT.terms, constant)
        assert isinstance(algebra.locate(algebra.add(pointer, distance)), Ordinary)
    assert algebra.shift(algebra.add(algebra.number(LOW), INDEX), -LOW) == INDEX


def test_a_small_distance_from_a_window_leads_into_it_still(algebra: Algebra) -> None:
    behind = algebra.add(algebra.number(LOW + 0x40), ANYTHING)
    assert isinstance(algebra.locate(algebra.shift(behind, -0x40)), InWindow)
    low = Algebra((ConstantWindow(low=0x1000, high=0x3000),), 64)
    assert low.locate(low.shift(low.add(low.number(0x2000), INDEX), -0x1000)) == InWindow(CONSTANT_WINDOW, None)


@pytest.mark.parametrize("up", [32, 40])
def test_what_is_shifted_up_and_down_again_is_its_low_bits(state: State, algebra: Algebra, up: int) -> None:
    state.set("x0", algebra.add(algebra.number(LOW + 4), INDEX))
    state.apply(Compute(target="x1", value=Sum(terms=(Term(register="x0", factor=1 << up),))))
    state.apply(Bitwise(target="x2", kind="shr", left=Sum.of("x1"), right=Sum(constant=32)))
    found = algebra.locate(state.get("x2"))
    assert isinstance(found, InWindow) == (up == 32)


def test_of_a_pointer_that_was_not_shifted_up_the_high_bits_are_not_the_window(state: State) -> None:
    state.set("x0", pointer_to(WINDOW))
    state.apply(Bitwise(target="x1", kind="shr", left=Sum.of("x0"), right=Sum(constant=32)))
    assert isinstance(state.get("x1"), Tainted)
    state.set("x2", Linear(frozenset(), -1))
    state.apply(Bitwise(target="x3", kind="shr", left=Sum.of("x2"), right=Sum(constant=60)))
    assert state.get("x3") == Linear(frozenset(), 15)


def test_four_bytes_that_are_a_windows_whole_address_are_no_part_of_it(state: State, algebra: Algebra) -> None:
    stack = pointer_to(STACK).terms
    state.set("x1", algebra.number(LOW))
    touch(state, access(store="x1", width=32), pointer_to(STACK, 16))
    assert state.memory.numbers.get((stack, 16), 4) == LOW
    state.set("x1", algebra.add(algebra.number(LOW), INDEX))
    touch(state, access(store="x1", width=32), pointer_to(STACK, 24))
    assert isinstance(algebra.locate(state.memory.get((stack, 24))), MayBeInWindow)
    touch(state, access(store="x1", width=16), pointer_to(STACK, 32))
    assert isinstance(state.memory.get((stack, 32)), Tainted)
