"""The result of a sweep for people: the grid of its cells, then every transition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.run import Cost
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.report.terminal import grid
from mmio_bisect.report.terminal.tables import counted
from mmio_bisect.workflow.sweep.cells import SweepResult, Transition
from mmio_bisect.workflow.sweep.plan import SweepPlan

_MOST_POINTS_NAMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What the levels of one case and target have in common when the same happens to them."""

    case: str
    target: str
    mark: Mark
    change: Change
    last: Point
    suspects: tuple[Point, ...]


def sweep_text(
    result: SweepResult,
    *,
    requests: Sequence[CellRequest],
    points: Sequence[Point],
    profiles: Mapping[str, str],
    width: int,
) -> Text:
    """All of it, the matrix in as many blocks as `width` columns ask for; `profiles` by the target's name."""
    verdicts = {(probe.request, probe.point): probe.judgement.verdict for probe in result.probes}
    labels = _labels(requests)
    text = Text(_profiles_text(profiles))
    for part in grid.blocks(labels, len(points), width):
        rows = [[verdicts.get((request, point)) for point in points[part]] for request in requests]
        text.append_text(grid.block(labels, [point.version for point in points[part]], rows))
        text.append("\n")
    text.append(f"{grid.LEGEND}, blank: not probed\n\n", style="dim")
    text.append_text(_transitions_text(result.transitions, _target_names(requests)))
    text.append(_extent(result, len(points)))
    text.append(_spent(result.cost), style="dim")
    return text


def _profiles_text(profiles: Mapping[str, str]) -> str:
    """A heading, where not all are judged by one."""
    targets: dict[str, list[str]] = {}
    for target, profile in profiles.items():
        targets.setdefault(profile, []).append(target)
    judged = "; ".join(f"{', '.join(names)} by {profile}" for profile, names in targets.items())
    return f"Judged: {judged}.\n\n" if len(targets) > 1 else ""


def plan_text(plan: SweepPlan, *, points: int, disk_free: int) -> str:
    """What a sweep would do."""
    lines = [f"{counted(len(plan.points), 'point')} of {points}: {_named(plan.points)}"]
    if plan.may_follow:
        lines.append(f"up to {plan.may_follow} more points, where these differ (not counted below)")
    lines.append(f"{counted(plan.known, 'cell')} known, {plan.to_compile} to compile")
    if plan.to_fetch:
        size = (
            f"about {size_text(plan.bytes_to_fetch)} on disk, estimated from those in the store"
            if plan.bytes_to_fetch is not None
            else "of a size that nothing in the store tells"
        )
        lines.append(f"{counted(len(plan.to_fetch), 'toolchain')} to fetch, {size}: {_named(plan.to_fetch)}")
    else:
        lines.append("no toolchain to fetch")
    lines.append(f"{size_text(disk_free)} free where the store is")
    if plan.bytes_to_fetch is not None and plan.bytes_to_fetch > disk_free:
        lines.append("That is not enough: free some, give another --store, or sweep a shorter range.")
    return "\n".join(lines) + "\n"


def _labels(requests: Sequence[CellRequest]) -> list[str]:
    several_targets = len(_target_names(requests)) > 1
    return grid.labels_of(
        [
            (request.case.file_name + (f" {request.target.name}" if several_targets else ""), f"-O{request.opt}")
            for request in requests
        ]
    )


def _target_names(requests: Sequence[CellRequest]) -> set[str]:
    return {request.target.name for request in requests}


def _transitions_text(transitions: Sequence[Transition], targets: set[str]) -> Text:
    """Grouped by where they happened, oldest first, levels with the same fate together."""
    places: dict[_Place, list[OptLevel]] = {}
    for found in transitions:
        place = _Place(
            case=found.request.case.file_name,
            target=found.request.target.name,
            mark=found.mark,
            change=found.change,
            last=found.last,
            suspects=found.suspects,
        )
        places.setdefault(place, []).append(found.request.opt)
    ordered = sorted(places, key=lambda place: (place.suspects[-1].sort_key, place.last.sort_key))
    text = Text("" if ordered else "No transition between the probed points.\n\n")
    for (last, suspects), group in groupby(ordered, key=lambda place: (place.last, place.suspects)):
        text.append(_where(last, suspects), style="bold")
        text.append("\n")
        for place in group:
            levels = ",".join(f"-O{opt}" for opt in places[place])
            text.append(
                f"  {place.change.value.ljust(10)}", style="red" if place.change is Change.INTRODUCED else "green"
            )
            target = f" {place.target}" if len(targets) > 1 else ""
            text.append(f"  {place.case}{target} {levels}: {_mark_text(place.mark)}\n")
        text.append("\n")
    return text


def _where(last: Point, suspects: Sequence[Point]) -> str:
    first = suspects[-1]
    if len(suspects) == 1:
        return f"{last} → {first}"
    return f"{last} → {first}, at one of {', '.join(map(str, suspects))}: those before {first} are untestable"


def _mark_text(mark: Mark) -> str:
    return f"{mark.kind} in {mark.function}" + (f" of {mark.access}" if mark.access else "")


def _extent(result: SweepResult, points: int) -> str:
    """What the matrix is based on: never more than was probed."""
    sentence = f"{points - len(result.unprobed) - len(result.failed)} of {points} points probed"
    if result.failed:
        sentence += f"; {counted(len(result.failed), 'point')} failed ({_named([it.point for it in result.failed])})"
    if result.unprobed:
        sentence += "; a change that was undone between two probed points would not be seen"
    return f"{sentence}.\n"


def _spent(cost: Cost) -> str:
    fetched, compiled = counted(cost.toolchains_fetched, "toolchain"), counted(cost.cells_compiled, "cell")
    return f"{fetched} fetched, {compiled} compiled.\n"


def _named(points: Sequence[Point]) -> str:
    shown = ", ".join(map(str, points[:_MOST_POINTS_NAMED]))
    return shown if len(points) <= _MOST_POINTS_NAMED else f"{shown} and {len(points) - _MOST_POINTS_NAMED} more"
