"""One series' ticks over a script of compilers: trouble that ends, what is left for later, what is listed no more."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from memory_history import MemoryHistory
from scripted_wiring import Script, ScriptedWiring, scripted

from mmio_bisect.adapters.config.configuration_file import load
from mmio_bisect.adapters.history.outbox import SqlOutbox
from mmio_bisect.adapters.notify.notifier import AppriseMessenger
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.composition.watch import WatchDocuments
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.access import RULES, DefectKind, Mark
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.errors import DownloadError, UsageError
from mmio_bisect.report.documents.notices import change_notice
from mmio_bisect.report.terminal.watch import LogForm, StreamLog
from mmio_bisect.workflow.bisect.follow import DescentLevel
from mmio_bisect.workflow.probing.budget import Allowance, Budget
from mmio_bisect.workflow.probing.probe import Adapters
from mmio_bisect.workflow.watch.assignments import build_adapters
from mmio_bisect.workflow.watch.configuration import Configuration
from mmio_bisect.workflow.watch.look import look
from mmio_bisect.workflow.watch.news import LineState, MarkState, SeriesState
from mmio_bisect.workflow.watch.notices import Notice, NoticeKind
from mmio_bisect.workflow.watch.settle import settle
from mmio_bisect.workflow.watch.values import (
    Assignment,
    Bisected,
    ChangeGroup,
    Finding,
    SeriesTick,
    TickFindings,
    Unchanged,
    Watch,
)

MARK = Mark(function="store_then_step", access="store32+0", kind=DefectKind.PAIR)
CONFIG = """
[watch]
jobs = 1
points_per_tick = 2
pauses = []
source_pauses = []
[watch.series.zig]
"""


@dataclass(slots=True)
class NotedBisections:
    """Bisections are only noted."""

    groups: list[ChangeGroup] = field(default_factory=list)
    unchanged: bool = False

    def bisect(self, group: ChangeGroup, tools: Adapters) -> Bisected | Unchanged:  # noqa: ARG002 - nothing is probed
        self.groups.append(group)
        return (Unchanged if self.unchanged else Bisected)(run=len(self.groups))

    def descend(self, run: int) -> tuple[DescentLevel, ...]:  # noqa: ARG002 - there is nothing below
        return ()


class PlainDocuments(WatchDocuments):
    """Words as they are, without the run's."""

    def change_notice(self, finding: Finding, levels: tuple[DescentLevel, ...]) -> Notice:
        return change_notice(finding, levels, None, None)


@dataclass(slots=True)
class Nights:
    """One series watched; each tick is a day after the one before."""

    wiring: ScriptedWiring
    outbox: SqlOutbox
    config: Configuration
    does: dict[str, str]
    history: MemoryHistory = field(default_factory=MemoryHistory)
    bisections: NotedBisections = field(default_factory=NotedBisections)
    now: datetime = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)

    @property
    def script(self) -> Script:
        return self.wiring.script

    @property
    def state(self) -> SeriesState:
        return self.outbox.state("zig", "arm-isv")

    @property
    def job(self) -> Assignment:
        case = self.wiring.recipes().find("store_then_step.c").cases[0]
        request = CellRequest(case=case, target=TARGETS["aarch64"], opt=OptLevel.O2)
        return Assignment(config=self.config, watched=self.config.series[0], requests=(request,))

    def tick(self, allowance: Allowance | None = None) -> TickFindings:
        self.now += timedelta(days=1)
        job = self.job
        watch = Watch(
            config=self.config,
            jobs=(job,),
            wiring=self.wiring,
            history=self.history,
            outbox=self.outbox,
            messenger=AppriseMessenger(()),
            documents=PlainDocuments(config=self.config, wiring=self.wiring, history=self.history),
            log=StreamLog(LogForm.TEXT, io.StringIO()),
        )
        tick = SeriesTick(
            job=job,
            watch=watch,
            tools=build_adapters(job, watch, Budget(allowance)),
            bisections=self.bisections,
            now=self.now.isoformat(),
        )
        return settle(tick, look(tick))


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    does = {"1.0": "good"}
    file = tmp_path / "mmio-bisect.toml"
    file.write_text(CONFIG)
    with SqlOutbox(open_history_database(f"sqlite:///{tmp_path / 'history.db'}")) as outbox:
        yield Nights(scripted(Script(does), Settings(store=tmp_path / "store")), outbox, load(file, {}), does)


