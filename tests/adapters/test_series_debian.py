"""Series of Debian's packages, against what the suites had on one day; the containers are on paper."""

import os
import re
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from catalogued import source_of
from paper_image_builder import PaperImageBuilder
from signalling import Uncancelled

from mmio_bisect.adapters.series.catalogue import shipped_catalogue
from mmio_bisect.adapters.series.debian import DebianSeries, upstream
from mmio_bisect.adapters.series.debian_index import Suite
from mmio_bisect.adapters.series.version_order import debian_sort_key
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import DownloadError, MissingToolchainError, SandboxError, UnknownVersionError
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.probing.ranges import parse_range, resolve_range


@pytest.fixture
def image_builder() -> PaperImageBuilder:
    return PaperImageBuilder()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def series(tmp_path: Path, image_builder: PaperImageBuilder, warnings: list[str]) -> Callable[[str], SeriesSource]:
    """The shipped series of that name, made anew each time, as each command makes it."""

    def make(name: str) -> SeriesSource:
        return source_of(shipped_catalogue(), name, tmp_path / "listings", image_builder, warnings.append)

    return make


def versions(source: SeriesSource, *, refresh: bool = False) -> list[str]:
    return [point.version for point in source.listing(refresh=refresh).points]


def test_every_version_of_every_suite_is_a_point_in_the_order_of_versions(
    series: Callable[[str], SeriesSource], warnings: list[str]
) -> None:
    assert versions(series("clang")) == [
        "9.0.1+bullseye",
        "11.0.1+bullseye",
        "13.0.1+bullseye",
        "13.0.1+bookworm",
        "14.0.6+bookworm",
        "15.0.6+bookworm",
        "16.0.6+bullseye",
        "16.0.6+bookworm",
        "17.0.6+trixie",
        "18.1.8+trixie",
        "19.1.7+bookworm",
        "19.1.7+trixie",
        "19.1.7+sid",
        "21.1.8+forky",
        "21.1.8+sid",
        "22.1.8+trixie",
        "22.1.8+forky",
        "22.1.8+sid",
        "23.1.4+sid",
        "24~20261025+experimental",
    ]
    assert warnings == []


def test_a_version_on_two_llvms_is_two_points_told_apart_by_suite(series: Callable[[str], SeriesSource]) -> None:
    rustc = series("rustc")
    first, second = (point for point in rustc.listing().points if point.version.startswith("1.63"))
    assert (first.version, second.version) == ("1.63.0+bullseye", "1.63.0+bookworm")
    assert "rustc-mozilla 1.63.0+dfsg1-2~deb11u1, LLVM 13;" in rustc.origin(first)
    assert "rustc 1.63.0+dfsg1-2, LLVM 14;" in rustc.origin(second)


def test_the_llvm_of_a_rustc_is_what_the_suite_built_it_on(series: Callable[[str], SeriesSource]) -> None:
    rustc = series("rustc")
    llvms = {
        point.version: found[1]
        for point in rustc.listing().points
        if (found := re.search(r"LLVM (\d+)", rustc.origin(point)))
    }
    assert llvms == {
        "1.48.0+bullseye": "11",
        "1.63.0+bullseye": "13",
        "1.63.0+bookworm": "14",
        "1.78.0+bullseye": "16",
        "1.85.0+bookworm": "19",
        "1.85.1+trixie": "19",
        "1.96.0+trixie": "22",
        "1.97.1+forky": "22",
        "1.98.1+experimental": "22",
    }


def test_cross_compilers_are_named_by_their_own_version_not_by_that_of_the_package_that_makes_them(
    series: Callable[[str], SeriesSource],
) -> None:
    assert versions(series("gcc"))[:3] == ["9.3.0+bullseye", "10.2.1+bullseye", "11.3.0+bookworm"]


@pytest.mark.parametrize(
    ("extent", "first", "last"),
    [
        ("clang:11..19", "11.0.1+bullseye", "19.1.7+sid"),
        ("clang:9..24", "9.0.1+bullseye", "24~20261025+experimental"),
        ("rustc:1.48..1.98", "1.48.0+bullseye", "1.98.1+experimental"),
        ("rustc:1.63.0+bookworm..1.85", "1.63.0+bookworm", "1.85.1+trixie"),
    ],
)
def test_upstream_versions_as_users_type_them_are_prefixes(
    series: Callable[[str], SeriesSource], extent: str, first: str, last: str
) -> None:
    text = parse_range(extent)
    found = resolve_range(text, series(text.series).listing())
    assert (found.first.version, found.last.version) == (first, last)


