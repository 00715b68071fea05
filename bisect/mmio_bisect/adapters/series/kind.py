"""What a kind of series consists of: a configuration, which one file of TOML gives and which makes the source.

A configuration is a plain dataclass, so that what ships becomes one without pydantic, whose import costs more than an
answer from history. A user's file is validated by pydantic into the same dataclass, see `user_files`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from mmio_bisect.adapters.series.rust_endpoints import RustEndpoints
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.workflow.bisect.descend import Finer
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.sandbox import BuildSandbox
from mmio_bisect.workflow.ports.series import Capabilities, RunsIn, SeriesSource

if TYPE_CHECKING:
    from mmio_bisect.adapters.git.repository import Repository


@dataclass(frozen=True, slots=True)
class Read:
    """In `Annotated`: the value is what `function` makes of a text; it raises ValueError with a sentence."""

    function: Callable[[str], Any]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> Mapping[str, Any]:
        """Called by pydantic, whose schemas are plain dictionaries."""
        function = {"type": "no-info", "function": self.function}
        return {"type": "function-after", "function": function, "schema": {"type": "str"}}


def matching(pattern: str, what: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"“{text}” is not {what}")
        return text

    return check


def _family(text: str) -> CompilerFamily:
    if text not in set(CompilerFamily):
        raise ValueError(f"“{text}” is not a family of compilers; there are {', '.join(CompilerFamily)}")
    return CompilerFamily(text)


check_package = matching(r"[a-z0-9.+-]+(:[a-z0-9]+)?", "a package's name")
Family = Annotated[CompilerFamily, Read(_family)]
SuiteName = Annotated[str, Read(matching(r"[a-z][a-z0-9-]*", "a suite's name"))]
PackageName = Annotated[str, Read(check_package)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Builds:
    """What series of commits are built with: `folder` has clones, work trees and logs; `given` is a user's clone.

    `load_repository` imports gitpython, which fails where git is missing. Raises `UsageError`.
    """

    build_sandbox: BuildSandbox
    folder: Path
    load_repository: "Callable[[], type[Repository]]"
    given: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What sources are made with: `warn` is given sentences for the user, `folder` is where listings are kept.

    `siblings` gives the configurations of all series of the kind.
    """

    folder: Path
    image_builder: ImageBuilder
    warn: Callable[[str], None]
    rust: RustEndpoints
    builds: Builds
    siblings: "Callable[[], tuple[SeriesConfig, ...]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesConfig(ABC):
    """What every series says, under the keys that files have; `finer` is the series that has points between its own.

    `stand_in`: for compilers that read no IR the series of clangs, named by LLVM's version, that do it for them.
    `costs_to_list`: the first listing takes half a minute and more, or clones a repository.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}
    runs_in: ClassVar[RunsIn] = RunsIn.ANY
    costs_to_list: ClassVar[bool] = False

    family: Family
    summary: str
    finer: Finer | None = None
    stand_in: str | None = None

    @abstractmethod
    def source(self, name: str, context: SourceContext) -> SeriesSource:
        """The series of that name."""


class NamedSource:
    """What sources have in common: of a `SeriesSource` all but `listing`, `origin` and `fetch`."""

    def __init__(self, name: str, config: SeriesConfig) -> None:
        self.name = name
        self.family = config.family
        self.summary = config.summary

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    def interpret(self, word: str, listing: Listing) -> tuple[Point, ...]:  # noqa: ARG002 - versions are all there is
        return ()
