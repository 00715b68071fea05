"""A repository that commits are read from and checked out of: a user's clone, or one of our own.

A user's clone is never written: a work tree here is a folder and an index of its own, which git fills from the clone's
objects. Work trees are held by whoever uses them, reused by whoever comes next (git then writes only the files that
differ), and made anew when the last user was killed half way.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mmio_bisect.adapters.git.clones import Clone
from mmio_bisect.adapters.held_folder import remove_tree, try_hold
from mmio_bisect.errors import StoreError

_SLOTS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One commit of the first-parent line: `committed` in UTC."""

    commit: str
    committed: datetime
    author: str
    merge: bool


@dataclass(slots=True, kw_only=True)
class Repository(Clone):
    """Work trees are made below `trees`."""

    trees: Path
    ref: str = "HEAD"

    whose = "the compiler's"
    option = "--repository"
    # Nothing is asked of a server, or of a person, that nobody waits for.
    environment = MappingProxyType({"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"})

    def log(self, *, refresh: bool = False) -> tuple[Logged, ...]:
        """The first-parent line, oldest first. Raises `DownloadError`, `UsageError`."""
        words = ("log", "--first-parent", "--reverse", "--format=%H%x1f%ct%x1f%P%x1f%an", self._main(refresh=refresh))
        found = []
        for line in self.lines(*words):
            commit, seconds, parents, author = line.split("\x1f", 3)
            committed = datetime.fromtimestamp(int(seconds), UTC)
            found.append(Logged(commit=commit, committed=committed, author=author, merge=" " in parents))
        return tuple(found)

    def touching(self, paths: Sequence[str]) -> frozenset[str]:
        """The commits of that line that change a file below one of the paths."""
        return frozenset(self.lines("log", "--first-parent", "-m", "--format=%H", self._main(), "--", *paths))

    def tags(self, pattern: str) -> dict[str, str]:
        """The tag of each commit that has one which matches; of several the last by name."""
        words = ("for-each-ref", "--sort=refname", "--format=%(objectname) %(*objectname) %(refname:strip=2)")
        found = {}
        for line in self.lines(*words, f"refs/tags/{pattern}"):
            named, peeled, tag = line.split(" ", 2)
            found[peeled or named] = tag
        return found

    def resolve(self, word: str) -> str | None:
        """The commit of the first-parent line that a name (commit, tag, branch) is, or branched off from."""
        if word.startswith("-"):
            return None
        commit = self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}")
        return commit and (self.ask("merge-base", self._main(), commit) or None)

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
        with (
            self.opened() as repository,
            repository.git.custom_environment(GIT_INDEX_FILE=str(index), GIT_WORK_TREE=str(tree)),
        ):
            self.execute(repository, "read-tree", "--reset", "-u", commit)
            self.execute(repository, "clean", "-xfdq")
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
        self.opened(refresh=refresh).close()
        if self.ref == "HEAD" and self.given is not None:
            local = self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
            return local or self.ask("rev-parse", "--verify", "--quiet", "refs/remotes/origin/HEAD^{commit}") or "HEAD"
        return self.ref
