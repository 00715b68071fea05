"""What the database holds: exactly what was put into it, in rows that SQL can ask."""

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    failures,
    judgements,
    objects,
    outcome_of,
    toolchains,
)
from hypothesis import given, settings

from mmio_bisect.adapters.history.archive import SqlHistoryQueries
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import Judgement, Outcome, Verdict
from mmio_bisect.domain.run import CellAnswer, Cost, RunHead
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.errors import CorruptDatabaseError
from mmio_bisect.report.documents.run_documents import run_text

_fresh_number = itertools.count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlHistory]:
    """One database for all examples of a property: each takes a cell or an object of its own."""
    with SqlHistory(open_history_database(f"sqlite:///{tmp_path_factory.mktemp('history') / 'history.db'}")) as history:
        yield history


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def history(file: Path) -> Iterator[SqlHistory]:
    with SqlHistory(open_history_database(f"sqlite:///{file}")) as opened:
        yield opened


def ask(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


ALL_ANSWERS = """SELECT run_id, ordinal, kind, change, last, first, suspects, verdict, unprobed, witnesses
    FROM answers ORDER BY run_id"""
ANSWERS: list[tuple[Answer, tuple[Any, ...]]] = [
    (
        Culprit(change=Change.INTRODUCED, last=a_point("0.12.1"), first=a_point("0.13.0")),
        ("culprit", "introduced", "0.12.1", "0.13.0", ["0.13.0"], None, None, []),
    ),
    (
        Suspects(
            change=Change.FIXED,
            last=a_point("0.12.1"),
            first=a_point("0.14.0"),
            suspects=(a_point("0.13.0"), a_point("0.14.0")),
        ),
        ("suspects", "fixed", "0.12.1", "0.14.0", ["0.13.0", "0.14.0"], None, None, []),
    ),
    (
        NoChange(verdict=Verdict.BAD, oldest=a_point("0.9.0"), newest=a_point("0.17.0"), unprobed=17),
        ("no-change", None, None, None, [], "bad", 17, [["0.9.0", "bad"], ["0.17.0", "bad"]]),
    ),
    (
        Contradiction(witnesses=((a_point("0.9.0"), Verdict.GOOD), (a_point("0.10.0"), Verdict.BAD))),
        ("contradiction", None, None, None, [], None, None, [["0.9.0", "good"], ["0.10.0", "bad"]]),
    ),
    (
        NothingTestable(probed=2, unprobed=3),
        ("nothing-testable", None, None, None, [], None, 3, []),
    ),
]


def finish_a_run(history: SqlHistory, answer: Answer) -> int:
    head = RunHead(
        case=a_case(),
        series="zig",
        first=a_point(),
        last=a_point(),
        reversed=False,
        profile="arm-isv",
        defects=None,
        changed=False,
        argv=(),
    )
    run = history.begin_run(head)
    answers = (CellAnswer(request=a_cell().request, answer=answer, probes=()),)
    history.finish_run(run, Cost(), run_text(head, run, answers, Cost()))
    return run


class TestWhatIsKeptComesBack:
    @settings(deadline=None)
    @given(judgement=judgements)
    def test_any_judgement(self, shared: SqlHistory, judgement: Judgement) -> None:
        outcome = an_object(f"object {next(_fresh_number)}".encode())
        shared.record([(a_cell(toolchain=a_toolchain(str(outcome.object_digest))), outcome)])
        shared.record([], [(a_cell(), outcome, judgement)])
        assert shared.judgement_of(a_cell(), outcome, judgement.profile, judgement.rules) == judgement

    @settings(deadline=None)
    @given(outcome=objects | failures)
    def test_any_outcome(self, shared: SqlHistory, outcome: Outcome) -> None:
        cell = a_cell(toolchain=a_toolchain(f"toolchain {next(_fresh_number)}"))
        shared.record([(cell, outcome)])
        assert outcome_of(shared, cell) == outcome

    @settings(deadline=None)
    @given(toolchain=toolchains)
    def test_any_toolchain(self, shared: SqlHistory, toolchain: Toolchain) -> None:
        fresh = replace(toolchain, digest=f"{toolchain.digest}, {next(_fresh_number)}")
        shared.remember_toolchain(a_point(), fresh)
        assert shared.toolchain_of(a_point()) == fresh

    def test_what_is_no_valid_text_in_an_argument_of_the_command_line(self, history: SqlHistory) -> None:
        argv = ("run", b"caf\xe9.c".decode(errors="surrogateescape"))
        run = history.begin_run(
            a_head(case=a_case(), series="zig", first=a_point(), last=a_point(), profile="arm-isv", argv=argv)
        )
        assert history.run(run).argv == argv


class TestWhatCannotBeReadBackIsSaid:
    def test_an_object_whose_bytes_changed(self, history: SqlHistory, file: Path) -> None:
        history.record([(a_cell(), an_object())])
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE objects SET data = ?", (b"no zlib stream",))
        with pytest.raises(CorruptDatabaseError, match=r"history\.db holds a row that cannot be read"):
            outcome_of(history, a_cell())

    def test_a_word_that_is_no_member_of_its_enumeration(self, history: SqlHistory, file: Path) -> None:
        history.record([(a_cell(), a_rejection())])
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE outcomes SET kind = 'exploded'")
        with pytest.raises(CorruptDatabaseError, match="'exploded'"):
            outcome_of(history, a_cell())


class TestRowsForQueries:
    def test_an_object_of_several_cells_is_stored_once_and_small(self, history: SqlHistory, file: Path) -> None:
        outcome = an_object(b"\0" * 10_000)
        for name in ("one", "two"):
            history.record([(a_cell(toolchain=a_toolchain(name)), outcome)])
        assert ask(file, "SELECT size, length(data) < 100 FROM objects") == [(10_000, 1)]

    def test_a_judged_access_and_defect_are_rows(self, history: SqlHistory, file: Path) -> None:
        history.record([(a_cell(), an_object())])
        history.record([], [(a_cell(), an_object(), a_judgement())])
        assert ask(
            file, "SELECT code, position, encoding, addressing, width, syndrome_valid, window_offset FROM accesses"
        ) == [("store", 4, "094400b8", "post-index", 32, 0, "0")]
        assert ask(file, "SELECT function, access, kind, instruction FROM defects WHERE kind = 'writeback-post'") == [
            ("store", "store32", "writeback-post", "str w9, [x0], #4")
        ]

    def test_a_judgements_expectation_can_be_read_in_its_case(self, history: SqlHistory, file: Path) -> None:
        history.record([(a_cell(), an_object())])
        case = a_case(directive=b"//mmio: fn=renamed(mmio) each=store32\n")
        corrected = replace(case, functions=(replace(case.functions[0], symbol="renamed"),))
        history.record([], [(a_cell(case=corrected), an_object(), a_judgement())])
        joined = "SELECT text FROM judgements JOIN cases USING (expectation_digest)"
        assert ask(file, joined) == [(corrected.text,)]

    def test_probes_keep_their_order(self, history: SqlHistory, file: Path) -> None:
        run = history.begin_run(a_head())
        history.record([(a_cell(), an_object())])
        for version in ("0.9.0", "0.14.0", "0.12.0"):
            history.record_probe(run, a_probe(a_cell(), an_object(), version=version))
        assert ask(file, "SELECT ordinal, version, verdict FROM run_probes ORDER BY ordinal") == [
            (0, "0.9.0", "bad"),
            (1, "0.14.0", "bad"),
            (2, "0.12.0", "bad"),
        ]

    @pytest.mark.parametrize(("answer", "row"), ANSWERS)
    def test_an_answer_of_each_kind_is_a_row(
        self, history: SqlHistory, file: Path, answer: Answer, row: tuple[Any, ...]
    ) -> None:
        run = finish_a_run(history, answer)
        ((*told, suspects, verdict, unprobed, witnesses),) = ask(file, ALL_ANSWERS)
        assert told[:2] == [run, 0]
        assert (*told[2:], json.loads(suspects), verdict, unprobed, json.loads(witnesses)) == row

    def test_answers_are_the_same_rows_in_postgresql(self, postgresql: Callable[[], str]) -> None:
        url = postgresql()
        with SqlHistory(open_history_database(url)) as history:
            runs = [finish_a_run(history, answer) for answer, _ in ANSWERS]
            history.begin_run(a_head())
        with SqlHistoryQueries(open_history_database(url)) as queries:
            _, told = queries.sql(ALL_ANSWERS, None, 60)
        assert list(told) == [(run, 0, *row) for run, (_, row) in zip(runs, ANSWERS, strict=True)]


class TestTheViewOfVerdicts:
    VIEW = "SELECT recipe, version, target, opt, kind, verdict, profile, rules, defect_kinds FROM verdicts"

    def test_has_a_row_a_judged_cell_with_its_defects_by_kind(self, history: SqlHistory, file: Path) -> None:
        history.remember_toolchain(a_point(), a_toolchain())
        history.record([(a_cell(), an_object())])
        judgement = a_judgement()
        (function,) = judgement.functions
        twice = replace(function, defects=function.defects * 2)
        history.record([], [(a_cell(), an_object(), replace(judgement, functions=(twice,)))])
        assert ask(file, self.VIEW) == [
            ("store", "0.13.0", "aarch64", "2", "object", "bad", "arm-isv", 1, "writeback-post")
        ]

    def test_names_a_good_cell_without_defects(self, history: SqlHistory, file: Path) -> None:
        history.record([(a_cell(), an_object())])
        history.record([], [(a_cell(), an_object(), a_judgement(Verdict.GOOD))])
        assert ask(file, self.VIEW) == [("store", None, "aarch64", "2", "object", "good", "arm-isv", 1, None)]

    def test_calls_a_cell_without_an_object_untestable(self, history: SqlHistory, file: Path) -> None:
        history.record([(a_cell(), a_rejection())])
        assert ask(file, self.VIEW) == [("store", None, "aarch64", "2", "rejected", "untestable", None, None, None)]

    def test_leaves_out_what_was_not_judged(self, history: SqlHistory, file: Path) -> None:
        history.record([(a_cell(), an_object())])
        assert ask(file, self.VIEW) == []

    def test_gives_each_case_the_judgements_of_its_own_expectation(self, history: SqlHistory, file: Path) -> None:
        """Two sources, one object: judged good as one case asks and bad as the other does."""
        load = a_case(recipe="load", source=b"int load(volatile int *p) { return *p; }\n")
        load = replace(load, functions=(replace(load.functions[0], symbol="load"),))
        for case, verdict in ((a_case(), Verdict.GOOD), (load, Verdict.BAD)):
            history.record([(a_cell(case=case), an_object())])
            history.record([], [(a_cell(case=case), an_object(), a_judgement(verdict))])
        assert sorted(ask(file, "SELECT recipe, verdict FROM verdicts")) == [("load", "bad"), ("store", "good")]

    def test_has_one_row_for_texts_that_differ_in_directives_alone(self, history: SqlHistory, file: Path) -> None:
        for directive in (b"//mmio: fn=store(mmio) each=store32\n", b"//mmio:  fn=store(mmio)  each=store32\n"):
            cell = a_cell(case=a_case(directive=directive))
            history.record([(cell, an_object())])
            history.record([], [(cell, an_object(), a_judgement())])
        assert len(ask(file, "SELECT text FROM cases")) == 2
        assert len(ask(file, self.VIEW)) == 1
