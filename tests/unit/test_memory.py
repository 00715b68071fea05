"""Tracked memory against a model of single bytes, and arithmetic on values against numbers that they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from window_values import LOW, STACK, WINDOW, access, memory_of

from mmio_bisect.classify.dataflow.accesses import copy, load_word, touch
from mmio_bisect.classify.dataflow.memory import Memory, place_of
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.operations import Copy, Sum
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    Lanes,
    Linear,
    OneOf,
    Origin,
    Part,
    Tainted,
    Value,
    number,
    pointer_to,
)
from mmio_bisect.domain.access import Form
from mmio_bisect.domain.recipe import ConstantWindow

MOST = (1 << 64) - 1
VALUES = (number(7), number(-1), pointer_to(WINDOW, 4), pointer_to(WINDOW), pointer_to(STACK, -8), ANYTHING)
WORDS = st.sampled_from(VALUES)
PLACES = st.integers(-40, 40)


def a_state(*contents: int) -> State:
    algebra = Algebra((ConstantWindow(low=LOW, high=LOW + 0x8000),), 64)
    return State(algebra, "sp", Memory(algebra, 8, ImageData(memory_of(*contents))))


@dataclass(slots=True)
class Bytes:
    """Each byte is one of a word's, or not known."""

    held: dict[int, tuple[int, Value, int]] = field(default_factory=dict)
    stores: int = 0

    def store(self, at: int, width: int, *words: Value) -> None:
        for index in range(width):
            self.held.pop(at + index, None)
        for place, word in enumerate(words):
            self.stores += 1
            self.held |= {at + 8 * place + index: (self.stores, word, index) for index in range(8)}

    def copy(self, to: int, start: int, width: int) -> None:
        """Words that the range holds whole are there again; of the others' bytes nothing is known."""
        whole = {at - start: self.word(at) for at in range(start, start + width - 7)}
        for index in range(width):
            self.held.pop(to + index, None)
        for offset, word in whole.items():
            if word is not None:
                self.store(to + offset, 8, word)

    def torn(self, start: int, width: int) -> bool:
        """Whether the range has some bytes of a pointer into the window, and not all."""
        whole = {at for at in self.held if self.word(at) is not None and self.pointer(at)}
        return width > 0 and any(
            at + 8 > start and at < start + width and not start <= at <= start + width - 8 for at in whole
        )

    def pointer(self, at: int) -> bool:
        return self.held[at][1] in {pointer_to(WINDOW, 4), pointer_to(WINDOW)}

    def word(self, at: int) -> Value | None:
        found = [self.held.get(at + index) for index in range(8)]
        first = found[0]
        if first is None or any(one != (first[0], first[1], index) for index, one in enumerate(found)):
            return None
        return first[1]


@dataclass(frozen=True, slots=True)
class Step:
    """Stores of `words` at `at`, or of `width` bytes of a number, or a copy from `start`."""

    at: int
    words: tuple[Value, ...] = ()
    width: int = 0
    start: int | None = None


STEPS = st.one_of(
    st.builds(lambda at, word: Step(at, (word,)), PLACES, WORDS),
    st.builds(lambda at, one, other: Step(at, (one, other)), PLACES, WORDS, WORDS),
    st.builds(lambda at, width: Step(at, width=width), PLACES, st.sampled_from((1, 2, 4))),
    st.builds(lambda at, width, start: Step(at, width=width, start=start), PLACES, st.integers(0, 32), PLACES),
)


def carry_out(state: State, model: Bytes, step: Step) -> str | None:
    address = pointer_to(STACK, step.at)
    if step.start is not None:
        model.copy(step.at, step.start, step.width)
        state.set("to", address)
        state.set("from", pointer_to(STACK, step.start))
        unit = next(size for size in (4, 2, 1) if step.width % size == 0)
        count = Sum(constant=step.width // unit)
        return copy(state, Copy(target=Sum.of("to"), source=Sum.of("from"), count=count, unit=unit))
    if step.words:
        model.store(step.at, 8 * len(step.words), *step.words)
        state.set("v1", step.words[0] if len(step.words) == 1 else Lanes(step.words))
        return touch(state, access(store="v1", width=64 * len(step.words)), address)
    model.store(step.at, step.width)
    state.set("x1", number(3))
    return touch(state, access(store="x1", width=8 * step.width), address)


@settings(deadline=None, max_examples=100)
@given(st.lists(STEPS, min_size=1, max_size=12))
def test_a_word_is_loaded_as_it_was_stored_or_copied_and_else_nothing_is_known(steps: Sequence[Step]) -> None:
    state, model = a_state(), Bytes()
    for step in steps:
        torn = step.start is not None and model.torn(step.start, step.width)
        lost = carry_out(state, model, step)
        assert (lost is not None) == torn
        assume(not torn)
    before = state.copy()
    for at in range(-48, 100):
        expected, found = model.word(at) or ANYTHING, load_word(state, pointer_to(STACK, at))
        partly = expected == ANYTHING and isinstance(found, Part | Tainted)
        assert partly or found == expected, at
    assert not state.absorb(before)


def held(state: State) -> dict[int, Value]:
    return {at: state.memory.get((pointer_to(STACK).terms, at)) for at in range(-48, 100)}


@settings(deadline=None, max_examples=100)
@given(st.lists(STEPS, max_size=6), st.lists(STEPS, min_size=1, max_size=6))
def test_where_control_joins_a_word_is_what_both_say(steps: Sequence[Step], more: Sequence[Step]) -> None:
    state, model = a_state(), Bytes()
    for step in steps:
        assume(carry_out(state, model, step) is None)
    other, kept = state.copy(), held(state)
    for step in more:
        carry_out(other, model, step)
    assert held(state) == kept, "a copy is not this one"
    joined = {at: state.algebra.join(kept[at], value) for at, value in held(other).items()}
    assert state.memory.absorb(other.memory) >= (joined != kept)
    assert held(state) == joined
    assert not state.memory.absorb(other.memory)


def test_the_words_of_the_object_are_there_until_they_are_written() -> None:
    state = a_state(LOW + 8, 5)
    (section,) = (origin for origin in [Origin("section 5", section=5)])
    for at, value in ((0, LOW + 8), (8, 5)):
        assert load_word(state, pointer_to(section, at)) == number(value)
    state.set("x1", number(3))
    touch(state, access(store="x1"), pointer_to(section, 8))
    assert load_word(state, pointer_to(section, 8)) == number(3)


def test_what_lies_below_the_stack_pointer_is_dropped() -> None:
    state = a_state()
    for at in (-24, -16, -8):
        state.memory.set((pointer_to(STACK).terms, at), pointer_to(WINDOW, 4))
    state.set("sp", pointer_to(STACK, -16))
    state.drop_dead_stack()
    assert {place[1] for place, _ in state.memory} == {-16, -8}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (pointer_to(STACK, 8), (pointer_to(STACK).terms, 12)),
        (pointer_to(WINDOW, 8), None),
        (number(8), None),
        (ANYTHING, None),
        (Linear(frozenset({(STACK, 2)}), 8), None),
        (Linear(frozenset({(STACK, 1), (Origin("argument 0"), 1)}), 8), None),
        (Linear(frozenset({(STACK, 1)}), None), None),
        (Tainted(""), None),
    ],
)
def test_a_place_is_one_origin_and_a_distance(value: Value, place: object) -> None:
    assert place_of(value, 4) == place


