"""The local sandbox: compilers as child processes, with limits, for the recipes that came with the tool.

What it promises everywhere: a clean environment, an empty home, a private work folder that is removed afterwards,
limits on time, memory, output and files, no privileges beyond the caller's, and no process left when a command is
over or mmio-bisect dies. Where the kernel grants namespaces (`abilities` says so): no network, no seeing or reaching of
other processes, and nothing of the host but programs, libraries and the toolchain: no home folder, no /etc, /run or
/var, none of their sockets; nothing is writable but the private folder. Commands of one session come one after another,
with no process and no file of one left when the next begins; they share its namespaces, as those in one container do.

A toolchain is its folder in the store; a compiler of this machine, and outside of the system's folders, is what stands
beside its `bin` folder. What a wrapper script calls elsewhere has to be named, in MMIO_BISECT_VISIBLE.

What it does not promise: a hostile compiler can fill the disk with many files until its time is over. Where namespaces
are refused, as they are to ordinary users in most containers, it can read and write what the caller may, reach the
network and Unix sockets, and a process that kills `launcher.py` first outlives its command: that is said, once a run.
Text and compilers that are not trusted belong in the docker sandbox.
"""

import contextlib
import errno
import os
import secrets
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmio_bisect.adapters.foreign_input import read_regular
from mmio_bisect.adapters.held_folder import held_work_folder, remove_tree, sweep, temporary_folder
from mmio_bisect.adapters.sandbox.disk_usage import used_bytes
from mmio_bisect.adapters.sandbox.execution import Launcher, Limits, prepare
from mmio_bisect.errors import SandboxError, from_os_error
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, Finished, Isolation, exposed

_FULL = os.strerror(errno.ENOSPC)
_LITTLE_BYTES = 1 << 20
_PARTS = ("work", "home", "tmp")

__all__ = ["Limits", "LocalSandbox", "LocalSession"]


class LocalSandbox:
    """A `Sandbox` of subprocesses. `base` holds the private folders; it is made if need be, and swept of dead ones.

    `cache` is a folder that commands may write to as well, and that outlasts them. `visible` are files and folders that
    they see beside the system's and the toolchain's. `say` is told, once, what the kernel leaves open.
    """

    name = "local"

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        base: Path | None = None,
        cache: Path | None = None,
        visible: Collection[Path] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._limits = limits or Limits()
        self._base = (base or temporary_folder("mmio-bisect")).absolute()
        self._cache = cache
        self._visible = frozenset(visible)
        self._say = say
        self._said = False
        self._lock = threading.Lock()
        self._swept = False
        self._abilities: frozenset[Isolation] | None = None

    @contextlib.contextmanager
    def session(self, toolchain_root: Path, image: str | None = None) -> Iterator["LocalSession"]:
        if image is not None:
            raise SandboxError(
                f"The compiler of the image {image} runs in docker only: leave --sandbox local out, or choose a series "
                "that needs no docker, such as zig."
            )
        self._prepare()
        root = toolchain_root.absolute()
        shown = _with_targets([root, *self._visible])
        session = LocalSession(root, _Setting(self._base, self._limits, self._cache), shown, self._tell)
        try:
            yield session
        finally:
            session.end()

    def abilities(self) -> frozenset[Isolation]:
        """Which isolation is in effect here, found out by trying. Raises `SandboxError`."""
        self._prepare()
        with self._lock:
            if self._abilities is None:
                with contextlib.closing(_Place(_Setting(self._base, self._limits), ())) as place:
                    self._abilities = frozenset(map(Isolation, place.launcher().isolation()))
            return self._abilities

    def _tell(self, granted: frozenset[str]) -> None:
        with self._lock:
            told, self._said = self._said, True
        if not told and (left := exposed(granted)):
            self._say(
                f"warning: the kernel does not let the local sandbox hide all of this machine: a compiler can "
                f"{_enumerated(left)}; docker's can not"
            )

    def sweep(self) -> None:
        """Remove what killed processes left, even if no session is wanted. Raises `SandboxError`."""
        if self._base.exists():
            self._prepare()

    def _prepare(self) -> None:
        """The base folder is ours alone: others could otherwise swap what lies in it under our feet."""
        with self._lock:
            if self._swept:
                return
            try:
                self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
                found = self._base.lstat()
            except OSError as error:
                raise from_os_error(
                    error,
                    f"the local sandbox's folder {self._base} cannot be made",
                    SandboxError,
                    "set TMPDIR to a folder that you may write to",
                    full="free some, or set TMPDIR to another folder",
                ) from error
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise SandboxError(
                    f"the local sandbox will not use {self._base}, which others could write to: remove it, or set "
                    "TMPDIR to a folder of your own"
                )
            with contextlib.suppress(OSError):  # another time, then
                sweep(self._base)
            self._swept = True


