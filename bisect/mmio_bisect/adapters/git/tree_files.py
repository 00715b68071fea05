"""A commit's tree as files: the bytes of its blobs, and nothing else.

Git's own check-out would apply attributes that the tree itself brings (filters, line ends, encodings, `export-subst`).
Here objects are read raw and hashed, from the commit down: what is written is what the commit's name stands for, even
where the pack was made to say otherwise.

Nothing is written outside the folder. All blobs are written as files first, into a folder that has no links; then those
that are links become links; and one that leaves the folder becomes a file again that holds its target, as git writes
links where a system has none (`core.symlinks`). A submodule is an empty folder, as in a clone that has not fetched it.
Names that git refuses to check out (`..`, `.git` and what file systems take for it) are refused, and so is a tree
without end.
"""

import contextlib
import errno
import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

from mmio_bisect.adapters.git.object_view import GitReadError, ObjectView

_FILES: Final = 1_000_000
_CHANGED: Final = 10_000
_BYTES: Final = 16 << 30
_COMMIT_BYTES: Final = 16 << 20
_TREE_BYTES: Final = 64 << 20
_PATH_BYTES: Final = 4095  # PATH_MAX without its NUL
_PIECE: Final = 1 << 20
_RUNNABLE: Final = 0o755
_READABLE: Final = 0o644
# Ignored by HFS+ in a name: git's utf8.c, `next_hfs_char`.
_DOT_GIT: Final = frozenset({".git", "git~1"})
_IGNORED: Final = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])


class UnsafeTreeError(Exception):
    """What a tree has that is not written."""