def titles(watched: TickFindings) -> list[str]:
    return [notice.title for notice in watched.notices]


def test_a_source_that_answers_again_is_watched_again_though_it_has_nothing_new(nights: Nights) -> None:
    nights.tick()
    nights.script.silence = DownloadError("nobody answers")
    assert [titles(nights.tick()) for _ in range(3)] == [[], [], ["zig cannot be watched"]]
    nights.script.silence = None
    assert titles(nights.tick()) == ["zig is watched again"]
    assert nights.state.trouble is None


def test_a_clone_that_is_none_any_more_is_the_trouble_of_its_series_alone(nights: Nights) -> None:
    nights.tick()
    nights.script.silence = UsageError("that is not a git repository")
    found = nights.tick()
    assert (str(found.look.error), titles(found)) == ("that is not a git repository", [])


def test_failures_with_good_nights_between_are_not_in_a_row(nights: Nights) -> None:
    for _ in range(4):
        nights.script.silence = None
        assert titles(nights.tick()) == []
        nights.script.silence = DownloadError("nobody answers")
        assert titles(nights.tick()) == []
        trouble = nights.state.trouble
        assert trouble is not None
        assert trouble.ticks == 1


def test_older_toolchains_that_a_budget_cuts_off_are_not_forgotten(nights: Nights) -> None:
    nights.tick()
    nights.does |= {f"1.{place}": "good" for place in range(1, 5)}
    assert nights.tick().state.waiting == {"1.1": 0, "1.3": 0}
    assert nights.tick(Allowance(seconds=0)).state.waiting == {"1.1": 0, "1.3": 0}
    assert nights.tick().state.waiting == {}
    assert sorted(nights.script.fetched) == list(nights.does)


def test_a_change_at_a_point_that_is_listed_no_more_is_told_from_its_neighbour(nights: Nights) -> None:
    nights.tick()
    for version, does in (("1.1", "bad"), ("1.2", "good"), ("1.3", "good")):
        nights.does[version] = does
        nights.tick()
    del nights.does["1.2"]  # what it changed is told when it has lasted
    nights.does |= {"1.4": "good", "1.5": "good"}
    (fixed,) = nights.tick().notices
    assert fixed.title == "store_then_step.c fixed: between zig@1.1 and zig@1.3"


def test_what_other_rules_change_is_told_once_with_counts_and_is_no_news_of_a_compiler(nights: Nights) -> None:
    nights.does["1.0"] = "bad"
    (line,) = nights.tick().state.lines
    (mark,) = nights.state.lines[line].marks
    seen_then = LineState(
        version="1.0", marks={replace(mark, kind=DefectKind.PAIR): MarkState(present=True, reported=True)}
    )
    nights.outbox.keep("zig", "arm-isv", replace(nights.state, rules=RULES - 1, lines={line: seen_then}), (), ())
    nights.does["1.1"] = "bad"
    watched = nights.tick()
    assert [(notice.kind, notice.title) for notice in watched.notices] == [
        (NoticeKind.RULES, "zig is judged by other rules")
    ]
    assert "1 defects came and 1 went in 1 lines; no compiler did that" in watched.notices[0].plain
    assert (watched.state.rules, set(watched.state.lines[line].marks), nights.bisections.groups) == (RULES, {mark}, [])
    nights.does["1.2"] = "bad"
    assert nights.tick().notices == ()


def test_a_line_that_cannot_be_judged_by_other_rules_begins_anew(nights: Nights) -> None:
    (line,) = nights.tick().state.lines
    lost = LineState(version="0.9", marks={MARK: MarkState(present=True, reported=True)})
    nights.outbox.keep("zig", "arm-isv", replace(nights.state, rules=None, lines={line: lost}), (), ())
    watched = nights.tick()
    assert "and 1 begin anew" in watched.notices[0].plain
    assert watched.state.regressions == ()


def test_what_a_recipe_or_a_rule_changed_is_no_news_of_a_compiler(nights: Nights) -> None:
    nights.tick()
    nights.does["1.1"] = "bad"  # since the recipe was edited, 1.0 is bad too
    nights.bisections.unchanged = True
    watched = nights.tick()
    assert (len(nights.bisections.groups), watched.notices) == (1, ())
    assert [since for _, _, since in watched.state.regressions] == [None]
