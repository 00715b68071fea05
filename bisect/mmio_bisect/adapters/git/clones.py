"""A clone that is read: a user's, which is never written, or a bare one of our own.

gitpython runs git and raises its errors; git itself walks the history, because gitpython's own objects of half a
million commits are read in minutes.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

import git

from mmio_bisect.adapters.held_folder import held_work_folder, sweep
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import rolled_up
from mmio_bisect.errors import DownloadError, UsageError

# No hook and no configuration of the clone's runs.
_SAFE: Final = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")
_FETCHED: Final = "mmio-bisect-fetched"  # its modification time is when; git writes FETCH_HEAD even when it fails


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

    whose: ClassVar[str]
    option: ClassVar[str]
    """What a user gives a clone with."""
    environment: ClassVar[Mapping[str, str]]
    without_files: ClassVar[bool] = False

    @property
    def asked_at(self) -> datetime:
        """When the clone last heard of its upstream: of a user's, as far as its files tell."""
        with self.opened() as repository:
            return _heard_at(Path(repository.git_dir), own=self.given is None)

    def ask(self, *words: str) -> str | None:
        """What git prints; None where it fails or prints nothing."""
        with self.opened() as repository:
            try:
                return str(repository.git.execute(["git", *_SAFE, *words])).strip() or None
            except git.GitCommandError:
                return None

    def lines(self, *words: str) -> list[str]:
        with self.opened() as repository:
            return self.execute(repository, *words)

    def execute(self, repository: git.Repo, *words: str) -> list[str]:
        try:
            return str(repository.git.execute(["git", *_SAFE, *words])).splitlines()
        except git.GitCommandError as error:
            raise UsageError(
                f"{repository.git_dir} cannot be read as a clone of {self.whose} repository ({_last_words(error)}): "
                f"give another with {self.option}."
            ) from error

    def describe(self, commit: str) -> Commit:
        """What is known of a commit. Nothing but commits and trees is read."""
        # Names are looked at alone: to see renames git would read the files, which a clone without them has not.
        words = (
            "show",
            "--first-parent",
            "-m",
            "--name-only",
            "--no-renames",
            "--format=%H%x1f%an%x1f%ae%x1f%cI%x1f%P",
        )
        head, *paths = self.lines(*words, commit)
        name, author, mail, committed, parents = head.split("\x1f")
        message = "\n".join(self.lines("show", "--no-patch", "--format=%B", name))
        brought: list[str] = []
        if " " in parents:
            main, merged = parents.split()[:2]
            told = "\n".join(
                self.lines("log", "--first-parent", "--merges", "--reverse", "--format=%B%x1f", f"{main}..{merged}")
            )
            brought = told.split("\x1f")
        return Commit(
            commit=name,
            author=f"{author} <{mail}>",
            committed=committed,
            title=next((line for line in message.splitlines() if line.strip()), ""),
            paths=tuple(path for path in paths if path),
            rolled_up=rolled_up(message, brought),
        )

    def opened(self, *, refresh: bool = False) -> git.Repo:
        """Our own is brought up to date with `refresh`, and once where it is older than `max_age`."""
        if self.given is not None:
            return self._open(self.given)
        with self._lock:
            if not self.own.exists():
                self._make()
            elif refresh or (not self._asked and datetime.now(UTC) - _heard_at(self.own, own=True) > self.max_age):
                self._update()
            self._asked = True
            return self._open(self.own)

    def _make(self) -> None:
        self.say(
            f"cloning {self.url}" + (" without its files, once: about a gigabyte" if self.without_files else ", once")
        )
        options = ["--filter=blob:none"] if self.without_files else None
        environment = os.environ | self.environment
        work = self.own.parent / "work"
        sweep(work)
        with held_work_folder(work) as aside:
            try:
                git.Repo.clone_from(
                    self.url, aside / "clone", bare=True, env=environment, multi_options=options
                ).close()
            except git.GitCommandError as error:
                raise self._unreachable(error) from error
            (aside / "clone" / _FETCHED).touch()
            if not self.own.exists():  # else another was quicker
                (aside / "clone").rename(self.own)

    def _update(self) -> None:
        """An old clone is better than none."""
        with self._open(self.own) as repository:
            try:
                repository.git.fetch("--quiet", "--tags", "--force", "origin", "+refs/heads/*:refs/heads/*")
            except git.GitCommandError as error:
                of = f"{_heard_at(self.own, own=True):%Y-%m-%d %H:%M} UTC"
                self.say(f"warning: the clone of {self.whose} repository is of {of}: {self._unreachable(error)}")
            else:
                (self.own / _FETCHED).touch()

    def _unreachable(self, error: git.GitCommandError) -> DownloadError:
        return DownloadError(
            f"{self.url} could not be fetched ({_last_words(error)}): check the network, or name a clone that is there "
            f"with {self.option}"
        )

    def _open(self, folder: Path) -> git.Repo:
        try:
            repository = git.Repo(folder)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
            raise UsageError(
                f"{folder} is not a git repository: give a clone of {self.whose} with {self.option}."
            ) from error
        repository.git.update_environment(**self.environment)
        return repository


def _heard_at(folder: Path, *, own: bool) -> datetime:
    """When the clone, whose git folder this is, last heard of its upstream: of a user's, as far as its files tell."""
    names = (_FETCHED,) if own else ("FETCH_HEAD", "HEAD")
    times = [(folder / name).stat().st_mtime for name in names if (folder / name).exists()]
    return datetime.fromtimestamp(max(times, default=0.0), UTC)


def _last_words(error: git.GitCommandError) -> str:
    lines = [line.strip() for line in str(error.stderr).splitlines() if line.strip(" '\n")]
    fatal = [line for line in lines if "fatal:" in line or "error:" in line] or lines[-1:]
    return fatal[0].removeprefix("stderr: ").strip("'")[:300] if fatal else f"git ended with {error.status}"
