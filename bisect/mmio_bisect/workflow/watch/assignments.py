"""From the configuration to what the watch has to do in each series, and with which adapters."""

from fnmatch import fnmatchcase

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.errors import InvalidConfigurationError
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.budget import Budget
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.probing.requests import choose_case, requests_of
from mmio_bisect.workflow.probing.sandboxes import choose
from mmio_bisect.workflow.watch.configuration import Configuration, WatchedSeries
from mmio_bisect.workflow.watch.values import Assignment, Watch


def assign(config: Configuration, wiring: Wiring) -> tuple[Assignment, ...]:
    """Raises `InvalidConfigurationError`, `UnknownSeriesError` and what is wrong with recipes."""
    if not config.series:
        where = config.file or "mmio-bisect.toml not found"
        raise InvalidConfigurationError(f"{where}: nothing is watched; `mmio-bisect config init` writes an example.")
    return tuple(
        Assignment(config=config, watched=series, requests=_requests(series, wiring)) for series in config.series
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
                targets = tuple(TARGETS[name] for name in series.targets)
                found += requests_of(case, family, targets, [OptLevel(opt) for opt in series.opts])
    if not found:
        raise InvalidConfigurationError(
            f"watch.series.{series.name}: no recipe that its compilers take fits {', '.join(series.recipes)}: "
            "`mmio-bisect recipes list` shows those that there are."
        )
    return tuple(found)


def build_adapters(job: Assignment, watch: Watch, budget: Budget) -> Adapters:
    wiring, config = watch.wiring, watch.config
    cases = [request.case for request in job.requests]
    sandbox = choose(wiring, config.sandbox, config.limits, cases=cases, runs_in=wiring.runs_in(job.series))
    return Adapters.of(wiring, job.series, sandbox, watch.history, budget)
