"""Toolchains fetched ahead: both halves, the loser given up or kept, within the budget, and no fault of the run's."""

import threading
from pathlib import Path

import pytest
from memory_history import MemoryHistory
from scripted_wiring import Script, scripted
from signalling import eventually

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.answer import Culprit
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.run import VerifyMode
from mmio_bisect.errors import CancelledError, DownloadError
from mmio_bisect.report.terminal.progress import Watcher
from mmio_bisect.workflow.bisect.hunt import HuntRequest, HuntResult, hunt
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.probing.prefetch import Ahead
from mmio_bisect.workflow.probing.probe import Adapters

# Points 0 to 16; the change is at 11. One worker probes 0, 16, 8, 12, 10, 11 (and 4 is the other half of 12).
LETTERS = "g" * 11 + "b" * 6
WAY = ["0", "16", "8", "12", "10", "11"]


def script() -> Script:
    return Script({str(place): {"g": "good", "b": "bad"}[letter] for place, letter in enumerate(LETTERS)})


def run(compilers: Script, folder: Path, ahead: Ahead) -> HuntResult:
    wiring = scripted(compilers, Settings(store=folder / "store"))
    source = wiring.source("zig")
    (case,) = (case for case in wiring.recipes().find("store_then_step.c").cases if case.language.value == "c")
    tools = Adapters(
        source=source,
        store=wiring.store(),
        sandbox=wiring.local_sandbox(),
        judge=wiring.judge(),
        history=MemoryHistory(),
    )
    request = HuntRequest(
        requests=(CellRequest(case=case, target=TARGETS["aarch64"], opt=OptLevel.O2),),
        points=source.listing().points,
        profile=ARM_ISV,
        jobs=1,
        back_off=(),
        ahead=ahead,
        verify=VerifyMode.NEVER,
        render=lambda *_: "",
    )
    return hunt(request, tools, Watcher())


def culprit(result: HuntResult) -> str:
    answer = result.answers[0].answer
    assert isinstance(answer, Culprit)
    return answer.first.version


def test_without_it_only_what_is_probed_is_fetched(tmp_path: Path) -> None:
    compilers = script()
    assert culprit(run(compilers, tmp_path, Ahead())) == "11"
    assert compilers.fetched == compilers.compiled == WAY


def test_while_a_probe_runs_the_next_of_both_halves_are_fetched(tmp_path: Path) -> None:
    compilers = script()

    def wait_for_both_halves(version: str) -> None:
        if version == "8":
            assert eventually(lambda: {"4", "12"} <= set(compilers.fetched))

    compilers.on_compile = wait_for_both_halves
    result = run(compilers, tmp_path, Ahead(count=2))
    assert culprit(result) == "11"
    assert compilers.compiled[:4] == WAY[:4]
    assert compilers.fetched.count("12") == 1, "what was fetched ahead is not fetched again"
    stored = scripted(compilers, Settings(store=tmp_path / "store")).store().entries()
    assert result.cost.toolchains_fetched == len(stored)


def test_the_half_that_lost_is_given_up(tmp_path: Path) -> None:
    compilers = script()
    begun, given_up = threading.Event(), threading.Event()

    def hold_the_loser(version: str, signals: Signals) -> None:
        if version == "4":
            begun.set()
            if eventually(signals.cancelled):
                given_up.set()
            raise CancelledError("4 was cancelled")

    def wait_for_the_loser(version: str) -> None:
        if version == "8":
            assert begun.wait(10)

    compilers.on_fetch, compilers.on_compile = hold_the_loser, wait_for_the_loser
    assert culprit(run(compilers, tmp_path, Ahead(count=2))) == "11"
    assert given_up.is_set()
    assert "4" not in compilers.fetched


def test_a_fault_ahead_is_left_for_the_probe_to_meet(tmp_path: Path) -> None:
    compilers, failed = script(), threading.Event()

    def fail_once(version: str, _signals: Signals) -> None:
        if version == "12" and not failed.is_set():
            failed.set()
            raise DownloadError("it broke off")

    def wait_for_the_fault(version: str) -> None:
        if version == "8":
            assert failed.wait(10)

    compilers.on_fetch, compilers.on_compile = fail_once, wait_for_the_fault
    assert culprit(run(compilers, tmp_path, Ahead(count=2))) == "11"


@pytest.mark.parametrize("budget", [0, 1])
def test_nothing_is_fetched_ahead_beyond_the_budget(tmp_path: Path, budget: int) -> None:
    compilers = script()
    assert culprit(run(compilers, tmp_path, Ahead(count=2, budget=budget))) == "11"
    assert compilers.fetched == WAY
