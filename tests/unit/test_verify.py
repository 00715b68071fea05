"""A culprit is looked at twice: what confirms it, what refutes it, and when nobody looks."""

from dataclasses import replace
from pathlib import Path

import pytest
from history_values import a_judgement, an_object
from memory_history import MemoryHistory
from report_values import probe
from scripted_wiring import Script, scripted

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.answer import Change, Contradiction, Culprit
from mmio_bisect.domain.outcome import CellRequest, Verdict
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.run import CellAnswer, Probe, VerifyMode
from mmio_bisect.report.terminal.progress import Watcher
from mmio_bisect.workflow.bisect.hunt import HuntRequest, hunt
from mmio_bisect.workflow.bisect.verify import Again, verify_answer
from mmio_bisect.workflow.probing.probe import Adapters


class Bisection:
    """The same range again and again, with one history; what the compilers do may change in between."""

    def __init__(self, folder: Path) -> None:
        self.does = {f"1.{place}": "good" if place < 4 else "bad" for place in range(8)}
        self.script = Script(self.does)
        self._wiring = scripted(self.script, Settings(store=folder / "store"))
        self._history = MemoryHistory()

    def __call__(self, *, verify: VerifyMode = VerifyMode.AUTO, changed: bool = False) -> CellAnswer:
        source = self._wiring.source("zig")
        case = self._wiring.recipes().find("store_then_step.c").cases[0]
        tools = Adapters(
            source=source,
            store=self._wiring.store(),
            sandbox=self._wiring.local_sandbox(),
            judge=self._wiring.judge(),
            history=self._history,
        )
        request = HuntRequest(
            requests=(CellRequest(case=case, target=TARGETS["aarch64"], opt=OptLevel.O2),),
            points=source.listing().points,
            profile=ARM_ISV,
            jobs=1,
            verify=verify,
            changed=changed,
            render=lambda _head, _number, answers, _cost: str(answers[0].verification),
        )
        (answer,) = hunt(request, tools, Watcher()).answers
        return answer


@pytest.fixture
def bisect(tmp_path: Path) -> Bisection:
    return Bisection(tmp_path)


@pytest.mark.parametrize("changed", [False, True])
def test_both_neighbours_are_compiled_again_and_confirm_the_culprit(bisect: Bisection, changed: bool) -> None:
    found = bisect(changed=changed)
    assert isinstance(found.answer, Culprit)
    assert found.verification is not None
    assert (found.verification.confirmed, found.verification.compiles) == (True, 2)
    assert bisect.script.compiled[-2:] == ["1.3", "1.4"]


def test_an_answer_out_of_history_is_not_looked_at_again_unless_asked(bisect: Bisection) -> None:
    bisect()
    compiled = len(bisect.script.compiled)
    assert bisect().verification is None
    assert len(bisect.script.compiled) == compiled
    again = bisect(verify=VerifyMode.ALWAYS)
    assert again.verification is not None
    assert len(bisect.script.compiled) == compiled + 2


def test_nobody_looks_where_it_is_not_wanted(bisect: Bisection) -> None:
    assert bisect(verify=VerifyMode.NEVER).verification is None


def test_equal_code_on_both_sides_refutes_the_culprit(bisect: Bisection) -> None:
    bisect(verify=VerifyMode.NEVER)
    bisect.does["1.4"] = "good"
    found = bisect(verify=VerifyMode.ALWAYS)
    assert isinstance(found.answer, Contradiction)
    assert [(point.version, verdict) for point, verdict in found.answer.witnesses] == [
        ("1.3", Verdict.GOOD),
        ("1.4", Verdict.GOOD),
    ]
    assert found.verification is not None
    assert found.verification.why == "zig@1.3 and zig@1.4, compiled again, make the same object"


def test_a_neighbour_that_does_otherwise_now_refutes_it_too(bisect: Bisection) -> None:
    bisect(verify=VerifyMode.NEVER)
    bisect.does["1.3"], bisect.does["1.4"] = "bad", "good"
    found = bisect(verify=VerifyMode.ALWAYS)
    assert isinstance(found.answer, Contradiction)
    assert found.verification is not None
    assert not found.verification.confirmed
    assert "zig@1.3 was good, and is bad when it is compiled again" in found.verification.why


def test_a_neighbour_that_cannot_be_judged_now_leaves_the_culprit_unverified(bisect: Bisection) -> None:
    bisect(verify=VerifyMode.NEVER)
    bisect.does["1.3"] = "no such builtin"
    found = bisect(verify=VerifyMode.ALWAYS)
    assert isinstance(found.answer, Culprit)
    assert found.verification is not None
    assert not found.verification.confirmed
    assert found.verification.why.startswith("zig@1.3 cannot be judged when it is compiled again (rejected: ")


