"""A clone that is read: a user's, which is never written, or a bare one of our own.

Both are read through an `ObjectView`, in which nothing of theirs runs. gitpython clones and fetches our own, from the
address that the series names and with the user's own configuration (proxies, credentials).
"""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar, Final

import git

from mmio_bisect.adapters.git.object_view import GitFolders, GitReadError, ObjectView, locate, view
from mmio_bisect.adapters.git.tree_files import changed_paths
from mmio_bisect.adapters.held_folder import held_work_folder, sweep
from mmio_bisect.adapters.tied_process import tied
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import rolled_up
from mmio_bisect.errors import DownloadError, StoreError, UsageError, from_os_error

_FETCHED: Final = "mmio-bisect-fetched"  # its modification time is when; git writes FETCH_HEAD even when it fails
# A server that sends less than a kilobyte a second for a minute has stopped answering.
_FETCHING: Final = {
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
    "GIT_HTTP_LOW_SPEED_TIME": "60",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# No hook and no submodule has a part in it.
_SAFE: Final = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0")
_CLONE: Final = ("clone", "--quiet", "--bare", "--no-recurse-submodules")
_UPDATE: Final = ("fetch", "--quiet", "--tags", "--force", "--no-recurse-submodules")
_ZONE: Final = re.compile(r"[+-](?:0\d|1[0-4])[0-5]\d")
_LAST: Final = 253_370_764_799  # the end of 9998: in no zone after that of 9999


@dataclass(slots=True, kw_only=True)
class Clone:
    """`own` is the folder of a clone of our own, made from `url` when needed; `given` is a user's, used instead.

    What is read raises `DownloadError` when our own cannot be made, `UsageError` for a clone that cannot be read.
    """

    own: Path
    url: str
    given: Path | None = None
    max_age: timedelta = timedelta(hours=24)
    say: Callable[[str], None] = lambda _sentence: None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _asked: bool = False

    _given: GitFolders | None = None

    whose: ClassVar[str]
    option: ClassVar[str]
    """What a user gives a clone with."""
    without_files: ClassVar[bool] = False

    @property
    def asked_at(self) -> datetime:
        """When the clone last heard of its upstream: of a user's, as far as its files tell."""
        return _heard_at(self._current().own, own=self.given is None)

    def ask(self, *words: str) -> str | None:
        """What git prints; None where it fails or prints nothing."""
        with self.viewed() as found:
            try:
                return found.run(*words).decode(errors="replace").strip() or None
            except GitReadError:
                return None

    def lines(self, *words: str) -> list[str]:
        """Of a command that prints nothing with a line feed in it."""
        with self.viewed() as found:
            return found.run(*words).decode(errors="replace").split("\n")[:-1]

    def records(self, size: int, *words: str) -> list[tuple[str, ...]]:
        """What git prints with `-z` and `%x00` between, so many fields at a time: no name or message has a NUL."""
        with self.viewed() as found:
            fields = iter(found.run(*words).decode(errors="replace").split("\0")[:-1])
            return list(zip(*[fields] * size, strict=True))

    def describe(self, commit: str) -> Commit:
        """What is known of a commit. Nothing but commits and trees is read."""
        words = ("log", "-1", "-z", "--date=raw", "--format=%H%x00%P%x00%an%x00%ae%x00%ct%x00%cd%x00%B")
        ((name, parents, author, mail, seconds, dated, message),) = self.records(7, *words, commit)
        brought: list[str] = []
        if " " in parents:
            main, merged = parents.split(" ")[:2]
            told = ("log", "--first-parent", "--merges", "--reverse", "-z", "--format=%B")
            brought = [message for (message,) in self.records(1, *told, f"{main}..{merged}")]
        with self.viewed() as found:
            paths = changed_paths(found, name, parents.split(" ")[0] or None)
        return Commit(
            commit=name,
            author=f"{author} <{mail}>",
            committed=moment(seconds, dated[-5:]).isoformat(),
            title=next((line for line in message.split("\n") if line.strip()), ""),
            paths=paths,
            rolled_up=rolled_up(message, brought),
        )

    @contextlib.contextmanager
    def viewed(self) -> Iterator[ObjectView]:
        """What cannot be read within is a `UsageError` that says whose clone it is."""
        source = self._current()
        try:
            with view(source, self.own.parent / "views") as found:
                yield found
        except GitReadError as error:
            raise self._unreadable(source.own, error) from error
        except OSError as error:
            raise from_os_error(
                error, f"{error.filename or self.own.parent} cannot be written", StoreError, "give another --store"
            ) from error

    def _is_stale(self) -> bool:
        """One that heard of its upstream in the future is: the clock was wrong then or is now."""
        return not timedelta(0) <= datetime.now(UTC) - _heard_at(self.own, own=True) <= self.max_age

    def update(self) -> None:
        """Ask the upstream of a clone of our own now."""
        self._current(refresh=True)

    def _current(self, *, refresh: bool = False) -> GitFolders:
        """Our own is brought up to date with `refresh`, and once where it is older than `max_age`."""
        with self._lock:
            if self.given is not None:
                self._given = self._given or self._located(self.given)
                return self._given
            if not self.own.exists():
                self._make()
            elif refresh or (not self._asked and self._is_stale()):
                self._update()
            self._asked = True
            return self._located(self.own)

    def _make(self) -> None:
        self.say(
            f"cloning {self.url}" + (" without its files, once: about a gigabyte" if self.without_files else ", once")
        )
        work = self.own.parent / "work"
        sweep(work)
        with held_work_folder(work) as aside, self._upstream() as url:
            try:
                _fetch(aside, *_CLONE, *(["--filter=blob:none"] if self.without_files else []), "--", url, "clone")
            except git.GitCommandError as error:
                raise self._unreachable(error) from error
            (aside / "clone" / _FETCHED).touch()
            if not self.own.exists():  # else another was quicker
                (aside / "clone").rename(self.own)

    def _update(self) -> None:
        """An old clone is better than none."""
        try:
            with self._upstream() as url:
                _fetch(self.own, *_UPDATE, "--", url, "+refs/heads/*:refs/heads/*")
        except git.GitCommandError as error:
            of = f"{_heard_at(self.own, own=True):%Y-%m-%d %H:%M} UTC"
            self.say(f"warning: the clone of {self.whose} repository is of {of}: {self._unreachable(error)}")
        else:
            (self.own / _FETCHED).touch()

    @contextlib.contextmanager
    def _upstream(self) -> Iterator[str]:
        """Where to fetch from. A repository on this machine is served with its own configuration: so its view is."""
        here = Path(self.url.removeprefix("file://"))
        if not here.is_absolute() or not here.exists():
            yield self.url
            return
        with view(self._located(here), self.own.parent / "views") as found:
            yield f"file://{found.folder}"

    def _unreachable(self, error: git.GitCommandError) -> DownloadError:
        return DownloadError(
            f"{self.url} could not be fetched ({_last_words(error)}): check the network, or name a clone that is there "
            f"with {self.option}"
        )

    def _located(self, folder: Path) -> GitFolders:
        try:
            found = locate(folder)
        except GitReadError as error:
            raise self._unreadable(folder, error) from error
        if found is None:
            raise UsageError(f"{folder} is not a git repository: give a clone of {self.whose} with {self.option}.")
        return found

    def _unreadable(self, folder: Path, error: GitReadError) -> UsageError:
        return UsageError(
            f"{folder} cannot be read as a clone of {self.whose} repository ({error}): give another with {self.option}."
        )


def moment(seconds: str, zone: str = "+0000") -> datetime:
    """A commit's time: the epoch where it has none that can be read, the last of the calendar where it is later.

    Git keeps any number of seconds, and in place of a zone whatever was written (git-commit(1), "Date formats").
    """
    offset = timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[3:])) if _ZONE.fullmatch(zone) else timedelta()
    try:
        return datetime.fromtimestamp(min(int(seconds), _LAST), timezone(offset))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _fetch(folder: Path, *words: str) -> None:
    """Raises `git.GitCommandError`."""
    git.Git(folder).execute(tied(["git", *_SAFE, *words]), env=_FETCHING)


def _heard_at(folder: Path, *, own: bool) -> datetime:
    """When the clone, whose git folder this is, last heard of its upstream: of a user's, as far as its files tell."""
    names = (_FETCHED,) if own else ("FETCH_HEAD", "HEAD")
    times = [(folder / name).stat().st_mtime for name in names if (folder / name).exists()]
    return datetime.fromtimestamp(max(times, default=0.0), UTC)


def _last_words(error: git.GitCommandError) -> str:
    lines = [line.strip() for line in str(error.stderr).splitlines() if line.strip(" '\n")]
    fatal = [line for line in lines if "fatal:" in line or "error:" in line] or lines[-1:]
    return fatal[0].removeprefix("stderr: ").strip("'")[:300] if fatal else f"git ended with {error.status}"
