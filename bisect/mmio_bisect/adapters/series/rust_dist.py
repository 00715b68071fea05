"""What the series `rust` and `rust-nightly` share: what Rust's release server, or a mirror of it, holds under `dist`.

    dist/2024-05-01/channel-rust-nightly.toml   and .sha256: one folder a day, some days missing
    dist/2024-03-21/channel-rust-1.77.0.toml    and .sha256: a stable release, in the folder of its day
    manifests.txt                               the addresses of all manifests, one a line

An archive is trusted when its hash is its manifest's, and a manifest when its hash is in the file beside it: they share
a server, so this guards against accidents and caches, not against the server.
"""

import hashlib
import re
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.fetch.answers import NotThereError
from mmio_bisect.adapters.series.kind import NamedSource
from mmio_bisect.adapters.series.rust_archives import HOST, RustConfig, fetch_rustc
from mmio_bisect.adapters.series.rust_endpoints import Archive, Manifest, RustEndpoints
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CorruptArtefactError, MissingToolchainError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched

DATE: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")


class ReleasedRustc(NamedSource):
    """A source of what a release server holds."""

    def __init__(self, name: str, config: RustConfig, rust: RustEndpoints) -> None:
        super().__init__(name, config)
        self._url = rust.releases or config.server
        self._triple = config.target
        self._rust = rust

    def _manifest(self, day: str, channel: str, signals: Signals | None = None) -> Manifest:
        """Verified. Raises `NotThereError`, `DownloadError`, `CorruptArtefactError`, `CancelledError`."""
        url = f"{self._url}/dist/{day}/channel-rust-{channel}.toml"
        read = self._rust.downloads.read
        text = read(url, signals)
        words = read(f"{url}.sha256", signals, limit=1 << 16).decode(errors="replace").split()
        if not words or not re.fullmatch(r"[0-9a-f]{64}", words[0]):
            raise CorruptArtefactError(f"{url}.sha256 holds no SHA-256: look at it")
        if hashlib.sha256(text).hexdigest() != words[0]:
            raise CorruptArtefactError(
                f"{url} is not what its .sha256 says: run the same command again; if it stays so, the server or a "
                "proxy is at fault"
            )
        return self._rust.read_manifest(text, url=url, base_url=self._url)

    def _fetched(self, point: Point, manifest: Manifest, folder: Path, signals: Signals, *, for_good: bool) -> Fetched:
        """`for_good`: what is not there now never will be."""
        wanted = (_archive(manifest, point, "rustc", HOST), _archive(manifest, point, "rust-std", self._triple))
        commit, released = manifest.commit, manifest.published
        try:
            return fetch_rustc(point, wanted, folder, signals, self._rust.downloads, commit=commit, released=released)
        except NotThereError as missing:
            raise MissingToolchainError(
                f"{missing} is not there, though the manifest of {point} names it", for_good=for_good
            ) from None


def _archive(manifest: Manifest, point: Point, component: str, triple: str) -> Archive:
    found = manifest.archives.get((component, triple))
    if found is None:
        raise MissingToolchainError(f"{point} was published without {component} for {triple}", for_good=True)
    return found
