"""The merges of Rust's own repository, from a clone of it: bare, and without the files, whose names are enough.

gitpython runs git and raises its errors; git itself walks the history: 70,000 merges would take gitpython's own objects
minutes. Only the first-parent line counts, and on it what the merge queue committed: bors, under each of its names.

A clone of our own is made beside the toolchain store when it is first needed (about a gigabyte of commits and trees),
and brought up to date once a day, or when that is asked for. A user's own clone is read and never written.
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import git

from mmio_bisect.adapters.git import clones
from mmio_bisect.adapters.git.clones import SAFE, asked, last_words
from mmio_bisect.adapters.git.commit_format import described
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import Merge
from mmio_bisect.errors import DownloadError, UsageError

RUST: Final = "https://github.com/rust-lang/rust.git"
SUBMODULE: Final = "src/llvm-project"

# `bors` until 2025, an app since; forks have written `bors[bot]`.
_QUEUE: Final = re.compile(r"(?:rust-)?bors(?:\[bot\])?")
# A clone without files asks the server for each that is looked at: none is, and none shall be fetched unasked.
_ENVIRONMENT: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_FIELDS: Final = "%H%x1f%ct%x1f%an%x1f%P%x1f%s"
_CHANGE: Final = re.compile(r":\d{6} (?P<mode>\d{6}) [0-9a-f]+ (?P<commit>[0-9a-f]+) \w")
_GITLINK: Final = "160000"


@dataclass(slots=True)
class MergeLog:
    """The merges of one repository, oldest first, read once.

    `own` is the folder of a clone of our own, made from `url` when needed; `given` is a user's, which is used instead.
    """

    own: Path
    url: str = RUST
    given: Path | None = None
    max_age: timedelta = timedelta(hours=24)
    say: Callable[[str], None] = lambda _sentence: None
    _merges: tuple[Merge, ...] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def merges(self, *, refresh: bool = False) -> tuple[Merge, ...]:
        """Raises `DownloadError` when there is no clone to be had, `UsageError` for a folder that is none."""
        with self._lock:
            if self._merges is None or refresh:
                with self._repository(refresh=refresh) as repository:
                    self._merges = tuple(_read_merges(repository))
            return self._merges

    @property
    def asked_at(self) -> datetime:
        """When the clone last heard of its upstream: of a user's, as far as its files tell."""
        if self.given is None:
            return clones.heard_at(self.own, own=True)
        inside = self.given / ".git"
        return clones.heard_at(inside if inside.is_dir() else self.given, own=False)

    def commit_of(self, word: str) -> str | None:
        """The full name of the commit that the repository knows by that name, be it abbreviated or a tag."""
        with self._lock, self._repository() as repository:
            return asked(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}")

    def describe(self, commit: str) -> Commit:
        """Raises `UsageError`."""
        with self._lock, self._repository() as repository:
            return described(lambda *words: _lines(repository, *words), commit)

    def branching_of(self, tag: str) -> str | None:
        """The last commit of the main branch that a tag's branch holds."""
        with self._lock, self._repository() as repository:
            return asked(repository, "merge-base", f"refs/tags/{tag}", _main(repository))

    def _repository(self, *, refresh: bool = False) -> git.Repo:
        if self.given is not None:
            return _opened(self.given, "--rust-repo")
        if not self.own.exists():
            self._clone()
        elif refresh or (self._merges is None and datetime.now(UTC) - self.asked_at > self.max_age):
            self._update()
        return _opened(self.own, "the clone of Rust's repository")

    def _clone(self) -> None:
        self.say(f"cloning {self.url} without its files, once: about a gigabyte")
        with _explained(self.url):
            clones.clone_bare(self.url, self.own, _ENVIRONMENT, without_files=True)

    def _update(self) -> None:
        """An old clone is better than none."""
        try:
            with _opened(self.own, "the clone of Rust's repository") as repository, _explained(self.url):
                clones.update(repository)
        except DownloadError as error:
            self.say(f"warning: the merges of Rust's repository are of {self.asked_at:%Y-%m-%d %H:%M} UTC: {error}")


def _opened(folder: Path, what: str) -> git.Repo:
    try:
        repository = git.Repo(folder)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise UsageError(f"{what}: {folder} is not a git repository; give a clone of Rust's.") from error
    repository.git.update_environment(**_ENVIRONMENT)
    return repository


class _explained:  # noqa: N801 - used as a word
    """git's own last words in one sentence."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, git.GitCommandError):
            raise DownloadError(
                f"{self._url} could not be fetched ({last_words(error)}): check the network, or name a clone that is "
                "there with --rust-repo"
            ) from error


def _main(repository: git.Repo) -> str:
    """A clone's idea of the upstream's main branch; in a bare one, and in one without an upstream, its own."""
    upstream = asked(repository, "rev-parse", "--verify", "--quiet", "refs/remotes/origin/HEAD")
    return upstream or "HEAD"


def _lines(repository: git.Repo, *words: str) -> Sequence[str]:
    try:
        return str(repository.git.execute(["git", *SAFE, *words])).splitlines()
    except git.GitCommandError as error:
        raise UsageError(
            f"{repository.git_dir} cannot be read as a clone of Rust's repository ({last_words(error)}): give another "
            "with --rust-repo."
        ) from error


def _read_merges(repository: git.Repo) -> Iterator[Merge]:
    main = _main(repository)
    moved = _moved(repository, main)
    llvm: str | None = None
    for line in _lines(repository, "log", "--first-parent", "--reverse", f"--format={_FIELDS}", main):
        commit, seconds, author, parents, subject = line.split("\x1f", 4)
        llvm = moved.get(commit, llvm)
        if _QUEUE.fullmatch(author) and " " in parents:
            merged = datetime.fromtimestamp(int(seconds), UTC)
            yield Merge(commit=commit, merged=merged, subject=subject, llvm=llvm)


def _moved(repository: git.Repo, main: str) -> dict[str, str | None]:
    """Where the first-parent line moves the gitlink, and whereto (None: it goes away)."""
    words = ("log", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=%x1f%H")
    moved: dict[str, str | None] = {}
    commit = ""
    for line in _lines(repository, *words, main, "--", SUBMODULE):
        if line.startswith("\x1f"):
            commit = line[1:]
        elif found := _CHANGE.match(line):
            moved[commit] = found["commit"] if found["mode"] == _GITLINK else None
    return moved
