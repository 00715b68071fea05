"""`--descend` end to end: nightlies, then the merges of CI, then the commits of what a merge's gitlink moves over.

The servers are loopback ones with scripted compilers; the repositories are small real ones, and at the bottom is
TinyCC in LLVM's place: what is built from its commits are real compilers.
"""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loopback_dist import DistServer, serving_dist
from requirements import fixture_path
from rust_artefacts import publish, publish_ci, publish_nightly, scripted
from rust_repository import Grown, Pull, grow
from tcc_repository import CULPRIT, TccRepository, make
from tool_process import Tool

from mmio_bisect.errors import DownloadError

pytestmark = [pytest.mark.tcc, pytest.mark.compiler]

MOVES = 6
"""The day whose merge moves the gitlink."""

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


@pytest.fixture(scope="module")
def tcc(tmp_path_factory: pytest.TempPathFactory) -> TccRepository:
    return make(fixture_path("test-tcc/tcc"), tmp_path_factory.mktemp("tcc") / "tcc.git")


@pytest.fixture
def grown(tmp_path: Path, tcc: TccRepository) -> Grown:
    """A merge a day, each of them in the nightly of the day after."""
    links = {1: tcc.commits[CULPRIT - 20], MOVES: tcc.commits[CULPRIT + 12]}
    return grow(tmp_path / "rust.git", [Pull(day=f"2024-02-0{day}", llvm=links.get(day)) for day in range(1, 9)])


@pytest.fixture
def server(grown: Grown) -> Iterator[DistServer]:
    with serving_dist() as server:
        for place, commit in enumerate(grown.merges):
            bad = place + 1 >= MOVES
            publish_ci(server, commit, scripted(f"ci {place}", bad=bad))
            publish_nightly(server, f"2024-02-0{place + 2}", scripted(f"nightly {place}", bad=bad), commit=commit)
        yield server


@pytest.fixture
def tool(tmp_path: Path, server: DistServer, grown: Grown) -> Tool:
    return Tool(
        root=tmp_path / "tool",
        extra={
            "MMIO_BISECT_RUST_CI": server.url,
            "MMIO_BISECT_RUST_DIST": server.url,
            "MMIO_BISECT_RUST_REPO": str(grown.folder),
        },
    )


def descend(tool: Tool, tcc: TccRepository, *words: str, more: str = "") -> tuple[str, ...]:
    series = tool.folder / "own.toml"
    series.write_text(IN_LLVMS_PLACE + more)
    return (
        *("run", "store_then_step", "rust-nightly:2024-02-02..2024-02-09", "--opt", "2", "--descend"),
        *(
            "--series-file",
            str(series),
            "--repository",
            str(tcc.folder),
            "--sandbox",
            "local",
            "--no-verify-build",
            *words,
        ),
    )


def test_from_a_nightly_by_way_of_a_merge_to_the_commit(tool: Tool, tcc: TccRepository, grown: Grown) -> None:
    said = tool(*descend(tool, tcc, "--json"))
    assert said.status == 0, said.err
    (nightly,) = said.document["answers"]
    assert (nightly["last"], nightly["first"]) == ("rust-nightly@2024-02-06", "rust-nightly@2024-02-07")
    merges, commits = said.document["descent"]
    assert (merges["series"], merges["same_transition"], merges["stopped"]) == ("rust-ci", True, None)
    (merge,) = merges["run"]["answers"]
    assert merge["first"] == f"rust-ci@{grown.merges[MOVES - 1]}"
    assert (commits["series"], commits["same_transition"], commits["stopped"]) == ("llvm", True, None)
    (commit,) = commits["run"]["answers"]
    assert (commit["kind"], commit["first"]) == ("culprit", f"llvm@{tcc.commits[CULPRIT][:12]}")
    assert commits["run"]["case"] == "store_then_step.c"
    # What is handed down is verified before it is trusted.
    for level in (merges, commits):
        probed = {probe["toolchain"] for probe in level["run"]["probes"]}
        assert {level["run"]["range"]["first"], level["run"]["range"]["last"]} <= probed


