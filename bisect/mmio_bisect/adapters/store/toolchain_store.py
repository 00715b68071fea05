"""Toolchains on disk, so that each is fetched once: content-addressed, atomic, shared by threads and processes.

    entries/<64 hexadecimal digits of the digest>/
        root/                     the toolchain's files
        toolchain.json            the `Toolchain`, its image, and sizes; its modification time is when it was last used
        points/<series>@<version>.json    which points this is; a name is percent-encoded where it must be
    work/                         what is half done or half removed

An entry is filled in `work/<series>@<version>/`, flushed, and renamed whole, with its point: it is there or it is not,
and nothing refers to what is not. Locks are on the folders themselves (see `held_folder`): the work folder is held
alone by whoever fills it, and is thereby the point's lock; an entry is held together by its users, alone by whoever
prunes it. Whatever lies in `work/` unheld is from a process that was killed, and is removed when the store is next
opened. Entries that cannot be read count as absent: they are fetched again, and pruned first.

A toolchain whose files are in a docker image leaves its folder empty. The image belongs to the entry: it is counted and
removed with it, and an entry whose image is gone is absent.

The store must be on a local file system. One that is read-only can still be leased from.
"""

import contextlib
import dataclasses
import errno
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from mmio_bisect.adapters.held_folder import Hold, make_folder, remove_tree, sweep, try_hold
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.errors import (
    BrokenToolchainError,
    CancelledError,
    SandboxError,
    StoreError,
    from_os_error,
)
from mmio_bisect.workflow.ports.images import ImageKeeper
from mmio_bisect.workflow.ports.store import Filled, Lease, StoredToolchain

_SCHEMA: Final = 1
_POLL_SECONDS: Final = 0.05
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A readable entry: `size` in bytes of all its files, and of its image."""

    folder: Path
    toolchain: Toolchain
    size: int
    image: str | None

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def record(self) -> Path:
        return self.folder / "toolchain.json"


class _NoImages:
    """For machines without docker. Whoever has an image there has a bug, or a store of another machine's."""

    def has(self, image: str) -> bool:  # noqa: ARG002 - as the port says
        return False

    def size(self, image: str) -> int:
        raise StoreError(f"The image {image} cannot be kept without docker: start it.")

    def remove(self, image: str) -> None: ...

    def sweep(self, keep: Collection[str]) -> None: ...


