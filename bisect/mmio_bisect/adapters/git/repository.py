"""A repository that commits are read from and checked out of: a user's clone, or one of our own.

A user's clone is never written: a work tree here is a folder of its own, written anew for each who uses it, since a
build may have changed it. It has the same few names again and again, which are in the keys of a compiler's cache.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.git.clones import Clone, moment
from mmio_bisect.adapters.git.tree_files import UnsafeTreeError, write_tree
from mmio_bisect.adapters.held_folder import remove_tree, try_hold
from mmio_bisect.errors import MissingToolchainError, StoreError

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

    def log(self, *, refresh: bool = False) -> tuple[Logged, ...]:
        """The first-parent line, oldest first. Raises `DownloadError`, `UsageError`."""
        if refresh:
            self.update()
        words = ("log", "-z", "--first-parent", "--reverse", "--format=%H%x00%ct%x00%P%x00%an", self._main())
        return tuple(
            Logged(commit=commit, committed=moment(seconds), author=author, merge=" " in parents)
            for commit, seconds, parents, author in self.records(4, *words)
        )

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
    def checkout(self, commit: str) -> Iterator[Path]:
        """The tree of a commit in a folder that nobody else has.

        Raises `MissingToolchainError` for a tree that is not written, `UsageError`, `StoreError`.
        """
        with self._slot() as slot:
            tree = slot / "tree"
            with self.viewed() as view:
                remove_tree(tree)
                try:
                    write_tree(view, commit, tree)
                except UnsafeTreeError as error:
                    raise MissingToolchainError(
                        f"{commit} cannot be checked out: its tree has {error}", for_good=True
                    ) from error
            yield tree

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

    def _main(self) -> str:
        """The tip of the line: of a clone that has an upstream, what it last heard of it."""
        if self.ref == "HEAD" and self.given is not None:
            local = self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
            return local or self.ask("rev-parse", "--verify", "--quiet", "refs/remotes/origin/HEAD^{commit}") or "HEAD"
        return self.ref
