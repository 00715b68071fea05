"""The merges of Rust's own repository, from a clone of it: bare, and without the files, whose names are enough.

Only the first-parent line counts, and on it what the merge queue committed: bors, under each of its names.

A clone of our own is made beside the toolchain store when it is first needed (about a gigabyte of commits and trees),
and brought up to date once a day, or when that is asked for. A user's own clone is read and never written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mmio_bisect.adapters.git.clones import Clone, moment
from mmio_bisect.domain.merge import Merge

RUST: Final = "https://github.com/rust-lang/rust.git"
SUBMODULE: Final = "src/llvm-project"

# `bors` until 2025, an app since; forks have written `bors[bot]`.
_QUEUE: Final = re.compile(r"(?:rust-)?bors(?:\[bot\])?")
_FIELDS: Final = "%H%x00%ct%x00%an%x00%P%x00%s"
_CHANGE: Final = re.compile(r":\d{6} (?P<mode>\d{6}) [0-9a-f]+ (?P<commit>[0-9a-f]+) \w")
_GITLINK: Final = "160000"


@dataclass(slots=True, kw_only=True)
class MergeLog(Clone):
    """The merges of one repository, oldest first, read once."""

    url: str = RUST
    _merges: tuple[Merge, ...] | None = None

    whose = "Rust's"
    option = "--rust-repo"
    without_files = True

    def merges(self, *, refresh: bool = False) -> tuple[Merge, ...]:
        with self._lock:
            if self._merges is None or refresh:
                if refresh:
                    self.update()
                self._merges = tuple(self._read_merges())
            return self._merges

    def commit_of(self, word: str) -> str | None:
        """The full name of the commit that the repository knows by that name, be it abbreviated or a tag."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}")

    def branching_of(self, tag: str) -> str | None:
        """The last commit of the main branch that a tag's branch holds."""
        return self.ask("merge-base", f"refs/tags/{tag}", self._main())

    def _main(self) -> str:
        """A clone's idea of the upstream's main branch; in a bare one, and in one without an upstream, its own."""
        return self.ask("rev-parse", "--verify", "--quiet", "refs/remotes/origin/HEAD") or "HEAD"

    def _read_merges(self) -> Iterator[Merge]:
        main = self._main()
        moved = self._moved(main)
        llvm: str | None = None
        words = ("log", "-z", "--first-parent", "--reverse", f"--format={_FIELDS}", main)
        for commit, seconds, author, parents, subject in self.records(5, *words):
            llvm = moved.get(commit, llvm)
            if _QUEUE.fullmatch(author) and " " in parents:
                yield Merge(commit=commit, merged=moment(seconds), subject=subject, llvm=llvm)

    def _moved(self, main: str) -> dict[str, str | None]:
        """Where the first-parent line moves the gitlink, and whereto (None: it goes away)."""
        words = ("log", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=%x1f%H")
        moved: dict[str, str | None] = {}
        commit = ""
        for line in self.lines(*words, main, "--", SUBMODULE):
            if line.startswith("\x1f"):
                commit = line[1:]
            elif found := _CHANGE.match(line):
                moved[commit] = found["commit"] if found["mode"] == _GITLINK else None
        return moved
