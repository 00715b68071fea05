"""`rust-ci` as a user runs it: merges of a small real repository, and what a loopback server keeps of their builds.

With scripted compilers of a few hundred bytes; and once with two real ones, in docker.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_dist import DistServer, Fault, serving_dist
from rust_artefacts import HOST, TRIPLE, debian, publish_ci, publish_nightly, scripted
from rust_repository import LLVM, Grown, Pull, grow
from tool_process import Tool

# Oldest first. The gitlink moves to LLVM 18 with the sixth.
PULLS = tuple(Pull(day=f"2024-02-0{day}", llvm=LLVM[1] if day == 6 else None) for day in range(1, 9))


@pytest.fixture
def grown(tmp_path: Path) -> Grown:
    return grow(tmp_path / "rust.git", PULLS)


@pytest.fixture
def server() -> Iterator[DistServer]:
    with serving_dist() as server:
        yield server


@pytest.fixture
def tool(tmp_path: Path, server: DistServer, grown: Grown) -> Tool:
    return Tool(
        root=tmp_path / "tool",
        extra={
            "MMIO_BISECT_RUST_CI": server.url,
            "MMIO_BISECT_RUST_DIST": server.url,
            "MMIO_BISECT_RUST_REPO": str(grown.folder),
            "MMIO_BISECT_SILENCE": "2",
        },
    )


def rustc_of(commit: str) -> str:
    return f"/rustc-builds/{commit}/rustc-nightly-{HOST}.tar.xz"


def test_the_merge_is_found_past_what_has_expired_and_what_may_pass(
    tool: Tool, server: DistServer, grown: Grown
) -> None:
    for place, commit in enumerate(grown.merges):
        if place != 3:
            publish_ci(server, commit, scripted(str(place), bad=place >= 5, size=100_000))
    server.befall(rustc_of(grown.merges[0]), Fault.STALLED, Fault.BUSY)
    server.befall(rustc_of(grown.merges[7]), Fault.TRUNCATED, Fault.BROKEN, Fault.CORRUPT)
    words = ("run", "store_then_step", f"rust-ci:2024-02-01..{grown.merges[7][:10]}", "--opt", "2", "-j", "1", "--json")
    said = tool(*words)
    assert said.status == 0, said.err
    (answer,) = said.document["answers"]
    assert (answer["kind"], answer["last"], answer["first"]) == (
        "culprit",
        f"rust-ci@{grown.merges[4]}",
        f"rust-ci@{grown.merges[5]}",
    )
    assert not any(server.faults.values())
    (gone,) = [probe for probe in said.document["probes"] if probe["verdict"] == "untestable"]
    assert gone["toolchain"] == f"rust-ci@{grown.merges[3]}"
    assert gone["reason"].endswith("the merge is of 2024-02-04, and CI keeps them for 168 days")
    asked = len(server.asked)
    assert tool(*words).document["answers"] == said.document["answers"]
    assert len(server.asked) == asked


ROLLED_UP = ((130595, "Initial std library support for NuttX (again)"), (130836, "Do not merge stores (#7)"))


def test_a_rollup_is_told_by_the_pull_requests_that_it_holds(tmp_path: Path, tool: Tool, server: DistServer) -> None:
    pulls = [Pull(day=f"2024-02-0{day}", rolled_up=ROLLED_UP if day == 3 else ()) for day in range(1, 6)]
    rolled = grow(tmp_path / "rolled.git", pulls)
    for place, commit in enumerate(rolled.merges):
        publish_ci(server, commit, scripted(str(place), bad=place >= 2))
    words = ("run", "store_then_step", "rust-ci:..", "--opt", "2", "--rust-repo", str(rolled.folder))
    said = tool(*words, "--json")
    assert said.status == 0, said.err
    (commit,) = said.document["commits"]
    assert (commit["commit"], commit["pull_request"]) == (rolled.merges[2], 3)
    assert commit["link"].endswith(f"/rust-lang/rust/commit/{rolled.merges[2]}")
    assert commit["title"] == "Auto merge of #3 - roller:rollup-abc, r=roller"
    assert [(pull["number"], pull["title"]) for pull in commit["rolled_up"]] == list(ROLLED_UP)
    assert [pull["link"].rpartition("/rust/")[2] for pull in commit["rolled_up"]] == ["pull/130595", "pull/130836"]
    assert commit["paths"] == ["src/3.rs"]

    shown = tool(*words).out
    assert "    rollup #3\n        #130595  Initial std library support for NuttX (again)\n" in shown
    report = tool("report", str(said.document["run"])).out
    assert "/pull/130836) Do not merge stores `(#7)`\n" in report
    assert "This did not apply" not in shown + report


def test_a_merge_of_one_pull_request_names_it(tool: Tool, server: DistServer, grown: Grown) -> None:
    for place, commit in enumerate(grown.merges):
        publish_ci(server, commit, scripted(str(place), bad=place >= 4))
    said = tool("run", "store_then_step", "rust-ci:2024-02-04..2024-02-05", "--opt", "2", "--json")
    (commit,) = said.document["commits"]
    assert (commit["pull_request"], commit["rolled_up"]) == (5, [])
    assert commit["author"] == "bors <bors@example.org>"


def test_the_build_with_assertions_is_a_series_of_its_own(tool: Tool, server: DistServer, grown: Grown) -> None:
    for place, commit in enumerate(grown.merges):
        publish_ci(server, commit, scripted(str(place), bad=place >= 4), alt=True)
    said = tool("run", "store_then_step", "rust-ci-alt:..", "--opt", "2", "--json")
    assert said.document["answers"][0]["first"] == f"rust-ci-alt@{grown.merges[4]}"


def test_a_nightly_can_be_named_by_a_merge(tool: Tool, server: DistServer, grown: Grown) -> None:
    for day in range(2, 10):
        publish_nightly(server, f"2024-02-0{day}", scripted(str(day), bad=day >= 6))
    said = tool("run", "store_then_step", f"rust-nightly:{grown.merges[0][:9]}..2024-02-09", "--opt", "2", "--json")
    assert said.status == 0, said.err
    assert said.document["range"]["first"] == "rust-nightly@2024-02-02"
    assert said.document["answers"][0]["first"] == "rust-nightly@2024-02-06"


def test_a_commit_that_is_no_merge_is_refused(tool: Tool, grown: Grown) -> None:
    said = tool("run", "store_then_step", f"rust-ci:{grown.pulled[0]}..latest")
    assert said.status == 14
    assert "is a commit, but no merge by bors into the main branch" in said.err


def test_a_folder_that_is_no_repository_is_refused(tool: Tool) -> None:
    said = tool("run", "store_then_step", "rust-ci:..", "--rust-repo", str(tool.home))
    assert said.status == 2
    assert f"{tool.home} is not a git repository: give a clone of Rust's with --rust-repo." in said.err


@pytest.mark.rust_archives
@pytest.mark.compiler
@pytest.mark.docker
def test_a_real_rustc_is_found_guilty_at_its_merge_in_docker(tmp_path: Path, server: DistServer, grown: Grown) -> None:
    good, bad = debian("bookworm"), debian("trixie")
    publish_ci(server, grown.merges[3], good)
    publish_ci(server, grown.merges[4], bad)
    publish_ci(server, grown.merges[5], bad.named("another"))
    server.befall(f"/rustc-builds/{grown.merges[5]}/rust-std-nightly-{TRIPLE}.tar.xz", Fault.TRUNCATED)
    tool = Tool(root=tmp_path / "tool", extra={"MMIO_BISECT_RUST_CI": server.url, "DOCKER_HOST": ""})
    extent = f"rust-ci:{grown.merges[3]}..{grown.merges[5]}"
    words = ("--opt", "2", "--rust-repo", str(grown.folder), "--sandbox", "docker", "--json")
    said = tool("run", "store_then_step.rs", extent, *words)
    assert said.status == 0, said.err
    (answer,) = said.document["answers"]
    assert (answer["change"], answer["last"], answer["first"]) == (
        "introduced",
        f"rust-ci@{grown.merges[3]}",
        f"rust-ci@{grown.merges[4]}",
    )
    assert {(probe["compiler"], probe["llvm"]) for probe in said.document["probes"]} == {
        ("rustc 1.63.0", "14.0.6"),
        ("rustc 1.85.1", "19.1.7"),
    }
