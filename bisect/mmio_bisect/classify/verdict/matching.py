"""Hold the accesses of one path against what the source asks for.

The items that are met are found first, as a longest common subsequence; what is left on either side is then
explained: torn, merged, widened, narrowed, reordered, doubled, missing or extra.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from mmio_bisect.domain.access import DefectKind, Form, Transfer
from mmio_bisect.domain.recipe import CoveredBytes, Direction, ExpectedAccess


def _span(offset: int | None, width: int | None) -> range | None:
    return None if offset is None or width is None else range(offset, offset + width // 8)


def _holds(outer: range | None, inner: range | None) -> bool:
    return outer is not None and inner is not None and outer.start <= inner.start and inner.stop <= outer.stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One datum that moves: a single access, or one register of a pair. `touch` is the index of its instruction.

    Unless it is `certain`, it may go somewhere else than to the window. `compared` is what a compare-and-exchange or an
    exclusive load reads to see whether it changed.
    """

    touch: int
    direction: Direction
    width: int | None
    region: str
    offset: int | None
    certain: bool = True
    compared: bool = False

    @property
    def span(self) -> range | None:
        """The bytes of the window that it touches, None if they are not known."""
        return _span(self.offset, self.width)

    def __str__(self) -> str:
        return f"{self.direction}{self.width or '?'}+{'?' if self.offset is None else self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An expected access, with the name of the window's origin that its label stands for (None: any window).

    `offset`, `optional`, `repeated` and `otherwise` are as in `ExpectedAccess`.
    """

    item: str
    direction: Direction
    width: int
    region: str | None
    offset: int | None
    optional: bool = False
    repeated: bool = False
    otherwise: tuple["Wanted", ...] = ()

    @property
    def choices(self) -> tuple["Wanted", ...]:
        return (self, *self.otherwise)

    @property
    def name(self) -> str:
        return "|".join(one.item for one in self.choices)

    @property
    def span(self) -> range | None:
        return _span(self.offset, self.width)

    def met_by(self, unit: Unit) -> bool:
        return self.met_as(unit) is not None

    def met_as(self, unit: Unit) -> "Wanted | None":
        """The choice that the unit is."""
        return next(
            (
                one
                for one in self.choices
                if (unit.direction, unit.width) == (one.direction, one.width)
                and one.region in {None, unit.region}
                and one.offset in {None, unit.offset}
            ),
            None,
        )

    def anywhere(self) -> "Wanted":
        """The same, wherever it goes."""
        return replace(self, region=None, offset=None, otherwise=tuple(one.anywhere() for one in self.otherwise))

    def beside(self, unit: Unit) -> bool:
        """Whether the unit goes the same way and touches some of the same bytes."""
        if unit.direction is not self.direction or self.region not in {None, unit.region}:
            return False
        mine, others = self.span, unit.span
        if mine is None:
            return True
        return others is not None and others.start < mine.stop and mine.start < others.stop


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

    def touches_of(self, want: Wanted) -> frozenset[int]:
        names = {one.item for one in want.choices}
        return frozenset(touch for touch, items in self.fulfils.items() if names.intersection(items))


def units_of(
    touch: int, transfer: Transfer, region: str, offset: int | None, *, certain: bool = True
) -> tuple[Unit, ...]:
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
            certain=certain,
            compared=transfer.may_fail and direction is Direction.LOAD,
        )
        for direction in transfer.directions
        for index in range(transfer.elements)
    )


def wanted(access: ExpectedAccess, region_of: Callable[[str | None], str | None]) -> Wanted:
    """`region_of` has the name of the origin that a label stands for."""
    return Wanted(
        item=access.item,
        direction=access.shape.direction,
        width=access.shape.width,
        region=region_of(access.label),
        offset=access.offset,
        optional=access.optional,
        repeated=access.repeated,
        otherwise=tuple(wanted(other, region_of) for other in access.otherwise),
    )


def match_exact(expected: Sequence[Wanted], units: Sequence[Unit], calls: frozenset[int], *, whole: bool) -> Match:
    """`calls` are the touches that are library calls: what they do stands for whatever is left.

    Of a path that is not `whole` nothing is asked for after its last access.
    """
    match = Match()
    pairs = _common(expected, units)
    for row, column in pairs:
        _meet(match, expected[row], units[column])
    met = {column for _, column in pairs}
    left_units: list[Unit] = []
    for column, unit in enumerate(units):
        if column in met:
            continue
        again = _once_more(expected, pairs, unit, column)
        if again is None:
            left_units.append(unit)
        else:
            _meet(match, again, unit)
    last = max((row for row, _ in pairs), default=-1)
    left_items = [
        item
        for row, item in enumerate(expected)
        if row not in dict(pairs) and (whole or row < last or any(map(item.beside, left_units)))
    ]
    _take_calls(match, left_items, left_units, calls)
    # Where each item is met already, an access more is one too many, wherever it goes.
    full = len(pairs) == len(expected) and not any(item.repeated for item in expected)
    while left_items:
        _explain_item(match, left_items.pop(0), left_items, left_units)
    for unit in left_units:
        _explain_unit(match, unit, expected, full=full)
    return match


def _meet(match: Match, item: Wanted, unit: Unit) -> None:
    match.meet(unit.touch, (item.met_as(unit) or item).item)


def _once_more(expected: Sequence[Wanted], pairs: Sequence[tuple[int, int]], unit: Unit, column: int) -> Wanted | None:
    """The access of a loop that the unit is, again and in its place of the order: compilers unroll and peel loops."""
    for number, item in enumerate(expected):
        others = [(row, at) for row, at in pairs if row != number and not expected[row].repeated]
        if item.repeated and item.met_by(unit) and all((row < number) == (at < column) for row, at in others):
            return item
    return None


def _common(expected: Sequence[Wanted], units: Sequence[Unit]) -> list[tuple[int, int]]:
    """A longest common subsequence: pairs of indices."""
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
            pairs.append((row, column))
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


def _explain_item(match: Match, wants: Wanted, items: list[Wanted], units: list[Unit]) -> None:
    """What became of an item that was not met; what explains it is taken from `units` and `items`."""
    certain = [unit for unit in units if unit.certain]
    item = next((one for one in wants.choices if any(map(one.beside, certain))), wants)
    near = [unit for unit in certain if item.beside(unit)]
    same = next((unit for unit in near if item.met_by(unit)), None)
    around = next((unit for unit in near if _holds(unit.span, item.span)), None)
    inside = [unit for unit in near if _holds(item.span, unit.span)]
    parts = making_up(inside, item.span or range(0))
    if same is not None:
        why = f"{item.item} is there, but in another place of the order"
        match.blame(same.touch, item.item, DefectKind.REORDERED, why)
        units.remove(same)
    elif around is not None:
        _explain_wide(match, item, around, items, units)
    elif parts:
        why = f"{item.item} is done as {len(parts)} accesses of {_widths(parts)} bits"
        for unit in parts:
            match.blame(unit.touch, item.item, DefectKind.TORN, why)
            units.remove(unit)
    elif inside:
        why = f"{item.item} is done with {inside[0].width} bits"
        match.blame(inside[0].touch, item.item, DefectKind.NARROWED, why)
        units.remove(inside[0])
    elif not wants.optional:
        match.find(wants.name, DefectKind.MISSING, None, f"no instruction on some path does {wants.name}")


def making_up(units: Iterable[Unit], whole: range) -> list[Unit]:
    """The first units that together are these bytes of the window, none twice; none if bytes are left."""
    lacking, parts = set(whole), list[Unit]()
    for unit in units:
        touched = set(unit.span or ())
        if touched and touched <= lacking:
            lacking -= touched
            parts.append(unit)
    return [] if lacking else parts


def _widths(units: Sequence[Unit]) -> str:
    """`16`, or `16, 8 and 8`."""
    widths = [str(unit.width) for unit in units]
    return widths[0] if len(set(widths)) == 1 else f"{', '.join(widths[:-1])} and {widths[-1]}"


def _explain_wide(match: Match, item: Wanted, unit: Unit, items: list[Wanted], units: list[Unit]) -> None:
    others = [other for other in items if other.beside(unit) and _holds(unit.span, other.span)]
    units.remove(unit)
    if not others:
        match.blame(unit.touch, item.item, DefectKind.WIDENED, f"{item.item} is done with {unit.width} bits")
        return
    names = ", ".join(one.item for one in (item, *others))
    for one in (item, *others):
        match.blame(unit.touch, one.item, DefectKind.MERGED, f"{names} are done as one access of {unit.width} bits")
        if one in items:
            items.remove(one)


def _explain_unit(match: Match, unit: Unit, expected: Sequence[Wanted], *, full: bool) -> None:
    if not unit.certain:
        if not any(item.met_by(unit) for item in expected):
            match.find(None, DefectKind.ESCAPES, unit.touch, f"{unit} may be to the window, and is not asked for")
        return
    alike = any((one.direction, one.width) == (unit.direction, unit.width) for item in expected for one in item.choices)
    if unit.width is None or (unit.span is None and alike and not full):
        match.find(None, DefectKind.ESCAPES, unit.touch, f"a {unit} whose place in the window is not followed")
        return
    same = next((item for item in expected if item.met_by(unit)), None)
    if same is not None:
        _meet(match, same, unit)
        if not unit.compared:
            match.find(same.item, DefectKind.DOUBLED, unit.touch, f"{same.item} is done once more than the source asks")
    else:
        match.find(None, DefectKind.EXTRA, unit.touch, f"the source asks for no {unit}")


def match_covered(
    covers: CoveredBytes, region: str, units: Sequence[Unit], calls: frozenset[int], *, whole: bool
) -> Match:
    """Every byte of the range exactly once, whatever the widths."""
    match = Match()
    item = covers.item
    touched = dict.fromkeys(range(covers.low, covers.high), 0)
    unsure = False
    for unit in units:
        match.meet(unit.touch, item)
        if unit.touch in calls or not unit.certain:
            unsure = True
        elif unit.direction is not covers.direction or unit.region != region:
            match.find(None, DefectKind.EXTRA, unit.touch, f"the source asks for no {unit.direction} here")
        elif unit.span is None:
            unsure = True
            match.find(item, DefectKind.ESCAPES, unit.touch, "which bytes of the window it touches is not followed")
        else:
            _count(match, item, unit.touch, unit.span, touched)
    missed = [byte for byte, times in touched.items() if not times]
    if missed and whole and not unsure:
        why = f"{len(missed)} of {len(touched)} bytes are not touched on some path, the first at +{missed[0]}"
        match.find(item, DefectKind.MISSING, None, why)
    return match


def _count(match: Match, item: str, touch: int, span: range, touched: dict[int, int]) -> None:
    outside, again = False, False
    for byte in span:
        if byte in touched:
            touched[byte] += 1
            again = again or touched[byte] > 1
        else:
            outside = True
    if outside:
        match.find(item, DefectKind.WIDENED, touch, f"bytes outside {item} are touched")
    if again:
        match.find(item, DefectKind.DOUBLED, touch, "a byte is touched a second time")


def is_library_call(transfer: Transfer) -> bool:
    return transfer.form is Form.LIBCALL