def test_a_transition_that_the_finer_series_does_not_show_is_said_to_be_another(
    tool: Tool, tcc: TccRepository, server: DistServer, grown: Grown
) -> None:
    for place, commit in enumerate(grown.merges):
        publish_ci(server, commit, scripted(f"good {place}", bad=False))
    said = tool(*descend(tool, tcc))
    assert said.status == 0, said.err
    assert "Into rust-ci\nThis is not the transition that was followed: the ends that were handed down" in said.out
    assert "Into llvm" not in said.out


def test_what_stops_a_descent_leaves_the_answer_above(tool: Tool, tcc: TccRepository, server: DistServer) -> None:
    for name in [name for name in server.files if name.startswith("/rustc-builds/")]:
        del server.files[name]
    said = tool(*descend(tool, tcc, "--json"))
    assert said.status == 0, said.err
    (level,) = said.document["descent"]
    assert (level["series"], level["run"]) == ("rust-ci", None)
    assert "is untestable at all of the 2 probed points" in level["stopped"]
    assert said.document["answers"][0]["kind"] == "culprit"


def test_trouble_below_has_its_own_exit_code_and_the_answers_above_are_shown(
    tool: Tool, tcc: TccRepository, grown: Grown
) -> None:
    away = tool.root / "away.git"
    tool = replace(tool, extra={name: value for name, value in tool.extra.items() if not name.endswith("_REPO")})
    words = descend(tool, tcc, more=f'[series.rust-ci]\nrepository = "{away}"\n')
    said = tool(*words, "--json")
    assert said.status == DownloadError.exit_code
    assert "error: below rust-nightly: " in said.err
    assert said.document["answers"][0]["first"] == "rust-nightly@2024-02-07"
    (level,) = said.document["descent"]
    assert (level["series"], level["stopped"], level["run"]) == ("rust-ci", None, None)
    assert level["error"]["exit_code"] == DownloadError.exit_code
    assert str(away) in level["error"]["message"]

    shown = tool(*words)
    assert shown.status == DownloadError.exit_code
    assert "introduced in rust-nightly@2024-02-07" in shown.out
    assert "Into rust-ci\nThe descent broke off here, and what is above stands: " in shown.out
    again = shown.out.rpartition("To go on from here (nothing is compiled twice): mmio-bisect ")[2]

    away.symlink_to(grown.folder)
    went_on = tool(*shlex.split(again), "--json")
    assert went_on.status == 0, went_on.err
    assert went_on.document["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}
    assert [level["error"] for level in went_on.document["descent"]] == [None, None]


def test_the_whole_plan_of_a_stable_release_asks_for_manifests_alone(tool: Tool, server: DistServer) -> None:
    for version, day, bad in (("1.76.0", "2024-02-03", False), ("1.77.0", "2024-02-09", True)):
        publish(server, day, version, scripted(version, bad=bad), version=f"{version} (0123456789 {day})")
        publish(server, day, "stable", scripted(version, bad=bad), version=f"{version} (0123456789 {day})")
    server.put(
        "/manifests.txt",
        b"".join(
            f"static.rust-lang.org/dist/{day}/channel-rust-{version}.toml\n".encode()
            for version, day in (("1.76.0", "2024-02-03"), ("1.77.0", "2024-02-09"))
        ),
    )
    said = tool("run", "store_then_step", "rust:1.76.0..1.77.0", "--opt", "2", "--descend", "--dry-run", "--json")
    assert said.status == 0, said.err
    assert [level["series"] for level in said.document["plan"]] == ["rust", "rust-nightly", "rust-ci", "llvm"]
    assert not [asked for asked in server.asked if asked.path.endswith(".tar.xz")]
    assert not (tool.store / "entries").exists()
