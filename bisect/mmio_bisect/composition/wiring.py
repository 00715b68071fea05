"""The one place that names concrete adapters. Each is imported when it is first asked for, and no sooner.

Commands ask a `Wiring` for what they need; tests hand `main()` another one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.composition.rust_endpoints import rust_endpoints
from mmio_bisect.composition.volumes import store_volume, visible_paths
from mmio_bisect.errors import SandboxError, UnknownSeriesError
from mmio_bisect.redaction import redact_url
from mmio_bisect.report.terminal import output

if TYPE_CHECKING:
    from mmio_bisect.adapters.history.database import Database
    from mmio_bisect.adapters.recipes.recipe_files import RecipeFolder
    from mmio_bisect.adapters.sandbox.docker.images import DockerImages
    from mmio_bisect.adapters.sandbox.execution import Limits
    from mmio_bisect.adapters.series.catalogue import Catalogue
    from mmio_bisect.adapters.series.kind import Builds, SeriesConfig
    from mmio_bisect.domain.families import CompilerFamily
    from mmio_bisect.domain.outcome import Judgement
    from mmio_bisect.domain.profile import Profile
    from mmio_bisect.domain.recipe import Case, ConstantWindow, FunctionExpectation
    from mmio_bisect.workflow.bisect.descend import Finer
    from mmio_bisect.workflow.history.history_queries import HistoryQueries
    from mmio_bisect.workflow.history.rejudge import StoredJudgements
    from mmio_bisect.workflow.history.upkeep import Upkeep
    from mmio_bisect.workflow.ports.history import History
    from mmio_bisect.workflow.ports.judge import Judge, PrintedWord
    from mmio_bisect.workflow.ports.objects import ObjectReader
    from mmio_bisect.workflow.ports.progress import Signals
    from mmio_bisect.workflow.ports.recipes import RecipeBook
    from mmio_bisect.workflow.ports.sandbox import Bounds, ContainerSandbox, Sandbox
    from mmio_bisect.workflow.ports.series import RunsIn, SeriesSource
    from mmio_bisect.workflow.ports.store import ToolchainStore
    from mmio_bisect.workflow.ports.wiring import Wiring

_CHECKOUT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are, as the options say; None: the default."""

    database: str | None = None
    store: Path | None = None
    recipes: Path | None = None
    series_files: tuple[Path, ...] = ()
    rust_repo: Path | None = None
    repository: Path | None = None
    sandbox: str = "auto"


Wire: TypeAlias = "Callable[[Settings], Wiring]"


def default_database() -> str:
    """In a checkout its `results` folder, elsewhere the user's data folder."""
    if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "recipes").is_dir():
        return f"sqlite:///{_CHECKOUT / 'results' / 'history.db'}"
    import platformdirs  # noqa: PLC0415 - only where it is needed

    return f"sqlite:///{platformdirs.user_data_path('mmio-bisect') / 'history.db'}"


def cache_folder() -> Path:
    import platformdirs  # noqa: PLC0415 - only where it is needed

    return platformdirs.user_cache_path("mmio-bisect")


