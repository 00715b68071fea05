"""A sweep over scripted compilers: batches, resumption, faults, transitions, and what it says of the rest."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from history_values import a_judgement
from memory_history import MemoryHistory
from scripted_wiring import Script, ScriptedWiring, scripted

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import Case, OptLevel
from mmio_bisect.domain.run import Cost, Probe
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import (
    DiskFullError,
    DownloadError,
    MmioBisectError,
    SandboxError,
    UnknownVersionError,
)
from mmio_bisect.report.terminal.sweep_matrix import sweep_text
from mmio_bisect.workflow.ports.judge import Judge
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.probing.ranges import parse_range
from mmio_bisect.workflow.probing.requests import profiles_by_target
from mmio_bisect.workflow.sweep.cells import FailedPoint, SweepRequest, SweepResult, sweep, swept_range
from mmio_bisect.workflow.sweep.plan import forecast


@dataclass(slots=True)
class Watcher:
    """Events, noted; `on_probe` and `on_retry` may interfere."""

    on_probe: Callable[[Probe], None] = lambda _: None
    on_retry: Callable[[], None] = lambda: None
    probes: list[Probe] = field(default_factory=list)
    begun_points: list[str] = field(default_factory=list)
    finished_points: list[str] = field(default_factory=list)
    retries: list[float] = field(default_factory=list)
    failures: list[FailedPoint] = field(default_factory=list)

    def begun(self, point: Point) -> None:
        self.begun_points.append(point.version)

    def fetching(self, point: Point) -> "Watcher":  # noqa: ARG002
        return self

    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int | None) -> None:
        pass

    def probed(self, probe: Probe) -> None:
        self.probes.append(probe)
        self.on_probe(probe)

    def retrying(self, point: Point, error: MmioBisectError, seconds: float) -> None:  # noqa: ARG002
        self.retries.append(seconds)
        self.on_retry()

    def finished(self, point: Point) -> None:
        self.finished_points.append(point.version)

    def failed(self, failed: FailedPoint) -> None:
        self.failures.append(failed)


@dataclass(slots=True)
class Sweeper:
    """One store, history and script of compilers, swept as often as a test likes."""

    wiring: ScriptedWiring
    case: Case
    history: MemoryHistory = field(default_factory=MemoryHistory)

    def request(self, levels: Sequence[OptLevel] = (OptLevel.O2,), **options: object) -> SweepRequest:
        request = SweepRequest(
            requests=tuple(CellRequest(case=self.case, target=TARGETS["aarch64"], opt=level) for level in levels),
            points=self.wiring.source("zig").listing().points,
            profile=ARM_ISV,
            jobs=1,
            back_off=(0.001, 0.002),
        )
        return replace(request, **options)  # type: ignore[arg-type]

    def sweep(
        self,
        watcher: Watcher | None = None,
        *,
        levels: Sequence[OptLevel] = (OptLevel.O2,),
        judge: Judge | None = None,
        **options: object,
    ) -> SweepResult:
        tools = Adapters(
            source=self.wiring.source("zig"),
            store=self.wiring.store(),
            sandbox=self.wiring.local_sandbox(),
            judge=judge or self.wiring.judge(),
            history=self.history,
        )
        return sweep(self.request(levels, **options), tools, watcher or Watcher())

    @property
    def script(self) -> Script:
        return self.wiring.script


@pytest.fixture
def sweeper(tmp_path: Path) -> Callable[[str], Sweeper]:
    """`g` good, `b` bad, `x` rejected, `m` missing for good, `l` late; one version a letter."""

    def make(text: str) -> Sweeper:
        words = {"g": "good", "b": "bad", "x": "no such builtin", "m": "missing", "l": "late"}
        script = Script({f"1.{place}": words[letter] for place, letter in enumerate(text)})
        wiring = scripted(script, Settings(store=tmp_path / "store"))
        return Sweeper(wiring, wiring.recipes().find("store_then_step.c").cases[0])

    return make


Make = Callable[[str], Sweeper]


def moves(result: SweepResult) -> list[tuple[str, str, str]]:
    return [(move.change.value, move.last.version, move.first.version) for move in result.transitions]


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_cell_is_answered(sweeper: Make, jobs: int) -> None:
    levels = (OptLevel.O1, OptLevel.O2)
    result = sweeper("ggbbg").sweep(levels=levels, jobs=jobs)
    told = [(probe.point.version, probe.request.opt, probe.judgement.verdict.value) for probe in result.probes]
    verdicts = ("good", "good", "bad", "bad", "good")
    assert told == [(f"1.{place}", level, verdict) for place, verdict in enumerate(verdicts) for level in levels]
    assert (result.unprobed, result.failed) == ((), ())


def test_all_cells_of_a_point_are_one_batch(sweeper: Make) -> None:
    made = sweeper("gb")
    made.sweep(levels=(OptLevel.O1, OptLevel.O2, OptLevel.O3))
    assert made.script.fetched == ["1.0", "1.1"]
    assert made.script.compiled == ["1.0"] * 3 + ["1.1"] * 3


def test_transitions_are_told_by_function_access_and_defect(sweeper: Make) -> None:
    result = sweeper("ggbbg").sweep()
    assert moves(result) == [("introduced", "1.1", "1.2"), ("fixed", "1.3", "1.4")]
    mark = result.transitions[0].mark
    assert (mark.function, mark.access, mark.kind) == ("store_then_step", "store32+0", DefectKind.WRITEBACK_POST)
    assert [point.version for point in result.transitions[0].suspects] == ["1.2"]


def test_what_was_not_seen_where_another_function_is_bad_is_no_transition(sweeper: Make) -> None:
    made = sweeper("bgb")
    real = made.wiring.judge()

    def judge(case: Case, object_code: bytes, profile: Profile, _printed: object = None) -> Judgement:
        found, shown = real(case, object_code, profile), a_judgement(Verdict.BAD)
        if found.verdict is Verdict.GOOD:
            return shown
        function, defect = shown.functions[0], shown.functions[0].defects[0]
        escaped = replace(defect, kind=DefectKind.ESCAPES, access=None)
        other = replace(function, function="other", defects=(replace(defect, function="other"),))
        return shown.of_functions([replace(function, defects=(), unseen=(escaped,)), other])

    told = [(move.mark.function, move.change.value, move.first.version) for move in made.sweep(judge=judge).transitions]
    assert told == [("other", "fixed", "1.1"), ("other", "introduced", "1.2")]


def test_untestable_points_beside_a_transition_are_suspects(sweeper: Make) -> None:
    (move,) = sweeper("gxxb").sweep().transitions
    assert [point.version for point in move.suspects] == ["1.1", "1.2", "1.3"]


def test_only_the_defects_asked_for_count(sweeper: Make) -> None:
    assert sweeper("gb").sweep(defects=frozenset({DefectKind.PAIR})).transitions == ()


def test_the_second_time_nothing_is_compiled_or_begun(sweeper: Make) -> None:
    made, watcher = sweeper("ggb"), Watcher()
    first = made.sweep()
    again = made.sweep(watcher)
    assert again.cost.cells_compiled == again.cost.toolchains_fetched == 0
    assert watcher.begun_points == []
    assert watcher.finished_points == ["1.0", "1.1", "1.2"]
    assert all(probe.from_history for probe in watcher.probes)
    assert again.transitions == first.transitions


def test_only_what_is_missing_is_compiled(sweeper: Make) -> None:
    made = sweeper("ggb")
    made.sweep(levels=(OptLevel.O1,))
    result = made.sweep(levels=(OptLevel.O1, OptLevel.O2))
    assert result.cost.cells_compiled == 3
    assert [probe.from_history for probe in result.probes] == [True, False] * 3


def test_with_transitions_a_grid_is_probed_and_refined_where_neighbours_differ(sweeper: Make) -> None:
    made = sweeper("g" * 17 + "b" * 8)
    result = made.sweep(transitions=True)
    assert moves(result) == [("introduced", "1.16", "1.17")]
    probed = {probe.point.version for probe in result.probes}
    assert {"1.0", "1.5", "1.10", "1.15", "1.20", "1.24"} < probed
    assert len(result.unprobed) == 25 - len(probed)
    assert len(probed) <= 6 + 3
    assert set(made.script.compiled) == probed


def test_with_transitions_what_history_knows_is_used_off_the_grid_too(sweeper: Make) -> None:
    made = sweeper("g" * 16 + "b" + "g" * 8)
    points = made.request().points
    made.sweep(points=points[16:17])
    assert moves(made.sweep(transitions=True)) == [("introduced", "1.15", "1.16"), ("fixed", "1.16", "1.17")]


@pytest.mark.parametrize("error", [DownloadError("no answer"), SandboxError("no daemon")])
def test_a_passing_fault_is_tried_again(sweeper: Make, error: MmioBisectError) -> None:
    made = sweeper("gb")
    made.script.failure = error

    def mend() -> None:
        made.script.failure = None

    watcher = Watcher(on_retry=mend)
    result = made.sweep(watcher)
    assert watcher.retries == [0.001]
    assert result.failed == ()
    assert len(result.probes) == 2


def test_a_toolchain_that_cannot_be_had_does_not_stop_the_others(sweeper: Make) -> None:
    made, watcher = sweeper("ggbb"), Watcher()
    made.sweep(points=made.request().points[:1])
    made.script.failure = DownloadError("no answer")
    made.sweep(watcher, points=made.request().points[1:2])
    assert watcher.retries == [0.001, 0.002]
    result = made.sweep(watcher)
    assert [failed.point.version for failed in result.failed] == ["1.1", "1.2", "1.3"]
    assert [probe.point.version for probe in result.probes] == ["1.0"]
    assert {type(failed.error) for failed in result.failed} == {DownloadError}
    made.script.failure = None
    assert moves(made.sweep()) == [("introduced", "1.1", "1.2")]


def test_a_toolchain_that_is_not_to_be_had_fails_nothing_and_is_untestable(sweeper: Make) -> None:
    swept = sweeper("gmlb")
    result = swept.sweep()
    assert result.failed == ()
    assert [probe.judgement.reason for probe in result.probes if probe.judgement.reason] == [
        "no toolchain: zig@1.1 was never published",
        "no toolchain: zig@1.2 was never published",
    ]
    assert [[point.version for point in move.suspects] for move in result.transitions] == [["1.1", "1.2", "1.3"]]
    swept.sweep()
    assert swept.script.asked_in_vain == ["1.1", "1.2", "1.2"]
    swept.sweep(ask_again=True)
    assert sorted(swept.script.asked_in_vain) == ["1.1", "1.1", "1.2", "1.2", "1.2"]


def test_a_failed_point_is_no_verdict_but_what_is_known_of_it_counts(sweeper: Make) -> None:
    made = sweeper("gb")
    points = made.request().points
    made.sweep(levels=(OptLevel.O1,))
    made.wiring.store().prune(keep_bytes=0)
    made.script.failure = DownloadError("no answer")
    result = made.sweep(levels=(OptLevel.O1, OptLevel.O2))
    assert [failed.point for failed in result.failed] == list(points)
    assert {probe.request.opt for probe in result.probes} == {OptLevel.O1}
    assert [move.request.opt for move in result.transitions] == [OptLevel.O1]


def test_what_is_wrong_on_our_side_ends_the_sweep(sweeper: Make) -> None:
    made = sweeper("gggg")
    made.script.failure = DiskFullError("no space")
    with pytest.raises(DiskFullError):
        made.sweep()


def test_an_interrupt_keeps_what_is_done(sweeper: Make) -> None:
    made = sweeper("gggb")

    def interrupt(probe: Probe) -> None:
        if probe.point.version == "1.1":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.sweep(Watcher(on_probe=interrupt))
    done = len(made.script.compiled)
    assert 2 <= done < 4
    assert made.sweep().cost.cells_compiled == 4 - done


def test_an_interrupt_does_not_wait_for_a_back_off(sweeper: Make) -> None:
    made, waiting = sweeper("gg"), threading.Event()
    made.sweep(points=made.request().points[1:])
    made.script.failure = DownloadError("no answer")

    def interrupt(_: Probe) -> None:
        assert waiting.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.sweep(Watcher(on_probe=interrupt, on_retry=waiting.set), levels=(OptLevel.O3,), back_off=(3600.0,), jobs=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("probe")]


def test_the_plan_counts_what_is_known_to_compile_and_to_fetch(sweeper: Make) -> None:
    made = sweeper("ggbb")
    request, store = made.request(levels=(OptLevel.O1, OptLevel.O2)), made.wiring.store()
    plan = forecast(request, made.history, store)
    assert (plan.known, plan.to_compile, len(plan.to_fetch), plan.bytes_to_fetch) == (0, 8, 4, None)
    made.sweep(points=request.points[:2])
    plan = forecast(request, made.history, store)
    assert (plan.known, plan.to_compile) == (2, 6)
    assert [point.version for point in plan.to_fetch] == ["1.2", "1.3"]
    assert plan.bytes_to_fetch == 6  # each toolchain here is a file of three bytes
    assert made.script.fetched == ["1.0", "1.1"]


def test_the_plan_of_transitions_is_the_grid_and_says_what_may_follow(sweeper: Make) -> None:
    made = sweeper("g" * 9)
    plan = forecast(made.request(transitions=True), made.history, made.wiring.store())
    assert [point.version for point in plan.points] == ["1.0", "1.3", "1.6", "1.8"]
    assert plan.may_follow == 5


def test_one_point_named_twice_is_a_range(sweeper: Make) -> None:
    listing = sweeper("ggg").wiring.source("zig").listing()
    found = swept_range(parse_range("zig:1.1..1.1"), listing)
    assert [point.version for point in found.points] == ["1.1"]
    assert len(swept_range(parse_range("zig"), listing).points) == 3
    assert len(swept_range(parse_range("zig"), sweeper("g").wiring.source("zig").listing()).points) == 1
    assert swept_range(parse_range("zig:1.2..1.0"), listing).reversed
    with pytest.raises(UnknownVersionError):
        swept_range(parse_range("zig:7..7"), listing)


def test_a_sweep_over_several_architectures_names_the_profile_of_each(sweeper: Make) -> None:
    one = sweeper("bg").request()
    requests = [replace(one.requests[0], target=TARGETS[name]) for name in ("aarch64", "x86_64", "i386")]
    profiles = profiles_by_target(DEFAULT_PROFILE, requests)
    assert profiles == {"aarch64": "arm-isv", "x86_64": "kvm-x86", "i386": "kvm-x86"}
    nothing = SweepResult(probes=(), transitions=(), failed=(), unprobed=one.points, cost=Cost())

    def heading(names: Mapping[str, str]) -> str:
        return sweep_text(nothing, requests=requests, points=one.points, profiles=names, width=80).plain

    assert heading(profiles).startswith("Judged: aarch64 by arm-isv; x86_64, i386 by kvm-x86.\n")
    assert "Judged" not in heading({"aarch64": "arm-isv"})
