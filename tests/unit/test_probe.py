"""The prober's memory of judgements is no better than history's."""

from pathlib import Path

import pytest
from memory_history import MemoryHistory
from scripted_wiring import Script, scripted
from signalling import Uncancelled

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.access import RULES
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.errors import DatabaseError
from mmio_bisect.workflow.probing.compile import cell_of
from mmio_bisect.workflow.probing.probe import Adapters, Prober


def test_a_judgement_that_could_not_be_kept_is_kept_with_the_next_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring, history = scripted(Script({"0": "bad"}), Settings(store=tmp_path / "store")), MemoryHistory()
    (case,) = (case for case in wiring.recipes().find("store_then_step.c").cases if case.language.value == "c")
    request = CellRequest(case=case, target=TARGETS["aarch64"], opt=OptLevel.O2)
    tools = Adapters(
        source=wiring.source("zig"),
        store=wiring.store(),
        sandbox=wiring.local_sandbox(),
        judge=wiring.judge(),
        history=history,
    )
    (point,) = tools.source.listing().points
    prober = Prober(tools, ARM_ISV)

    def fail(*_: object) -> None:
        raise DatabaseError("it is locked")

    with monkeypatch.context() as locked:
        locked.setattr(MemoryHistory, "record", fail)
        with pytest.raises(DatabaseError):
            prober.probe(point, [request], Uncancelled())
    (probe,) = prober.probe(point, [request], Uncancelled())
    cell = cell_of(request, probe.toolchain)
    assert history.judgement_of(cell, probe.outcome, ARM_ISV.name, RULES) == probe.judgement