@dataclass(frozen=True, slots=True)
class RealWiring:
    """The adapters that ship with the tool."""

    settings: Settings

    def series(self) -> tuple[str, ...]:
        return self._catalogue().names()

    def family(self, series: str) -> CompilerFamily:
        return self._config(series).family

    def finer(self, series: str) -> Finer | None:
        return self._config(series).finer

    def lender(self, series: str) -> str | None:
        return self._config(series).stand_in

    def runs_in(self, series: str) -> RunsIn:
        return self._config(series).runs_in

    def costs_to_list(self, series: str) -> bool:
        return self._config(series).costs_to_list

    def source(self, series: str) -> SeriesSource:
        self._config(series)
        return self._catalogue().source(
            series,
            folder=cache_folder() / "listings",
            image_builder=_LazyImages(self._images),
            warn=lambda sentence: output.note(f"warning: {sentence}"),
            rust=rust_endpoints(self.store_folder().parent / "repositories", self.settings.rust_repo, output.note),
            builds=self._builds(),
        )

    def _builds(self) -> Builds:
        from mmio_bisect.adapters.series.kind import Builds  # noqa: PLC0415 - imported on demand
        from mmio_bisect.composition.build_sandboxes import build_sandbox_of, load_repository  # noqa: PLC0415

        folder = self.store_folder().absolute().parent / "builds"
        return Builds(
            build_sandbox=build_sandbox_of(self.settings.sandbox, self._images, output.note, folder),
            folder=folder,
            load_repository=load_repository,
            given=self.settings.repository,
        )

    def _config(self, series: str) -> SeriesConfig:
        names = self.series()
        if series not in names:
            from mmio_bisect.workflow.probing.ranges import nearest  # noqa: PLC0415 - only for the message

            near = nearest(series, names)
            hint = f"; did you mean {', '.join(near)}?" if near else f"; there are: {', '.join(names)}."
            raise UnknownSeriesError(f"Series “{series}” not found{hint}")
        return self._catalogue().config(series)

    def _catalogue(self) -> Catalogue:
        if self.settings.series_files:
            from mmio_bisect.adapters.series.user_files import catalogue_with  # noqa: PLC0415 - loads pydantic

            return catalogue_with(self.settings.series_files)
        from mmio_bisect.adapters.series.catalogue import shipped_catalogue  # noqa: PLC0415 - imported on demand

        return shipped_catalogue()

    def _images(self) -> DockerImages:
        from mmio_bisect.adapters.sandbox.docker.images import DockerImages  # noqa: PLC0415 - imported on demand

        return DockerImages(self.store_folder(), say=output.note)

    def store(self) -> ToolchainStore:
        from mmio_bisect.adapters.store.toolchain_store import FolderToolchainStore  # noqa: PLC0415 - imported on demand

        return FolderToolchainStore(self.store_folder(), _LazyImages(self._images), say=output.note)

    def store_folder(self) -> Path:
        return self.settings.store or cache_folder() / "toolchains"

    def local_sandbox(self, bounds: Bounds | None = None, *, say: Callable[[str], None] = lambda _: None) -> Sandbox:
        from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox  # noqa: PLC0415 - imported on demand

        return LocalSandbox(limits_of(bounds), visible=visible_paths(), say=say)

    def docker_sandbox(
        self, bounds: Bounds | None = None, *, say: Callable[[str], None] = lambda _: None
    ) -> ContainerSandbox:
        from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox  # noqa: PLC0415 - imported on demand

        return DockerSandbox(limits_of(bounds), volume=store_volume(), say=say)

    def sweep_sandboxes(self) -> None:
        from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox  # noqa: PLC0415 - imported on demand

        with suppress(SandboxError):
            LocalSandbox().sweep()

    def objects(self) -> ObjectReader:
        from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS  # noqa: PLC0415 - imported on demand
        from mmio_bisect.adapters.binary.object_file import read_object  # noqa: PLC0415 - imported on demand
        from mmio_bisect.workflow.probing.objects import Objects  # noqa: PLC0415 - imported on demand

        return Objects(read_object, DISASSEMBLERS)

    def judge(self) -> Judge:
        """Loads the classifier with the first object: an answer from history needs none."""

        def judge_late(
            case: Case, object_code: bytes, profile: Profile, printed: PrintedWord | None = None
        ) -> Judgement:
            from mmio_bisect.adapters.word.reader import read_word  # noqa: PLC0415 - see above
            from mmio_bisect.workflow.probing.objects import judge_object  # noqa: PLC0415 - see above

            return judge_object(case, object_code, profile, self.objects(), read_word(printed) if printed else None)

        return judge_late

    def _database(self) -> Database:
        return open_history_database(self.settings.database or default_database())

    @contextmanager
    def history(self) -> Iterator[History]:
        from mmio_bisect.adapters.history.sql_history import SqlHistory  # noqa: PLC0415 - imported on demand

        with SqlHistory(self._database()) as history:
            yield history

    @contextmanager
    def stored_judgements(self) -> Iterator[StoredJudgements]:
        from mmio_bisect.adapters.history.rejudging import SqlStoredJudgements  # noqa: PLC0415 - imported on demand

        with closing(self._database()) as database:
            yield SqlStoredJudgements(database)

    @contextmanager
    def archive(self) -> Iterator[HistoryQueries]:
        from mmio_bisect.adapters.history.archive import SqlHistoryQueries  # noqa: PLC0415 - imported on demand

        with SqlHistoryQueries(self._database()) as archive:
            yield archive

    @contextmanager
    def upkeep(self) -> Iterator[Upkeep]:
        from mmio_bisect.adapters.history.upkeep import SqlUpkeep  # noqa: PLC0415 - imported on demand

        with SqlUpkeep(self._database()) as upkeep:
            yield upkeep

    def recipes(self) -> RecipeBook:
        return self._recipe_folder()

    def recipe_problems(self) -> tuple[tuple[str, str | None], ...]:
        checked = self._recipe_folder().check_all()
        return tuple((str(file.path), None if file.error is None else str(file.error)) for file in checked)

    def _recipe_folder(self) -> RecipeFolder:
        from mmio_bisect.adapters.recipes.recipe_files import open_folder  # noqa: PLC0415 - imported on demand

        return open_folder(self.settings.recipes)

    def read_function(self, text: str, windows: tuple[ConstantWindow, ...]) -> FunctionExpectation:
        from mmio_bisect.adapters.recipes.recipe_directives import parse_function  # noqa: PLC0415 - imported on demand

        return parse_function(text, windows)

    def read_windows(self, text: str) -> tuple[ConstantWindow, ...]:
        from mmio_bisect.adapters.recipes.recipe_directives import parse_windows  # noqa: PLC0415 - imported on demand

        return parse_windows(text)

    def isolation(self) -> frozenset[str]:
        from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox  # noqa: PLC0415 - imported on demand

        return frozenset(LocalSandbox().abilities())

    def database_state(self) -> str:
        from mmio_bisect.adapters.history.schema import HEAD  # noqa: PLC0415 - imported on demand

        url = self.settings.database or default_database()
        with self.history() as history:
            newest = history.runs(limit=1)
        return f"{redact_url(url)}, revision {HEAD}, " + (f"{newest[0].id} runs" if newest else "no runs yet")


