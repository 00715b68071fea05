"""What a series of commits knows of one of them."""

import re
from dataclasses import dataclass
from typing import Final

_PULL_REQUEST: Final = re.compile(r"(?:\(#|#|pull request #|GH-)(\d+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """`committed` is ISO 8601; `paths` are what it touches against its first parent; `link` is where to read it."""

    commit: str
    author: str
    committed: str
    title: str
    paths: tuple[str, ...]
    link: str | None = None

    @property
    def pull_request(self) -> int | None:
        """As the title names it: GitHub's `(#123)` of a squash, or `Merge pull request #123`."""
        found = _PULL_REQUEST.search(self.title)
        return None if found is None else int(found[1])