class ObjectReader:
    """`git cat-file --batch`, with each object's size looked at before it is read, and its name held against it.

    Its methods raise `GitReadError` for an object that is missing, damaged or of another kind.
    """

    def __init__(self, view: ObjectView) -> None:
        self._git = view.start("cat-file", "--batch", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._requests, self._output = cast("IO[bytes]", self._git.stdin), cast("IO[bytes]", self._git.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._git.kill()
        self._git.__exit__(kind, error, traceback)

    def read(self, name: str, kind: str, most: int) -> bytes:
        """Raises `UnsafeTreeError` for more than `most` bytes."""
        return b"".join(self.pieces(name, kind, most))

    def pieces(self, name: str, kind: str, most: int) -> Iterator[bytes]:
        """As `read`, a part at a time; all of them must be taken."""
        size = self._asked(name, kind)
        if size > most:
            raise UnsafeTreeError(f"a {kind} of {size} bytes")
        digest = hashlib.new("sha1" if len(name) == 40 else "sha256", b"%s %d\0" % (kind.encode(), size))
        left = size
        while left:
            piece = self._output.read(min(left, _PIECE))
            if not piece:
                raise GitReadError(f"{name} cannot be read")
            digest.update(piece)
            left -= len(piece)
            yield piece
        if self._output.read(1) != b"\n" or digest.hexdigest() != name:
            raise GitReadError(f"the object {name} is damaged: its content has another name")

    def _asked(self, name: str, kind: str) -> int:
        try:
            self._requests.write(f"{name}\n".encode())
            self._requests.flush()
        except BrokenPipeError:
            raise GitReadError(f"{name} cannot be read") from None
        told = self._output.readline().split()
        if len(told) != 3 or told[0] != name.encode():
            raise GitReadError(f"the object {name} is missing, as in a partial clone, or damaged")
        if told[1] != kind.encode():
            raise GitReadError(f"{name} is a {told[1].decode()}, not a {kind}")
        return int(told[2])


def write_tree(view: ObjectView, commit: str, folder: Path) -> None:
    """Write the commit's tree into `folder`, which is made. Raises `UnsafeTreeError`, `GitReadError`, OSError."""
    _make_folder(folder)
    with ObjectReader(view) as objects:
        links = _write_files(objects, _tree_of(objects, commit), folder)
    _make_links(links, folder)


def changed_paths(view: ObjectView, commit: str, parent: str | None) -> tuple[str, ...]:
    """What differs from the parent, without a look at the files; of more than 10,000 (folders count) the first found.

    Git itself gathers all of them before it prints one, and a hostile tree has any number. Raises `GitReadError`.
    """
    found: list[bytes] = []
    with ObjectReader(view) as objects, contextlib.suppress(UnsafeTreeError):
        before = _tree_of(objects, parent) if parent else None
        waiting: list[tuple[bytes, str | None, str | None]] = [(b"", before, _tree_of(objects, commit))]
        for _ in range(_CHANGED):
            if not waiting or len(found) >= _CHANGED:
                break
            above, *sides = waiting.pop()
            old, new = ({} if tree is None else _listed(objects, tree) for tree in sides)
            for key in {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}:
                is_folder, name = key
                if is_folder:
                    waiting.append((above + name + b"/", old.get(key), new.get(key)))
                else:
                    found.append(above + name)
    return tuple(sorted({path.decode(errors="replace") for path in found})[:_CHANGED])


def _listed(objects: ObjectReader, tree: str) -> dict[tuple[bool, bytes], str]:
    """What a name stands for, apart for folders: one that takes a file's place is another path."""
    entries = _entries(objects.read(tree, "tree", _TREE_BYTES), len(tree) // 2)
    return {
        (stat.S_ISDIR(mode), name): object_ if stat.S_ISDIR(mode) else f"{mode:o} {object_}"
        for mode, name, object_ in entries
    }


def _tree_of(objects: ObjectReader, commit: str) -> str:
    head = objects.read(commit, "commit", _COMMIT_BYTES).split(b"\n", 1)[0]
    return head.removeprefix(b"tree ").decode("ascii", "replace")


def _write_files(objects: ObjectReader, tree: str, root: Path) -> list[Path]:
    """Everything as files and folders; the paths of those that are to be links."""
    waiting, links, count, left = [(root, tree)], [], 0, _BYTES
    while waiting:
        above, name = waiting.pop()
        for mode, component, below in _entries(objects.read(name, "tree", _TREE_BYTES), len(name) // 2):
            count += 1
            if count > _FILES:
                raise UnsafeTreeError(f"more than {_FILES} files")
            path = above / _checked(component)
            try:
                match stat.S_IFMT(mode):
                    case stat.S_IFDIR:
                        _make_folder(path)
                        waiting.append((path, below))
                    case stat.S_IFREG | stat.S_IFLNK:
                        left -= _write_blob(objects, below, path, mode, left)
                        if stat.S_ISLNK(mode):
                            links.append(path)
                    case 0o160000:  # a submodule
                        _make_folder(path)
                    case _:
                        raise UnsafeTreeError(f"an entry of mode {mode:o}, which means nothing")
            except OSError as error:
                raise _unsafe(error, component) or error from None
    return links


def _entries(tree: bytes, name_bytes: int) -> Iterator[tuple[int, bytes, str]]:
    """Mode, name and object of each entry: `git help gitformat-pack` has it as `<mode> SP <name> NUL <object>`."""
    place = 0
    while place < len(tree):
        end = tree.find(b"\0", place)
        mode, blank, name = tree[place:end].partition(b" ")
        place = end + 1 + name_bytes
        if end < 0 or not blank or place > len(tree) or not mode.isdigit() or b"8" in mode or b"9" in mode:
            raise UnsafeTreeError("a tree that is cut off or garbled")
        yield int(mode, 8), name, tree[end + 1 : place].hex()


def _checked(component: bytes) -> str:
    """A name that stays where it is put, and that no file system takes for `.git`.

    As git's `verify_path` with `core.protectHFS` and `core.protectNTFS` (read-cache.c, path.c `is_ntfs_dotgit`).
    """
    plain = component.decode(errors="replace").translate(_IGNORED).casefold()
    if b"/" in component or component in (b"", b".", b"..") or re.split(r"[:\\]", plain)[0].rstrip(" .") in _DOT_GIT:
        raise UnsafeTreeError(f"a file named {_readable(component)}")
    return os.fsdecode(component)


def _make_folder(path: Path) -> None:
    """The sandbox's user reads it, whatever the mask for new files says."""
    path.mkdir()
    path.chmod(_RUNNABLE)


def _write_blob(objects: ObjectReader, name: str, path: Path, mode: int, most: int) -> int:
    """Its size."""
    with path.open("xb") as file:
        os.fchmod(file.fileno(), _RUNNABLE if mode & 0o100 and stat.S_ISREG(mode) else _READABLE)
        file.writelines(objects.pieces(name, "blob", most))
        return file.tell()


def _make_links(paths: Sequence[Path], root: Path) -> None:
    targets = {}
    for path in paths:
        with path.open("rb") as file:
            target = file.read(_PATH_BYTES + 1)
        if 0 < len(target) <= _PATH_BYTES and b"\0" not in target:
            path.unlink()
            path.symlink_to(os.fsdecode(target))
            targets[path] = target
    within = os.path.realpath(root)
    for path in [path for path in targets if not Path(os.path.realpath(path)).is_relative_to(within)]:
        path.unlink()
        path.write_bytes(targets[path])
        path.chmod(_READABLE)


def _unsafe(error: OSError, component: bytes) -> UnsafeTreeError | None:
    """Whether the fault is the name's."""
    match error.errno:
        case errno.EEXIST:
            return UnsafeTreeError(f"two entries named {_readable(component)}")
        case errno.ENAMETOOLONG:
            return UnsafeTreeError("a name that is too long")
        case errno.EILSEQ | errno.EINVAL:
            return UnsafeTreeError(f"a file named {_readable(component)}")
        case _:
            return None


def _readable(name: bytes) -> str:
    return repr(name)[1:][:100]
