"""What makes one series of commits differ from another; apart from them, so that their data are read without git."""

from dataclasses import dataclass

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.workflow.ports.sandbox import BuildRequirements


@dataclass(frozen=True, slots=True, kw_only=True)
class GitConfig:
    """A series of commits.

    `merges_by` are names of authors: where given, only what they merged into the main line counts; `tagged` is a glob
    of tags: where given, only commits with such a tag count, and are named by it. `build` are lines of a POSIX shell,
    run with `$SOURCE` (the commit's tree, read-only) and `$JOBS`; `in_tree` runs them in a copy of it.
    `products` are paths, from where the build ran, that make up the toolchain; `tool` is the compiler's among them.
    `seconds` is what a build takes about, for the search to weigh.
    """

    name: str
    family: CompilerFamily
    summary: str
    url: str
    link: str | None
    ref: str
    merges_by: tuple[str, ...]
    tagged: str | None
    paths: tuple[str, ...]
    build: tuple[str, ...]
    in_tree: bool
    products: tuple[str, ...]
    tool: tuple[str, ...]
    arguments: tuple[str, ...]
    seconds: float
    room: BuildRequirements
