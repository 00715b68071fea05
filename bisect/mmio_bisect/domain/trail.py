"""What changes from place to place where not all can be seen everywhere."""

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mmio_bisect.domain.answer import Change

Place = TypeVar("Place")
Value = TypeVar("Value", bound=Hashable)


@dataclass(slots=True, kw_only=True)
class Trail(Generic[Place, Value]):
    """Follows marks along places, oldest first.

    A mark changes between a place that has it and one at which all of its group was seen without it. At what lies
    between these two it is not known. Where not all was seen at the first place, nothing is known from before.
    """

    group_of: Callable[[Value], Hashable]
    _previous: Place | None = None
    _there: dict[Value, Place] = field(default_factory=dict)
    _seen_last: dict[Hashable, Place | None] = field(default_factory=dict)

    def step(
        self, place: Place, marks: Collection[Value], blind: Collection[Hashable]
    ) -> list[tuple[Value, Change, Place]]:
        """What changed at this place, each since which; in the groups that are `blind` more may be there."""
        gone = [mark for mark in self._there if mark not in marks and self.group_of(mark) not in blind]
        changed = [(mark, Change.FIXED, self._there.pop(mark)) for mark in gone]
        for mark in marks:
            lacked = self._seen_last.get(self.group_of(mark), self._previous)
            if mark not in self._there and lacked is not None:
                changed.append((mark, Change.INTRODUCED, lacked))
            self._there[mark] = place
        self._seen_last = {group: self._seen_last.get(group, self._previous) for group in blind}
        self._previous = place
        return changed