ARGUMENT = Origin("argument 0")
MEANINGS = {WINDOW: 0x7000_1234_5000, STACK: 0x7FFF_0000_0010, ARGUMENT: 77}
ORIGINS = st.sampled_from([*MEANINGS])
NUMBERS = st.one_of(st.integers(-300, 300), st.integers(-(1 << 63), (1 << 63) - 1))


@st.composite
def meant(draw: st.DrawFn) -> tuple[Linear, int]:
    """A value, and a number that it may stand for."""
    factors = draw(st.dictionaries(ORIGINS, st.sampled_from((1, 1, 1, -1, 2)), max_size=2))
    constant = draw(NUMBERS)
    terms = frozenset(factors.items())
    total = sum(MEANINGS[origin] * factor for origin, factor in factors.items()) + constant
    if draw(st.booleans()):
        return Linear(terms, number(constant).constant), total & MOST
    return Linear(frozenset(one for one in terms if draw(st.booleans()))), draw(NUMBERS) & MOST


def covers(value: Value, total: int) -> bool:
    match value:
        case Linear(terms, constant):
            known = {origin: MEANINGS[origin] for origin, _ in terms if origin in MEANINGS}
            if constant is None or len(known) < len(terms):
                return True
            return (sum(known[origin] * factor for origin, factor in terms) + constant - total) % (1 << 64) == 0
        case OneOf(choices):
            return any(covers(choice, total) for choice in choices)
        case _:
            return True


@settings(deadline=None, max_examples=80)
@given(meant(), meant(), NUMBERS, st.sampled_from((0, 1, 2, 3, 4, 8, -1, -4, 1 << 12)))
def test_what_is_computed_stands_for_what_numbers_give(
    one: tuple[Linear, int], other: tuple[Linear, int], distance: int, factor: int
) -> None:
    algebra, (left, a), (right, b) = Algebra((), 64), one, other
    assume(covers(left, a) and covers(right, b))
    assert covers(algebra.add(left, right), a + b)
    assert covers(algebra.shift(left, distance), a + distance)
    assert covers(algebra.scale(left, factor), a * factor)
    assert covers(algebra.narrow(left), a & 0xFFFF_FFFF)
    assert covers(algebra.narrow(left, signs=True), signed(a, 32))
    for mask in (-4, -8, -4096):
        assert covers(algebra.aligned(left, mask), a & mask) or left.window_terms
    joined = algebra.join(left, right)
    assert covers(joined, a) or a < 4096 or a > MOST - 4096
    assert covers(joined, b) or b < 4096 or b > MOST - 4096
    if left.constant is None or right.constant is None or STACK in {origin for origin, _ in left.terms | right.terms}:
        return
    total = algebra.add(left, right)
    assert isinstance(total, Linear)
    assert total.constant == number(left.constant + right.constant).constant


def test_a_structure_that_is_stored_at_an_index_may_lie_anywhere_there_and_nowhere_else() -> None:
    state = a_state()
    state.set("v0", Lanes((pointer_to(WINDOW, 4), ANYTHING)))
    plain = access(store="v0", width=128)
    transfer = replace(plain.transfer, form=Form.STRUCTURE, element_width=None)
    structure = replace(plain, transfer=transfer, stores=(), mixes=("v0",), most=64)
    array = state.algebra.add(pointer_to(STACK, -64), pointer_to(ARGUMENT))
    assert touch(state, structure, array) is None
    assert state.algebra.derived(load_word(state, pointer_to(STACK, -40)))
    assert not state.algebra.derived(load_word(state, pointer_to(Origin("stack of another"), -40)))
    other = a_state()
    other.set("v0", state.get("v0"))
    assert touch(other, structure, pointer_to(WINDOW, 8)) is None
    assert touch(other, structure, pointer_to(STACK, -64)) is None
    assert [other.algebra.derived(load_word(other, pointer_to(STACK, at))) for at in (-72, -64, -8, 0)] == [
        False,
        True,
        True,
        False,
    ]
