"""A recipe compiled once with a toolchain that is at hand, so that a wrong name is known before a bisection."""

from dataclasses import dataclass
from pathlib import Path

from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome
from mmio_bisect.domain.recipe import Case
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.errors import MissingToolchainError
from mmio_bisect.workflow.ports.judge import Judge
from mmio_bisect.workflow.ports.progress import Unwatched
from mmio_bisect.workflow.ports.sandbox import Sandbox
from mmio_bisect.workflow.ports.store import Filled, StoredToolchain, ToolchainStore
from mmio_bisect.workflow.probing.compile import cell_of
from mmio_bisect.workflow.probing.judge import compile_and_judge
from mmio_bisect.workflow.probing.requests import requests_of, select_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What one toolchain made of a case for its first target at its first level."""

    request: CellRequest
    toolchain: Toolchain
    outcome: Outcome
    judgement: Judgement

    @property
    def problems(self) -> tuple[str, ...]:
        """The functions that the object lacks, each with the likely cause."""
        return tuple(
            found.why
            for function in self.judgement.functions
            for found in function.unseen
            if found.kind is DefectKind.UNDEFINED
        )


def find_toolchain(case: Case, store: ToolchainStore) -> StoredToolchain | None:
    """The one of the store that compiles the case's language, needs no image, and was used last."""
    fitting = (
        entry
        for entry in store.entries()
        if entry.image is None and entry.points and case.language in entry.toolchain.family.descriptor.languages
    )
    return max(fitting, key=lambda entry: entry.last_used, default=None)


def rehearse(case: Case, entry: StoredToolchain, store: ToolchainStore, sandbox: Sandbox, judge: Judge) -> Rehearsal:
    """Nothing is kept of it. Raises as `compile_cell`, and `MissingToolchainError` if it was pruned meanwhile."""
    request = requests_of(case, entry.toolchain.family)[0]
    profile = select_profile(DEFAULT_PROFILE, [request])
    point = entry.points[0]

    def refuse(_folder: Path) -> Filled:
        raise MissingToolchainError(f"{point} was pruned while it was looked for: call it again.", for_good=False)

    with store.lease(point, refuse, cancelled=lambda: False) as lease:
        cell = cell_of(request, lease.toolchain)
        with sandbox.session(lease.root, lease.image) as session:
            outcome, judgement = compile_and_judge(cell, session, sandbox.name, profile, judge, Unwatched())
    return Rehearsal(request=request, toolchain=lease.toolchain, outcome=outcome, judgement=judgement)