def limits_of(bounds: Bounds | None) -> Limits:
    """The defaults, but for what the options say."""
    from mmio_bisect.adapters.sandbox.execution import Limits  # noqa: PLC0415 - imported on demand

    limits = Limits()
    if bounds is None:
        return limits
    if bounds.memory is not None:
        limits = replace(limits, memory_bytes=bounds.memory)
    if bounds.seconds is not None:
        limits = replace(limits, wall_seconds=bounds.seconds, cpu_seconds=max(1, round(bounds.seconds)))
    given = {"output_bytes": bounds.output, "file_bytes": bounds.object, "processes": bounds.processes}
    return replace(limits, **{name: value for name, value in given.items() if value is not None})


class _LazyImages:
    """Loads the docker SDK with the first image: most series and stores need none."""

    def __init__(self, make: Callable[[], DockerImages]) -> None:
        self._make = cache(make)

    def ask(self, suite: str, script: str, signals: Signals) -> str:
        return self._make().ask(suite, script, signals)

    def build(self, suite: str, plan: str, work: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        return self._make().build(suite, plan, work, name, signals)

    def obtain(self, reference: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        return self._make().obtain(reference, name, signals)

    def has(self, image: str) -> bool:
        return self._make().has(image)

    def identity(self, image: str) -> str | None:
        return self._make().identity(image)

    def size(self, image: str) -> int:
        return self._make().size(image)

    def remove(self, image: str) -> None:
        self._make().remove(image)

    def sweep(self, keep: Collection[str]) -> None:
        self._make().sweep(keep)
