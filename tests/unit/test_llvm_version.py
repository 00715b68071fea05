"""Versions of LLVM: what is read from the words of compilers and packages, and how versions are ordered."""

import pytest

from mmio_bisect.domain.llvm import LlvmVersion


def version(text: str) -> LlvmVersion:
    found = LlvmVersion.from_text(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "release", "candidate"),
    [
        ("18.1.6", (18, 1, 6), None),
        ("23~++20251204102443+7e3c57157096-1~exp1", (23,), None),
        ("18.0.0git", (18, 0, 0), None),
        ("17.0.0-rust-1.74.0-stable", (17, 0, 0), None),
        ("12.0.0rc3", (12, 0, 0), 3),
        ("19.1.0-rc2", (19, 1, 0), 2),
        ("LLVM version: 17.0", (17, 0), None),
        ("LLVM version 21.1.0", (21, 1, 0), None),
        ("Debian clang version 24.0.0 (++20261025103442+7e3c57157096-1~exp1)", (24, 0, 0), None),
    ],
)
def test_the_numbers_of_a_release_are_read(text: str, release: tuple[int, ...], candidate: int | None) -> None:
    assert version(text).release == release
    assert version(text).candidate == candidate
    assert version(text).major == release[0]


@pytest.mark.parametrize("text", [None, "", "git", "trunk 18", "gcc version 13.2.0", "v18.1.6"])
def test_a_text_without_a_version_of_llvm_gives_none(text: str | None) -> None:
    assert LlvmVersion.from_text(text) is None


def test_versions_are_ordered_by_number_and_candidates_before_their_release() -> None:
    texts = ["9.0.1", "10.0.0rc1", "10.0.0-rc2", "10.0.0", "18", "18.1.0", "18.1.6", "23~++2025"]
    assert sorted(sorted(texts), key=version) == texts
    assert max(texts, key=lambda text: version(text).key) == "23~++2025"


def test_a_version_is_the_same_with_fewer_numbers() -> None:
    assert version("18.1") == version("18.1.0") == version("18.1.0git")
    assert len({version("18.1"), version("18.1.0")}) == 1
    assert version("18.1") != version("18.1.1")


def test_the_key_has_the_numbers_that_are_written() -> None:
    assert version("9.0.1").key == "00009.00000.00001"
    assert version("18.1").key == "00018.00001"
