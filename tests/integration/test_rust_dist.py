"""`rust-nightly` and `rust` as a user runs them, against a loopback server of the true layout.

Most of it with scripted compilers of a few hundred bytes; once with two real ones, Debian's rustc 1.63 (LLVM 14) and
1.85 (LLVM 19) repackaged as Rust's archives, in docker.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_dist import DistServer, Fault, serving_dist
from rust_artefacts import HOST, TRIPLE, debian, publish, publish_nightly, scripted
from tool_process import Tool

RANGE = "rust-nightly:2024-02-01..2024-02-08"
RUN = ("run", "store_then_step.rs", RANGE, "--opt", "2", "-j", "1", "--json")


@pytest.fixture
def server() -> Iterator[DistServer]:
    with serving_dist() as server:
        yield server


@pytest.fixture
def tool(tmp_path: Path, server: DistServer) -> Tool:
    return Tool(root=tmp_path, extra={"MMIO_BISECT_RUST_DIST": server.url, "MMIO_BISECT_SILENCE": "2"})


def publish_week(server: DistServer, *, missing: tuple[int, ...] = ()) -> None:
    """2024-02-01 to 08; bad from 06 on."""
    for day in set(range(1, 9)) - set(missing):
        publish_nightly(server, f"2024-02-0{day}", scripted(str(day), bad=day >= 6, size=200_000))


def archive_of(day: int, component: str = "rustc", triple: str = HOST) -> str:
    return f"/dist/2024-02-0{day}/{component}-nightly-{triple}.tar.xz"


def test_a_nightly_is_found_through_everything_that_may_pass(tool: Tool, server: DistServer) -> None:
    publish_week(server, missing=(4,))
    server.befall("/dist/2024-02-01/channel-rust-nightly.toml", Fault.BUSY)
    server.befall(archive_of(1), Fault.TRUNCATED, Fault.STALLED)
    server.befall(archive_of(8), Fault.BROKEN, Fault.BUSY, Fault.TRUNCATED_WITHOUT_RANGES, Fault.CORRUPT)
    said = tool(*RUN)
    assert said.status == 0, said.err
    (answer,) = said.document["answers"]
    assert (answer["kind"], answer["last"], answer["first"]) == (
        "culprit",
        "rust-nightly@2024-02-05",
        "rust-nightly@2024-02-06",
    )
    assert not any(server.faults.values())
    (gone,) = [probe for probe in said.document["probes"] if probe["verdict"] == "untestable"]
    assert gone["toolchain"] == "rust-nightly@2024-02-04"
    assert gone["reason"].startswith("no toolchain: no nightly was published on 2024-02-04")
    asked = len(server.asked)
    again = tool(*RUN)
    assert again.document["answers"] == said.document["answers"]
    assert len(server.asked) == asked


def test_days_without_a_nightly_beside_the_change_are_suspects_by_name(tool: Tool, server: DistServer) -> None:
    publish_week(server, missing=(5, 6))
    publish_nightly(server, "2024-02-05", scripted("5", bad=False), without="rust-std")
    said = tool(*RUN)
    assert said.status == 3, said.err
    (answer,) = said.document["answers"]
    assert answer["suspects"] == [f"rust-nightly@2024-02-0{day}" for day in (5, 6, 7)]
    assert [gone["reason"].split(": ", 1)[1][:42] for gone in answer["untestable"]] == [
        "rust-nightly@2024-02-05 was published with",
        "no nightly was published on 2024-02-06 (ht",
    ]


def test_a_wrong_hash_ends_the_run_and_leaves_no_toolchain(tool: Tool, server: DistServer) -> None:
    publish_week(server)
    server.files[archive_of(1)] = scripted("other", bad=True).rustc
    said = tool(*RUN)
    assert said.status == 18
    assert "is not what its manifest promised" in said.err
    assert not list((tool.store / "entries").glob("*"))
    assert not list((tool.store / "work").glob("*"))


def test_a_server_that_stays_broken_is_an_error_that_says_so(tool: Tool, server: DistServer) -> None:
    publish_week(server)
    server.retry_after = "600"
    server.befall("/dist/2024-02-01/channel-rust-nightly.toml", *[Fault.BUSY] * 3)  # a probe is tried three times
    said = tool(*RUN)
    assert said.status == 17
    assert "asks to be left alone for 600 s (429 Too Many Requests)" in said.err


def test_a_sweep_shows_what_is_missing(tool: Tool, server: DistServer) -> None:
    publish_week(server, missing=(4,))
    said = tool("sweep", "store_then_step.rs", RANGE, "--opt", "2", "--json")
    assert said.status == 0, said.err
    verdicts = [cell["verdict"] for cell in said.document["cells"]]
    assert verdicts == ["good"] * 3 + ["untestable"] + ["good"] + ["bad"] * 3
    assert said.document["failed"] == []


def test_fetching_a_day_without_a_nightly_says_so(tool: Tool) -> None:
    said = tool("toolchains", "fetch", "rust-nightly@2024-02-04")
    assert said.status == 33
    assert "No nightly was published on 2024-02-04" in said.err


def test_releases_are_bisected_too(tool: Tool, server: DistServer) -> None:
    lines = []
    for minor, day in ((76, "2024-02-08"), (77, "2024-03-21"), (78, "2024-05-02"), (79, "2024-06-13")):
        version = f"1.{minor}.0"
        publish(server, day, version, scripted(version, bad=minor >= 78), version=f"{version} (0123456789 {day})")
        lines.append(f"static.rust-lang.org/dist/{day}/channel-rust-{version}.toml")
    server.put("/manifests.txt", "\n".join(lines).encode())
    said = tool("run", "store_then_step.rs", "rust:1.76..latest", "--opt", "2", "--json")
    assert said.status == 0, said.err
    assert said.document["answers"][0]["first"] == "rust@1.78.0"


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (
            "rust-nightly:2024-02-30..latest",
            14,
            "“2024-02-30” is not a date: the calendar has no such day; write YYYY-MM-DD.",
        ),
        (
            "rust-nightly:2014-12-31..latest",
            14,
            "“2014-12-31” is before the first nightly, which is of 2015-05-15.",
        ),
        ("rust-nightly:2024-02-01..2999-01-01", 14, "The nightly of 2999-01-01 is still to come"),
        ("rust-nightly:2024-02-01..2024-02-01", 15, "is the one point rust-nightly@2024-02-01"),
    ],
)
def test_days_that_cannot_be_are_refused(tool: Tool, words: str, status: int, sentence: str) -> None:
    said = tool("run", "store_then_step.rs", words)
    assert said.status == status
    assert sentence in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "MMIO_BISECT_RUST_DIST",
            "static.example",
            "MMIO_BISECT_RUST_DIST is 'static.example', which is not an address",
        ),
        ("MMIO_BISECT_SILENCE", "soon", "MMIO_BISECT_SILENCE is 'soon': write a number of seconds"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, variable: str, value: str, sentence: str) -> None:
    said = Tool(root=tmp_path, extra={variable: value})("run", "store_then_step.rs", RANGE)
    assert said.status == 2
    assert sentence in said.err


@pytest.mark.rust_archives
@pytest.mark.compiler
@pytest.mark.docker
def test_a_real_rustc_is_found_guilty_in_docker(tmp_path: Path, server: DistServer) -> None:
    good, bad = debian("bookworm"), debian("trixie")
    publish_nightly(server, "2024-02-01", good)
    publish_nightly(server, "2024-02-02", good.named("another good one"))
    publish_nightly(server, "2024-02-04", bad)
    server.befall(archive_of(1), Fault.TRUNCATED)
    server.befall(archive_of(4, "rust-std", TRIPLE), Fault.BROKEN)
    tool = Tool(root=tmp_path, extra={"MMIO_BISECT_RUST_DIST": server.url, "DOCKER_HOST": ""})
    said = tool(
        "run",
        "store_then_step.rs",
        "rust-nightly:2024-02-01..2024-02-04",
        "--opt",
        "2",
        "--sandbox",
        "docker",
        "--json",
    )
    assert said.status == 3, said.err
    (answer,) = said.document["answers"]
    assert (answer["change"], answer["last"], answer["first"]) == (
        "introduced",
        "rust-nightly@2024-02-02",
        "rust-nightly@2024-02-04",
    )
    assert [gone["toolchain"] for gone in answer["untestable"]] == ["rust-nightly@2024-02-03"]
    made = {probe["toolchain"]: (probe["compiler"], probe["llvm"]) for probe in said.document["probes"]}
    assert made["rust-nightly@2024-02-02"] == ("rustc 1.63.0", "14.0.6")
    assert made["rust-nightly@2024-02-04"] == ("rustc 1.85.1", "19.1.7")
