"""A repository that commits are read from and checked out of: a user's clone, or one of our own.

gitpython runs git and raises its errors; git itself walks the history, because its own objects of half a million
commits are read in minutes. A user's clone is never written: a work tree here is a folder and an index of its own,
which git fills from the clone's objects. Work trees are held by whoever uses them, reused by whoever comes next (git
then writes only the files that differ), and made anew when the last user was killed half way.
"""

import contextlib
import shutil
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
from mmio_bisect.adapters.held_folder import remove_tree, try_hold
from mmio_bisect.domain.commit import Commit
from mmio_bisect.errors import DownloadError, StoreError, UsageError

# Nothing is asked of a server, or of a person, that nobody waits for.
_ENVIRONMENT: Final = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
_SLOTS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One commit of the first-parent line: `committed` in UTC."""

    commit: str
    committed: datetime
    author: str
    merge: bool


@dataclass(slots=True)
class Repository:
    """`own` is the folder of a clone of our own, made from `url` when needed; `given` is a user's, used instead.

    Work trees are made below `trees`.
    """

    own: Path
    url: str
    trees: Path
    given: Path | None = None
    ref: str = "HEAD"
    max_age: timedelta = timedelta(hours=24)
    say: Callable[[str], None] = lambda _sentence: None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: bool = False

    def log(self, *, refresh: bool = False) -> tuple[Logged, ...]:
        """The first-parent line, oldest first. Raises `DownloadError`, `UsageError`."""
        words = ("log", "--first-parent", "--reverse", "--format=%H%x1f%ct%x1f%P%x1f%an", self._main(refresh=refresh))
        found = []
        for line in self._lines(*words):
            commit, seconds, parents, author = line.split("\x1f", 3)
            committed = datetime.fromtimestamp(int(seconds), UTC)
            found.append(Logged(commit=commit, committed=committed, author=author, merge=" " in parents))
        return tuple(found)

    def touching(self, paths: Sequence[str]) -> frozenset[str]:
        """The commits of that line that change a file below one of the paths."""
        return frozenset(self._lines("log", "--first-parent", "-m", "--format=%H", self._main(), "--", *paths))

    def tags(self, pattern: str) -> dict[str, str]:
        """The tag of each commit that has one which matches; of several the last by name."""
        words = ("for-each-ref", "--sort=refname", "--format=%(objectname) %(*objectname) %(refname:strip=2)")
        found = {}
        for line in self._lines(*words, f"refs/tags/{pattern}"):
            named, peeled, tag = line.split(" ", 2)
            found[peeled or named] = tag
        return found

    def resolve(self, word: str) -> str | None:
        """The commit of the first-parent line that a name (commit, tag, branch) is, or branched off from."""
        if word.startswith("-"):
            return None
        commit = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}")
        return commit and (self._ask("merge-base", self._main(), commit) or None)

    def describe(self, commit: str) -> Commit:
        """What is known of a commit. Raises `UsageError`."""
        return described(self._lines, commit)

    @property
    def asked_at(self) -> datetime:
        return clones.heard_at(Path(self._repository().git_dir), own=self.given is None)

    @contextlib.contextmanager
    def checkout(self, commit: str, *, anew: bool = False) -> Iterator[Path]:
        """The tree of a commit in a folder that nobody else has; `anew`: every file of it is written now.

        Raises `UsageError`, `StoreError`.
        """
        with self._slot() as slot:
            try:
                if anew:
                    (slot / "commit").unlink(missing_ok=True)
                yield self._filled(slot, commit)
            except OSError as error:
                raise StoreError(
                    f"The work tree {slot} cannot be written ({error.strerror}): free some space, or give --store."
                ) from error

    def _filled(self, slot: Path, commit: str) -> Path:
        tree, index, stamp = slot / "tree", slot / "index", slot / "commit"
        if not stamp.exists():  # new, or its last user was killed while git wrote
            remove_tree(tree)
            for left in slot.glob("index*"):
                left.unlink()
        elif stamp.read_text() == commit:
            return tree
        stamp.unlink(missing_ok=True)
        tree.mkdir(exist_ok=True)
        repository = self._repository()
        with repository.git.custom_environment(GIT_INDEX_FILE=str(index), GIT_WORK_TREE=str(tree)):
            _execute(repository, "read-tree", "--reset", "-u", commit)
            _execute(repository, "clean", "-xfdq")
        stamp.write_text(commit)
        return tree

    @contextlib.contextmanager
    def _slot(self) -> Iterator[Path]:
        """The first work tree that nobody holds; its folder says which repository it is of."""
        for number in range(_SLOTS):
            slot = self.trees / str(number)
            slot.mkdir(parents=True, exist_ok=True)
            hold = try_hold(slot)
            if hold is not None:
                break
        else:
            raise StoreError(f"All {_SLOTS} work trees below {self.trees} are in use: wait for other builds to end.")
        with hold:
            yield slot

    def _main(self, *, refresh: bool = False) -> str:
        """The tip of the line: of a clone that has an upstream, what it last heard of it."""
        repository = self._repository(refresh=refresh)
        if self.ref == "HEAD" and self.given is not None:
            upstream = asked(repository, "rev-parse", "--verify", "--quiet", "refs/remotes/origin/HEAD^{commit}")
            local = asked(repository, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
            return local or upstream or "HEAD"
        return self.ref

    def _ask(self, *words: str) -> str | None:
        return asked(self._repository(), *words)

    def _lines(self, *words: str) -> list[str]:
        return _execute(self._repository(), *words).splitlines()

    def _repository(self, *, refresh: bool = False) -> git.Repo:
        if self.given is not None:
            return _opened(self.given)
        with self._lock:
            if not self.own.exists():
                self._clone()
            elif refresh or (not self._asked and self._age() > self.max_age):
                self._update()
            self._asked = True
            return _opened(self.own)

    def _age(self) -> timedelta:
        return datetime.now(UTC) - clones.heard_at(self.own, own=True)

    def _clone(self) -> None:
        self.say(f"cloning {self.url}, once")
        try:
            clones.clone_bare(self.url, self.own, _ENVIRONMENT)
        except git.GitCommandError as error:
            raise DownloadError(
                f"{self.url} could not be cloned ({last_words(error)}): check the network, or name a clone that "
                "is there with --repository"
            ) from error

    def _update(self) -> None:
        """An old clone is better than none."""
        with _opened(self.own) as repository:
            try:
                clones.update(repository)
            except git.GitCommandError as error:
                self.say(f"warning: {self.url} does not answer ({last_words(error)}); its clone is used as it is")


def _opened(folder: Path) -> git.Repo:
    if shutil.which("git") is None:
        raise UsageError("Series of commits need git: install it (`apt-get install git`).")
    try:
        repository = git.Repo(folder)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise UsageError(
            f"{folder} is not a git repository: give a clone of the compiler's with --repository."
        ) from error
    repository.git.update_environment(**_ENVIRONMENT)
    return repository


def _execute(repository: git.Repo, *words: str) -> str:
    try:
        return str(repository.git.execute(["git", *SAFE, *words]))
    except git.GitCommandError as error:
        raise UsageError(
            f"git cannot read {repository.git_dir} ({last_words(error)}): give another clone with --repository."
        ) from error
