"""From a point to a toolchain on disk: fetched by its series, identified in the sandbox, kept by the store."""

from contextlib import AbstractContextManager
from pathlib import Path

from mmio_bisect.domain.outcome import signal_name
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, Sandbox
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.ports.store import Filled, Lease, ToolchainStore
from mmio_bisect.workflow.probing.identity import identified


def acquire(
    point: Point, source: SeriesSource, store: ToolchainStore, sandbox: Sandbox, signals: Signals
) -> AbstractContextManager[Lease]:
    """Hold the point's toolchain, fetching it if it is not in the store.

    Raises `MissingToolchainError`, `DownloadError`, `CorruptArtefactError`, `BrokenToolchainError`, `SandboxError`,
    `StoreError`.
    """

    def fill(folder: Path) -> Filled:
        fetched = source.fetch(point, folder, signals)
        words = source.family.descriptor.version_words
        said = ask_version(fetched.tool, folder, sandbox, signals, words=words, image=fetched.image)
        return Filled(toolchain=identified(source.family, fetched, said), image=fetched.image)

    return store.lease(point, fill, cancelled=signals.cancelled)


def ask_version(
    tool: tuple[str, ...],
    root: Path,
    sandbox: Sandbox,
    signals: Signals,
    *,
    words: tuple[str, ...] = ("--version",),
    image: str | None = None,
) -> str:
    """What the compiler prints of itself. Raises `BrokenToolchainError`."""
    with sandbox.session(root, image) as session:
        finished = session.run(Command(argv=(*tool, *words)), signals)
    if finished.status != 0 or finished.limit is not None:
        said = finished.output.strip().splitlines() or ["nothing printed"]
        how = signal_name(-finished.status) if finished.status < 0 else f"status {finished.status}"
        if finished.limit is not None:
            how = f"it used more than {finished.allowed}"
        raise BrokenToolchainError(
            f"The compiler {' '.join(finished.argv)} does not start ({how}: {said[0][:200]}): "
            "leave it out of the range, or look at `mmio-bisect doctor`."
        )
    return finished.output
