"""From the configuration to what the watch has to do in each series, and with which adapters."""

from fnmatch import fnmatchcase

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.errors import InvalidConfigurationError
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.probing.requests import choose_case, requests_of
from mmio_bisect.workflow.probing.sandboxes import Bounds, choose
from mmio_bisect.workflow.watch.configuration import Configuration, WatchedSeries
from mmio_bisect.workflow.watch.values import Assignment


def assignments(config: Configuration, wiring: Wiring) -> tuple[Assignment, ...]:
    """Raises `InvalidConfigurationError`, `UnknownSeriesError` and what is wrong with recipes."""
    if not config.series:
        where = config.file or "There is no mmio-bisect.toml, so"
        raise InvalidConfigurationError(f"{where}: nothing is watched; `mmio-bisect config init` writes an example.")
    return tuple(_assignment(config, series, wiring) for series in config.series)


def _assignment(config: Configuration, series: WatchedSeries, wiring: Wiring) -> Assignment:
    requests = _requests(series, wiring)
    if not requests:
        raise InvalidConfigurationError(
            f"watch.series.{series.name}: no recipe that its compilers take fits {', '.join(series.recipes)}: "
            "`mmio-bisect recipes list` shows those that there are."
        )
    return Assignment(
        series=series.name,
        first=series.first,
        last=series.last,
        requests=requests,
        profile=PROFILES[series.profile],
        jobs=config.jobs,
        patience=config.patience,
        limit=config.points_per_tick,
        pauses=config.pauses,
        source_pauses=config.source_pauses,
        descend=series.descend,
        channels=tuple(channel.name for channel in config.channels),
    )


def _requests(series: WatchedSeries, wiring: Wiring) -> tuple[CellRequest, ...]:
    book, family = wiring.recipes(), wiring.family(series.name)
    found: list[CellRequest] = []
    for recipe in map(book.find, book.names()):
        fitting = [case for case in recipe.cases if case.language in family.descriptor.languages]
        if not fitting:
            continue
        preferred = choose_case(recipe, recipe.name, family, compilers=f"The series {series.name}")
        for case in fitting:
            named = any(fnmatchcase(case.file_name, glob) for glob in series.recipes if "." in glob)
            if named or (case == preferred and any(fnmatchcase(recipe.name, glob) for glob in series.recipes)):
                targets = tuple(TARGETS[name] for name in series.targets if name in TARGETS)
                found += requests_of(case, family, targets, [OptLevel(opt) for opt in series.opts])
    return tuple(found)


def adapters_for(
    config: Configuration, job: Assignment, wiring: Wiring, history: History, budget: Budget | None = None
) -> Adapters:
    cases = [request.case for request in job.requests]
    return Adapters(
        source=wiring.source(job.series),
        store=wiring.store(),
        sandbox=choose(
            wiring,
            config.sandbox,
            bounds_of(config),
            cases=cases,
            runs_in=wiring.runs_in(job.series),
        ),
        judge=wiring.judge(),
        history=history,
        budget=budget or Budget(),
    )


def bounds_of(config: Configuration) -> Bounds:
    limits = config.limits
    return Bounds(
        memory=limits.memory,
        seconds=limits.seconds,
        output=limits.output,
        object=limits.object,
        processes=limits.processes,
    )
