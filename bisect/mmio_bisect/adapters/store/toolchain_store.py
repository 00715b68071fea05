"""Toolchains on disk, so that each is fetched once: content-addressed, atomic, shared by threads and processes.

    entries/<64 hexadecimal digits of the digest>/
        root/                     the toolchain's files
        toolchain.json            the `Toolchain`, its image, and sizes; its modification time is when it was last used
        seal.json                 what its files, and its image, were when it was made, see `file_records`
        points/<series>@<version>.json    which points this is; a name is percent-encoded where it must be
    work/                         what is half done or half removed

An entry is filled in `work/<series>@<version>/`, flushed, and renamed whole, with its point: it is there or it is not,
and nothing refers to what is not. Locks are on the folders themselves (see `held_folder`): the work folder is held
alone by whoever fills it, and is thereby the point's lock; an entry is held together by its users, alone by whoever
prunes it. Whatever lies in `work/` unheld is from a process that was killed, and is removed when the store is next
opened. Entries that cannot be read count as absent: they are fetched again, and pruned first.

A toolchain whose files are in a docker image leaves its folder empty. The image belongs to the entry: it is counted and
removed with it, and an entry whose image is gone is absent.

What a toolchain is made of is read-only, and compared with its seal whenever it is leased. One that was changed is
thrown out, which `say` is told, and counts as absent. One that is from before there were seals is sealed as it is, when
it is first leased.

The store must be on a local file system. One that is read-only can still be leased from.
"""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.held_folder import Hold, held_work_folder, make_folder, remove_tree, sweep, try_hold
from mmio_bisect.adapters.store.entry import (
    Entry,
    flush,
    name_of,
    read_entry,
    read_point,
    read_seal,
    sealed,
    write_entry,
)
from mmio_bisect.adapters.store.file_records import compare
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.errors import (
    CancelledError,
    SandboxError,
    StoreError,
    from_os_error,
)
from mmio_bisect.workflow.ports.images import ImageKeeper
from mmio_bisect.workflow.ports.store import Filled, Lease, StoredToolchain, Verified

_POLL_SECONDS: Final = 0.05


class _NoImages:
    """For machines without docker. Whoever has an image there has a bug, or a store of another machine's."""

    def has(self, image: str) -> bool:  # noqa: ARG002 - as the port says
        return False

    def identity(self, image: str) -> str | None:  # noqa: ARG002 - as the port says
        return None

    def size(self, image: str) -> int:
        raise StoreError(f"The image {image} cannot be kept without docker: start it.")

    def remove(self, image: str) -> None: ...

    def sweep(self, keep: Collection[str]) -> None: ...


class FolderToolchainStore:
    """The `ToolchainStore` below one folder. Raises `StoreError`, `DiskFullError`, and what `images` raises."""

    def __init__(
        self, root: Path, images: ImageKeeper | None = None, *, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._root = root.absolute()
        self._say = say
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

    def verify(self) -> Iterator[Verified]:
        with self._explained():
            for entry in self._readable():
                stored, hold = _stored(entry), try_hold(entry.folder, shared=True)
                if stored is None or hold is None:
                    continue
                with hold:
                    why = self._change(entry, read_all=True)
                if why is not None:
                    self._throw_out(entry, why)
                yield Verified(stored=stored, change=why)

    def prune(
        self, *, keep_bytes: int | None = None, keep_count: int | None = None, used_since: float | None = None
    ) -> tuple[StoredToolchain, ...]:
        removed = []
        with self._explained():
            sweep(self._work)
            for folder in self._folders():
                if read_entry(folder) is None:
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
    ) -> tuple[Entry, Hold, bool]:
        fetched = False
        work = self._work / name_of(point)
        while True:
            found = self._find(point)
            if found is not None:
                hold = self._held_unchanged(found)
                if hold is not None:
                    return found, hold, fetched
                if found.folder.exists():  # else it was thrown out, and nobody is waited for
                    time.sleep(_POLL_SECONDS)
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

    def _held_unchanged(self, entry: Entry) -> Hold | None:
        """None where another holds it, or where it was changed: then it has been thrown out."""
        hold = try_hold(entry.folder, shared=True)
        if hold is None:
            return None
        try:
            why = self._change(entry)
        except BaseException:
            hold.release()
            raise
        if why is None:
            return hold
        hold.release()
        self._throw_out(entry, why)
        return None

    def _change(self, entry: Entry, *, read_all: bool = False) -> str | None:
        """What of a held entry is not as it was when it was made."""
        try:
            seal = read_seal(entry)
        except ValueError as error:
            return str(error)
        if seal is None:
            self._seal(entry)
            return None
        if entry.image is not None and self._images.identity(entry.image) != seal.image:
            return f"{entry.image} is another image"
        found = compare(entry.root, seal.files, read_all=read_all)
        if found.changed is not None:
            return f"{found.changed} was changed"
        if found.read and not read_all:  # as after a copy of the store: not again the next time
            self._seal(entry)
        return None

    def _seal(self, entry: Entry) -> None:
        image = None if entry.image is None else self._images.identity(entry.image)
        with contextlib.suppress(OSError), held_work_folder(self._work) as aside:  # a read-only store stays as it is
            (aside / "seal.json").write_text(sealed(entry.root, image))
            (aside / "seal.json").rename(entry.seal)

    def _throw_out(self, entry: Entry, why: str) -> None:
        stored = _stored(entry)
        names = ", ".join(map(str, stored.points)) if stored else entry.toolchain.digest
        self._say(
            f"warning: {names} is not as it was stored ({why}): it is thrown out, and fetched again when it is wanted"
        )
        if not self._discard(entry.folder):
            self._set_aside(entry.folder)

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
            image = None if filled.image is None else self._images.identity(filled.image)
            write_entry(work, point, filled, image_size=size, image=image)
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
                flush(self._entries)
                return True
            if not self._is_whole(read_entry(target)):
                # Its image, were there one, would be ours too: the name is of the content.
                if not self._discard(target, with_image=False):
                    self._set_aside(target)
                continue
            name = f"{name_of(point)}.json"
            with contextlib.suppress(FileNotFoundError):  # pruned meanwhile: then there is room for ours
                (work / "points" / name).rename(target / "points" / name)
                return False

    def _find(self, point: Point) -> Entry | None:
        name = f"{name_of(point)}.json"
        for folder in self._folders():
            if (folder / "points" / name).is_file():
                entry = read_entry(folder)
                if entry is not None and self._is_whole(entry):
                    return entry
        return None

    def _is_whole(self, entry: Entry | None) -> bool:
        return entry is not None and (entry.image is None or self._images.has(entry.image))

    def _drop_twin(self, filled: Filled) -> None:
        """An equal entry was there: its image serves both points, unless it has the same one."""
        kept = read_entry(self._folder_of(filled.toolchain))
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

    def _readable(self) -> Iterator[Entry]:
        for folder in self._folders():
            entry = read_entry(folder)
            if entry is not None:
                yield entry

    def _folder_of(self, toolchain: Toolchain) -> Path:
        return self._entries / toolchain.digest.removeprefix("sha256:")

    def _discard(self, folder: Path, *, with_image: bool = True) -> bool:
        """Remove an entry unless it is in use."""
        entry = read_entry(folder)
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


def _stored(entry: Entry) -> StoredToolchain | None:
    try:
        last_used = min(entry.record.stat().st_mtime, time.time())  # the clock may have been ahead
        points = tuple(read_point(path) for path in sorted((entry.folder / "points").iterdir()))
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


def _touch(entry: Entry) -> None:
    with contextlib.suppress(OSError):  # a read-only store is not pruned either
        os.utime(entry.record)
