"""What users may write for a range, and which points it means."""

from datetime import UTC, datetime

import pytest

from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import InvalidRangeError, UnknownVersionError, UsageError
from mmio_bisect.workflow.probing.ranges import RangeText, matching_points, parse_range, resolve_range

VERSIONS = ("0.1.0", "0.9.1", "0.10.0", "0.10.0.post1", "0.10.1.post1", "0.11.0", "0.12.0", "0.12.1", "0.13.0")


def listing(*versions: str) -> Listing:
    points = tuple(
        Point(series="zig", version=version, sort_key=f"{place:04}") for place, version in enumerate(versions)
    )
    return Listing(series="zig", points=points, asked_at=datetime(2026, 11, 1, tzinfo=UTC))


def ends(text: str) -> tuple[str, str]:
    found = resolve_range(parse_range(text), listing(*VERSIONS))
    return found.first.version, found.last.version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zig:0.12.0..0.13.0", ("0.12.0", "0.13.0")),
        ("zig:0.10..0.12", ("0.10.0", "0.12.1")),
        ("zig:0.10..0.10", ("0.10.0", "0.10.1.post1")),
        ("zig:0.1..0.9", ("0.1.0", "0.9.1")),
        ("zig:..0.9.1", ("0.1.0", "0.9.1")),
        ("zig:0.12..", ("0.12.0", "0.13.0")),
        ("zig:..", ("0.1.0", "0.13.0")),
        ("zig", ("0.1.0", "0.13.0")),
    ],
)
def test_from_is_its_oldest_match_and_to_its_newest(text: str, expected: tuple[str, str]) -> None:
    assert ends(text) == expected


def test_an_exact_version_wins_over_the_prefix_that_it_is_too() -> None:
    assert [point.version for point in matching_points("0.10.0", listing(*VERSIONS))] == ["0.10.0"]


def test_a_prefix_ends_at_a_boundary() -> None:
    assert [point.version for point in matching_points("0.1", listing(*VERSIONS))] == ["0.1.0"]


def test_a_reversed_range_means_the_same_points_and_is_said() -> None:
    found = resolve_range(parse_range("zig:0.12..0.10"), listing(*VERSIONS))
    assert (found.first.version, found.last.version, found.reversed) == ("0.10.0", "0.12.1", True)
    assert not resolve_range(parse_range("zig:0.10..0.12"), listing(*VERSIONS)).reversed


def test_the_range_holds_every_point_between_its_ends_oldest_first() -> None:
    found = resolve_range(parse_range("zig:0.11..0.12"), listing(*VERSIONS))
    assert [point.version for point in found.points] == ["0.11.0", "0.12.0", "0.12.1"]


def test_equal_ends_are_refused_by_name() -> None:
    with pytest.raises(InvalidRangeError, match=r"is the one point zig@0\.13\.0: a bisection needs two"):
        ends("zig:0.13..0.13.0")


def test_an_unknown_version_is_answered_with_the_nearest_and_the_extent() -> None:
    with pytest.raises(UnknownVersionError) as refusal:
        ends("zig:0.12.2..0.13")
    assert "no version “0.12.2”; the nearest are 0.12.1, 0.12.0" in str(refusal.value)
    assert "it goes from 0.1.0 to 0.13.0" in str(refusal.value)


def test_a_version_like_no_other_is_answered_with_the_extent_alone() -> None:
    with pytest.raises(UnknownVersionError, match=r"no version “trunk”; it goes from 0\.1\.0 to 0\.13\.0"):
        ends("zig:trunk..")


def test_a_series_without_points_says_so() -> None:
    for text in ("zig:..", "zig:0.1.."):
        with pytest.raises(UnknownVersionError, match="--refresh"):
            resolve_range(parse_range(text), listing())


@pytest.mark.parametrize("text", ["", ":0.1..0.2", "zig:0.13", "zig:0.12-0.13"])
def test_what_is_no_range_is_answered_with_the_form(text: str) -> None:
    with pytest.raises(UsageError, match=r"write SERIES:FROM\.\.TO"):
        parse_range(text)


def test_a_range_is_taken_apart_at_the_first_colon() -> None:
    assert parse_range("clang:1:9.0..1:11") == RangeText(series="clang", first="1:9.0", last="1:11")