def test_suites_are_asked_once_for_all_series_and_again_when_told(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder
) -> None:
    for name in ("clang", "rustc", "gcc"):
        series(name).listing()
    suites = ["bullseye", "bookworm", "trixie", "forky", "sid", "experimental"]
    assert image_builder.asked == suites
    series("gcc").listing(refresh=True)
    assert image_builder.asked == suites * 2


def test_a_suite_that_is_gone_is_a_warning_while_others_answer(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder, warnings: list[str]
) -> None:
    image_builder.fails["bullseye"] = DownloadError("The repository has no Release file")
    assert versions(series("gcc"))[0] == "11.3.0+bookworm"
    assert warnings == ["the suite bullseye is left out: The repository has no Release file"]


def test_when_no_suite_answers_that_is_the_error(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder
) -> None:
    for suite in ("bullseye", "bookworm", "trixie", "forky", "sid", "experimental"):
        image_builder.fails[suite] = SandboxError("Cannot reach the docker daemon")
    with pytest.raises(SandboxError, match="docker daemon"):
        series("clang").listing()


def test_an_old_answer_is_used_with_a_warning_when_a_suite_is_gone(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder, warnings: list[str]
) -> None:
    before = versions(series("clang"))
    image_builder.fails["sid"] = DownloadError("gone")
    assert versions(series("clang"), refresh=True) == before
    (warning,) = warnings
    assert warning.startswith("what is known of sid is of 20")


def test_a_rustc_without_the_targets_core_is_untestable_and_says_why(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder, tmp_path: Path
) -> None:
    core = "Package: libstd-rust-dev\nSource: rustc\nVersion: 1.48.0+dfsg1-2\nArchitecture: arm64\n"
    image_builder.edit = lambda text: text.replace(core, core.replace("-dev", "-gone"))
    rustc = series("rustc")
    oldest = rustc.listing().points[0]
    assert oldest.version == "1.48.0+bullseye"
    with pytest.raises(
        MissingToolchainError, match=r"bullseye has no libstd-rust-dev:arm64 of rustc 1\.48\.0\+dfsg1-2"
    ):
        rustc.fetch(oldest, tmp_path, Uncancelled())
    assert "has no libstd-rust-dev:arm64" in rustc.origin(oldest)
    assert image_builder.built == []


def test_what_a_rustc_needs_is_fetched_in_its_own_version(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder, tmp_path: Path
) -> None:
    rustc = series("rustc")
    (point,) = (point for point in rustc.listing().points if point.version == "1.96.0+trixie")
    fetched = rustc.fetch(point, tmp_path, Uncancelled())
    ((suite, plan, work),) = image_builder.built
    version = "1.96.0+dfsg1-1~deb13u1+b1"
    assert suite == "trixie"
    assert "dpkg --add-architecture arm64" in plan
    assert f"--download-only install 'libstd-rust-web-1.96={version}'" in plan
    assert f"download 'rustc-web={version}' 'libstd-rust-web-dev:arm64={version}'" in plan
    assert "--force-depends --unpack" in work
    assert fetched.tool == ("/usr/bin/rustc",)
    assert fetched.image is not None
    assert fetched.image.startswith("paper:rustc-1.96.0+trixie-")


