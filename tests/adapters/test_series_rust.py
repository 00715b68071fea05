"""The series `rust` and `rust-nightly` against a server of the true layout, with small scripted compilers on it."""

import lzma
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from catalogued import endpoints
from loopback_dist import Content, DistServer, Fault, serving_dist
from rust_artefacts import HOST, TRIPLE, Compiler, archive, publish, publish_nightly, scripted
from signalling import Noted

from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.adapters.fetch.http_transfer import HttpFile
from mmio_bisect.adapters.series.rust_endpoints import Manifest
from mmio_bisect.adapters.series.rust_manifest import read_manifest
from mmio_bisect.adapters.series.rust_nightly import RustNightlyConfig, RustNightlySeries
from mmio_bisect.adapters.series.rust_releases import RustReleasesConfig, RustReleaseSeries
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import (
    BrokenToolchainError,
    CancelledError,
    CorruptArtefactError,
    DownloadError,
    MissingToolchainError,
    UnknownVersionError,
)
from mmio_bisect.workflow.ports.series import Fetched
from mmio_bisect.workflow.probing.identity import identified
from mmio_bisect.workflow.probing.ranges import matching_points, parse_range, resolve_range

MANIFEST = Path(__file__).parents[1] / "fixtures" / "rust" / "channel-rust-nightly.toml.xz"
TODAY = date(2024, 2, 20)
DAY = "2024-02-01"
RUSTC = f"/dist/{DAY}/rustc-nightly-{HOST}.tar.xz"
STD = f"/dist/{DAY}/rust-std-nightly-{TRIPLE}.tar.xz"
HEAD = 'manifest-version = "2"\ndate = "2024-02-01"\n[pkg.rustc]\nversion = "1.77.0-nightly"\n'
CHANNEL = f"/dist/{DAY}/channel-rust-nightly.toml"

ENDPOINTS: Final = endpoints(Downloads(connect=HttpFile, waits=(0.01, 0.01), silence_seconds=20))


@pytest.fixture
def server() -> Iterator[DistServer]:
    with serving_dist() as server:
        yield server


def nightlies(server: DistServer, today: date = TODAY) -> RustNightlySeries:
    return RustNightlySeries("rust-nightly", nightly_config(server.url), ENDPOINTS, today=lambda: today)


def nightly_config(url: str) -> RustNightlyConfig:
    return RustNightlyConfig(summary="it", server=url, target=TRIPLE, repository="none")


def point(day: str = DAY) -> Point:
    return Point(series="rust-nightly", version=day, sort_key=day)


def fetch(server: DistServer, folder: Path, day: str = DAY, today: date = TODAY) -> Fetched:
    return nightlies(server, today).fetch(point(day), folder, Noted())


def real_manifest() -> Manifest:
    return read_manifest(lzma.decompress(MANIFEST.read_bytes()), url="it", base_url="https://mirror.example")


def test_a_real_manifest_is_read_whole() -> None:
    manifest = real_manifest()
    assert (manifest.published, manifest.version, manifest.commit, manifest.minor) == (
        date(2026, 5, 20),
        "1.97.0-nightly",
        "e50aa6fba",
        (1, 97),
    )
    counts = Counter(component for component, _ in manifest.archives)
    assert (len(manifest.archives), counts["rustc"], counts["rust-std"], counts["enzyme-preview"]) == (655, 32, 110, 4)
    assert not any(archive.gzip for archive in manifest.archives.values())


def test_a_mirror_stands_for_the_server_that_a_manifest_names() -> None:
    rustc = real_manifest().archives["rustc", HOST]
    assert rustc.url == f"https://mirror.example/dist/2026-05-20/rustc-nightly-{HOST}.tar.xz"
    assert rustc.sha256 == "1cd9bc70d6397e4173f037f05337b086b55269e34e0fe9ca68024b158fcaeafb"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html>", "cannot be read as a manifest"),
        ('manifest-version = "1"\ndate = "2015-05-15"\n[pkg]\n', "manifest-version"),
        ('manifest-version = "2"\ndate = "2024-02-01"\n[pkg]\n', "it has no rustc"),
        ('manifest-version = "2"\ndate = "2024-02-01"\n[pkg.rustc]\nversion = "new"\n', "which is not a version"),
        (f"{HEAD}[pkg.rustc.target.it]\navailable = true\nxz_url = 'u'\nxz_hash = '../../etc'\n", "is not a SHA-256"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, why: str) -> None:
    with pytest.raises(CorruptArtefactError, match=why):
        read_manifest(text.encode(), url="it")


