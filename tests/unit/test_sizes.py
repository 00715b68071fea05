"""Sizes: what is read, what is refused, and how they are printed."""

import pytest

from mmio_bisect.domain.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "count"),
    [("512", 512), ("0", 0), ("1K", 1024), ("1.5 mib", 3 << 19), (" 2GiB ", 2 << 30), ("3tb", 3 << 40), ("7B", 7)],
)
def test_a_size_is_a_number_with_or_without_a_binary_unit(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "much", "-1", "1.", ".5G", "2 GiBs", "2G 1M", "1e3", "2P"])
def test_what_is_no_size_is_refused_by_its_words(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size: write a number of bytes"):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB"), (5 << 50, "5120.0 TiB")]
)
def test_sizes_are_printed_in_binary_units(count: int, text: str) -> None:
    assert size_text(count) == text
