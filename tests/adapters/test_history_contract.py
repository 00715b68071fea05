"""What every `History` promises: the database and the fake that tests above the port work with."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from history_values import (
    a_case,
    a_cell,
    a_head,
    a_judgement,
    a_point,
    a_probe,
    a_rejection,
    a_toolchain,
    an_object,
    outcome_of,
)
from memory_history import MemoryHistory

from mmio_bisect.adapters.history import rows, toolchains
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.outcome import Outcome, Verdict
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.run import Cost
from mmio_bisect.errors import UnknownRunError
from mmio_bisect.workflow.ports.history import History


@pytest.fixture(
    params=["memory", "sqlite file", "sqlite memory", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    with ExitStack() as stack:
        match request.param:
            case "memory":
                yield MemoryHistory()
            case "sqlite file":
                yield stack.enter_context(SqlHistory(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")))
            case "sqlite memory":
                yield stack.enter_context(SqlHistory(open_history_database("sqlite://")))
            case "postgresql":
                yield stack.enter_context(SqlHistory(open_history_database(request.getfixturevalue("postgresql")())))


def begin_run(history: History) -> int:
    return history.begin_run(
        a_head(
            case=a_case(),
            series="zig",
            first=a_point("0.12.1"),
            last=a_point("0.14.0"),
            profile="arm-isv",
            argv=("run", "store", "zig:0.12..0.14"),
        )
    )


class TestToolchains:
    def test_a_point_never_seen_has_no_toolchain(self, history: History) -> None:
        assert history.toolchain_of(a_point()) is None

    def test_a_point_is_the_toolchain_it_became(self, history: History) -> None:
        history.remember_toolchain(a_point(), a_toolchain())
        assert history.toolchain_of(a_point()) == a_toolchain()
        assert history.toolchain_of(a_point("0.14.0")) is None

    def test_the_points_with_a_toolchain_are_known_by_series(self, history: History) -> None:
        assert history.remembered("zig") == frozenset()
        for point in (a_point("0.14.0"), a_point("0.13.0"), a_point("18.1", series="clang")):
            history.remember_toolchain(point, a_toolchain())
        history.remember_toolchain(a_point("0.14.0"), a_toolchain("another"))
        assert history.remembered("zig") == {"0.13.0", "0.14.0"}

    def test_a_point_that_became_another_toolchain_is_the_later_one(self, history: History) -> None:
        for name in ("for x86", "for arm", "for x86"):
            history.remember_toolchain(a_point(), a_toolchain(name))
            assert history.toolchain_of(a_point()) == a_toolchain(name)

    def test_a_point_that_became_another_toolchain_while_the_clock_was_back_is_the_later_one_too(
        self, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rows, "now", lambda: "2036-01-01T00:00:00.000000+00:00")
        monkeypatch.setattr(toolchains, "now", rows.now)
        history.remember_toolchain(a_point(), a_toolchain("first"))
        monkeypatch.undo()
        for name in ("second", "first", "third"):
            history.remember_toolchain(a_point(), a_toolchain(name))
            assert history.toolchain_of(a_point()) == a_toolchain(name)

    def test_one_toolchain_may_be_several_points(self, history: History) -> None:
        cell = a_cell()
        for point in (a_point("0.14.0"), a_point("0.13.0"), a_point("18.1", series="clang")):
            history.remember_toolchain(point, cell.toolchain)
        history.record([(cell, an_object())])
        found = history.outcome(cell.key).points
        assert [str(point) for point in found] == ["clang@18.1", "zig@0.13.0", "zig@0.14.0"]

    def test_a_points_place_in_its_series_is_brought_up_to_date(self, history: History) -> None:
        cell = a_cell()
        history.remember_toolchain(a_point(), cell.toolchain)
        moved = replace(a_point(), sort_key="moved")
        history.remember_toolchain(moved, cell.toolchain)
        history.record([(cell, an_object())])
        assert history.outcome(cell.key).points == (moved,)


class TestOutcomes:
    def test_a_cell_never_compiled_has_no_outcome(self, history: History) -> None:
        assert outcome_of(history, a_cell()) is None

    @pytest.mark.parametrize("outcome", [an_object(), an_object(b""), a_rejection()])
    def test_an_outcome_is_kept_as_it_was(self, history: History, outcome: Outcome) -> None:
        history.record([(a_cell(), outcome)])
        assert outcome_of(history, a_cell()) == outcome
        assert outcome_of(history, a_cell(opt=OptLevel.O3)) is None

    def test_the_first_outcome_of_a_cell_stays(self, history: History) -> None:
        history.record([(a_cell(), an_object())])
        history.record([(a_cell(), a_rejection())])
        assert outcome_of(history, a_cell()) == an_object()

    def test_correcting_an_expectation_compiles_nothing(self, history: History) -> None:
        history.record([(a_cell(), an_object())])
        corrected = a_case(directive=b"//mmio: fn=store(mmio) accesses=store32+0\n")
        assert outcome_of(history, a_cell(case=corrected)) == an_object()

    def test_a_record_has_all_that_the_outcome_came_from(self, history: History) -> None:
        cell = a_cell()
        history.remember_toolchain(a_point(), cell.toolchain)
        history.record([(cell, an_object())])
        history.record([], [(cell, an_object(), a_judgement(rules=1))])
        history.record([], [(cell, an_object(), a_judgement(Verdict.GOOD, rules=2))])
        record = history.outcome(cell.key)
        assert (record.cell_key, record.recipe, record.language) == (cell.key, "store", "c")
        assert record.case_text == cell.request.case.text
        assert record.points == (a_point(),)
        assert record.toolchain == cell.toolchain
        assert (record.triple, record.opt, record.flags) == (cell.triple, "2", cell.flags)
        assert record.outcome == an_object()
        assert record.judgements == (a_judgement(rules=1), a_judgement(Verdict.GOOD, rules=2))
        assert record.recorded.endswith("+00:00")

    def test_a_record_without_an_object_has_no_judgements(self, history: History) -> None:
        history.record([(a_cell(), a_rejection())])
        assert history.outcome(a_cell().key).judgements == ()

    def test_an_outcome_is_found_by_any_unambiguous_beginning_of_its_key(self, history: History) -> None:
        key = a_cell().key
        history.record([(a_cell(), an_object())])
        digits = key.removeprefix("sha256:")
        for wanted in (key, digits, digits[:1], digits[:12].upper(), f"sha256:{digits[:5]}"):
            assert history.outcome(wanted).cell_key == key

    def test_a_beginning_that_fits_several_says_how_many(self, history: History) -> None:
        cells = [a_cell(toolchain=a_toolchain(str(number))) for number in range(40)]
        for cell in cells:
            history.record([(cell, an_object())])
        first = cells[0].key.removeprefix("sha256:")[0]
        count = sum(cell.key.startswith(f"sha256:{first}") for cell in cells)
        assert count > 1
        with pytest.raises(UnknownRunError, match=f"^{count} outcomes in history begin with {first}"):
            history.outcome(first)

    @pytest.mark.parametrize("wanted", ["", "sha256:", "xyz", "f" * 64, "0" * 65, "%", "_"])
    def test_what_begins_no_key_is_unknown(self, history: History, wanted: str) -> None:
        history.record([(a_cell(), an_object())])
        with pytest.raises(UnknownRunError):
            history.outcome(wanted)


class TestListings:
    def test_outcomes_come_newest_first(self, history: History) -> None:
        cells = [a_cell(toolchain=a_toolchain(str(number))) for number in range(4)]
        for cell in cells:
            history.record([(cell, an_object())])
        newest_first = [cell.key for cell in reversed(cells)]
        assert [record.cell_key for record in history.outcomes()] == newest_first

    def test_outcomes_are_chosen_by_run(self, history: History) -> None:
        other_case = a_case(recipe="load", source=b"int load(volatile int *p) { return *p; }\n")
        probed, other = a_cell(), a_cell(case=other_case)
        for cell in (probed, other):
            history.record([(cell, an_object())])
        run = begin_run(history)
        history.record_probe(run, a_probe(probed, an_object()))
        assert {record.cell_key for record in history.outcomes()} == {probed.key, other.key}
        assert {record.cell_key for record in history.outcomes(run=run)} == {probed.key}

    def test_a_listing_may_be_written_to_while_it_is_read(self, history: History) -> None:
        cells = [a_cell(toolchain=a_toolchain(str(number))) for number in range(3)]
        for cell in cells:
            history.record([(cell, an_object())])
        for record, cell in zip(history.outcomes(), reversed(cells), strict=True):
            history.record([], [(cell, record.outcome, a_judgement())])

    def test_outcomes_of_an_unknown_run_are_refused(self, history: History) -> None:
        with pytest.raises(UnknownRunError, match="no run 9"):
            list(history.outcomes(run=9))


class TestJudgements:
    def test_what_was_not_judged_has_no_judgement(self, history: History) -> None:
        history.record([(a_cell(), an_object())])
        assert history.judgement_of(a_cell(), an_object(), "arm-isv", 1) is None

    def test_a_judgement_is_of_a_profile_and_rules(self, history: History) -> None:
        history.record([(a_cell(), an_object())])
        history.record([], [(a_cell(), an_object(), a_judgement())])
        assert history.judgement_of(a_cell(), an_object(), "arm-isv", 1) == a_judgement()
        assert history.judgement_of(a_cell(), an_object(), "xen-arm", 1) is None
        assert history.judgement_of(a_cell(), an_object(), "arm-isv", 2) is None

    def test_the_first_judgement_stays(self, history: History) -> None:
        history.record([(a_cell(), an_object())])
        history.record([], [(a_cell(), an_object(), a_judgement(Verdict.BAD))])
        history.record([], [(a_cell(), an_object(), a_judgement(Verdict.GOOD))])
        assert history.judgement_of(a_cell(), an_object(), "arm-isv", 1) == a_judgement(Verdict.BAD)

    def test_equal_objects_are_judged_once_whichever_toolchain_made_them(self, history: History) -> None:
        first, second = a_cell(), a_cell(toolchain=a_toolchain("0.14.0"))
        history.record([(first, an_object())])
        history.record([], [(first, an_object(), a_judgement())])
        history.record([(second, an_object())])
        assert history.judgement_of(second, an_object(), "arm-isv", 1) == a_judgement()
        assert history.judgement_of(second, an_object(b"other"), "arm-isv", 1) is None

    def test_another_expectation_is_judged_anew(self, history: History) -> None:
        history.record([(a_cell(), an_object())])
        history.record([], [(a_cell(), an_object(), a_judgement())])
        case = a_case()
        other = replace(case, functions=(replace(case.functions[0], symbol="other"),))
        assert history.judgement_of(a_cell(case=other), an_object(), "arm-isv", 1) is None

    def test_an_outcome_without_an_object_keeps_no_judgement(self, history: History) -> None:
        history.record([(a_cell(), a_rejection())])
        history.record([], [(a_cell(), a_rejection(), a_judgement(Verdict.UNTESTABLE))])
        assert history.judgement_of(a_cell(), a_rejection(), "arm-isv", 1) is None


class TestRuns:
    def test_a_run_is_there_from_its_beginning(self, history: History) -> None:
        record = history.run(begin_run(history))
        assert (record.recipe, record.case, record.series, record.profile) == ("store", "store.c", "zig", "arm-isv")
        assert (record.first, record.last) == ("0.12.1", "0.14.0")
        assert record.argv == ("run", "store", "zig:0.12..0.14")
        assert record.started.endswith("+00:00")
        assert (record.finished, record.document) == (None, None)

    def test_a_finished_run_has_its_document(self, history: History) -> None:
        run = begin_run(history)
        cell = a_cell()
        history.record([(cell, an_object())])
        probe = a_probe(cell, an_object())
        history.record_probe(run, probe)
        history.finish_run(run, Cost(cells_compiled=1), '{"schema": 1}')
        record = history.run(run)
        assert record.document == '{"schema": 1}'
        assert record.finished is not None
        assert record.finished >= record.started

    def test_runs_come_newest_first(self, history: History) -> None:
        runs = [begin_run(history) for _ in range(3)]
        assert [record.id for record in history.runs(limit=10)] == runs[::-1]
        assert [record.id for record in history.runs(limit=2)] == runs[:0:-1]

    def test_an_unknown_run_is_refused_by_its_number(self, history: History) -> None:
        with pytest.raises(UnknownRunError, match="no run 9"):
            history.run(9)
        with pytest.raises(UnknownRunError, match="no run 9"):
            history.record_probe(9, a_probe(a_cell(), an_object()))
        with pytest.raises(UnknownRunError, match="no run 9"):
            history.finish_run(9, Cost(), "{}")