def test_a_nightly_is_fetched_with_its_provenance_and_nothing_that_is_not_needed(
    server: DistServer, tmp_path: Path
) -> None:
    publish_nightly(server, DAY, scripted("one", bad=False))
    signals = Noted()
    fetched = nightlies(server).fetch(point(), tmp_path, signals)
    assert (fetched.tool, fetched.commit, fetched.released) == (
        ("bin/rustc",),
        "01234567890123456789" * 2,
        date(2024, 2, 1),
    )
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "bin/rustc",
        "lib/librustc_driver-0123.so",
        "lib/object.so",
        f"lib/rustlib/{TRIPLE}/lib/libcore-0123.rlib",
    ]
    total = len(server.files[RUSTC]) + len(server.files[STD])
    assert signals.reports[-1] == (total, total)
    assert {reported for _, reported in signals.reports} == {total}


def test_the_digest_is_of_the_archives_wherever_they_lie(server: DistServer, tmp_path: Path) -> None:
    publish_nightly(server, DAY, one := scripted("one", bad=False))
    publish_nightly(server, "2024-02-02", one)
    publish_nightly(server, "2024-02-03", one.named("another"))
    digests = []
    for day in (DAY, "2024-02-02", "2024-02-03"):
        (tmp_path / day).mkdir()
        digests.append(fetch(server, tmp_path / day, day).digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("path", [CHANNEL, RUSTC, STD])
@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.BUSY, Fault.BROKEN])
def test_faults_that_pass_are_waited_for(server: DistServer, tmp_path: Path, path: str, fault: Fault) -> None:
    publish_nightly(server, DAY, scripted("one", bad=False, size=200_000))
    server.befall(path, fault, fault)
    assert fetch(server, tmp_path).tool == ("bin/rustc",)


def test_what_is_not_what_its_manifest_promised_is_an_error(server: DistServer, tmp_path: Path) -> None:
    publish_nightly(server, DAY, scripted("one", bad=False))
    server.files[RUSTC] = scripted("other", bad=True).rustc
    with pytest.raises(CorruptArtefactError, match=r"is not what its manifest promised .*: run the same command again"):
        fetch(server, tmp_path)


def test_a_manifest_that_is_not_what_its_hash_says_is_not_believed(server: DistServer, tmp_path: Path) -> None:
    publish_nightly(server, DAY, scripted("one", bad=False))
    server.put(CHANNEL, b"other")
    with pytest.raises(CorruptArtefactError, match=r"is not what its \.sha256 says"):
        fetch(server, tmp_path)


@pytest.mark.parametrize(("today", "for_good"), [(date(2024, 2, 20), True), (date(2024, 2, 2), False)])
def test_a_day_without_a_nightly_is_missing_and_in_time_for_good(
    server: DistServer, tmp_path: Path, today: date, for_good: bool
) -> None:
    with pytest.raises(
        MissingToolchainError, match=r"no nightly was published on 2024-02-01 \(.* is not there\)"
    ) as found:
        fetch(server, tmp_path, today=today)
    assert found.value.for_good is for_good


def test_a_day_that_our_clock_alone_has_seen_is_not_missing_for_good(server: DistServer, tmp_path: Path) -> None:
    """The server says when it answers; our clock is ten years ahead."""
    now = datetime.now(UTC).date()
    with pytest.raises(MissingToolchainError) as found:
        fetch(server, tmp_path, day=now.isoformat(), today=now + timedelta(days=3650))
    assert not found.value.for_good


def test_a_nightly_without_the_target_is_missing_for_good(server: DistServer, tmp_path: Path) -> None:
    publish_nightly(server, DAY, scripted("one", bad=False), without="rust-std")
    with pytest.raises(MissingToolchainError, match=f"was published without rust-std for {TRIPLE}") as found:
        fetch(server, tmp_path)
    assert found.value.for_good


