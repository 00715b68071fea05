"""What git tells of a commit, for every adapter that has a clone: the words to ask with, and how to read the answer."""

from collections.abc import Callable, Sequence

from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.merge import rolled_up


def described(ask: Callable[..., Sequence[str]], commit: str) -> Commit:
    """`ask` runs git with these words and gives the lines that it prints. Nothing but commits and trees is read."""
    # Names are looked at alone: to see renames git would read the files, which a clone without them has not.
    words = ("show", "--first-parent", "-m", "--name-only", "--no-renames", "--format=%H%x1f%an%x1f%ae%x1f%cI%x1f%P")
    head, *paths = ask(*words, commit)
    name, author, mail, committed, parents = head.split("\x1f")
    message = "\n".join(ask("show", "--no-patch", "--format=%B", name))
    brought: list[str] = []
    if " " in parents:
        main, merged = parents.split()[:2]
        told = "\n".join(ask("log", "--first-parent", "--merges", "--reverse", "--format=%B%x1f", f"{main}..{merged}"))
        brought = told.split("\x1f")
    return Commit(
        commit=name,
        author=f"{author} <{mail}>",
        committed=committed,
        title=next((line for line in message.splitlines() if line.strip()), ""),
        paths=tuple(path for path in paths if path),
        rolled_up=rolled_up(message, brought),
    )