def test_a_suite_that_cannot_stand_alone_is_added_to_its_base(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder, tmp_path: Path
) -> None:
    clang = series("clang")
    fetched = clang.fetch(clang.listing().points[-1], tmp_path, Uncancelled())
    ((suite, plan, _work),) = image_builder.built
    assert suite == "sid"
    assert "experimental" in plan
    assert (fetched.commit, fetched.released) == ("7e3c57157096", date(2026, 10, 25))
    assert "'clang-24=1:24~++20261025103442+7e3c57157096-1~exp1'" in plan


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("sources.list", "deb http://a.example/debian sid main\n",
         "deb http://a.example/debian sid main\ndeb http://a.example/debian experimental main\n"),
        ("sources.list", "deb [a=b] http://a.example/sid sid main x\n",
         "deb [a=b] http://a.example/sid sid main x\ndeb [a=b] http://a.example/sid experimental main x\n"),
        ("sources.list.d/debian.sources", "Types: deb\nURIs: http://a.example/debian\nSuites: sid\nComponents: main\n",
         "Types: deb\nURIs: http://a.example/debian\nSuites: sid experimental\nComponents: main\n"),
        ("sources.list", "deb http://a.example/debian trixie main\n", "deb http://a.example/debian trixie main\n"),
    ],
)  # fmt: skip
def test_a_suite_is_added_to_its_bases_sources_in_either_form(
    tmp_path: Path, file: str, before: str, after: str
) -> None:
    sources = tmp_path / file
    sources.parent.mkdir(exist_ok=True)
    sources.write_text(before)
    script = Suite(name="experimental", base="sid").prepared(["arm64"]).replace("/etc/apt", str(tmp_path))
    for name in ("dpkg", "apt-get"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (tmp_path / name).chmod(0o755)
    said = subprocess.run(
        ["sh", "-eu", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": f"{tmp_path}:{os.defpath}"},
    )
    assert sources.read_text() == after
    assert said.stdout == "dpkg --add-architecture arm64\n"
    assert said.stderr.endswith(" update\n")


def test_the_digest_is_of_the_packages_and_the_tool_whatever_their_order(
    series: Callable[[str], SeriesSource], image_builder: PaperImageBuilder, tmp_path: Path
) -> None:
    clang, llc = series("clang"), series("clang")
    first, second = clang.listing().points[:2]
    digest = clang.fetch(first, tmp_path, Uncancelled()).digest
    image_builder.printed = "2222  a.deb\n1111  b.deb\n"
    assert llc.fetch(first, tmp_path, Uncancelled()).digest == digest
    assert clang.fetch(second, tmp_path, Uncancelled()).digest != digest, "another program of the same packages"
    image_builder.printed = "2222  a.deb\n3333  b.deb\n"
    assert clang.fetch(first, tmp_path, Uncancelled()).digest != digest


def test_a_point_that_is_gone_from_debian_is_refused_in_a_sentence(
    series: Callable[[str], SeriesSource], tmp_path: Path
) -> None:
    gone = Point(series="clang", version="12.0.1+bullseye", sort_key="")
    with pytest.raises(UnknownVersionError, match=r"series show clang --refresh"):
        series("clang").fetch(gone, tmp_path, Uncancelled())


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1:19.1.7-3+b1", "19.1.7"),
        ("1:9.0.1-16.1", "9.0.1"),
        ("1:16.0.6-15~deb11u2", "16.0.6"),
        ("1.85.1+dfsg1-1+deb13u1", "1.85.1"),
        ("1.98.1+dfsg1-1~exp1", "1.98.1"),
        ("12.2.0-14cross1", "12.2.0"),
        ("1:24~++20261025103442+7e3c57157096-1~exp1", "24~20261025"),
    ],
)
def test_upstreams_part_of_a_version(version: str, expected: str) -> None:
    assert upstream(version) == expected


def test_keys_sort_as_debian_does() -> None:
    """The order is deb-version(7)'s; `dpkg --compare-versions` says so of each pair."""
    ordered = [
        "1.0~~", "1.0~~a", "1.0~", "1.0~rc1", "1.0", "1.0a", "1.0+dfsg1", "1.0+dfsg1-1", "1.0.1", "1.1", "1.2", "1.10",
        "2~20261025+abc", "2~rc1", "2", "2.0", "9.0.1", "10.0.0",
    ]  # fmt: skip
    keys = [debian_sort_key(version) for version in ordered]
    assert keys == sorted(keys)
    assert all(first < second for first, second in pairwise(keys))


def test_a_fresh_listing_is_no_older_than_its_oldest_suite(
    series: Callable[[str], SeriesSource],
) -> None:
    clang = series("clang")
    assert isinstance(clang, DebianSeries)
    first, second = clang.listing().asked_at, clang.listing().asked_at
    assert abs(first - second) < timedelta(seconds=1)
