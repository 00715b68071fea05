"""Columns, sizes, ages, and the pages of `explain`."""

import pytest
from report_values import point, toolchain

from mmio_bisect.domain.access import PAGES, DefectKind
from mmio_bisect.report.explain import topics
from mmio_bisect.report.terminal.listings import stored_text
from mmio_bisect.report.terminal.tables import age_text, columns, counted, moment_text
from mmio_bisect.workflow.ports.store import StoredToolchain


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert columns([("a", "1"), ("bcd", "22")], head=("name", "n"), right=frozenset({1})) == (
        "name   n\na      1\nbcd   22"
    )


def test_no_rows_are_no_text() -> None:
    assert columns([]) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (60, "1 minute ago"), (7200, "2 hours ago"), (90_000, "1 day ago"), (864_000, "10 days ago")],
)
def test_ages_are_in_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_moments_are_given_to_the_second() -> None:
    assert moment_text("2026-11-23T23:34:15.026529+00:00") == "2026-11-23 23:34:15 UTC"


def test_one_is_no_plural() -> None:
    assert [counted(count, "probe") for count in (0, 1, 2)] == ["0 probes", "1 probe", "2 probes"]


def test_the_store_is_listed_with_sizes_last_use_and_a_sum() -> None:
    entries = [
        StoredToolchain(toolchain=toolchain(clang), points=points, size=size, last_used=now, in_use=used)
        for clang, points, size, now, used in (
            ("18.1.6", (point("0.13.0"), point("0.13.0.post1")), 200 << 20, 1000.0, False),
            ("17.0.6", (point("0.12.1"),), 5 << 20, 0.0, True),
        )
    ]
    assert stored_text(entries, now=1120.0) == (
        "zig@0.13.0, zig@0.13.0.post1  clang 18.1.6  200.0 MiB  2 minutes ago\n"
        "zig@0.12.1                    clang 17.0.6    5.0 MiB  in use\n"
        "\n"
        "2 toolchains, 205.0 MiB.\n"
    )


def test_an_empty_store_is_a_sum_alone() -> None:
    assert stored_text([]) == "0 toolchains, 0 B.\n"


@pytest.mark.parametrize("kind", DefectKind)
def test_every_defect_has_a_page_with_its_source(kind: DefectKind) -> None:
    text, members = topics.defect(kind)
    assert PAGES[kind].text in text
    assert text.endswith(f"Source: {PAGES[kind].source}.\n")
    assert members["kind"] == kind.value


def test_all_defects_are_listed() -> None:
    text, _ = topics.all_defects()
    assert [line.split()[0] for line in text.splitlines()] == [kind.value for kind in PAGES]


def test_an_encoding_is_explained_as_each_profile_sees_it() -> None:
    text, members = topics.encoding(0xB8004409, "str w9, [x0], #4")
    assert "str w9, [x0], #4" in text
    assert "post-index" in text
    assert "Load/store register (immediate post-indexed)" in text
    assert "not emulated" in text
    assert members["profiles"] == {"arm-isv": False, "xen-arm": True}
    _, plain = topics.encoding(0xB9000009, "str w9, [x0]")
    assert plain["profiles"] == {"arm-isv": True, "xen-arm": True}


def test_an_encoding_that_touches_no_memory_is_said_to() -> None:
    text, members = topics.encoding(0xD503201F, "nop")
    assert "no memory access" in text
    assert members["isv"] is None
    assert members["transfer"] is None
