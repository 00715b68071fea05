"""Numbers of less than a word in memory, held against memory byte by byte."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mmio_bisect.classify.dataflow.numbers import Numbers, Place
from mmio_bisect.classify.machine.values import Origin

STACK, OTHER = (frozenset({(Origin(name), 1)}) for name in ("stack", "argument 0"))
places = st.tuples(st.sampled_from([STACK, OTHER]), st.integers(0, 11))
widths = st.sampled_from([1, 2, 4])
writes = st.one_of(
    st.tuples(st.just("put"), places, widths, st.integers(-(1 << 31), (1 << 32) - 1)),
    st.tuples(st.just("forget"), places, st.integers(1, 16), st.none()),
    st.tuples(st.just("below"), places, st.just(0), st.none()),
    st.tuples(st.just("anywhere"), places, st.just(0), st.none()),
)


class Bytes:
    """What is known of each byte; a number that was written lately is known while each of its bytes is its own."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, int], tuple[int, int]] = {}

    def write(self, kind: str, place: Place, width: int, value: int | None, number: int) -> None:
        base, offset = place
        match kind:
            case "put" | "forget":
                for at in range(offset, offset + width):
                    self.known.pop((base, at), None)
                    if value is not None:
                        self.known[base, at] = number, value >> 8 * (at - offset) & 0xFF
            case "below":
                self.known = {
                    (of, at): byte
                    for (of, at), byte in self.known.items()
                    if of != base or self._first(of, at) >= offset
                }
            case _:
                self.known = {(of, at): byte for (of, at), byte in self.known.items() if of != base}

    def _first(self, base: object, at: int) -> int:
        while self.known.get((base, at - 1), (-1, 0))[0] == self.known[base, at][0]:
            at -= 1
        return at

    def read(self, place: Place, width: int) -> int | None:
        found = [self.known.get((place[0], at)) for at in range(place[1], place[1] + width)]
        if None in found:
            return None
        return int.from_bytes(bytes(byte for one in found if one is not None for byte in one[1:]), "little")


def done(steps: list[tuple[str, Place, int, int | None]]) -> tuple[Numbers, Bytes]:
    numbers, memory = Numbers(), Bytes()
    for count, (kind, place, width, value) in enumerate(steps):
        before = numbers
        numbers = before.copy()
        memory.write(kind, place, width, value, count)
        match kind:
            case "put":
                assert value is not None
                numbers.put(place, width, value)
            case "forget":
                numbers.forget(place, width)
            case "below":
                numbers.forget_below(place)
            case _:
                numbers.forget_where({origin for origin, _ in place[0]}.__contains__)
    return numbers, memory


@settings(deadline=None)
@given(st.lists(writes, max_size=12), places, widths)
def test_a_number_that_is_known_is_what_memory_has(
    steps: list[tuple[str, Place, int, int | None]], place: Place, width: int
) -> None:
    numbers, memory = done(steps)
    found = numbers.get(place, width)
    assert found is None or found == memory.read(place, width)
    if steps and steps[-1][0] == "put":
        _, last, wide, value = steps[-1]
        assert value is not None
        assert numbers.get(last, wide) == value % (1 << 8 * wide)


@settings(deadline=None)
@given(st.lists(writes, max_size=8), st.lists(writes, max_size=8), places, widths)
def test_where_control_joins_is_known_what_both_know(
    left: list[tuple[str, Place, int, int | None]],
    right: list[tuple[str, Place, int, int | None]],
    place: Place,
    width: int,
) -> None:
    one, other = done(left)[0], done(right)[0]
    joined = one.copy()
    changed = joined.absorb(other)
    found = {each.get(place, width) for each in (one, other)}
    assert joined.get(place, width) == (found.pop() if len(found) == 1 else None)
    assert not joined.copy().absorb(other)
    assert changed or joined.get(place, width) == one.get(place, width)
