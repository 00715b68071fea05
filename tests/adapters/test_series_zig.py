"""The `zig` series against a package index of our own, with pip itself in between, and small wheels made here."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_index import FILES, Index, answer, not_there, wheel
from packaging.version import Version

from mmio_bisect.adapters.fetch.pip_process import PipResult, explain
from mmio_bisect.adapters.series.version_order import sort_key
from mmio_bisect.adapters.series.zig import ZigSeries
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import (
    BrokenToolchainError,
    CancelledError,
    CorruptArtefactError,
    DiskFullError,
    DownloadError,
)
from mmio_bisect.workflow.ports.series import Fetched
from mmio_bisect.workflow.probing.identity import identified


class Recorder:
    """Signals that keep what is reported."""

    def __init__(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        self.cancelled = cancelled
        self.seen: list[tuple[int, int | None]] = []

    def progress(self, done: int, total: int | None) -> None:
        self.seen.append((done, total))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "toolchain"
    folder.mkdir()
    return folder


@pytest.fixture
def series(tmp_path: Path) -> ZigSeries:
    return ZigSeries(tmp_path / "cache", retries=0)


def point(version: str) -> Point:
    return Point(series="zig", version=version, sort_key=sort_key(Version(version)))


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


# --- the order of versions


NUMBERS = st.integers(min_value=0, max_value=10**20) | st.integers(min_value=0, max_value=12)
OPTIONAL = st.none() | NUMBERS


@st.composite
def versions(draw: st.DrawFn) -> Version:
    text = f"{draw(st.integers(0, 2))}!" + ".".join(map(str, draw(st.lists(NUMBERS, min_size=1, max_size=4))))
    if draw(st.booleans()):
        text += f"{draw(st.sampled_from(['a', 'b', 'rc']))}{draw(NUMBERS)}"
    for word in (".post", ".dev"):
        number = draw(OPTIONAL)
        text += "" if number is None else f"{word}{number}"
    local = draw(st.lists(st.from_regex(r"[a-z0-9]{1,3}", fullmatch=True), max_size=3))
    return Version(f"{text}+{'.'.join(local)}" if local else text)


@given(versions(), versions())
def test_the_plain_order_of_sort_keys_is_the_order_of_versions(one: Version, other: Version) -> None:
    assert (sort_key(one) < sort_key(other)) == (one < other)
    assert (sort_key(one) == sort_key(other)) == (one == other)


# --- the listing


def test_the_listing_is_oldest_first_with_post_releases_and_without_the_placeholder(
    index: Index, series: ZigSeries
) -> None:
    for version in ["0.10.0.post1", "0.9.1", "0.0.0", "0.10.0", "0.7.1", "0.13.0", "0.8.0", "0.10.1"]:
        index.add(version)
    listing = series.listing()
    assert [point.version for point in listing.points] == [
        "0.8.0", "0.9.1", "0.10.0", "0.10.0.post1", "0.10.1", "0.13.0",
    ]  # fmt: skip
    assert all(point.series == "zig" for point in listing.points)
    assert [point.sort_key for point in listing.points] == sorted(point.sort_key for point in listing.points)
    assert datetime.now(UTC) - listing.asked_at < timedelta(minutes=1)


def test_a_fresh_listing_is_not_asked_for_again_unless_told_to(index: Index, series: ZigSeries) -> None:
    index.add("0.8.0")
    first = series.listing()
    asked = len(index.asked)
    index.add("0.9.0")
    assert series.listing() == first
    assert len(index.asked) == asked
    assert [point.version for point in series.listing(refresh=True).points] == ["0.8.0", "0.9.0"]


def test_a_listing_past_its_age_is_asked_for_again(index: Index, tmp_path: Path) -> None:
    index.add("0.8.0")
    series = ZigSeries(tmp_path / "cache", max_age=timedelta(0), retries=0)
    series.listing()
    index.add("0.9.0")
    assert len(series.listing().points) == 2


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"schema": 1, "versions": [7], "asked_at": "2026-01-01T00:00:00Z"}']
)
def test_a_damaged_cache_is_asked_for_again(index: Index, series: ZigSeries, tmp_path: Path, damage: str) -> None:
    index.add("0.8.0")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "zig.json").write_text(damage)
    assert len(series.listing().points) == 1
    assert json.loads((tmp_path / "cache" / "zig.json").read_text())["versions"] == ["0.8.0"]
    assert files_in(tmp_path / "cache") == {"zig.json"}


def test_without_network_and_without_cache_the_error_says_what_to_do(index: Index, series: ZigSeries) -> None:
    index.stop()
    with pytest.raises(DownloadError, match=r"did not deliver the list .*check the network") as caught:
        series.listing()
    assert "\n" not in str(caught.value)


def test_without_network_an_old_listing_is_used_and_that_is_said(index: Index, tmp_path: Path) -> None:
    index.add("0.8.0")
    said: list[str] = []
    series = ZigSeries(tmp_path / "cache", max_age=timedelta(0), retries=0, warn=said.append)
    first = series.listing()
    assert said == []
    index.stop()
    assert series.listing() == first
    assert len(said) == 1
    assert "did not deliver" in said[0]


def test_an_index_without_the_package_is_said(index: Index, series: ZigSeries) -> None:
    with pytest.raises(DownloadError, match=r"does not offer the list of ziglang versions"):
        series.listing()
    index.add("0.0.0")
    with pytest.raises(DownloadError, match=r"no ziglang wheel from 0\.8 on"):
        series.listing()


# --- fetching


def test_only_the_program_and_its_headers_are_unpacked(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0")
    signals = Recorder()
    fetched = series.fetch(point("0.13.0"), folder, signals)
    assert fetched == Fetched(
        digest=index.digest("0.13.0"),
        tool=("ziglang/zig", "clang"),
        arguments=("-isystem", "{toolchain}/ziglang/lib/include"),
    )
    assert files_in(folder) == {"ziglang/zig", "ziglang/lib/include/stddef.h"}
    assert sorted(path.name for path in folder.iterdir()) == ["ziglang"]
    assert subprocess.run([folder / "ziglang/zig"], capture_output=True, check=True).stdout == b"clang version 18.1.6\n"


def test_progress_is_reported_in_bytes(index: Index, series: ZigSeries, folder: Path) -> None:
    content = wheel("0.13.0", FILES | {"ziglang/zig": os.urandom(600_000)})
    index.add("0.13.0", content)
    signals = Recorder()
    series.fetch(point("0.13.0"), folder, signals)
    assert signals.seen[-1] == (len(content), len(content))


def test_a_wheel_that_is_not_what_the_index_promised_is_corrupt(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0", promised=b"something else")
    with pytest.raises(CorruptArtefactError, match=r"ziglang 0\.13\.0 is not what the package index promised"):
        series.fetch(point("0.13.0"), folder, Recorder())
    assert list(folder.iterdir()) == []


def test_a_truncated_download_is_a_download_error(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0")
    index.serve_wheel = index.truncate
    with pytest.raises(DownloadError, match=r"did not deliver ziglang 0\.13\.0"):
        series.fetch(point("0.13.0"), folder, Recorder())
    assert list(folder.iterdir()) == []


def test_a_download_that_breaks_off_once_is_resumed(index: Index, tmp_path: Path, folder: Path) -> None:
    index.add("0.13.0")

    def truncate_once(request: BaseHTTPRequestHandler, content: bytes) -> None:
        index.serve_wheel = answer
        index.truncate(request, content)

    index.serve_wheel = truncate_once
    ZigSeries(tmp_path / "cache", retries=1).fetch(point("0.13.0"), folder, Recorder())
    assert "ziglang/zig" in files_in(folder)


def test_a_wheel_that_is_gone_is_a_download_error(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0")
    index.serve_wheel = not_there
    with pytest.raises(DownloadError, match="404"):
        series.fetch(point("0.13.0"), folder, Recorder())


def test_a_version_that_the_index_does_not_have_is_a_download_error(
    index: Index, series: ZigSeries, folder: Path
) -> None:
    index.add("0.13.0")
    with pytest.raises(DownloadError, match=r"does not offer ziglang 0\.14\.0 to this machine"):
        series.fetch(point("0.14.0"), folder, Recorder())


def test_a_server_that_is_gone_is_a_download_error(index: Index, series: ZigSeries, folder: Path) -> None:
    index.stop()
    with pytest.raises(DownloadError, match="check the network"):
        series.fetch(point("0.13.0"), folder, Recorder())


def test_a_stalled_download_can_be_cancelled(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0", wheel("0.13.0", FILES | {"ziglang/zig": os.urandom(600_000)}))
    index.serve_wheel = index.stall

    with pytest.raises(CancelledError):
        series.fetch(point("0.13.0"), folder, Recorder(index.stalled.is_set))
    assert list(folder.iterdir()) == []


def test_a_stalled_download_ends_by_itself(index: Index, tmp_path: Path, folder: Path) -> None:
    index.add("0.13.0", wheel("0.13.0", FILES | {"ziglang/zig": os.urandom(600_000)}))
    index.serve_wheel = index.stall
    series = ZigSeries(tmp_path / "cache", retries=0, silence_seconds=2)
    with pytest.raises(DownloadError, match="nothing was heard"):
        series.fetch(point("0.13.0"), folder, Recorder())


def test_a_full_disk_is_told_from_a_bad_network() -> None:
    said = "WARNING: x\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    assert isinstance(explain(PipResult(status=1, output="", errors=said), "ziglang 0.13.0"), DiskFullError)


# --- wheels that are not what they say


def test_a_file_that_differs_from_the_record_is_corrupt(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0", wheel("0.13.0", record={"ziglang/zig": b"another program"}))
    with pytest.raises(CorruptArtefactError, match="ziglang/zig is not what its RECORD says"):
        series.fetch(point("0.13.0"), folder, Recorder())


def test_a_file_that_the_record_does_not_know_is_corrupt(index: Index, series: ZigSeries, folder: Path) -> None:
    content = wheel("0.13.0").replace(b"ziglang/lib/include/stddef.h", b"ziglang/lib/include/stdde2.h")
    index.add("0.13.0", content)
    with pytest.raises(CorruptArtefactError, match=r"stdde2\.h is not what its RECORD says"):
        series.fetch(point("0.13.0"), folder, Recorder())


def test_a_flipped_bit_inside_the_archive_is_corrupt(index: Index, series: ZigSeries, folder: Path) -> None:
    content = bytearray(wheel("0.13.0", FILES | {"ziglang/zig": os.urandom(5000)}))
    content[2000] ^= 1
    index.add("0.13.0", bytes(content))
    with pytest.raises(CorruptArtefactError, match="damaged"):
        series.fetch(point("0.13.0"), folder, Recorder())


@pytest.mark.parametrize("name", ["../evil", "/evil", "ziglang/lib/include/../../../../evil", "ziglang\\..\\evil"])
def test_a_wheel_that_would_write_outside_its_folder_is_refused(
    index: Index, series: ZigSeries, folder: Path, tmp_path: Path, name: str
) -> None:
    index.add("0.13.0", wheel("0.13.0", FILES | {name: b"evil"}))
    with pytest.raises(CorruptArtefactError, match="outside its folder"):
        series.fetch(point("0.13.0"), folder, Recorder())
    assert not list(tmp_path.rglob("*evil"))


def test_a_wheel_without_the_program_is_a_broken_toolchain(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0", wheel("0.13.0", {"ziglang/__init__.py": b""}))
    with pytest.raises(BrokenToolchainError, match="no ziglang/zig"):
        series.fetch(point("0.13.0"), folder, Recorder())


# --- kill -9

KILLED = """
import sys
from pathlib import Path
from mmio_bisect.adapters.series.zig import ZigSeries
from mmio_bisect.domain.toolchain import Point

