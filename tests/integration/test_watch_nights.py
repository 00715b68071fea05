"""The watch after nights off, with too small a budget, and with a source that fails for weeks: simulated nights."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loopback_dist import DistServer, Fault, serving_dist
from notice_receivers import Received, webhook
from rust_artefacts import HOST, TRIPLE, publish_nightly, scripted
from tool_process import Said, Tool

CONFIG = """
[watch]
recipes = ["store_then_step.rs"]
opt = ["2"]
pauses = []
{more}

[watch.series.rust-nightly]
from = "2024-02-01"
to = "2024-02-{day:02}"

[notify.hook]
url_file = "hook.url"
"""


@dataclass(slots=True)
class World:
    tool: Tool
    server: DistServer
    hook: Received

    def publish(self, days: range, *, bad_from: int = 99, size: int = 0) -> None:
        for day in days:
            publish_nightly(self.server, f"2024-02-{day:02}", scripted(str(day), bad=day >= bad_from, size=size))

    def night(self, day: int, more: str = "", *words: str) -> Said:
        (self.tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(day=day, more=more))
        return self.tool("watch", "--once", "--json", *words)

    def status(self) -> dict[str, Any]:
        (series,) = self.tool("watch", "status", "--json").document["series"]
        return dict(series)

    @property
    def titles(self) -> list[str]:
        return [json.loads(body)["title"] for body in self.hook.bodies]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving_dist() as server, webhook() as hook:
        extra = {"MMIO_BISECT_RUST_DIST": server.url, "MMIO_BISECT_SILENCE": "60"}
        tool = Tool(root=tmp_path, extra=extra)
        (tool.folder / "hook.url").write_text(hook.url)
        yield World(tool=tool, server=server, hook=hook)


def probed(said: Said) -> list[int]:
    (series,) = said.document["series"]
    return [int(version[-2:]) for version in series["probed"]]


def downloads_of(server: DistServer, day: int) -> int:
    return server.count(f"2024-02-{day:02}/rustc-nightly-{HOST}.tar.xz")


def test_after_five_nights_off_all_of_them_are_seen_and_the_change_is_told_once(world: World) -> None:
    world.publish(range(1, 3))
    world.night(2)
    world.publish(range(3, 8), bad_from=5)
    tick = world.night(7)
    assert (tick.status, probed(tick)) == (1, [3, 4, 5, 6, 7]), tick.err
    assert world.titles == ["store_then_step.rs regressed: rust-nightly@2024-02-05 (before it: 2024-02-04)"]
    assert (world.night(7).status, len(world.titles)) == (0, 1)
    swept = world.night(7, '[retention]\ntoolchains = "0s"\nticks = "0s"')
    assert swept.status == 0, swept.err
    assert "let go of 7 toolchains" in swept.err
    assert "let go of 0 runs, 4 ticks and 0 notices" in swept.err
    assert [downloads_of(world.server, day) for day in range(1, 8)] == [1] * 7


def test_what_a_tick_has_no_room_for_is_probed_in_later_ones(world: World) -> None:
    world.publish(range(1, 9), bad_from=5)
    limits = "points_per_tick = 3\njobs = 1"
    first = world.night(8, limits)
    assert (first.status, probed(first)) == (1, [2, 5, 8]), first.err
    assert world.titles == ["store_then_step.rs regressed: rust-nightly@2024-02-05 (before it: 2024-02-04)"]
    world.publish(range(9, 10), bad_from=5)
    second = world.night(9, limits)
    assert probed(second) == [1, 3, 9]  # 4 was the bisection's
    assert probed(world.night(9, limits)) == [4, 6, 7]
    assert (probed(world.night(9, limits)), len(world.titles)) == ([], 1)
    assert [downloads_of(world.server, day) for day in range(1, 10)] == [1] * 9


def test_downloads_are_bounded_and_the_rest_follows_in_the_next_ticks(world: World) -> None:
    world.publish(range(1, 6), bad_from=4, size=300_000)
    budget = 'downloads = "700KB"\njobs = 1'
    first = world.night(5, budget)
    assert first.status == 0, first.err
    cut = first.document["series"][0]["cut_off"]
    assert (cut["points"], cut["in_vain"]) == (3, 0)
    assert "716,800 bytes to download are allowed" in cut["message"]
    assert 600_000 < first.document["budget"]["downloads"] <= 716_800 + 65_536
    assert "left for the next tick: 3 toolchains" in first.err
    shown = world.tool("watch", "status").out
    assert "left for the next tick: 3 toolchains. The budget is spent" in shown
    assert "of 700.0 KiB" in shown
    nights = [world.night(5, budget) for _ in range(3)]
    assert [said.status for said in nights] == [1, 0, 0], [said.err for said in nights]
    assert [said.document["series"][0]["newest"][-2:] for said in nights] == ["04", "05", "05"]
    assert world.titles == ["store_then_step.rs regressed: rust-nightly@2024-02-04 (before it: 2024-02-03)"]
    assert world.status()["cut_off"] is None


def test_a_bisection_that_was_cut_off_is_told_when_the_next_tick_has_ended_it(world: World) -> None:
    world.publish(range(1, 5), bad_from=3, size=300_000)
    budget = 'downloads = "700KB"\njobs = 1\npoints_per_tick = 2'
    cut = world.night(4, budget)
    assert (cut.status, world.titles) == (0, []), cut.err
    assert cut.document["series"][0]["cut_off"]["bisections"] == [
        "store_then_step.rs introduced in rust-nightly@2024-02-04"
    ]
    shown = world.tool("watch", "status").out
    assert "left for the next tick: store_then_step.rs introduced in rust-nightly@2024-02-04. The budget" in shown
    tick = world.night(4, budget)
    assert tick.status == 1, tick.err
    assert world.titles == ["store_then_step.rs regressed: rust-nightly@2024-02-03 (before it: 2024-02-02)"]
    assert [downloads_of(world.server, day) for day in (2, 3, 4)] == [
        1,
        1,
        1,
    ]  # of 3 nothing, as it had no room, then all


def test_a_change_that_cannot_be_bisected_for_want_of_budget_is_told_all_the_same(world: World) -> None:
    world.publish(range(1, 5), bad_from=3, size=300_000)
    limits = "points_per_tick = 2\npatience = 2\njobs = 1\n"
    assert world.night(4, limits + 'downloads = "700KB"').status == 0
    ticks = [world.night(4, limits + 'time = "0s"') for _ in range(3)]
    assert [said.status for said in ticks] == [0, 0, 1], ticks[-1].err
    title = "store_then_step.rs regressed: between rust-nightly@2024-02-02 and rust-nightly@2024-02-04"
    assert world.titles == [title]
    assert "It was not bisected: The budget is spent (0 s are allowed)" in world.hook.bodies[0]


def test_a_budget_with_which_nothing_gets_done_is_told_once(world: World) -> None:
    world.publish(range(1, 5), bad_from=3)
    assert world.night(2).status == 0
    for _ in range(3):
        assert world.night(4, 'time = "0s"\npatience = 2').status == 0
    assert world.titles == ["rust-nightly cannot be watched"]
    assert "The budget is spent (0 s are allowed)" in world.hook.bodies[0]
    assert world.status()["cut_off"]["in_vain"] == 3


def test_a_budget_of_time_ends_what_is_under_way(world: World) -> None:
    world.publish(range(1, 3))
    world.server.befall(f"/dist/2024-02-01/rust-std-nightly-{TRIPLE}.tar.xz", Fault.STALLED)
    cut = world.night(2, 'time = "2s"\njobs = 1')
    world.server.let_go.set()
    assert cut.status == 0, cut.err
    assert cut.document["series"][0]["cut_off"]["points"] == 2
    assert "(2 s are allowed)" in cut.err
    assert world.night(2).status == 0
    assert world.status()["newest"] == "2024-02-02"


def test_a_source_that_stays_away_is_asked_less_often_and_told_of_once(world: World) -> None:
    world.publish(range(1, 4))
    assert world.night(1).status == 0
    pauses = 'patience = 2\nsource_pauses = ["0s", "1h"]'
    manifest = "/dist/2024-02-02/channel-rust-nightly.toml"
    for name in (manifest, f"{manifest}.sha256"):
        world.server.befall(name, *[Fault.FORBIDDEN] * 20)
    assert world.night(2, pauses).status == 17
    assert world.titles == []
    assert world.night(2, pauses).status == 17
    assert world.titles == ["rust-nightly cannot be watched"]
    asked = len(world.server.asked)
    skipped = world.night(2, pauses)
    assert (skipped.status, len(world.server.asked)) == (17, asked)
    assert "rust-nightly is left alone until" in skipped.err
    assert "because it failed 2 times in a row" in skipped.err
    dry = world.tool("watch", "--dry-run")
    assert dry.status == 0, dry.err
    assert "rust-nightly is left alone until" in dry.out
    trouble = world.status()["trouble"]
    assert trouble["ticks"] == 2
    assert trouble["left_alone_until"] > trouble["since"]
    world.server.faults.clear()
    assert world.night(2, pauses, "--ask-again").status == 0
    assert world.titles == ["rust-nightly cannot be watched", "rust-nightly is watched again"]
    assert world.status()["trouble"] is None


def test_sigterm_in_the_middle_of_a_bisection_ends_it_within_seconds_and_nothing_is_lost(world: World) -> None:
    world.publish(range(1, 9), bad_from=5)
    for day in (3, 4):
        world.server.befall(f"/dist/2024-02-{day:02}/rustc-nightly-{HOST}.tar.xz", Fault.STALLED)
    (world.tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(day=8, more="points_per_tick = 3"))
    running = world.tool.start("watch", "--once")
    assert world.server.stalled.wait(60)
    running.terminate()
    _, said = running.communicate(timeout=10)
    assert running.returncode == 130, said
    assert "rust-nightly@2024-02-08: done" in said  # it was the bisection that was cut off
    assert world.tool.processes() == []
    world.server.let_go.set()
    world.server.faults.clear()
    tick = world.night(8, "points_per_tick = 3")
    assert tick.status == 1, tick.err
    assert world.titles == ["store_then_step.rs regressed: rust-nightly@2024-02-05 (before it: 2024-02-04)"]
    assert [downloads_of(world.server, day) for day in (2, 5, 8)] == [1, 1, 1]
