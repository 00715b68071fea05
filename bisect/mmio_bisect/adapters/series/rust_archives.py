"""A rustc from the archives that Rust's own servers hold: `rustc` for this machine, `rust-std` for the target.

Both are unpacked while they arrive, into a folder that is thrown away unless everything in it is what was promised. Of
some 500 MB only what compiling a case to an object needs is kept: the compiler, its libraries, the target's rlibs.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Final

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.adapters.fetch.tar_stream import unpack_tar
from mmio_bisect.adapters.series.rust_release import Archive
from mmio_bisect.errors import BrokenToolchainError, CorruptArtefactError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched

PROGRAM: Final = "bin/rustc"

_RUSTC: Final = re.compile(r"^rustc (?P<version>\d+\.\d+\.\d+\S*)", re.MULTILINE)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_DETAIL: Final = re.compile(r"^(?P<name>commit-hash|commit-date|LLVM version): (?P<value>\S+)", re.MULTILINE)


def wanted_of_rustc(inside: PurePosixPath) -> bool:
    """The program, the libraries beside it, and the back ends, which were files of their own from 2018 to 2019."""
    if str(inside) == PROGRAM:
        return True
    library = ".so" in inside.name or inside.name.endswith(".dylib")
    return library and (inside.parent == PurePosixPath("lib") or inside.parent.name == "codegen-backends")


def wanted_of_std(inside: PurePosixPath) -> bool:
    return inside.suffix == ".rlib" and inside.parts[:2] == ("lib", "rustlib")


def fetch_archives(
    archives: Sequence[Archive], folder: Path, signals: Signals, downloads: Downloads
) -> tuple[str, ...]:
    """Unpack all of them into the empty `folder`; the SHA-256 of each, as it arrived.

    Raises `NotThereError`, `DownloadError`, `CorruptArtefactError`, `CancelledError`.
    """
    lengths = [downloads.length(archive.url, signals) for archive in archives]
    known = [length for length in lengths if length is not None]
    total = _Progress(signals, sum(known) if len(known) == len(lengths) else None)
    return tuple(_unpack(archive, folder, signals, downloads, total) for archive in archives)


def digest_of_archives(archives: Sequence[Archive], hashes: Sequence[str]) -> str:
    """A toolchain's digest: of what its archives hold, wherever they came from."""
    parts = sorted([archive.component, found] for archive, found in zip(archives, hashes, strict=True))
    return f"sha256:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def rustc_from(digest: str, folder: Path, what: object, *, commit: str | None, released: date | None) -> Fetched:
    if not (folder / PROGRAM).is_file():
        raise BrokenToolchainError(f"the archives of {what} hold no {PROGRAM}: leave it out of the range")
    return Fetched(
        digest=digest,
        tool=(PROGRAM,),
        arguments=(),
        commit=commit,
        released=released,
    )


@dataclass(slots=True)
class _Progress:
    """One count over several archives; `total` is the size of all, if the server tells."""

    signals: Signals
    total: int | None
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        self.signals.progress(self.done, self.total)


def _unpack(archive: Archive, folder: Path, signals: Signals, downloads: Downloads, total: _Progress) -> str:
    digest = hashlib.sha256()

    def chunks(arriving: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in arriving:
            digest.update(chunk)
            total.add(len(chunk))
            yield chunk

    with closing(downloads.stream(archive.url, signals)) as arriving:
        unpack_tar(
            chunks(arriving),
            folder,
            _inside(wanted_of_std if archive.component.startswith("rust-std") else wanted_of_rustc),
            name=archive.url.rsplit("/", 1)[-1],
            gzip=archive.gzip,
        )
    found = digest.hexdigest()
    if archive.sha256 is not None and found != archive.sha256:
        raise CorruptArtefactError(
            f"{archive.url} is not what its manifest promised (its SHA-256 is {found[:16]}…, not "
            f"{archive.sha256[:16]}…): run the same command again; if it stays so, the server or a proxy is at fault"
        )
    return found


def _inside(wanted: Callable[[PurePosixPath], bool]) -> Callable[[PurePosixPath], PurePosixPath | None]:
    """In an archive everything lies below `<archive>/<component>/`."""

    def name(member: PurePosixPath) -> PurePosixPath | None:
        inside = PurePosixPath(*member.parts[2:])
        return inside if len(member.parts) > 2 and wanted(inside) else None

    return name