class LocalSession:
    """Commands around one toolchain, one after another, each in a folder that is as good as new, in one private one."""

    def __init__(
        self, toolchain_root: Path, setting: "_Setting", shown: frozenset[Path], tell: Callable[[frozenset[str]], None]
    ) -> None:
        self._root = toolchain_root
        self._setting = setting
        self._shown = shown
        self._tell = tell
        self._place: _Place | None = None

    def run(self, command: Command, signals: Signals) -> Finished:
        """`Finished.argv` is what was executed: `{toolchain}` replaced, the program's path absolute.

        A product that is not a regular file, or is larger than the limit, counts as missing.
        """
        argv = prepare(command, self._root, self._setting.cache, signals)
        try:
            return self._run(argv, command, signals)
        except OSError as error:
            self.end()
            raise from_os_error(
                error,
                f"{error.filename or self._setting.base}, where compilers work, cannot be used",
                SandboxError,
                "set TMPDIR to another folder",
                full="free some, or set TMPDIR to another folder",
            ) from error
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        place, self._place = self._place, None
        if place is not None:
            place.close()

    def _run(self, argv: tuple[str, ...], command: Command, signals: Signals) -> Finished:
        with self._place_for(Path(argv[0])).fresh() as folder:
            work = os.open(folder / "work", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for name, content in command.inputs:
                    (folder / "work" / name).write_bytes(content)
                ended = self._launcher().run(argv, folder, signals)
                if ended.status != 0 and _FULL in ended.output and _is_full(folder):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
                product = _read_product(work, command.product, self._setting.limits.file_bytes)
            finally:
                os.close(work)
                self._tidy()
        return replace(ended, product=product)

    def _place_for(self, program: Path) -> "_Place":
        """Another one than before if the program is not to be seen in that."""
        needed = _with_targets(_installation(program, self._setting.base)) - self._shown
        if needed or self._place is None:
            self.end()
            self._shown |= needed
            self._place = _Place(self._setting, self._shown)
        return self._place

    def _launcher(self) -> Launcher:
        assert self._place is not None  # noqa: S101 - for the type checker: a command runs
        launcher = self._place.launcher()
        self._tell(launcher.isolation())
        return launcher

    def _tidy(self) -> None:
        """A cache that has outgrown its limit is not a cache any more. Others may be emptying it, too."""
        cache, most = self._setting.cache, self._setting.limits.cache_bytes
        if cache is not None and most is not None and used_bytes(cache) > 2 * most:
            with contextlib.suppress(OSError):
                _empty(cache)


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all sessions of a sandbox have in common."""

    base: Path
    limits: Limits
    cache: Path | None = None


class _Place:
    """A private folder, and the launcher that may write there, in the cache if there is one, and nowhere else."""

    def __init__(self, setting: _Setting, shown: Collection[Path]) -> None:
        self._setting = setting
        self._shown = shown
        self._launcher: Launcher | None = None
        self._clean: Path | None = None
        with contextlib.ExitStack() as stack:
            self.folder = stack.enter_context(held_work_folder(setting.base))
            stack.callback(self._end_launcher)
            self._stack = stack.pop_all()

    def launcher(self) -> Launcher:
        """Another one than before if that was ended."""
        if self._launcher is None or self._launcher.ended:
            self._launcher = Launcher(self.folder, self._setting.limits, self._setting.cache, self._shown)
        return self._launcher

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Path]:
        """A folder with empty `work`, `home` and `tmp` in it; afterwards nothing is left, whatever was made where."""
        folder, self._clean = self._clean or self._new_folder(), None
        try:
            yield folder
        finally:
            if self._is_clean(folder):
                self._clean = folder
            else:
                _empty(self.folder)

    def _is_clean(self, folder: Path) -> bool:
        try:
            return os.listdir(self.folder) == [folder.name] and _cleared(folder)  # noqa: PTH208 - for every compile
        except OSError:
            return False

    def _new_folder(self) -> Path:
        folder = self.folder / secrets.token_hex(8)
        try:
            folder.mkdir(mode=0o700)
            for name in _PARTS:
                (folder / name).mkdir(mode=0o700)
        except OSError:
            _empty(self.folder)
            raise
        return folder

    def close(self) -> None:
        self._stack.close()

    def _end_launcher(self) -> None:
        if self._launcher is not None:
            self._launcher.end()


def _installation(program: Path, base: Path) -> list[Path]:
    """What a compiler outside of the system's folders is made of: all that stands beside its `bin`, or beside it.

    Of a home, of what holds the private folders, and of a folder right below / it is the program alone.
    """
    found = []
    for path in {program, Path(os.path.realpath(program))}:
        beside = [path.parent.parent, path.parent] if path.parent.name == "bin" else [path.parent]
        narrow = [
            folder
            for folder in beside
            if len(folder.parts) > 2 and not any(held.is_relative_to(folder) for held in (base, Path.home()))
        ]
        found.append((*narrow, path)[0])
    return found


def _with_targets(paths: Iterable[Path]) -> frozenset[Path]:
    return frozenset(each for path in paths for each in (path, Path(os.path.realpath(path))))


def _enumerated(words: tuple[str, ...]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            remove_tree(left)
        else:
            left.unlink()


def _cleared(folder: Path) -> bool:
    """Remove what an honest compiler leaves: files in `work`. False where there is anything else, or was changed."""
    with os.scandir(folder) as found:
        parts = {entry.name: entry.stat(follow_symlinks=False) for entry in found}
    if parts.keys() != set(_PARTS) or any(part.st_mode != stat.S_IFDIR | 0o700 for part in parts.values()):
        return False
    with os.scandir(folder / "work") as files:
        for file in files:
            if not file.is_file(follow_symlinks=False):
                return False
            os.unlink(file.path)  # noqa: PTH108 - for every compile
    return not any(os.listdir(folder / name) for name in ("home", "tmp"))  # noqa: PTH208 - for the same reason


def _is_full(folder: Path) -> bool:
    """What a compiler says of a full disk is believed if there is hardly any room: a recipe may print it, too."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize < _LITTLE_BYTES


def _read_product(work: int, name: str | None, most: int) -> bytes | None:
    """A regular file of at most `most` bytes, never by way of a link; None if the command made no such file."""
    content = None if name is None else read_regular(name, most, work)
    return content if content is not None and len(content) <= most else None
