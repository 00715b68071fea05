"""What a series of commits knows of one of them."""

import re
from dataclasses import dataclass
from typing import Final

_PULL_REQUEST: Final = re.compile(r"(?:\(#|#|pull request #|GH-)(\d+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """`link` is where to read it."""

    number: int
    title: str
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """`committed` is ISO 8601; `paths` are what it touches against its first parent; `link` is where to read it.

    `rolled_up` are the pull requests that a rollup brings in together, in its order; of other commits there are none.
    """

    commit: str
    author: str
    committed: str
    title: str
    paths: tuple[str, ...]
    link: str | None = None
    rolled_up: tuple[PullRequest, ...] = ()

    @property
    def pull_request(self) -> int | None:
        """As the title names it: GitHub's `(#123)` of a squash, `Merge pull request #123`, `Auto merge of #123`."""
        found = _PULL_REQUEST.search(self.title)
        return None if found is None else int(found[1])
