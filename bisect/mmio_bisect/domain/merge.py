"""What a compiler's main branch grows by: merges, each of them tested and built."""

from dataclasses import dataclass
from datetime import datetime


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
