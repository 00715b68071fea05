"""Hold the accesses of one path against what the source asks for.

The items that are met are found first, as a longest common subsequence; what is left on either side is then
explained: torn, merged, widened, narrowed, reordered, doubled, missing or extra.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mmio_bisect.domain.access import DefectKind, Form, Transfer
from mmio_bisect.domain.recipe import CoveredBytes, Direction, ExpectedAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One datum that moves: a single access, or one register of a pair. `touch` is the index of its instruction."""

    touch: int
    direction: Direction
    width: int | None
    region: str
    offset: int | None

    @property
    def end(self) -> int | None:
        return None if self.offset is None or self.width is None else self.offset + self.width // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An expected access, with the name of the window's origin that its label stands for."""

    item: str
    direction: Direction
    width: int
    region: str
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.width // 8

    def met_by(self, unit: Unit) -> bool:
        return (unit.direction, unit.width, unit.region, unit.offset) == (
            self.direction,
            self.width,
            self.region,
            self.offset,
        )

    def beside(self, unit: Unit) -> bool:
        """Whether the unit goes the same way and touches some of the same bytes."""
        if unit.direction is not self.direction or unit.region != self.region:
            return False
        return unit.offset is not None and unit.end is not None and unit.offset < self.end and self.offset < unit.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with an item (None: with no item) at a touch (None: at no instruction)."""

    item: str | None
    kind: DefectKind
    touch: int | None
    why: str


@dataclass(slots=True)
class Match:
    """Which items each touch fulfils, and what is wrong, each once and in the order found."""

    fulfils: dict[int, list[str]] = field(default_factory=dict)
    findings: dict[Finding, None] = field(default_factory=dict)

    def meet(self, touch: int, item: str) -> None:
        items = self.fulfils.setdefault(touch, [])
        if item not in items:
            items.append(item)

    def find(self, item: str | None, kind: DefectKind, touch: int | None, why: str) -> None:
        self.findings[Finding(item=item, kind=kind, touch=touch, why=why)] = None

    def blame(self, touch: int, item: str, kind: DefectKind, why: str) -> None:
        """It fulfils the item, but not as it should."""
        self.meet(touch, item)
        self.find(item, kind, touch, why)

    def absorb(self, other: "Match") -> None:
        for touch, items in other.fulfils.items():
            for item in items:
                self.meet(touch, item)
        self.findings.update(other.findings)


def units_of(touch: int, transfer: Transfer, region: str, offset: int | None) -> tuple[Unit, ...]:
    """The data that an instruction moves, in address order, one direction after the other."""
    width = transfer.element_width
    step = (width or 0) // 8
    return tuple(
        Unit(
            touch=touch,
            direction=direction,
            width=width,
            region=region,
            offset=None if offset is None else offset + index * step,
        )
        for direction in transfer.directions
        for index in range(transfer.elements)
    )


def wanted(access: ExpectedAccess, region: str) -> Wanted:
    return Wanted(
        item=str(access),
        direction=access.shape.direction,
        width=access.shape.width,
        region=region,
        offset=access.offset,
    )


def match_exact(expected: Sequence[Wanted], units: Sequence[Unit], calls: frozenset[int]) -> Match:
    """`calls` are the touches that are library calls: what they do stands for whatever is left."""
    match = Match()
    left_items, left_units = list(expected), list(units)
    for item, unit in _common(expected, units):
        match.meet(unit.touch, item.item)
        left_items.remove(item)
        left_units.remove(unit)
    _take_calls(match, left_items, left_units, calls)
    for item in tuple(left_items):
        _explain_item(match, item, left_items, left_units)
    for unit in left_units:
        _explain_unit(match, unit, expected)
    return match


def _common(expected: Sequence[Wanted], units: Sequence[Unit]) -> list[tuple[Wanted, Unit]]:
    """A longest common subsequence."""
    rows, columns = len(expected), len(units)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in reversed(range(rows)):
        for column in reversed(range(columns)):
            if expected[row].met_by(units[column]):
                best[row][column] = best[row + 1][column + 1] + 1
            else:
                best[row][column] = max(best[row + 1][column], best[row][column + 1])
    pairs, row, column = [], 0, 0
    while row < rows and column < columns:
        if expected[row].met_by(units[column]):
            pairs.append((expected[row], units[column]))
            row, column = row + 1, column + 1
        elif best[row + 1][column] >= best[row][column + 1]:
            row += 1
        else:
            column += 1
    return pairs


def _take_calls(match: Match, items: list[Wanted], units: list[Unit], calls: frozenset[int]) -> None:
    """A library call on the window is its own defect; the items that it may have done are not missed as well."""
    for unit in [unit for unit in units if unit.touch in calls]:
        units.remove(unit)
        done = [item for item in items if item.region == unit.region and item.direction is unit.direction]
        for item in done:
            match.meet(unit.touch, item.item)
            items.remove(item)


def _explain_item(match: Match, item: Wanted, items: list[Wanted], units: list[Unit]) -> None:
    if item not in items:
        return
    near = [unit for unit in units if item.beside(unit)]
    same = [unit for unit in near if item.met_by(unit)]
    inside = [unit for unit in near if _inside(unit, item)]
    around = [unit for unit in near if unit.offset is not None and unit.offset <= item.offset and _reaches(unit, item)]
    items.remove(item)
    if same:
        why = f"{item.item} is there, but in another place of the order"
        match.blame(same[0].touch, item.item, DefectKind.REORDERED, why)
        units.remove(same[0])
    elif around:
        _explain_wide(match, item, around[0], items, units)
    elif inside and sum(unit.width or 0 for unit in inside) >= item.width:
        why = f"{item.item} is done as {len(inside)} accesses of {inside[0].width} bits"
        for unit in inside:
            match.blame(unit.touch, item.item, DefectKind.TORN, why)
            units.remove(unit)
    elif inside:
        why = f"{item.item} is done with {inside[0].width} bits"
        match.blame(inside[0].touch, item.item, DefectKind.NARROWED, why)
        units.remove(inside[0])
    else:
        match.find(item.item, DefectKind.MISSING, None, f"no instruction on some path does {item.item}")


def _explain_wide(match: Match, item: Wanted, unit: Unit, items: list[Wanted], units: list[Unit]) -> None:
    others = [other for other in items if other.beside(unit) and unit.end is not None and other.end <= unit.end]
    units.remove(unit)
    if not others:
        match.blame(unit.touch, item.item, DefectKind.WIDENED, f"{item.item} is done with {unit.width} bits")
        return
    names = ", ".join(one.item for one in (item, *others))
    for one in (item, *others):
        match.blame(unit.touch, one.item, DefectKind.MERGED, f"{names} are done as one access of {unit.width} bits")
        if one in items:
            items.remove(one)


def _inside(unit: Unit, item: Wanted) -> bool:
    return unit.offset is not None and unit.end is not None and item.offset <= unit.offset and unit.end <= item.end


def _reaches(unit: Unit, item: Wanted) -> bool:
    return unit.end is not None and unit.end >= item.end and unit.width is not None and unit.width > item.width


def _explain_unit(match: Match, unit: Unit, expected: Sequence[Wanted]) -> None:
    what = f"{unit.direction}{unit.width or '?'}+{'?' if unit.offset is None else unit.offset}"
    if unit.offset is None or unit.width is None:
        match.find(None, DefectKind.ESCAPES, unit.touch, f"a {what} whose place in the window is not followed")
        return
    same = next((item for item in expected if item.met_by(unit)), None)
    if same is not None:
        match.blame(unit.touch, same.item, DefectKind.DOUBLED, f"{same.item} is done once more than the source asks")
    else:
        match.find(None, DefectKind.EXTRA, unit.touch, f"the source asks for no {what}")


def match_covered(covers: CoveredBytes, region: str, units: Sequence[Unit], calls: frozenset[int]) -> Match:
    """Every byte of the range exactly once, whatever the widths."""
    match = Match()
    item = covers.item
    touched = dict.fromkeys(range(covers.low, covers.high), 0)
    unsure = False
    for unit in units:
        match.meet(unit.touch, item)
        if unit.touch in calls:
            unsure = True
        elif unit.direction is not covers.direction or unit.region != region:
            match.find(None, DefectKind.EXTRA, unit.touch, f"the source asks for no {unit.direction} here")
        elif unit.offset is None or unit.end is None:
            unsure = True
            match.find(item, DefectKind.ESCAPES, unit.touch, "which bytes of the window it touches is not followed")
        else:
            _count(match, item, unit, touched)
    missed = [byte for byte, times in touched.items() if not times]
    if missed and not unsure:
        why = f"{len(missed)} of {len(touched)} bytes are not touched on some path, the first at +{missed[0]}"
        match.find(item, DefectKind.MISSING, None, why)
    return match


def _count(match: Match, item: str, unit: Unit, touched: dict[int, int]) -> None:
    outside, again = False, False
    for byte in range(unit.offset or 0, unit.end or 0):
        if byte in touched:
            touched[byte] += 1
            again = again or touched[byte] > 1
        else:
            outside = True
    if outside:
        match.find(item, DefectKind.WIDENED, unit.touch, f"bytes outside {item} are touched")
    if again:
        match.find(item, DefectKind.DOUBLED, unit.touch, "a byte is touched a second time")


def is_library_call(transfer: Transfer) -> bool:
    return transfer.form is Form.LIBCALL