def test_an_archive_that_is_gone_is_missing(server: DistServer, tmp_path: Path) -> None:
    publish_nightly(server, DAY, scripted("one", bad=False))
    del server.files[STD]
    with pytest.raises(
        MissingToolchainError, match="is not there, though the manifest of rust-nightly@2024-02-01 names"
    ):
        fetch(server, tmp_path)


def test_archives_without_a_compiler_are_no_toolchain(server: DistServer, tmp_path: Path) -> None:
    empty = Content((archive(f"rustc-nightly-{HOST}", {"rustc/share/doc": b""}),))
    publish_nightly(server, DAY, Compiler(rustc=empty, std=scripted("one", bad=False).std))
    with pytest.raises(BrokenToolchainError, match="hold no bin/rustc"):
        fetch(server, tmp_path)


def test_a_cancelled_fetch_ends(server: DistServer, tmp_path: Path) -> None:
    publish_nightly(server, DAY, scripted("one", bad=False))
    signals = Noted()
    signals.stop.set()
    with pytest.raises(CancelledError):
        nightlies(server).fetch(point(), tmp_path, signals)


def test_rustc_is_known_by_what_it_prints_and_its_commit_by_the_manifest_if_it_keeps_it_to_itself() -> None:
    fetched = Fetched(
        digest="sha256:1", tool=("bin/rustc",), arguments=(), commit="4eb161250", released=date(2025, 3, 16)
    )
    said = "rustc 1.85.1 (4eb161250 2025-03-15)\nbinary: rustc\ncommit-hash: {}\nLLVM version: 19.1.7\n"
    series = RustNightlySeries("rust-nightly", nightly_config("http://127.0.0.1:9"), ENDPOINTS)
    known = identified(series.family, fetched, said.format("4" * 40))
    assert (known.family, known.compiler_version, known.llvm_version) == (CompilerFamily.RUSTC, "1.85.1", "19.1.7")
    assert (known.commit, known.released) == ("4" * 40, date(2025, 3, 16))
    assert known.version_text == "rustc 1.85.1 (4eb161250 2025-03-15)"
    assert identified(series.family, fetched, said.format("unknown")).commit == "4eb161250"
    with pytest.raises(BrokenToolchainError, match="does not say which rustc it is, but “clang”"):
        identified(series.family, fetched, "clang\n")


def test_every_day_is_a_point_and_ranges_may_mix_dates_and_latest(server: DistServer) -> None:
    series = nightlies(server)
    listing = series.listing()
    assert (listing.points[0].version, listing.points[-1].version) == ("2015-05-15", "2024-02-20")
    assert len(listing.points) == (TODAY - date(2015, 5, 15)).days + 1
    found = resolve_range(parse_range("rust-nightly:2024-01..latest"), listing, series.interpret)
    assert (found.first.version, found.last.version) == ("2024-01-01", "2024-02-20")


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("2024-02-30", "“2024-02-30” is not a date: the calendar has no such day"),
        ("2014-12-31", "“2014-12-31” is before the first nightly, which is of 2015-05-15"),
        ("2024-02-21", "still to come: the newest can be of 2024-02-20"),
        ("2024-2-1", "“2024-2-1” is not written as a nightly's date is: write 2024-02-01"),
        ("yesterday", "has no version “yesterday”"),
    ],
)
def test_a_day_that_cannot_be_is_refused_with_its_reason(server: DistServer, word: str, why: str) -> None:
    series = nightlies(server)
    with pytest.raises(UnknownVersionError, match=why):
        matching_points(word, series.listing(), series.interpret)
    assert server.asked == []


def test_a_version_means_the_nightlies_that_had_it(server: DistServer) -> None:
    small = scripted("one", bad=False)
    for number in range(30):
        day = date(2023, 12, 10) + timedelta(days=number)
        if number not in {15, 16, 21}:
            minor = 76 if day < date(2023, 12, 25) else 77
            publish_nightly(server, day.isoformat(), small, version=f"1.{minor}.0-nightly (0123456789 2024-01-31)")
    series = nightlies(server, today=date(2024, 1, 8))
    listing = series.listing()
    found = matching_points("1.77.0", listing, series.interpret)
    assert (found[0].version, found[-1].version) == ("2023-12-27", "2024-01-08")
    assert matching_points("1.77", listing, series.interpret) == found
    mixed = resolve_range(parse_range("rust-nightly:1.77.0..2024-01-02"), listing, series.interpret)
    assert (mixed.first.version, mixed.last.version) == ("2023-12-27", "2024-01-02")


