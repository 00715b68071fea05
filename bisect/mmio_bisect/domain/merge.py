"""What a compiler's main branch grows by: merges, each of them tested and built."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mmio_bisect.domain.commit import PullRequest

_BROUGHT: Final = re.compile(r"Rollup merge of #(?P<number>\d+)\b")
_LISTED: Final = re.compile(r"[-*] (?:[\w.-]+/[\w.-]+)?#(?P<number>\d+) \((?P<title>.*)\)")
_NUMBERS: Final = re.compile(r"[-*] Successful merges: (?P<numbers>#\d+(?:, #\d+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One merge into the main branch.

    `merged` is when it was committed, in UTC. `llvm` is the commit of LLVM that the tree names at that merge (Rust's
    `src/llvm-project`); None where it names none. Two neighbours that differ in it differ by more than the merge.
    """

    commit: str
    merged: datetime
    subject: str
    llvm: str | None


def rolled_up(message: str, brought: Sequence[str]) -> tuple[PullRequest, ...]:
    """The pull requests that a merge brings in together, if it is one of Rust's rollups; of another there are none.

    `message` is the merge's own, `brought` are those of what it merged, oldest first: of a rollup each is a merge of a
    pull request, with its title below (bors writes both so since 2014). They are what is in it. The list in the
    rollup's own message is taken where they are not there: titles in parentheses, `owner/name` before the number since
    2025 (triagebot's src/rollups), or, until 2018, numbers alone.
    """
    return tuple(_of_merges(brought)) or tuple(_of_list(message))


def _of_merges(brought: Sequence[str]) -> Iterator[PullRequest]:
    for message in brought:
        subject, *below = message.strip().split("\n")
        if found := _BROUGHT.match(subject):
            title = next((line.strip() for line in below if line.strip()), subject)
            yield PullRequest(number=int(found["number"]), title=title)


def _of_list(message: str) -> Iterator[PullRequest]:
    """What stands below `Successful merges:`, and not what failed."""
    listing = False
    for line in map(str.strip, message.split("\n")):
        if found := _NUMBERS.fullmatch(line):
            for number in re.findall(r"\d+", found["numbers"]):
                yield PullRequest(number=int(number), title="")
        elif line == "Successful merges:":
            listing = True
        elif found := _LISTED.fullmatch(line):
            if listing:
                yield PullRequest(number=int(found["number"]), title=found["title"])
        elif line:
            listing = False
