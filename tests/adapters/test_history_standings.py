"""What follows from outcomes and judgements is kept up to date with them, and is what one would make of them anew."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from history_values import (
    SOURCE,
    a_case,
    a_cell,
    a_head,
    a_judgement,
    a_point,
    a_rejection,
    a_toolchain,
    an_object,
    outcome_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.history.timeline.rebuild import rebuild
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import Judgement, Outcome, Verdict

DUMPS = Path(__file__).parents[1] / "fixtures" / "history"

CONTENTS = {
    "lines": "SELECT recipe, language, source_digest, target, opt, extra, series, profile, current FROM lines",
    "standings": """SELECT l.recipe, l.source_digest, l.opt, l.series, l.profile, s.sort_key, s.version, v.digest,
        s.cell_key, s.judgement_id, s.recorded
        FROM standings s JOIN lines l ON l.id = s.line_id JOIN vectors v ON v.id = s.vector_id""",
    "tallies": """SELECT l.recipe, l.source_digest, l.opt, l.series, l.profile, v.digest, t.standings
        FROM tallies t JOIN lines l ON l.id = t.line_id JOIN vectors v ON v.id = t.vector_id""",
    "transitions": """SELECT l.recipe, l.source_digest, l.opt, l.series, l.profile,
        t.function, t.access, t.kind, t.change, t.last_version, t.first_version, t.first_sort_key, t.last_sort_key,
        t.first_cell, t.last_cell, t.first_llvm, t.last_llvm, t.untestable, t.noticed
        FROM transitions t JOIN lines l ON l.id = t.line_id""",
    "code_changes": """SELECT l.recipe, l.source_digest, l.opt, l.series, l.profile, c.same_verdict, c.last_version,
        c.first_version, c.first_sort_key, c.untestable, c.noticed
        FROM code_changes c JOIN lines l ON l.id = c.line_id""",
}


def derived_in(history: SqlHistory) -> dict[str, list[tuple[Any, ...]]]:
    with history.database.reading() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for name, query in CONTENTS.items()
        }


def rebuilt(history: SqlHistory) -> dict[str, list[tuple[Any, ...]]]:
    with history.database.writing() as connection:
        rebuild(connection)
    return derived_in(history)


@pytest.fixture
def history() -> Iterator[SqlHistory]:
    with SqlHistory(open_history_database("sqlite://")) as history:
        yield history


def measure(history: SqlHistory, version: str, outcome: Outcome, judgement: Judgement | None = None) -> None:
    toolchain = a_toolchain(version)
    cell = a_cell(toolchain=toolchain)
    history.remember_toolchain(a_point(version), toolchain)
    history.record([(cell, outcome)])
    if judgement is not None:
        history.record([], [(cell, outcome, judgement)])


GOOD, BAD = an_object(b"good"), an_object(b"bad")


def judged(verdict: Verdict) -> Judgement:
    return replace(a_judgement(verdict), fingerprint=f"code of {verdict}")


def in_part() -> Judgement:
    """Of what `judged` sees in its function nothing is seen, and another function is bad."""
    function = judged(Verdict.BAD).functions[0]
    escaped = replace(function.defects[0], kind=DefectKind.ESCAPES, access=None)
    other = replace(function.defects[0], function="other")
    return judged(Verdict.BAD).of_functions(
        [
            replace(function, defects=(), unseen=(escaped,)),
            replace(function, function="other", accesses=(), defects=(other,)),
        ]
    )


def changes(history: SqlHistory) -> list[tuple[Any, ...]]:
    with history.database.reading() as connection:
        rows = connection.execute(
            text("SELECT change, last_version, first_version, untestable FROM transitions ORDER BY first_sort_key")
        )
        return [tuple(row) for row in rows]


class TestTransitions:
    def test_lie_between_neighbours_whatever_the_order_of_probing(self, history: SqlHistory) -> None:
        measure(history, "0.9.0", GOOD, judged(Verdict.GOOD))
        measure(history, "0.17.0", BAD, judged(Verdict.BAD))
        assert changes(history) == [("introduced", "0.9.0", "0.17.0", 0)]
        measure(history, "0.13.0", BAD)
        assert changes(history) == [("introduced", "0.9.0", "0.13.0", 0)]
        measure(history, "0.12.0", GOOD)
        assert changes(history) == [("introduced", "0.12.0", "0.13.0", 0)]

    def test_count_the_untestable_points_between(self, history: SqlHistory) -> None:
        measure(history, "0.9.0", BAD, judged(Verdict.BAD))
        measure(history, "0.11.0", GOOD, judged(Verdict.GOOD))
        measure(history, "0.10.0", a_rejection())
        assert changes(history) == [("fixed", "0.9.0", "0.11.0", 1)]

    def test_vanish_when_better_rules_see_no_difference(self, history: SqlHistory) -> None:
        measure(history, "0.9.0", GOOD, judged(Verdict.GOOD))
        measure(history, "0.11.0", BAD, judged(Verdict.BAD))
        history.record(
            [],
            [
                (
                    a_cell(toolchain=a_toolchain("0.11.0")),
                    BAD,
                    replace(judged(Verdict.GOOD), rules=2, fingerprint="other"),
                )
            ],
        )
        assert changes(history) == []

    def test_none_rests_on_what_was_not_seen(self, history: SqlHistory) -> None:
        """Neither where a function became untestable, nor where it is bad by another defect besides."""
        of_form, escaped = judged(Verdict.BAD).functions[0], judged(Verdict.BAD).functions[0].defects[0]
        escaped = replace(escaped, kind=DefectKind.ESCAPES, access=None)
        blind = judged(Verdict.BAD).of_functions([replace(of_form, defects=(), unseen=(escaped,))])
        other = replace(of_form.defects[0], kind=DefectKind.PAIR)
        in_part = judged(Verdict.BAD).of_functions([replace(of_form, defects=(other,), unseen=(escaped,))])
        assert (blind.verdict, in_part.verdict) == (Verdict.UNTESTABLE, Verdict.BAD)
        measure(history, "0.9.0", BAD, judged(Verdict.BAD))
        measure(history, "0.10.0", an_object(b"blind"), blind)
        measure(history, "0.11.0", BAD)
        assert changes(history) == []
        measure(history, "0.12.0", an_object(b"in part"), in_part)
        assert changes(history) == [("introduced", "0.11.0", "0.12.0", 0)]
        measure(history, "0.13.0", GOOD, judged(Verdict.GOOD))
        assert sorted(changes(history)[1:]) == [("fixed", "0.11.0", "0.13.0", 1), ("fixed", "0.12.0", "0.13.0", 0)]

    def test_of_a_function_lie_between_points_at_which_it_was_seen(self, history: SqlHistory) -> None:
        """Where another function is bad meanwhile, the point is testable, and yet says nothing of this one."""
        measure(history, "0.11.0", an_object(b"in part"), in_part())
        measure(history, "0.13.0", an_object(b"in part too"), in_part())
        assert changes(history) == []
        measure(history, "0.14.0", BAD, judged(Verdict.BAD))
        assert changes(history) == [("fixed", "0.13.0", "0.14.0", 0)]  # of the other function
        measure(history, "0.9.0", GOOD, judged(Verdict.GOOD))
        assert sorted(changes(history)) == [
            ("fixed", "0.13.0", "0.14.0", 0),
            ("introduced", "0.9.0", "0.11.0", 0),
            ("introduced", "0.9.0", "0.14.0", 2),
        ]
        measure(history, "0.12.0", GOOD)
        assert ("introduced", "0.12.0", "0.14.0", 1) in changes(history)
        assert ("introduced", "0.12.0", "0.13.0", 0) in changes(history)
        assert derived_in(history) == rebuilt(history)

    def test_move_with_a_point_that_became_another_toolchain(self, history: SqlHistory) -> None:
        measure(history, "0.9.0", GOOD, judged(Verdict.GOOD))
        measure(history, "0.11.0", BAD, judged(Verdict.BAD))
        history.remember_toolchain(a_point("0.11.0"), a_toolchain("0.9.0"))
        assert changes(history) == []


def test_a_text_that_is_compiled_later_is_the_recipes_current_one(history: SqlHistory) -> None:
    later = a_case(source=SOURCE + b"// later\n")
    measure(history, "0.9.0", GOOD, judged(Verdict.GOOD))
    cell = a_cell(case=later, toolchain=a_toolchain("0.9.0"))
    history.record([(cell, BAD)])
    history.record([], [(cell, BAD, judged(Verdict.BAD))])
    with history.database.reading() as connection:
        rows = connection.execute(text("SELECT source_digest, current FROM lines"))
        assert {digest: bool(current) for digest, current in rows} == {
            a_case().source_digest: False,
            later.source_digest: True,
        }


def test_the_same_source_under_another_name_has_lines_of_that_name(history: SqlHistory) -> None:
    measure(history, "0.9.0", GOOD, judged(Verdict.GOOD))
    renamed = a_cell(case=a_case(recipe="renamed", directive=b"//mmio: fn=store(mmio) each=store32 min=1\n"))
    history.record([(replace(renamed, toolchain=a_toolchain("0.9.0")), GOOD)])
    history.begin_run(
        a_head(case=renamed.request.case, series="zig", first=a_point(), last=a_point(), profile="arm-isv", argv=())
    )
    assert {row[0] for row in derived_in(history)["standings"]} == {"store", "renamed"}


_versions = st.sampled_from(["0.9.0", "0.10.0", "0.11.0", "0.12.0", "0.13.0"])
_steps = st.tuples(
    st.sampled_from(
        [
            "good",
            "bad",
            "in part",
            "other",
            "rejected",
            "moved",
            "judged again",
            "another text",
            "profile",
            "several",
        ]
    ),
    _versions,
)


def take(history: SqlHistory, step: str, version: str) -> None:
    toolchain = a_toolchain(version)
    cell = a_cell(toolchain=toolchain)
    match step:
        case "moved":
            history.remember_toolchain(a_point(version), a_toolchain("0.9.0"))
        case "rejected":
            measure(history, version, a_rejection())
        case "another text":
            other = a_cell(case=a_case(source=SOURCE + b"//\n"), toolchain=toolchain)
            history.remember_toolchain(replace(a_point(version), sort_key=version), toolchain)
            history.record([(other, BAD)])
            history.record([], [(other, BAD, judged(Verdict.BAD))])
        case "several":
            history.remember_toolchain(a_point(version), toolchain)
            texts = [a_cell(case=a_case(source=SOURCE + more), toolchain=toolchain) for more in (b"//\n", b"", b"\n")]
            found = list(zip(texts, [BAD, a_rejection(), GOOD], strict=True))
            verdicts = zip((found[0], found[2]), (Verdict.BAD, Verdict.GOOD), strict=True)
            history.record(found, [(*each, judged(verdict)) for each, verdict in verdicts])
        case "judged again" | "profile":
            outcome = outcome_of(history, cell)
            if outcome is not None and outcome.object_code is not None:
                profile = "xen-arm" if step == "profile" else "arm-isv"
                again = replace(judged(Verdict.GOOD), rules=2, fingerprint=version, profile=profile)
                history.record([], [(cell, outcome, again)])
        case "in part":
            measure(history, version, an_object(b"in part"), in_part())
        case _:
            outcome = {"good": GOOD, "bad": BAD, "other": an_object(version.encode())}[step]
            measure(history, version, outcome, judged(Verdict.BAD if step == "bad" else Verdict.GOOD))


@given(st.lists(_steps, max_size=12))
@settings(max_examples=30, deadline=None)
def test_what_writing_keeps_is_what_one_makes_anew(steps: list[tuple[str, str]]) -> None:
    with SqlHistory(open_history_database("sqlite://")) as history:
        for step, version in steps:
            take(history, step, version)
        assert derived_in(history) == rebuilt(history)


def count_of(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - names from here
    return int(count)


ANSWERS = """SELECT run_id, ordinal, target, opt, kind, change, last, first, verdict, unprobed, suspects, witnesses
    FROM answers ORDER BY run_id, ordinal"""


def readable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:-2], *map(json.loads, row[-2:]))


@pytest.mark.parametrize("dump", sorted(DUMPS.glob("*.sql")), ids=lambda path: path.stem)
def test_a_database_of_each_earlier_schema_is_brought_up_to_date_with_all_that_is_in_it(
    dump: Path, tmp_path: Path
) -> None:
    file = tmp_path / "history.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(dump.read_text())
        tables = ("toolchains", "points", "cases", "objects", "outcomes", "judgements", "accesses", "run_probes")
        before = {table: count_of(connection, table) for table in tables}
        answers = connection.execute(ANSWERS).fetchall()
    with SqlHistory(open_history_database(f"sqlite:///{file}")) as history:
        kept = derived_in(history)
        assert len(list(history.outcomes())) == before["outcomes"] > 0
        assert [run.id for run in history.runs(limit=9)] == [2, 1]
        assert kept == rebuilt(history)
    assert len(kept["standings"]) == before["outcomes"]
    assert {(row[0], *row[5:11]) for row in kept["transitions"]} == {
        ("store_then_step", "store_then_step", "store32+0", "writeback-post", "introduced", "0.12.1", "0.13.0")
    }
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert {table: count_of(connection, table) for table in tables} == before
        # A table then, a view of the runs' documents now.
        assert list(map(readable, connection.execute(ANSWERS))) == list(map(readable, answers))
        assert len(answers) == 2
        assert connection.execute("SELECT count(DISTINCT uid) FROM runs WHERE uid <> ''").fetchone() == (2,)
