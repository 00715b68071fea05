"""The merges of a small real repository that grows as Rust's does, and what CI keeps of them."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from catalogued import endpoints
from loopback_dist import DistServer, Fault, serving_dist
from rust_artefacts import HOST, TRIPLE, publish_ci, scripted
from rust_repository import LLVM, Grown, Pull, grow
from signalling import Noted

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.adapters.fetch.http_transfer import HttpFile
from mmio_bisect.adapters.git.merge_log import MergeLog
from mmio_bisect.adapters.series.rust_ci import RustCiConfig, RustCiSeries
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import (
    CorruptArtefactError,
    DownloadError,
    MissingToolchainError,
    UnknownVersionError,
    UsageError,
)
from mmio_bisect.workflow.probing.identity import identified
from mmio_bisect.workflow.probing.ranges import matching_points, parse_range, resolve_range

NOW = datetime(2024, 2, 10, tzinfo=UTC)
PULLS = (
    Pull(day="2023-06-01"),
    Pull(day="2024-02-01", tag="1.76.0"),
    Pull(day="2024-02-01", llvm=LLVM[1], author="rust-bors[bot]"),
    Pull(day="2024-02-03", author="bors[bot]"),
    Pull(day="2024-02-04", author="a person"),
    Pull(day="2024-02-05", llvm=LLVM[2]),
)
QUEUED = (0, 1, 2, 3, 5)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    return grow(tmp_path_factory.mktemp("upstream") / "rust.git", PULLS)


@pytest.fixture
def server() -> Iterator[DistServer]:
    with serving_dist() as server:
        yield server


def series(log: MergeLog, server: DistServer | None = None, *, alt: bool = False) -> RustCiSeries:
    url = server.url if server else "http://127.0.0.1:9"
    downloads = Downloads(connect=HttpFile, waits=(0.01,), silence_seconds=20)
    config = RustCiConfig(summary="it", server=url, target=TRIPLE, repository="none", alt=alt)
    return RustCiSeries("rust-ci", config, endpoints(downloads, lambda _: log), now=lambda: NOW)


@pytest.fixture
def ci(grown: Grown, tmp_path: Path, server: DistServer) -> RustCiSeries:
    return series(MergeLog(own=tmp_path / "own", given=grown.folder), server)


def meant(ci: RustCiSeries, word: str, grown: Grown) -> list[int]:
    """Which merges a word means."""
    return [grown.merges.index(point.version) for point in matching_points(word, ci.listing(), ci.interpret)]


def test_the_points_are_what_the_queue_merged_in_order_with_the_llvm_of_each(ci: RustCiSeries, grown: Grown) -> None:
    points = ci.listing().points
    assert [point.version for point in points] == [grown.merges[place] for place in QUEUED]
    assert [point.sort_key for point in points] == sorted({point.sort_key for point in points})
    built_from = ci.capabilities.built_from
    assert built_from is not None
    merges = [built_from(point) for point in points]
    assert [merge.llvm for merge in merges] == [LLVM[0], LLVM[0], LLVM[1], LLVM[1], LLVM[2]]
    assert merges[1].subject == "Auto merge of #2 - someone:change, r=other"
    assert merges[1].merged == datetime(2024, 2, 1, 12, tzinfo=UTC)


def test_a_range_takes_commits_abbreviations_dates_releases_and_latest(ci: RustCiSeries, grown: Grown) -> None:
    assert meant(ci, grown.merges[3], grown) == meant(ci, grown.merges[3][:9], grown) == [3]
    assert meant(ci, "2024-02-01", grown) == [1, 2]
    assert meant(ci, "2024-02-02", grown) == [2]
    assert meant(ci, "latest", grown) == [5]
    assert meant(ci, "1.76.0", grown) == [1]
    mixed = resolve_range(parse_range(f"rust-ci:2024-02-01..{grown.merges[3][:8]}"), ci.listing(), ci.interpret)
    assert [grown.merges.index(point.version) for point in mixed.points] == [1, 2, 3]


def test_words_that_mean_no_merge_are_refused_with_their_reason(ci: RustCiSeries, grown: Grown) -> None:
    for word, why in (
        (grown.pulled[3][:10], "is a commit, but no merge by bors into the main branch"),
        (grown.merges[4], "is a commit, but no merge by bors"),
        ("2024-02-30", "is not a date: the calendar has no such day"),
        ("2010-01-01", "No merge of 2010-01-01 or before"),
        ("2024-02-11", "still to come; `latest` means the newest"),
        ("1.99.0", "has no version “1.99.0”"),
        ("abcdef0123", "has no version “abcdef0123”"),
    ):
        with pytest.raises(UnknownVersionError, match=why):
            meant(ci, word, grown)


@pytest.mark.parametrize("alt", [False, True])
def test_a_merge_is_fetched_from_its_folder(grown: Grown, tmp_path: Path, server: DistServer, alt: bool) -> None:
    ci = series(MergeLog(own=tmp_path / "own", given=grown.folder), server, alt=alt)
    publish_ci(server, grown.merges[3], scripted("three", bad=False), alt=alt)
    folder = tmp_path / "toolchain"
    folder.mkdir()
    fetched = ci.fetch(ci.listing().points[3], folder, Noted())
    assert (fetched.tool, fetched.commit) == (("bin/rustc",), grown.merges[3])
    assert fetched.released == datetime(2024, 2, 3, tzinfo=UTC).date()
    assert identified(ci.family, fetched, f"rustc 1.78.0-nightly\ncommit-hash: {'0' * 40}\n").commit == grown.merges[3]


@pytest.mark.parametrize(("place", "for_good", "why"), [(0, True, "keeps them for 168 days"), (3, False, "or not yet")])
def test_what_ci_does_not_have_is_missing_and_past_its_time_for_good(
    ci: RustCiSeries, tmp_path: Path, place: int, for_good: bool, why: str
) -> None:
    with pytest.raises(MissingToolchainError, match=why) as found:
        ci.fetch(ci.listing().points[place], tmp_path, Noted())
    assert found.value.for_good is for_good


def test_an_archive_that_is_not_whole_is_no_toolchain(
    ci: RustCiSeries, grown: Grown, tmp_path: Path, server: DistServer
) -> None:
    publish_ci(server, grown.merges[3], scripted("three", bad=False))
    server.befall(f"/rustc-builds/{grown.merges[3]}/rustc-nightly-{HOST}.tar.xz", Fault.CORRUPT)
    with pytest.raises(CorruptArtefactError, match="is damaged"):
        ci.fetch(ci.listing().points[3], tmp_path, Noted())


def test_a_clone_of_our_own_is_bare_and_brought_up_to_date_when_asked(tmp_path: Path) -> None:
    said: list[str] = []
    upstream = grow(tmp_path / "rust.git", PULLS[:2])
    log = MergeLog(own=tmp_path / "beside" / "own.git", url=f"file://{upstream.folder}", say=said.append)
    assert [merge.commit for merge in log.merges()] == list(upstream.merges)
    assert said == [f"cloning file://{upstream.folder} without its files, once: about a gigabyte"]
    assert (tmp_path / "beside" / "own.git" / "HEAD").is_file()
    assert not list((tmp_path / "beside" / "work").iterdir())
    (tmp_path / "rust.git").rename(tmp_path / "old.git")
    later = grow(tmp_path / "rust.git", PULLS[:4])
    assert later.merges[:2] == upstream.merges
    assert len(log.merges()) == 2
    assert [merge.commit for merge in log.merges(refresh=True)] == list(later.merges)


def test_an_old_clone_is_better_than_none(tmp_path: Path) -> None:
    said: list[str] = []
    upstream = grow(tmp_path / "rust.git", PULLS[:2])
    own = tmp_path / "own.git"
    MergeLog(own=own, url=f"file://{upstream.folder}").merges()
    os.utime(own / "mmio-bisect-fetched", (0, 0))
    (tmp_path / "rust.git").rename(tmp_path / "gone")
    log = MergeLog(own=own, url=f"file://{upstream.folder}", say=said.append)
    assert len(log.merges()) == 2
    (sentence,) = said
    assert "the clone of Rust's repository is of 1970-01-01" in sentence
    assert "name a clone that is there with --rust-repo" in sentence


def test_no_clone_to_be_had_is_a_download_error(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"could not be fetched .*: check the network"):
        MergeLog(own=tmp_path / "own", url=f"file://{tmp_path}/nothing").merges()
    assert not (tmp_path / "own").exists()


def test_a_folder_that_is_no_clone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a git repository: give a clone of Rust's"):
        MergeLog(own=tmp_path / "own", given=tmp_path).merges()
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "empty")], check=True)
    with pytest.raises(UsageError, match="cannot be read as a clone of Rust's repository"):
        MergeLog(own=tmp_path / "own", given=tmp_path / "empty").merges()


def test_a_users_clone_is_read_by_its_upstream_not_by_what_is_checked_out(tmp_path: Path, grown: Grown) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(grown.folder), str(clone)], check=True)
    subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", "--detach", grown.merges[0]], check=True)
    assert len(MergeLog(own=tmp_path / "own", given=clone).merges()) == len(QUEUED)


def test_a_point_of_another_repository_is_unknown(ci: RustCiSeries) -> None:
    with pytest.raises(UnknownVersionError, match="is not a merge into the main branch"):
        ci.built_from(Point(series="rust-ci", version="0" * 40, sort_key="0"))