def test_equal_accesses_refute_a_culprit_unless_code_was_what_was_looked_for() -> None:
    last, first = (
        probe(version, "18.1.6", replace(a_judgement(verdict), fingerprint=version, behaviour="the same"))
        for version, verdict in (("0.9.0", Verdict.GOOD), ("0.10.0", Verdict.BAD))
    )
    culprit = Culprit(change=Change.INTRODUCED, last=last.point, first=first.point)
    answer = CellAnswer(request=last.request, answer=culprit, probes=(last, first))

    def again(one: Probe) -> Again:
        return Again(outcome=an_object(str(one.point).encode()), judgement=one.judgement)

    refuted = verify_answer(answer, again, lambda found: found, forced=True, by_code=False)
    assert isinstance(refuted.answer, Contradiction)
    assert refuted.verification is not None
    assert refuted.verification.why.endswith("access the window by the same instructions in the same orders")
    assert verify_answer(answer, again, lambda found: found, forced=True, by_code=True).answer == culprit


def side(version: str, verdict: Verdict) -> Probe:
    judgement = replace(a_judgement(verdict), fingerprint=version, behaviour=version)
    return replace(probe(version, "18.1.6", judgement), outcome=an_object(version.encode()))


LAST, FIRST = side("0.9.0", Verdict.GOOD), side("0.10.0", Verdict.BAD)


def verified(last: Again, first: Again, *, forced: bool = True, history: frozenset[str] = frozenset()) -> CellAnswer:
    probes = tuple(replace(one, from_history=one.point.version in history) for one in (LAST, FIRST))
    culprit = Culprit(change=Change.INTRODUCED, last=LAST.point, first=FIRST.point)
    again = {LAST.point: last, FIRST.point: first}
    return verify_answer(
        CellAnswer(request=LAST.request, answer=culprit, probes=probes),
        lambda one: again[one.point],
        lambda found: found,
        forced=forced,
        by_code=False,
    )


def again(one: Probe, data: bytes | None = None, *, built: bool = False, reproduced: bool = True) -> Again:
    outcome = one.outcome if data is None else an_object(data)
    return Again(outcome=outcome, judgement=one.judgement, built=built, reproduced=reproduced)


@pytest.mark.parametrize(
    ("last", "first", "why", "builds"),
    [
        (
            again(LAST),
            again(FIRST),
            "both neighbours were compiled again: the same two objects, which differ from each other",
            0,
        ),
        (
            again(LAST, built=True),
            again(FIRST, built=True),
            "both neighbours were built and compiled again: the same two objects, which differ from each other",
            2,
        ),
        (
            again(LAST, built=True),
            again(FIRST, b"new"),
            (
                "both neighbours were compiled again: other objects than before (they are not reproducible), the same "
                "verdicts"
            ),
            1,
        ),
        (
            again(LAST, built=True, reproduced=False),
            again(FIRST, built=True),
            (
                "both neighbours were built and compiled again (they are not the same compilers as before: their "
                "builds are not reproducible): the same two objects, which differ from each other"
            ),
            2,
        ),
    ],
)
def test_what_confirms_a_culprit_is_said(last: Again, first: Again, why: str, builds: int) -> None:
    verification = verified(last, first).verification
    assert verification is not None
    assert (verification.confirmed, verification.why) == (True, why)
    assert (verification.compiles, verification.builds) == (2, builds)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fingerprint": LAST.judgement.fingerprint}, "make the same code of the functions under test"),
        ({"behaviour": LAST.judgement.behaviour}, "access the window by the same instructions in the same orders"),
        ({"fingerprint": None, "behaviour": None}, None),
    ],
)
def test_equal_sides_refute_and_what_is_not_known_of_them_does_not(
    change: dict[str, str | None], why: str | None
) -> None:
    first = Again(outcome=FIRST.outcome, judgement=replace(FIRST.judgement, **change))  # type: ignore[arg-type]
    last = again(LAST)
    if why is None:
        last = replace(last, judgement=replace(last.judgement, fingerprint=None, behaviour=None))
    found = verified(last, first)
    assert isinstance(found.answer, Culprit if why is None else Contradiction)
    assert found.verification is not None
    assert found.verification.confirmed == (why is None)
    if why is not None:
        assert found.verification.why == f"zig@0.9.0 and zig@0.10.0, compiled again, {why}"


def test_a_side_that_cannot_be_judged_refutes_nothing_and_is_named_with_its_reason() -> None:
    blind = replace(FIRST.judgement, verdict=Verdict.UNTESTABLE, reason="a pointer is lost")
    found = verified(again(LAST), replace(again(FIRST, built=True), judgement=blind))
    assert isinstance(found.answer, Culprit)
    assert found.verification is not None
    assert (found.verification.confirmed, found.verification.compiles, found.verification.builds) == (False, 2, 1)
    assert found.verification.why == (
        "zig@0.10.0 cannot be judged when it is built and compiled again (a pointer is lost)"
    )
    nameless = verified(again(LAST), replace(again(FIRST), judgement=replace(blind, reason=None))).verification
    assert nameless is not None
    assert nameless.why == "zig@0.10.0 cannot be judged when it is compiled again"


def test_one_side_that_this_run_compiled_is_enough_to_look_again() -> None:
    sides = again(LAST), again(FIRST)
    assert verified(*sides, forced=False, history=frozenset({"0.9.0"})).verification is not None
    assert verified(*sides, forced=False, history=frozenset({"0.9.0", "0.10.0"})).verification is None
    assert verified(*sides, forced=True, history=frozenset({"0.9.0", "0.10.0"})).verification is not None
