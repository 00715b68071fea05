"""Hold the accesses of a function against what every one of them must be, whatever their order and number."""

from collections.abc import Sequence

from mmio_bisect.classify.verdict.matching import Match, Unit, Wanted, making_up
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.recipe import EachAccess


def match_each(
    each: EachAccess,
    wants: Sequence[Wanted],
    units: Sequence[Unit],
    calls: frozenset[int],
    *,
    instructions: int,
    again: frozenset[int] = frozenset(),
) -> Match:
    """`wants` are the items of `each`; without any, only the number of instructions counts. `calls` as elsewhere.

    `again` are the touches in loops.
    """
    match = Match()
    strange: list[Unit] = []
    for unit in units:
        met = next((one for one in wants if one.met_by(unit)), None)
        if met is not None:
            match.meet(unit.touch, met.item)
        elif wants and unit.touch not in calls:
            strange.append(unit)
    for unit in strange:
        _explain(match, wants, unit, strange, again)
    if instructions < each.minimum:
        item = next((one.item for one in wants), None)
        why = f"{instructions} instructions touch the window; the source asks for at least {each.minimum}"
        match.find(item, DefectKind.MISSING, None, why)
    if each.maximum is not None and instructions > each.maximum:
        why = f"{instructions} instructions touch the window; the source asks for at most {each.maximum}"
        match.find(None, DefectKind.EXTRA, None, why)
    return match


def _explain(match: Match, wants: Sequence[Wanted], unit: Unit, strange: Sequence[Unit], again: frozenset[int]) -> None:
    """An access that the source does not have: too wide, too narrow, a part of one, or none of its own."""
    if not unit.certain:
        match.find(None, DefectKind.ESCAPES, unit.touch, f"{unit} may be to the window, and is not asked for")
        return
    alike = [one for one in wants if one.direction is unit.direction and one.region in {None, unit.region}]
    if unit.offset is None and any(one.offset is not None for one in alike):
        match.find(None, DefectKind.ESCAPES, unit.touch, f"a {unit} whose place in the window is not followed")
        return
    near = [one for one in alike if one.beside(unit)]
    if not near or (unit.touch not in again and _is_one_more(match, near, unit)):
        what = f"{unit}" if alike else f"{unit.direction}"
        match.find(None, DefectKind.EXTRA, unit.touch, f"the source asks for no {what}")
        return
    item = near[0].item
    if unit.width is None:
        match.blame(unit.touch, item, DefectKind.WIDENED, f"it moves more than one {item}")
        return
    kind = DefectKind.WIDENED
    if unit.width < max(one.width for one in near):
        kind = DefectKind.TORN if any(_is_part(unit, one, strange) for one in near) else DefectKind.NARROWED
    match.blame(unit.touch, item, kind, f"{unit.direction}{unit.width} where the source has {item}")


def _is_one_more(match: Match, near: Sequence[Wanted], unit: Unit) -> bool:
    """Whether it is too wide beside others that are what the source has; in a loop it would do what several did."""
    wide = unit.width is not None and unit.width > max(one.width for one in near)
    return wide and any(match.touches_of(one) for one in near)


def _is_part(unit: Unit, want: Wanted, strange: Sequence[Unit]) -> bool:
    """Whether the unit and others make up one access of the width that the source has."""
    size, span = want.width // 8, unit.span
    others = [
        one for one in strange if one is not unit and (one.direction, one.region) == (unit.direction, unit.region)
    ]
    if span is None:
        parts = [one for one in others if one.span is None and (one.width or want.width) < want.width]
        return sum(one.width or 0 for one in (unit, *parts)) >= want.width
    starts = range(span.stop - size, span.start + 1) if want.offset is None else [want.offset]
    return any(making_up([unit, *others], range(start, start + size)) for start in starts)
