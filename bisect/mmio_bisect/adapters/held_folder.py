"""Folders that are held while somebody works in them: the one lock of everything that is kept on disk.

The lock is an flock(2) on the very folder that it protects. The kernel lets go of it when its holder dies, however it
dies; there is no lock file that could be left behind or be mistaken for a held one; and since every hold opens the
folder anew, it keeps threads apart as well as processes. (Lock files, as `filelock` makes them, must either stay for
good or be removed under the feet of whoever waits.) A folder may be renamed while it is held. It must lie on a local
file system: NFS turns flock into locks that want the file opened for writing, which a folder cannot be.

Whoever has taken a lock checks that the folder still has its name, because the holder before may have removed it.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from mmio_bisect.adapters.tied_process import tied


class Hold:
    """A held folder. Let go of it with `release` or by leaving the `with` block."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def try_hold(folder: Path, *, shared: bool = False) -> Hold | None:
    """Hold the folder, alone or with others who share; None if it is taken or not (or no longer) there."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        here = folder.lstat()
        if os.path.samestat(here, os.fstat(descriptor)):
            return Hold(descriptor)
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def temporary_folder(name: str) -> Path:
    """This user's own folder of that name among temporary files; not made yet.

    `tempfile.gettempdir` would first write a file to see whether it can, and a process killed there leaves it behind.
    """
    return Path(os.environ.get("TMPDIR") or "/tmp").absolute() / f"{name}-{os.getuid()}"  # noqa: S108 - see its users


def make_folder(folder: Path) -> None:
    """Make it and those above it, or leave it as it is, though another may remove it at this moment.

    `Path.mkdir(exist_ok=True)` raises where the folder goes between its attempt and its look. Raises OSError.
    """
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            if os.path.lexists(folder) and not folder.is_dir():
                raise
        else:
            return


@contextlib.contextmanager
def held_work_folder(parent: Path) -> Iterator[Path]:
    """A new, private folder in `parent`, held for the length of the `with` block and then removed."""
    folder = parent / secrets.token_hex(8)
    while True:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        hold = try_hold(folder)
        if hold is not None:
            break
        with contextlib.suppress(FileNotFoundError):  # another's sweep came between the two steps
            folder.rmdir()
    with hold:
        try:
            yield folder
        finally:
            remove_tree(folder)


def sweep(parent: Path) -> None:
    """Remove the folders in `parent` that nobody holds: what killed processes left half done."""
    try:
        left = [entry for entry in parent.iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return
    for folder in left:
        hold = try_hold(folder)
        if hold is not None:
            with hold:
                remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, whatever a hostile program may have made there. One that is gone is fine.

    Raises OSError where even that does not help.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():
            shutil.rmtree(folder)
    except (OSError, RecursionError):
        # Folders without permissions, or nested deeper than Python recurses: these two know no such depth.
        for command in (["chmod", "-R", "u+rwx", "--"], ["rm", "-rf", "--"]):
            subprocess.run(
                tied([*command, str(folder)]), check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        if folder.exists():
            raise OSError(None, "cannot be removed", str(folder)) from None