def test_a_version_of_which_there_is_no_nightly_is_unknown(server: DistServer) -> None:
    series = nightlies(server)
    with pytest.raises(UnknownVersionError, match=r"No nightly of version “1\.70” is to be found"):
        matching_points("1.70", series.listing(), series.interpret)


def test_a_commit_means_the_nightly_that_first_holds_it(server: DistServer) -> None:
    series = RustNightlySeries(
        "rust-nightly",
        nightly_config(server.url),
        ENDPOINTS,
        today=lambda: TODAY,
        day_of_commit={"0123456": date(2024, 1, 31)}.get,
    )
    assert [found.version for found in matching_points("0123456", series.listing(), series.interpret)] == [DAY]
    with pytest.raises(UnknownVersionError):
        matching_points("abcdef0", series.listing(), series.interpret)


def releases(server: DistServer, folder: Path, *, warnings: list[str] | None = None) -> RustReleaseSeries:
    said = [] if warnings is None else warnings
    config = RustReleasesConfig(summary="it", server=server.url, target=TRIPLE)
    return RustReleaseSeries("rust", config, ENDPOINTS, folder / "listings", warn=said.append)


@pytest.fixture
def published(server: DistServer) -> DistServer:
    lines = []
    for day, version in (("2024-03-21", "1.77.0"), ("2024-05-02", "1.78.0"), ("2015-12-10", "1.5.0")):
        publish(server, day, version, scripted(version, bad=False), version=f"{version} (0123456789 {day})")
        lines += [f"static.rust-lang.org/dist/{day}/channel-rust-{kind}.toml" for kind in (version, "stable")]
    lines.append("static.rust-lang.org/dist/2024-03-22/channel-rust-nightly.toml")
    server.put("/manifests.txt", "\n".join(lines).encode())
    return server


def test_releases_are_listed_in_order_and_fetched_from_the_folder_of_their_day(
    published: DistServer, tmp_path: Path
) -> None:
    series = releases(published, tmp_path)
    listing = series.listing()
    assert [found.version for found in listing.points] == ["1.5.0", "1.77.0", "1.78.0"]
    folder = tmp_path / "toolchain"
    folder.mkdir()
    fetched = series.fetch(listing.points[1], folder, Noted())
    assert fetched.released == date(2024, 3, 21)
    assert published.count("/dist/2024-03-21/rustc-1.77.0-x86_64-unknown-linux-gnu.tar.xz") == 1
    assert published.count("manifests.txt") == 1


def test_a_date_means_the_newest_release_of_then(published: DistServer, tmp_path: Path) -> None:
    series = releases(published, tmp_path)
    found = resolve_range(parse_range("rust:2016-01-01..2024-05-01"), series.listing(), series.interpret)
    assert (found.first.version, found.last.version) == ("1.5.0", "1.77.0")
    with pytest.raises(UnknownVersionError, match="“2024-02-30” is not a date"):
        matching_points("2024-02-30", series.listing(), series.interpret)


def test_an_old_list_is_better_than_none(published: DistServer, tmp_path: Path) -> None:
    warnings: list[str] = []
    series = releases(published, tmp_path, warnings=warnings)
    listing = series.listing()
    published.befall("/manifests.txt", *[Fault.BROKEN] * 3)
    assert series.listing(refresh=True) == listing
    assert len(warnings) == 1
    assert "the list of rust versions is of" in warnings[0]


@pytest.mark.parametrize("text", [None, b"nothing here\n"])
def test_a_server_that_lists_no_release_is_named(server: DistServer, tmp_path: Path, text: bytes | None) -> None:
    if text is not None:
        server.put("/manifests.txt", text)
    with pytest.raises(DownloadError, match="name another server with MMIO_BISECT_RUST_DIST"):
        releases(server, tmp_path).listing()
