"""What loads, stores and copies make of registers and tracked memory.

An address that is one of several may lead to each of them: what is stored there may have changed or not, what is loaded
is one of what they hold. What is stored at an unknown offset may be anywhere in that memory. A pointer into the window
that is stored where none of this tells where is lost, and that is said.
"""

from collections.abc import Iterable, Mapping

from mmio_bisect.classify.dataflow.calls import LibraryAccess
from mmio_bisect.classify.dataflow.memory import place_of
from mmio_bisect.classify.dataflow.numbers import Place
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.operations import Copy, Touch, is_vector
from mmio_bisect.classify.machine.values import (
    ANYTHING,
    Lanes,
    Linear,
    Part,
    Tainted,
    Value,
    choices_of,
    part_of,
    table_entry,
)
from mmio_bisect.domain.access import Form
from mmio_bisect.domain.recipe import Direction

_NO_DATA = frozenset({Form.TAG, Form.CACHE})
_LOST = "a pointer into the window, or something computed from one, is stored where it is not followed"


def touch(state: State, operation: Touch, address: Value) -> str | None:
    """The effects of a memory access; why a pointer into the window was lost from sight, None if none was."""
    if operation.second is not None:
        lost = copy_words(state, address, state.evaluate(operation.second), None)
        for register in operation.clobbers:
            state.set(register, ANYTHING)
        _write_back(state, operation)
        return lost
    width = (operation.transfer.element_width or 0) // 8
    fetched, lost = _fetched_aside(state, operation, address), None
    if operation.stores and not _keeps_what_was(operation):
        for index, register in enumerate(operation.stores):
            lost = _store(state, address, index * width, width, state.get(register)) or lost
    elif Direction.STORE in operation.transfer.directions and operation.transfer.form not in _NO_DATA:
        lost = _store_mixed(state, operation, address)
    loaded = [_load(state, address, index * width, width, operation) for index in range(len(operation.loads))]
    _write_back(state, operation)
    for register in operation.clobbers:
        # Which vectors a structure fills, and which lanes of them, is not worked out: they may keep what they held.
        kept = operation.transfer.form is Form.STRUCTURE and is_vector(register)
        state.set(register, state.algebra.join(state.get(register), fetched) if kept else fetched)
    for register, value in zip(operation.loads, loaded, strict=True):
        kept = operation.part and state.algebra.derived(state.get(register))
        state.set(register, state.algebra.join(state.get(register), value) if kept else value)
    return lost


def _keeps_what_was(operation: Touch) -> bool:
    """Whether what it stores is made of what was there, or may be what was there."""
    return set(operation.transfer.directions) == {Direction.LOAD, Direction.STORE}


def _store_mixed(state: State, operation: Touch, address: Value) -> str | None:
    registers = operation.mixes or operation.stores or operation.transfer.registers
    values = [state.get(register) for register in registers]
    width = (operation.transfer.width or 0) // 8 or None
    if _keeps_what_was(operation):
        held = _somewhere(state, address, operation.most if width is None else width)
        values += [state.algebra.add(one, ANYTHING) for one in held if state.algebra.derived(one)]
    return _store_some(state, address, width, values, most=operation.most)


def _write_back(state: State, operation: Touch) -> None:
    if operation.writeback is not None:
        register, total = operation.writeback
        state.set(register, state.evaluate(total))


def copy(state: State, operation: Copy) -> str | None:
    """As `copy_words`."""
    count = state.evaluate(operation.count)
    width = None
    if isinstance(count, Linear) and not count.terms and count.constant is not None:
        width = max(count.constant, 0) * operation.unit
    return copy_words(state, state.evaluate(operation.target), state.evaluate(operation.source), width)


def forget(state: State, address: Value, width: int | None) -> None:
    """`width` bytes (None: not known how many) are overwritten with what is not followed."""
    _store_some(state, address, width, ())


def load_word(state: State, address: Value) -> Value:
    """A pointer's width is loaded."""
    return _load_words(state, address, 0)


def carry_out_routine(state: State, access: LibraryAccess) -> tuple[Value | None, str | None]:
    """What a routine does to tracked memory; what it returns (None: not known), and why a pointer was lost."""
    addresses = [address for _, address in access.accesses]
    if access.copies:
        return access.result, copy_words(state, addresses[0], addresses[1], access.size)
    if access.stored is not None:
        held = load_word(state, addresses[0])
        value = access.stored if access.always else state.algebra.join(held, access.stored)
        return held, _store(state, addresses[0], 0, state.memory.word, value)
    for transfer, address in access.accesses:
        if Direction.STORE in transfer.directions:
            forget(state, address, access.size)
    return access.result, None


