"""A rustc from the archives that Rust's own servers hold: `rustc` for this machine, `rust-std` for the target.

Both are unpacked while they arrive, into a folder that is thrown away unless everything in it is what was promised. Of
some 500 MB only what compiling a case to an object needs is kept: the compiler, its libraries, the target's rlibs.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.adapters.fetch.tar_stream import unpack_tar
from mmio_bisect.adapters.series.kind import Family, Read, SeriesConfig, matching
from mmio_bisect.adapters.series.rust_endpoints import Archive
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import BrokenToolchainError, CorruptArtefactError, UnknownVersionError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched

HOST: Final = "x86_64-unknown-linux-gnu"
PROGRAM: Final = "bin/rustc"


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"“{text}” is not an address: begin it with https:// or http://")
    return text.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class RustConfig(SeriesConfig):
    """`server` is an address without `dist`, as rustup's own setting is.

    `target` is the triple whose library is fetched.
    """

    family: Family = CompilerFamily.RUSTC
    server: Annotated[str, Read(_address)]
    target: Annotated[str, Read(matching(r"[a-z0-9_.-]+", "a target triple"))]


def day_of(word: str) -> date:
    """Raises `UnknownVersionError`."""
    try:
        return date(*map(int, word.split("-")))
    except ValueError:
        raise UnknownVersionError(f"“{word}” is not a date: the calendar has no such day; write YYYY-MM-DD.") from None


def wanted_of_rustc(inside: PurePosixPath) -> bool:
    """The program, the libraries beside it, and the back ends, which were files of their own from 2018 to 2019."""
    if str(inside) == PROGRAM:
        return True
    library = ".so" in inside.name or inside.name.endswith(".dylib")
    return library and (inside.parent == PurePosixPath("lib") or inside.parent.name == "codegen-backends")


def wanted_of_std(inside: PurePosixPath) -> bool:
    return inside.suffix == ".rlib" and inside.parts[:2] == ("lib", "rustlib")


def fetch_rustc(
    point: Point,
    archives: Sequence[Archive],
    folder: Path,
    signals: Signals,
    downloads: Downloads,
    *,
    commit: str | None,
    released: date,
) -> Fetched:
    """Unpack all archives into the empty `folder`. The digest is of what they hold, wherever they came from.

    Raises `NotThereError`, `DownloadError`, `CorruptArtefactError`, `BrokenToolchainError`, `CancelledError`.
    """
    lengths = [downloads.length(archive.url, signals) for archive in archives]
    known = [length for length in lengths if length is not None]
    total = _Progress(signals, sum(known) if len(known) == len(lengths) else None)
    total.add(0)  # a budget that is too small for all of it stops it here
    parts = sorted([archive.component, _unpack(archive, folder, signals, downloads, total)] for archive in archives)
    if not (folder / PROGRAM).is_file():
        raise BrokenToolchainError(f"the archives of {point} hold no {PROGRAM}: leave it out of the range")
    return Fetched(
        digest=digest_of(json.dumps(parts).encode()),
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