class Uncancelled:
    def cancelled(self): return False
    def progress(self, done, total): pass

ZigSeries(Path(sys.argv[1])).fetch(Point(series="zig", version="0.13.0", sort_key=""), Path(sys.argv[2]), Uncancelled())
"""


def test_after_kill_9_pip_dies_too_and_all_that_is_left_lies_in_the_folder(
    index: Index, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("0.13.0", wheel("0.13.0", FILES | {"ziglang/zig": os.urandom(600_000)}))
    index.serve_wheel = index.stall
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    parent = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "cache"), str(folder)])
    try:
        assert index.stalled.wait(20)
    finally:
        parent.kill()
        parent.wait()
    # pip stands in the folder, and so would whatever it had started.
    deadline = time.monotonic() + 5
    while _standing_in(str(folder)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _standing_in(str(folder)) == []
    assert list(elsewhere.iterdir()) == []


def _standing_in(folder: str) -> list[str]:
    """Processes that stand in that folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and str((entry / "cwd").readlink()).startswith(folder):
                found.append(entry.name)
    return found


# --- what the compiler says of itself


FETCHED = Fetched(digest="sha256:" + "0" * 64, tool=("ziglang/zig", "clang"), arguments=("-isystem", "x"))


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("clang version 18.1.6 (https://github.com/ziglang/zig-bootstrap 98bc6bf4fc40)", "18.1.6"),
        ("clang version 12.0.1 (git@github.com:ziglang/zig-bootstrap.git 8cc2870e0932)", "12.0.1"),
        ("clang version 22.1.8", "22.1.8"),
    ],
)
def test_the_version_is_read_and_zig_bootstraps_commit_is_not_taken_for_llvms(
    series: ZigSeries, line: str, version: str
) -> None:
    found = identified(series.family, FETCHED, f"{line}\nTarget: x86_64-unknown-linux-musl\nThread model: posix\n")
    assert (found.family, found.version_text) == (CompilerFamily.CLANG, line)
    assert (found.compiler_version, found.llvm_version) == (version, version)
    assert (found.commit, found.released) == (None, None)
    assert (found.digest, found.tool, found.arguments) == (FETCHED.digest, FETCHED.tool, FETCHED.arguments)


@pytest.mark.parametrize("said", ["", "gcc (GCC) 12.2.0", "clang version unknown", "Segmentation fault"])
def test_a_compiler_that_says_anything_else_is_broken(series: ZigSeries, said: str) -> None:
    with pytest.raises(BrokenToolchainError, match="does not say which clang"):
        identified(series.family, FETCHED, said)


@pytest.mark.network
@pytest.mark.compiler
def test_the_real_0_13_0_is_clang_18_1_6(series: ZigSeries, folder: Path) -> None:
    real = next(point for point in series.listing().points if point.version == "0.13.0")
    fetched = series.fetch(real, folder, Recorder())
    said = subprocess.run([folder / fetched.tool[0], "clang", "--version"], capture_output=True, text=True, check=True)
    assert identified(series.family, fetched, said.stdout).compiler_version == "18.1.6"