def copy_words(state: State, target: Value, source: Value, width: int | None) -> str | None:
    """What a copy of `width` bytes (None: not known) does; the result is as that of `touch`."""
    start, to = place_of(source, 0), place_of(target, 0)
    if start is None or to is None or width is None:
        return _store_some(state, target, width, _somewhere(state, source, width))
    near = {offset - start[1]: held for offset, held in state.memory.near(start, width).items()}
    forget(state, target, width)
    for offset, held in near.items():
        if 0 <= offset <= width - state.memory.word:
            state.memory.set((to[0], to[1] + offset), held)
        elif state.algebra.derived(held):
            return "a pointer into the window is copied to where it is not followed"
    return None


def _store(state: State, address: Value, offset: int, width: int, value: Value) -> str | None:
    """One register's bytes: some words of a vector, a word, or less."""
    word, lost = state.memory.word, None
    if width > word and width % word == 0:
        parts = value.words if isinstance(value, Lanes) else (value,) * (width // word)
        for index, part in enumerate(parts[: width // word]):
            lost = _store(state, address, offset + index * word, word, part) or lost
        return lost
    if isinstance(value, Lanes):
        value = value.words[0]
    choices = choices_of(address)
    for choice in choices:
        if choice.window_terms or state.algebra.derived(choice):
            continue
        place = place_of(choice, offset)
        if place is None:
            lost = _smear(state, choice, value, width) or lost
        else:
            _store_at(state, place, width, value, certain=len(choices) == 1)
    return lost


def _store_at(state: State, place: Place, width: int, value: Value, *, certain: bool) -> None:
    memory, algebra = state.memory, state.algebra
    before = dict(memory.near(place, width))
    if width == memory.word:
        if certain:
            memory.overwrite(place, width)
            memory.set(place, value)
            return
        before.setdefault(place[1], memory.get(place))
    number = value.constant if certain and isinstance(value, Linear) and not value.terms else None
    memory.numbers.forget(place, width)
    if width < memory.word and (isinstance(value, Part) or algebra.derived(value)):
        # Where the parts of a pointer are put together again.
        at = (place[0], place[1] - place[1] % memory.word)
        memory.set(at, algebra.join(memory.get(at), _whole(algebra, value, width)))
    elif certain:
        memory.overwrite(place, width)
    else:
        _may_be_stored(state, place, width, value, before)
    if number is not None and width < memory.word:
        memory.numbers.put(place, width, number)


def _may_be_stored(state: State, place: Place, width: int, value: Value, before: Mapping[int, Value]) -> None:
    memory = state.memory
    for known, held in before.items():
        stored = value if known == place[1] and width == memory.word else ANYTHING
        memory.set((place[0], known), state.algebra.join(held, stored))


def _whole(algebra: Algebra, value: Value, width: int) -> Value:
    """What some of the bytes of a pointer into the window may be put together to, or all where it has no more."""
    if isinstance(value, Part):
        return value.whole
    return value if algebra.fits(value, 8 * width) else Tainted("parts of a pointer into the window")


def _smear(state: State, pointer: Linear, value: Value, width: int) -> str | None:
    """Store at an offset that is not known. Less than a word makes no pointer, and is taken to leave pointers alone."""
    algebra, memory = state.algebra, state.memory
    interesting = isinstance(value, Part) or algebra.derived(value)
    if width < memory.word:
        if interesting:
            value = _whole(algebra, value, width)
        else:
            for place, held in memory.reached(pointer):
                if isinstance(held, Linear) and not held.terms and not algebra.derived(held):
                    memory.set(place, ANYTHING)
            memory.disturb(pointer)
            return None
    if not any(factor == 1 for _, factor in pointer.terms):
        leads = any(algebra.derived(held) for choice in choices_of(value) for _, held in memory.reached(choice))
        return _LOST if interesting or leads else None
    memory.smear(pointer, value)
    return None


def _store_some(
    state: State, address: Value, width: int | None, values: Iterable[Value], *, most: int | None = None
) -> str | None:
    """Bytes that are put together from these values, or come from elsewhere; `most` bounds a width not known."""
    values = list(values)
    tainted = next((value for value in values if isinstance(value, Tainted)), None)
    value = tainted or state.algebra.one_of([*(one for held in values for one in choices_of(held)), ANYTHING])
    place, word, lost = place_of(address, 0), state.memory.word, None
    if place is not None and width is not None:
        state.memory.overwrite(place, width)
        if state.algebra.derived(value):
            for offset in range(0, width - word + 1, word):
                state.memory.set((place[0], place[1] + offset), value)
        return None
    if place is not None and most is not None:
        for offset in range(0, most, word):
            at = (place[0], place[1] + offset)
            state.memory.set(at, state.algebra.join(state.memory.get(at), value))
        return None
    for choice in choices_of(address):
        if not choice.window_terms and not state.algebra.derived(choice):
            lost = _smear(state, choice, value, word) or lost
    return lost


def _fetched_aside(state: State, operation: Touch, address: Value) -> Value:
    """What an access loads into registers that it does not list: atomic, exclusive and structure loads."""
    if operation.loads or Direction.LOAD not in operation.transfer.directions:
        return ANYTHING
    width = operation.transfer.width
    if operation.transfer.form in {Form.ATOMIC, Form.EXCLUSIVE} and width == 8 * state.memory.word:
        return load_word(state, address)
    values = _somewhere(state, address, operation.most if width is None else width // 8)
    tainted = next((value for value in values if isinstance(value, Tainted)), None)
    if tainted is not None:
        return tainted
    return state.algebra.one_of([*(one for value in values for one in choices_of(value)), ANYTHING])


def _somewhere(state: State, address: Value, width: int | None) -> list[Value]:
    """What the words hold that an access of so many bytes (None: not known) may load from."""
    place = place_of(address, 0)
    if place is not None and width is not None:
        return list(state.memory.near(place, width).values())
    return [held for choice in choices_of(address) for held in state.memory.somewhere(choice)]


def _load(state: State, address: Value, offset: int, width: int, operation: Touch) -> Value:
    if isinstance(address, Tainted):
        return ANYTHING
    word, signs = state.memory.word, operation.transfer.sign_extends
    if width > word and width % word == 0 and is_vector(operation.loads[0]):
        parts = [_load_words(state, address, offset + place) for place in range(0, width, word)]
        return ANYTHING if all(part == ANYTHING for part in parts) else Lanes(tuple(parts))
    found = [_loaded(state, choice, offset, width, signs=signs) for choice in choices_of(address)]
    return state.algebra.join_all(found)


def _load_words(state: State, address: Value, offset: int) -> Value:
    word = state.memory.word
    found = [_loaded(state, choice, offset, word, signs=False) for choice in choices_of(address)]
    return state.algebra.join_all(found) if found else ANYTHING


def _loaded(state: State, address: Linear, offset: int, width: int, *, signs: bool) -> Value:
    memory, algebra = state.memory, state.algebra
    if algebra.derived(address):
        return ANYTHING  # what a device says
    led_to = memory.statics.led_to(address)
    if led_to:
        return algebra.join_all([_loaded(state, one, offset, width, signs=signs) for one in led_to])
    place = place_of(address, offset)
    if place is None:
        return _loaded_somewhere(state, address, width, signs=signs)
    known = _known_at(state, place, width, signs=signs)
    if known != ANYTHING:
        return known
    entry = memory.statics.entry_at(address, offset, width, signs=signs)
    if entry is not None:
        return _entry_or_address(state, entry)
    near = [held for held in memory.near(place, width).values() if algebra.derived(held)]
    return _parts(state, near) if near else ANYTHING


def _known_at(state: State, place: Place, width: int, *, signs: bool) -> Value:
    """A word, or a number of less."""
    if width == state.memory.word:
        return state.memory.get(place)
    number = state.memory.numbers.get(place, width)
    if number is None:
        return ANYTHING
    return state.algebra.number(signed(number, 8 * width) if signs else number)


def _loaded_somewhere(state: State, address: Linear, width: int, *, signs: bool) -> Value:
    memory, algebra = state.memory, state.algebra
    entry = table_entry(address, width, signs=signs)
    values = memory.somewhere(address)
    near = [held for held in values if algebra.derived(held)]
    if width < memory.word:
        if entry is not None:
            return _entry_or_address(state, entry)
        return _parts(state, near) if near else ANYTHING
    tainted = next((value for value in values if isinstance(value, Tainted)), None)
    if tainted is not None:
        return tainted
    rest = ANYTHING if entry is None else entry
    if not values:
        return rest
    whole = memory.holds_pointers_alone(address)
    if near and not any(origin.section is not None for origin, _ in address.terms):
        values = near  # what lies at an index of an array is one of a kind: pointers into the window, or others
    return algebra.one_of([*(one for value in values for one in choices_of(value)), *([] if whole else [rest])])


def _entry_or_address(state: State, entry: Linear) -> Value:
    """A number of a table, or where the table holds addresses of the window in less than a pointer's width, one."""
    addresses = [one for one in state.memory.statics.numbers(entry) if state.algebra.derived(one)]
    return state.algebra.one_of([*addresses, entry]) if addresses else entry


def _parts(state: State, near: list[Value]) -> Value:
    """Some bytes of one of these."""
    tainted = next((value for value in near if isinstance(value, Tainted)), None)
    return tainted or part_of(state.algebra.one_of([one for value in near for one in choices_of(value)]))
