"""Series of a catalogue without a network, a clone or a build."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from paper_image_builder import PaperImageBuilder

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.adapters.fetch.http_transfer import HttpFile
from mmio_bisect.adapters.git.repository import Repository
from mmio_bisect.adapters.series.catalogue import Catalogue
from mmio_bisect.adapters.series.kind import Builds
from mmio_bisect.adapters.series.rust_endpoints import Merges, RustEndpoints
from mmio_bisect.adapters.series.rust_manifest import read_manifest
from mmio_bisect.errors import UsageError
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import BuildRequirements, SandboxSession
from mmio_bisect.workflow.ports.series import SeriesSource


class NoBuildSandbox:
    """Nothing is built in these tests."""

    def session(
        self, tree: Path, requirements: BuildRequirements, signals: Signals, *, cache: str | None
    ) -> AbstractContextManager[SandboxSession]:
        raise AssertionError(f"{tree} was to be built in {requirements} for {signals} with {cache}")


def no_log(repository: str) -> Merges:
    raise UsageError(f"{repository} is not at hand: give a clone of it with --rust-repo.")


def endpoints(downloads: Downloads | None = None, log: Callable[[str], Merges] = no_log) -> RustEndpoints:
    return RustEndpoints(downloads=downloads or Downloads(connect=HttpFile), read_manifest=read_manifest, log=log)


def source_of(
    catalogue: Catalogue,
    name: str,
    folder: Path,
    image_builder: ImageBuilder | None = None,
    warn: Callable[[str], None] = lambda _sentence: None,
) -> SeriesSource:
    return catalogue.source(
        name,
        folder=folder,
        image_builder=image_builder or PaperImageBuilder(),
        warn=warn,
        rust=endpoints(),
        builds=Builds(build_sandbox=NoBuildSandbox(), folder=folder, load_repository=lambda: Repository),
    )
