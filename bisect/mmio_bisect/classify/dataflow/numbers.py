"""Constants of less than a word that code puts into memory and loads again: variables of code without optimisation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mmio_bisect.classify.machine.values import Origin

Base = frozenset[tuple[Origin, int]]
Place = tuple[Base, int]
"""A memory address that is known up to the origins it is relative to: terms and constant."""

_WIDEST = 8


@dataclass(slots=True)
class Numbers:
    """By place: the width in bytes and the number, without a sign. What is not listed is not known."""

    _held: dict[Base, dict[int, tuple[int, int]]] = field(default_factory=dict)
    _shared: set[Base] = field(default_factory=set)

    def copy(self) -> "Numbers":
        """What is held is shared until either writes."""
        self._shared.update(self._held)
        return Numbers(dict(self._held), set(self._held))

    def get(self, place: Place, width: int) -> int | None:
        held = self._held.get(place[0], {}).get(place[1])
        return held[1] if held is not None and held[0] == width else None

    def put(self, place: Place, width: int, value: int) -> None:
        self.forget(place, width)
        self._own(place[0])[place[1]] = width, value % (1 << 8 * width)

    def forget(self, place: Place, width: int) -> None:
        """These bytes are written."""
        low, high = place[1], place[1] + width
        held = self._held.get(place[0])
        if not held:
            return
        near = range(low - _WIDEST + 1, high) if width < len(held) else [*held]
        dead = [at for at in near if at in held and at < high and low < at + held[at][0]]
        if dead:
            own = self._own(place[0])
            for at in dead:
                del own[at]

    def forget_below(self, place: Place) -> None:
        held = self._held.get(place[0])
        if held and any(at < place[1] for at in held):
            self._held[place[0]] = {at: number for at, number in held.items() if at >= place[1]}
            self._shared.discard(place[0])

    def forget_where(self, reached: Callable[[Origin], bool]) -> None:
        """Memory of such origins may have been written anywhere."""
        for base in [base for base in self._held if any(reached(origin) for origin, _ in base)]:
            del self._held[base]

    def absorb(self, other: "Numbers") -> bool:
        """Keep what both hold; whether anything changed."""
        changed = False
        for base, held in [*self._held.items()]:
            theirs = other._held.get(base, {})  # noqa: SLF001  of the same class
            if held is theirs:
                continue
            kept = dict(self._common(held, theirs))
            if len(kept) < len(held):
                changed, self._held[base] = True, kept
                self._shared.discard(base)
        return changed

    @staticmethod
    def _common(
        held: dict[int, tuple[int, int]], theirs: dict[int, tuple[int, int]]
    ) -> Iterator[tuple[int, tuple[int, int]]]:
        return ((at, number) for at, number in held.items() if theirs.get(at) == number)

    def _own(self, base: Base) -> dict[int, tuple[int, int]]:
        if base in self._shared or base not in self._held:
            self._held[base] = dict(self._held.get(base, {}))
            self._shared.discard(base)
        return self._held[base]