class FolderToolchainStore:
    """The `ToolchainStore` below one folder. Raises `StoreError`, `DiskFullError`, and what `images` raises."""

    def __init__(self, root: Path, images: ImageKeeper | None = None) -> None:
        self._root = root.absolute()
        self._images = images or _NoImages()
        self._entries = self._root / "entries"
        self._work = self._root / "work"
        with contextlib.suppress(OSError):  # a read-only store is swept by those who may write to it
            sweep(self._work)

    def known(self, point: Point) -> Toolchain | None:
        """Without docker no toolchain is known that needs it."""
        with self._explained():
            try:
                entry = self._find(point)
            except SandboxError:
                return None
        return None if entry is None else entry.toolchain

    @contextlib.contextmanager
    def lease(
        self, point: Point, fill: Callable[[Path], Filled], *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Lease]:
        """As the port says. While another thread or process fills the point, `cancelled` is asked.

        Raises also what `fill` raises; `BrokenToolchainError` when it left no tool; `CancelledError`.
        """
        with self._explained():
            entry, hold, fetched = self._obtain(point, fill, cancelled)
        with hold:
            _touch(entry)
            try:
                yield Lease(toolchain=entry.toolchain, root=entry.root, fetched=fetched, image=entry.image)
            finally:
                _touch(entry)

    def entries(self) -> tuple[StoredToolchain, ...]:
        """Most recently used first."""
        with self._explained():
            stored = [found for entry in self._readable() if (found := _stored(entry)) is not None]
        return tuple(sorted(stored, key=lambda entry: entry.last_used, reverse=True))

    def prune(
        self, *, keep_bytes: int | None = None, keep_count: int | None = None, used_since: float | None = None
    ) -> tuple[StoredToolchain, ...]:
        removed = []
        with self._explained():
            sweep(self._work)
            for folder in self._folders():
                if _read(folder) is None:
                    self._discard(folder)
            oldest_first = self.entries()[::-1]
            total, count = sum(entry.size for entry in oldest_first), len(oldest_first)
            for entry in oldest_first:
                fits = (keep_bytes is None or total <= keep_bytes) and (keep_count is None or count <= keep_count)
                if fits and (used_since is None or entry.last_used >= used_since):
                    break
                if not entry.in_use and self._discard(self._folder_of(entry.toolchain)):
                    removed.append(entry)
                    total, count = total - entry.size, count - 1
            self._sweep_images()
        return tuple(removed)

    def _obtain(
        self, point: Point, fill: Callable[[Path], Filled], cancelled: Callable[[], bool]
    ) -> tuple[_Entry, Hold, bool]:
        fetched = False
        work = self._work / _name_of(point)
        while True:
            found = self._find(point)
            if found is not None:
                hold = try_hold(found.folder, shared=True)
                if hold is not None:
                    return found, hold, fetched
            else:
                make_folder(work)
                claim = try_hold(work)
                if claim is not None:
                    with claim:
                        fetched = self._fill(point, fill, work) or fetched
                    continue
            if cancelled():
                raise CancelledError(f"the wait for {point} was cancelled")
            time.sleep(_POLL_SECONDS)

    def _fill(self, point: Point, fill: Callable[[Path], Filled], work: Path) -> bool:
        """Make the entry in the held folder `work`; False if another was quicker."""
        renamed = False
        try:
            if self._find(point) is not None:
                return False
            for left in work.iterdir():  # of a process that was killed
                remove_tree(left)
            root = work / "root"
            root.mkdir()
            filled = fill(root)
            size = 0 if filled.image is None else self._images.size(filled.image)
            _write_records(work, point, filled, image_size=size)
            renamed = self._put(work, point, filled.toolchain)
            if not renamed and filled.image is not None:
                self._drop_twin(filled)
        finally:
            if not renamed:  # or it would be another's, who waited for the name
                remove_tree(work)
        return True

    def _put(self, work: Path, point: Point, toolchain: Toolchain) -> bool:
        """Rename the finished folder to its entry; False: its point was given to an equal entry that was there."""
        self._entries.mkdir(exist_ok=True)
        target = self._folder_of(toolchain)
        while True:
            try:
                work.rename(target)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
            else:
                _flush(self._entries)
                return True
            if not self._is_whole(_read(target)):
                # Its image, were there one, would be ours too: the name is of the content.
                if not self._discard(target, with_image=False):
                    self._set_aside(target)
                continue
            name = f"{_name_of(point)}.json"
            with contextlib.suppress(FileNotFoundError):  # pruned meanwhile: then there is room for ours
                (work / "points" / name).rename(target / "points" / name)
                return False

    def _find(self, point: Point) -> _Entry | None:
        name = f"{_name_of(point)}.json"
        for folder in self._folders():
            if (folder / "points" / name).is_file():
                entry = _read(folder)
                if entry is not None and self._is_whole(entry):
                    return entry
        return None

    def _is_whole(self, entry: _Entry | None) -> bool:
        return entry is not None and (entry.image is None or self._images.has(entry.image))

    def _drop_twin(self, filled: Filled) -> None:
        """An equal entry was there: its image serves both points, unless it has the same one."""
        kept = _read(self._folder_of(filled.toolchain))
        if filled.image is not None and kept is not None and kept.image != filled.image:
            self._images.remove(filled.image)

    def _sweep_images(self) -> None:
        """A killed process may have made an image and no entry, or removed an entry and not yet its image."""
        with contextlib.suppress(SandboxError):  # another time, then
            self._images.sweep({entry.image for entry in self._readable() if entry.image is not None})

    def _folders(self) -> list[Path]:
        try:
            return sorted(self._entries.iterdir())
        except FileNotFoundError:
            return []

    def _readable(self) -> Iterator[_Entry]:
        for folder in self._folders():
            entry = _read(folder)
            if entry is not None:
                yield entry

    def _folder_of(self, toolchain: Toolchain) -> Path:
        return self._entries / toolchain.digest.removeprefix("sha256:")

    def _discard(self, folder: Path, *, with_image: bool = True) -> bool:
        """Remove an entry unless it is in use."""
        entry = _read(folder)
        hold = try_hold(folder)
        if hold is None:
            return False
        with hold:
            aside = self._set_aside(folder)
            if aside is not None:
                if entry is not None and entry.image is not None and with_image:
                    self._images.remove(entry.image)
                remove_tree(aside)
        return True

    def _set_aside(self, folder: Path) -> Path | None:
        """Take an entry out of `entries` in one step; what is not removed at once, the next sweep removes."""
        self._work.mkdir(exist_ok=True)
        aside = self._work / f"{folder.name}-{secrets.token_hex(4)}"
        try:
            return folder.rename(aside)
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the system refuses into a sentence that says what to do."""
        try:
            yield
        except OSError as error:
            raise from_os_error(
                error,
                f"{error.filename or self._root} in the toolchain store cannot be used",
                StoreError,
                "give a folder that you may write to with `--store DIR` or MMIO_BISECT_STORE",
                full="`mmio-bisect toolchains prune` frees some, or give another folder with `--store DIR`",
            ) from error


def _name_of(point: Point) -> str:
    name = quote(f"{point.series}@{point.version}", safe="@+~!")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _stored(entry: _Entry) -> StoredToolchain | None:
    try:
        last_used = min(entry.record.stat().st_mtime, time.time())  # the clock may have been ahead
        points = tuple(_read_point(path) for path in sorted((entry.folder / "points").iterdir()))
        hold = try_hold(entry.folder)
    except FileNotFoundError:  # pruned meanwhile
        return None
    if hold is not None:
        hold.release()
    return StoredToolchain(
        toolchain=entry.toolchain,
        points=tuple(sorted((point for point in points if point), key=lambda point: (point.series, point.sort_key))),
        size=entry.size,
        last_used=last_used,
        in_use=hold is None,
        image=entry.image,
    )


def _touch(entry: _Entry) -> None:
    with contextlib.suppress(OSError):  # a read-only store is not pruned either
        os.utime(entry.record)


def _write_records(work: Path, point: Point, filled: Filled, *, image_size: int) -> None:
    toolchain = filled.toolchain
    if not _DIGEST.fullmatch(toolchain.digest):
        raise ValueError(f"not a digest: {toolchain.digest!r}")
    tool = work / "root" / toolchain.tool[0]
    if filled.image is None and not tool.is_file():
        raise BrokenToolchainError(f"{point} was fetched, but lacks {toolchain.tool[0]}")
    files = [path for path in (work / "root").rglob("*") if path.is_file() and not path.is_symlink()]
    record = {
        "schema": _SCHEMA,
        "size": sum(path.stat().st_size for path in files) + image_size,
        "tool_size": tool.stat().st_size if filled.image is None else None,
        "image": filled.image,
        "toolchain": dataclasses.asdict(toolchain)
        | {"released": toolchain.released and toolchain.released.isoformat()},
    }
    (work / "toolchain.json").write_text(json.dumps(record, indent=1))
    (work / "points").mkdir()
    (work / "points" / f"{_name_of(point)}.json").write_text(json.dumps(dataclasses.asdict(point)))
    # An entry that is there must be whole even after a power cut: nobody would look into it again.
    for path in [*files, work / "toolchain.json", *(work / "points").iterdir(), work / "points", work]:
        _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(folder: Path) -> _Entry | None:
    """The entry in that folder; None if it is damaged or gone."""
    try:
        record = json.loads((folder / "toolchain.json").read_bytes())
        if record["schema"] != _SCHEMA:
            return None
        toolchain = _toolchain_from(record["toolchain"])
        image = record.get("image")  # missing in stores from before toolchains came in images
        tool = folder / "root" / toolchain.tool[0]
        intact = image is not None or tool.stat().st_size == record["tool_size"]
        if not intact or toolchain.digest != f"sha256:{folder.name}":
            return None
        return _Entry(folder=folder, toolchain=toolchain, size=int(record["size"]), image=image)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, IndexError):
        return None


def _toolchain_from(fields: dict[str, Any]) -> Toolchain:
    released = fields["released"]
    return Toolchain(
        digest=fields["digest"],
        family=CompilerFamily(fields["family"]),
        tool=tuple(fields["tool"]),
        arguments=tuple(fields["arguments"]),
        version_text=fields["version_text"],
        compiler_version=fields["compiler_version"],
        llvm_version=fields["llvm_version"],
        commit=fields["commit"],
        released=None if released is None else date.fromisoformat(released),
    )


def _read_point(path: Path) -> Point | None:
    try:
        return Point(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        return None
