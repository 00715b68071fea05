"""The files of a toolchain as they were when it was stored: sealed, recorded, and compared with what is there.

A comparison looks at sizes and times alone: a few microseconds a file. Times differ without harm where a store was
copied; so of a file whose times differ the content decides, and only then is it read. What may not be is another
content, a file more or a file less. The time of a file's last change (ctime, inode(7)) can be set by nobody, so a
program that puts back the time of its content's change (mtime) is noticed as well. Whoever can write to the store can
forge its records too: they show accidents, and programs that meddle, not an enemy who has read this.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_WRITE: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """`size` in bytes, times in nanoseconds since the epoch; `content` is a SHA-256, of a link where it leads."""

    size: int
    modified: int
    changed: int
    content: str

    @classmethod
    def of(cls, path: Path) -> Self:
        found = path.lstat()
        return cls(
            size=found.st_size, modified=found.st_mtime_ns, changed=found.st_ctime_ns, content=_content(path, found)
        )

    def is_as(self, found: os.stat_result) -> bool:
        return (self.size, self.modified, self.changed) == (found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def seal(root: Path) -> None:
    """Files and folders become read-only. Removing them asks for `held_folder.remove_tree`."""
    folders = [root]
    for path, found in _walk(root):
        if stat.S_ISDIR(found.st_mode):
            folders.append(Path(path))
        elif stat.S_ISREG(found.st_mode):
            Path(path).chmod(stat.S_IMODE(found.st_mode) & ~_WRITE)
    for folder in folders:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~_WRITE)


def record(root: Path) -> dict[str, FileRecord]:
    prefix = len(str(root)) + 1
    return {path[prefix:]: FileRecord.of(Path(path)) for path, found in _walk(root) if _is_recorded(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`changed` is the first file that is not as recorded, by its path below the root; `read`: contents were read."""

    changed: str | None
    read: bool = False


def compare(root: Path, records: Mapping[str, FileRecord], *, read_all: bool = False) -> Comparison:
    """`read_all`: the contents of all, though their times are as recorded."""
    prefix = len(str(root)) + 1
    unseen, read = set(records), read_all
    for path, found in _walk(root):
        if not _is_recorded(found):
            continue
        name = path[prefix:]
        expected = records.get(name)
        if expected is None:
            return Comparison(changed=name)
        if read_all or not expected.is_as(found):
            read = True
            if FileRecord.of(Path(path)).content != expected.content:
                return Comparison(changed=name)
        unseen.discard(name)
    return Comparison(changed=min(unseen, default=None), read=read)


def _is_recorded(found: os.stat_result) -> bool:
    return not stat.S_ISDIR(found.st_mode)


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Paths as text: making `Path`s of 20,000 would take as long as looking at the files."""
    waiting = [os.fspath(root)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                yield entry.path, entry.stat(follow_symlinks=False)


def _content(path: Path, found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return f"link to {path.readlink()}"
    if not stat.S_ISREG(found.st_mode):
        return "special"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
