"""An `ImageBuilder` on paper: what suites have is read from files; what is made in containers is only written down."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mmio_bisect.errors import MmioBisectError
from mmio_bisect.workflow.ports.progress import Signals

INDEXES = Path(__file__).parents[1] / "fixtures" / "debian_index"
"""What Debian's suites had on 2026-11-24 of the packages that matter, as `SuiteIndex` asks for it; fields that it does
not read are left out, and so are packages of arm64 but for the libraries that rustc needs of a target."""


@dataclass(slots=True)
class PaperImageBuilder:
    """`fails` is raised instead of an answer for a suite; `edit` changes what one has; `built` is what was ordered."""

    fails: dict[str, MmioBisectError] = field(default_factory=dict)
    edit: Callable[[str], str] = lambda text: text
    asked: list[str] = field(default_factory=list)
    built: list[tuple[str, str, str]] = field(default_factory=list)
    printed: str = "1111  b.deb\n2222  a.deb\n"

    def ask(self, suite: str, script: str, signals: Signals) -> str:  # noqa: ARG002 - paper is patient
        own = next((name for name in ("experimental",) if f" {name} " in script), suite)
        self.asked.append(own)
        if own in self.fails:
            raise self.fails[own]
        return self.edit((INDEXES / f"{own}.txt").read_text())

    def build(
        self,
        suite: str,
        plan: str,
        work: str,
        name: Callable[[str], str],
        signals: Signals,  # noqa: ARG002 - for the same reason
    ) -> tuple[str, str]:
        self.built.append((suite, plan, work))
        return f"paper:{name(self.printed)}", self.printed

    def obtain(self, reference: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:  # noqa: ARG002 - for the same reason
        self.asked.append(reference)
        content = f"sha256:{reference}"
        return f"paper:{name(content)}", content
