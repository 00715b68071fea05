"""All adapters that a command may need, made on demand: what `composition` builds, and tests stand in for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # whoever is handed one must not wait for all that it can make
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mmio_bisect.domain.families import CompilerFamily
    from mmio_bisect.domain.recipe import ConstantWindow, FunctionExpectation
    from mmio_bisect.workflow.bisect.descend import Finer
    from mmio_bisect.workflow.history.history_queries import HistoryQueries
    from mmio_bisect.workflow.history.rejudge import StoredJudgements
    from mmio_bisect.workflow.history.upkeep import Upkeep
    from mmio_bisect.workflow.ports.history import History
    from mmio_bisect.workflow.ports.judge import Judge
    from mmio_bisect.workflow.ports.objects import ObjectReader
    from mmio_bisect.workflow.ports.recipes import RecipeBook
    from mmio_bisect.workflow.ports.sandbox import Bounds, ContainerSandbox, Sandbox
    from mmio_bisect.workflow.ports.series import RunsIn, SeriesSource
    from mmio_bisect.workflow.ports.store import ToolchainStore


class Wiring(Protocol):
    """The adapters, made on demand."""

    def series(self) -> tuple[str, ...]:
        """All names. Raises `InvalidSeriesFileError`."""

    def family(self, series: str) -> CompilerFamily:
        """What a series consists of. Raises `UnknownSeriesError` with the nearest names, `InvalidSeriesFileError`."""

    def finer(self, series: str) -> Finer | None:
        """The series that has points between its own. Raises as `family` does."""

    def lender(self, series: str) -> str | None:
        """The series whose compilers stand in for its own where those read no IR. Raises as `family` does."""

    def runs_in(self, series: str) -> RunsIn:
        """Where its compilers can run. Raises as `family` does."""

    def costs_to_list(self, series: str) -> bool:
        """Whether the first listing is too much for whoever only looks around. Raises as `family` does."""

    def source(self, series: str) -> SeriesSource:
        """Raises as `family` does."""

    def store(self) -> ToolchainStore: ...

    def store_folder(self) -> Path:
        """Where the store is, whether it is there yet or not."""

    def local_sandbox(
        self, bounds: Bounds | None = None, *, say: Callable[[str], None] = lambda _: None
    ) -> Sandbox: ...

    def docker_sandbox(self, bounds: Bounds | None = None, *, say: Callable[[str], None] = ...) -> ContainerSandbox:
        """`say` is told before anything that takes long."""

    def sweep_sandboxes(self) -> None:
        """Remove what killed runs left of local sandboxes; trouble there is another's to tell."""

    def objects(self) -> ObjectReader: ...

    def judge(self) -> Judge: ...

    def history(self) -> AbstractContextManager[History]: ...

    def stored_judgements(self) -> AbstractContextManager[StoredJudgements]:
        """The history as judging again sees it."""

    def archive(self) -> AbstractContextManager[HistoryQueries]:
        """The same database, to be asked."""

    def upkeep(self) -> AbstractContextManager[Upkeep]: ...

    def recipes(self) -> RecipeBook: ...

    def read_function(self, text: str, windows: tuple[ConstantWindow, ...]) -> FunctionExpectation:
        """What `--fn` says: the words of an `mmio:` line after `fn=`. Raises `UsageError`."""

    def read_windows(self, text: str) -> tuple[ConstantWindow, ...]:
        """What `--window` says, as `window=` in a recipe. Raises `UsageError`."""

    def recipe_problems(self) -> tuple[tuple[str, str | None], ...]:
        """Every file of the recipe folder, and what is wrong with it."""

    def isolation(self) -> frozenset[str]:
        """What the kernel grants the local sandbox beyond limits. Raises `SandboxError`."""

    def database_state(self) -> str:
        """Where the history is and at which revision, without passwords. Raises `DatabaseError`."""
