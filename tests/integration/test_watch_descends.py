"""The watch follows what it found down to the commit, within its budget, and goes on where a tick had to leave off.

Servers, repositories and compilers are those of `test_descend`: at the bottom, TinyCC is built in LLVM's place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from loopback_dist import DistServer, serving_dist
from notice_receivers import Received, webhook
from requirements import fixture_path
from rust_artefacts import publish_ci, publish_nightly, scripted
from rust_repository import Grown, Pull, grow
from tcc_repository import CULPRIT, TccRepository, make
from tool_process import Said, Tool

pytestmark = [pytest.mark.tcc, pytest.mark.compiler]

MOVES = 6

IN_LLVMS_PLACE = """[series.llvm]
family = "tcc"
summary = "TinyCC in LLVM's place"
paths = ["arm64-gen.c"]
in_tree = true
build = ["./configure --extra-cflags='-O0 -g0'", "make arm64-tcc"]
products = ["arm64-tcc"]
tool = "arm64-tcc"
seconds = 3
memory = "1GiB"
minutes = 1
disk = "100MiB"
"""

CONFIG = """
series_files = ["own.toml"]
sandbox = "local"
[watch]
recipes = ["store_then_step.rs"]
opt = ["2"]
pauses = []
{budget}

[watch.series.rust-nightly]
from = "2024-02-02"
to = "2024-02-09"
descend = true

[notify.hook]
url_file = "hook.url"
"""


@pytest.fixture(scope="module")
def tcc(tmp_path_factory: pytest.TempPathFactory) -> TccRepository:
    return make(fixture_path("test-tcc/tcc"), tmp_path_factory.mktemp("tcc") / "tcc.git")


@dataclass(slots=True)
class World:
    tool: Tool
    server: DistServer
    hook: Received
    grown: Grown

    def night(self, budget: str = "") -> Said:
        (self.tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(budget=budget))
        return self.tool("watch", "--once", "--json")


@pytest.fixture
def world(tmp_path: Path, tcc: TccRepository) -> Iterator[World]:
    """A merge a day, each of them in the nightly of the day after; the one that moves the gitlink makes bad code."""
    links = {1: tcc.commits[CULPRIT - 20], MOVES: tcc.commits[CULPRIT + 12]}
    grown = grow(tmp_path / "rust.git", [Pull(day=f"2024-02-0{day}", llvm=links.get(day)) for day in range(1, 9)])
    with serving_dist() as server, webhook() as hook:
        for place, commit in enumerate(grown.merges):
            bad = place + 1 >= MOVES
            publish_ci(server, commit, scripted(f"ci {place}", bad=bad))
            publish_nightly(server, f"2024-02-0{place + 2}", scripted(f"nightly {place}", bad=bad), commit=commit)
        extra = {
            "MMIO_BISECT_RUST_CI": server.url,
            "MMIO_BISECT_RUST_DIST": server.url,
            "MMIO_BISECT_RUST_REPO": str(grown.folder),
            "MMIO_BISECT_REPOSITORY": str(tcc.folder),
        }
        tool = Tool(root=tmp_path / "tool", extra=extra)
        (tool.folder / "own.toml").write_text(IN_LLVMS_PLACE)
        (tool.folder / "hook.url").write_text(hook.url)
        yield World(tool=tool, server=server, hook=hook, grown=grown)


def test_a_nightly_is_followed_to_the_commit_within_the_budget_of_several_ticks(
    world: World, tcc: TccRepository
) -> None:
    commit = f"llvm@{tcc.commits[CULPRIT][:12]}"
    tick = world.night("builds = 3")
    assert tick.status == 1, tick.err
    (series,) = tick.document["series"]
    (notice,) = series["notices"]
    assert notice["title"].startswith("store_then_step.rs regressed: rust-nightly@2024-02-07 (before it: 2024-02-06)")
    assert f"Followed into rust-ci: `rust-ci@{world.grown.merges[MOVES - 1]}`" in world.hook.bodies[0]
    assert "The descent goes on in the next tick: The budget is spent (3 builds are allowed)" in world.hook.bodies[0]
    (left,) = series["descents"]
    assert (left["run"], left["in_vain"]) == (notice["run"], 0)
    assert tick.document["budget"]["builds"] == 3

    status = world.tool("watch", "status")
    assert "descent goes on (store_then_step.rs regressed" in status.out
    assert "3 builds of 3" in status.out

    nights = 1
    while not tick.document["series"][0]["notices"] or nights == 1:
        assert nights < 6, tick.err
        tick, nights = world.night("builds = 3"), nights + 1
        assert tick.document["budget"]["builds"] <= 3
    assert tick.status == 0, tick.err
    (traced,) = tick.document["series"][0]["notices"]
    assert (traced["kind"], traced["run"]) == ("traced", notice["run"])
    assert traced["title"].startswith(f"{notice['title']}: traced to {commit} (before it: ")
    assert tick.document["series"][0]["descents"] == []
    assert len(world.hook.bodies) == 2
    assert world.night().document["series"][0]["notices"] == []
    reports = sorted(path.name for path in (world.tool.folder / "watch-reports").iterdir())
    assert len(reports) == 2
    assert "-descent-" in reports[0]


def test_a_series_whose_finer_one_cannot_be_had_is_told_all_the_same(world: World) -> None:
    for name in [name for name in world.server.files if name.startswith("/rustc-builds/")]:
        del world.server.files[name]
    tick = world.night()
    assert tick.status == 1, tick.err
    (notice,) = tick.document["series"][0]["notices"]
    assert notice["title"] == "store_then_step.rs regressed: rust-nightly@2024-02-07 (before it: 2024-02-06)"
    assert (
        "Into rust-ci it was not followed: store_then_step.rs is untestable at all of the 2 probed points"
        in world.hook.bodies[0]
    )
    assert tick.document["series"][0]["descents"] == []


def test_a_descent_that_sigterm_ends_is_done_again_and_told_once(world: World, tcc: TccRepository) -> None:
    (world.tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(budget=""))
    running = world.tool.start("watch", "--once")
    assert running.stderr is not None
    for line in running.stderr:
        if "llvm@" in line and line.endswith("probing\n"):
            break
    running.terminate()
    running.communicate(timeout=10)
    assert running.returncode == 130
    assert world.tool.processes() == []
    assert world.hook.bodies == []
    tick = world.night()
    assert tick.status == 1, tick.err
    (notice,) = tick.document["series"][0]["notices"]
    assert f", by llvm@{tcc.commits[CULPRIT][:12]} (before it: " in notice["title"]
    assert len(world.hook.bodies) == 1
