"""A hunt over scripted compilers: several levels, several workers, resumption, cancellation, faults."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from memory_history import MemoryHistory
from scripted_wiring import Script, ScriptedWiring, scripted

from mmio_bisect.adapters.held_folder import remove_tree
from mmio_bisect.adapters.recipes.recipe_files import shipped_folder
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.access import Defect, DefectKind
from mmio_bisect.domain.answer import Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import CellRequest, Judgement
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import Case, OptLevel
from mmio_bisect.domain.run import CellAnswer, Probe, VerifyMode
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import DownloadError, MmioBisectError, NothingTestableError, SandboxError
from mmio_bisect.workflow.bisect.hunt import HuntRequest, HuntResult, hunt
from mmio_bisect.workflow.ports.judge import Judge
from mmio_bisect.workflow.probing.probe import Adapters


@dataclass(slots=True)
class Watcher:
    """Events, noted; `on_probe` and `on_retry` may interfere."""

    on_probe: Callable[[Probe], None] = lambda _: None
    on_retry: Callable[[], None] = lambda: None
    retries: list[float] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    dropped_points: list[Point] = field(default_factory=list)

    def begun(self, point: Point) -> None:
        pass

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

    def dropped(self, point: Point) -> None:
        self.dropped_points.append(point)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    found = ScriptedWiring(Settings(store=tmp_path), Script({})).recipes().find("store_then_step.c")
    assert shipped_folder().is_dir()
    return found.cases[0]


def script(text: str) -> Script:
    """`g` good, `b` bad, `x` rejected, `m` missing for good, `l` late, `d` dead; one version a letter."""
    words = {"g": "good", "b": "bad", "x": "no such builtin", "m": "missing", "l": "late", "d": "dead"}
    return Script({f"1.{place}": words[letter] for place, letter in enumerate(text)})


def run(
    compilers: Script,
    case: Case,
    folder: Path,
    *,
    history: MemoryHistory | None = None,
    watcher: Watcher | None = None,
    levels: Sequence[OptLevel] = (OptLevel.O2,),
    jobs: int = 1,
    judge: Judge | None = None,
    **options: object,
) -> HuntResult:
    wiring = scripted(compilers, Settings(store=folder / "store"))
    source = wiring.source("zig")
    tools = Adapters(
        source=source,
        store=wiring.store(),
        sandbox=wiring.local_sandbox(),
        judge=judge or wiring.judge(),
        history=history or MemoryHistory(),
    )
    request = HuntRequest(
        requests=tuple(CellRequest(case=case, target=TARGETS["aarch64"], opt=level) for level in levels),
        points=source.listing().points,
        profile=ARM_ISV,
        jobs=jobs,
        back_off=(0.001, 0.002),
        verify=VerifyMode.NEVER,
        render=lambda _, number, answers, cost: f"{number} {len(answers)} {cost.cells_compiled}",
    )
    return hunt(replace(request, **options), tools, watcher or Watcher())  # type: ignore[arg-type]


def the_answer(result: HuntResult) -> CellAnswer:
    (answer,) = result.answers
    return answer


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize(("text", "change"), [("ggggggggbbbbbb", "introduced"), ("bbbggggggggggg", "fixed")])
def test_the_culprit_is_found(case: Case, tmp_path: Path, text: str, change: str, jobs: int) -> None:
    answer = the_answer(run(script(text), case, tmp_path, jobs=jobs)).answer
    assert isinstance(answer, Culprit)
    boundary = text.index("b") if change == "introduced" else text.index("g")
    assert answer.change is Change(change)
    assert (answer.last.version, answer.first.version) == (f"1.{boundary - 1}", f"1.{boundary}")


def test_one_worker_needs_no_more_probes_than_promised(case: Case, tmp_path: Path) -> None:
    compilers = script("g" * 7 + "b" * 13)
    result = run(compilers, case, tmp_path)
    assert len(compilers.compiled) <= 7
    assert result.cost.cells_compiled == len(compilers.compiled)
    assert result.cost.toolchains_fetched == len(compilers.fetched)


def test_the_second_time_nothing_is_compiled_or_fetched(case: Case, tmp_path: Path) -> None:
    compilers, history = script("gggbbb"), MemoryHistory()
    first = run(compilers, case, tmp_path, history=history)
    done = len(compilers.compiled)
    second = run(compilers, case, tmp_path, history=history)
    assert the_answer(second).answer == the_answer(first).answer
    assert len(compilers.compiled) == done
    assert second.cost.cells_compiled == second.cost.toolchains_fetched == 0
    assert all(probe.from_history for probe in the_answer(second).probes)


def test_correcting_the_expectation_compiles_nothing(case: Case, tmp_path: Path) -> None:
    compilers, history = script("gggbbb"), MemoryHistory()
    run(compilers, case, tmp_path, history=history)
    done = len(compilers.compiled)
    corrected = replace(case, text=case.text + b"//mmio: opt=2\n")
    assert corrected.digest != case.digest
    blanked = replace(corrected, text=case.text.replace(b"store32+4", b"store32+8"))
    again = run(compilers, blanked, tmp_path, history=history)
    assert len(compilers.compiled) == done
    assert again.cost.cells_compiled == 0


def test_all_levels_of_a_point_are_compiled_in_one_batch(case: Case, tmp_path: Path) -> None:
    compilers = script("gggggbbb")
    levels = (OptLevel.O1, OptLevel.O2, OptLevel.OS)
    result = run(compilers, case, tmp_path, levels=levels)
    assert len(result.answers) == 3
    assert {answer.answer for answer in result.answers} == {result.answers[0].answer}
    assert len(compilers.compiled) == 3 * len(set(compilers.compiled))
    assert len(compilers.fetched) == len(set(compilers.fetched))


def test_equal_ends_are_no_change_and_the_inside_is_left_alone(case: Case, tmp_path: Path) -> None:
    answer = the_answer(run(script("bbbbbb"), case, tmp_path)).answer
    assert isinstance(answer, NoChange)
    assert (answer.verdict, answer.unprobed) == ("bad", 4)


def test_untestable_points_beside_the_boundary_are_suspects(case: Case, tmp_path: Path) -> None:
    answer = the_answer(run(script("ggxxbb"), case, tmp_path)).answer
    assert isinstance(answer, Suspects)
    assert [point.version for point in answer.suspects] == ["1.2", "1.3", "1.4"]


def test_a_toolchain_that_is_not_to_be_had_is_an_untestable_point_with_its_reason(case: Case, tmp_path: Path) -> None:
    answer = the_answer(run(script("ggmlbb"), case, tmp_path, jobs=3))
    assert isinstance(answer.answer, Suspects)
    assert [point.version for point in answer.answer.suspects] == ["1.2", "1.3", "1.4"]
    reasons = [probe.judgement.reason for probe in answer.probes if probe.judgement.verdict == "untestable"]
    assert reasons == ["no toolchain: zig@1.2 was never published", "no toolchain: zig@1.3 was never published"]


def test_a_compiler_that_does_not_start_is_an_untestable_point_and_is_asked_again(case: Case, tmp_path: Path) -> None:
    compilers, history = script("ggdbb"), MemoryHistory()
    answer = the_answer(run(compilers, case, tmp_path, history=history))
    assert isinstance(answer.answer, Suspects)
    assert [point.version for point in answer.answer.suspects] == ["1.2", "1.3"]
    (reason,) = {probe.judgement.reason for probe in answer.probes if probe.judgement.verdict == "untestable"}
    assert reason == "no toolchain: zig@1.2 does not start"
    compilers.does = {**compilers.does, "1.2": "bad"}
    assert isinstance(the_answer(run(compilers, case, tmp_path, history=history)).answer, Culprit)


def test_only_what_is_missing_for_good_is_believed_without_asking_again(case: Case, tmp_path: Path) -> None:
    compilers, history = script("gglmbb"), MemoryHistory()
    first = run(compilers, case, tmp_path, history=history)
    assert sorted(compilers.asked_in_vain) == ["1.2", "1.3"]
    again = run(compilers, case, tmp_path, history=history, levels=(OptLevel.O2, OptLevel.O3))
    assert compilers.asked_in_vain.count("1.2") > 1
    assert compilers.asked_in_vain.count("1.3") == 1
    assert again.answers[0].answer == again.answers[1].answer == the_answer(first).answer
    compilers.does = {**compilers.does, "1.2": "good", "1.3": "good"}
    assert isinstance(the_answer(run(compilers, case, tmp_path, history=history)).answer, Suspects)
    found = the_answer(run(compilers, case, tmp_path, history=history, ask_again=True)).answer
    assert isinstance(found, Culprit)
    assert found.last.version == "1.3"


def test_a_toolchain_that_was_there_and_is_gone_stays_what_it_was(case: Case, tmp_path: Path) -> None:
    compilers, history = script("ggbb"), MemoryHistory()
    first = run(compilers, case, tmp_path, history=history)
    compilers.does = dict.fromkeys(compilers.does, "missing")
    both = (OptLevel.O2, OptLevel.O3)
    remove_tree(tmp_path / "store")
    later = run(compilers, case, tmp_path, history=history, levels=both)
    assert later.answers[0].answer == the_answer(first).answer
    assert isinstance(later.answers[1].answer, NothingTestable)


def test_history_that_fits_no_single_boundary_is_a_contradiction(case: Case, tmp_path: Path) -> None:
    history = MemoryHistory()
    run(script("gggbbb"), case, tmp_path, history=history)
    # The newest compiler has become another one, a good one: its point now means another toolchain.
    newest = history.toolchain_of(Point(series="zig", version="1.0", sort_key="0000"))
    assert newest is not None
    history.remember_toolchain(Point(series="zig", version="1.5", sort_key="0005"), newest)
    answer = the_answer(run(script("gggbbb"), case, tmp_path, history=history)).answer
    assert isinstance(answer, Contradiction)
    assert [verdict for _, verdict in answer.witnesses] == ["good", "bad", "good"]


def test_a_case_that_compiles_nowhere_is_an_error_that_quotes_the_compiler(case: Case, tmp_path: Path) -> None:
    with pytest.raises(
        NothingTestableError, match=r"at all of the 4 probed .* \(0 not probed\).*no such builtin.*Mend the recipe"
    ):
        run(script("xxxx"), case, tmp_path)


def test_only_the_defects_asked_for_count(case: Case, tmp_path: Path) -> None:
    post = frozenset({DefectKind.WRITEBACK_POST})
    pair = frozenset({DefectKind.PAIR})
    assert isinstance(the_answer(run(script("gggb"), case, tmp_path, defects=post)).answer, Culprit)
    assert isinstance(the_answer(run(script("gggb"), case, tmp_path, defects=pair)).answer, NoChange)


def test_changed_takes_any_change_of_the_code(case: Case, tmp_path: Path) -> None:
    result = run(script("bbbggg"), case, tmp_path, changed=True, jobs=3)
    answer = the_answer(result).answer
    assert isinstance(answer, Culprit)
    assert (answer.change, answer.first.version) == (Change.INTRODUCED, "1.3")


def test_changed_compares_code_in_which_something_escaped(case: Case, tmp_path: Path) -> None:
    real = ScriptedWiring(Settings(store=tmp_path), Script({})).judge()

    def judge(case: Case, object_code: bytes, profile: Profile, _printed: object = None) -> Judgement:
        found = real(case, object_code, profile)
        escaped = Defect(
            function="store_then_step", access=None, kind=DefectKind.ESCAPES, code=None, position=None,
            instruction=None, why="it is handed to sink",
        )  # fmt: skip
        return found.of_functions([replace(one, defects=(), unseen=(escaped,)) for one in found.functions])

    with pytest.raises(NothingTestableError, match=r"handed to sink\. Let the recipe say more"):
        run(script("bbbggg"), case, tmp_path, judge=judge)
    answer = the_answer(run(script("bbbggg"), case, tmp_path, judge=judge, changed=True)).answer
    assert isinstance(answer, Culprit)
    assert answer.first.version == "1.3"


def test_changed_needs_an_oldest_point_that_makes_an_object(case: Case, tmp_path: Path) -> None:
    with pytest.raises(NothingTestableError, match=r"--changed compares with zig@1\.0"):
        run(script("xbbggg"), case, tmp_path, changed=True)


def test_an_infrastructure_error_is_raised_and_what_was_probed_is_kept(case: Case, tmp_path: Path) -> None:
    compilers, history = script("gggggbbb"), MemoryHistory()

    def pull_the_plug(_: Probe) -> None:
        compilers.failure = DownloadError("the index does not answer")

    with pytest.raises(DownloadError):
        run(compilers, case, tmp_path, history=history, watcher=Watcher(on_probe=pull_the_plug))
    done = len(compilers.compiled)
    assert done == 1
    compilers.failure = None
    result = run(compilers, case, tmp_path, history=history)
    assert isinstance(the_answer(result).answer, Culprit)
    assert len(compilers.compiled) == len(set(compilers.compiled))


def test_a_passing_fault_is_tried_again_and_said(case: Case, tmp_path: Path) -> None:
    compilers = script("ggb")
    compilers.failure = SandboxError("the daemon does not answer")

    def mend() -> None:
        compilers.failure = None

    watcher = Watcher(on_retry=mend)
    assert isinstance(the_answer(run(compilers, case, tmp_path, watcher=watcher)).answer, Culprit)
    assert watcher.retries == [0.001]


def test_an_interrupt_keeps_what_is_done(case: Case, tmp_path: Path) -> None:
    compilers, history = script("gggggbbb"), MemoryHistory()

    def interrupt(_: Probe) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(compilers, case, tmp_path, history=history, watcher=Watcher(on_probe=interrupt), jobs=3)
    before = set(compilers.compiled)
    assert before
    run(compilers, case, tmp_path, history=history)
    assert len(compilers.compiled) == len(set(compilers.compiled))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("probe")]


def test_every_probe_and_the_document_are_recorded(case: Case, tmp_path: Path) -> None:
    history = MemoryHistory()
    result = run(script("gggbbb"), case, tmp_path, history=history)
    assert len(history.probes[result.run]) == len(the_answer(result).probes)
    assert history.run(result.run).document == f"{result.run} 1 {result.cost.cells_compiled}"
