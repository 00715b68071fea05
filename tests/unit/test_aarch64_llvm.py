"""The tables of A64 loads and stores against LLVM's decoder, as it answered for each of the 2³² words.

`fixtures/aarch64/llvm-24.trie.xz` holds the answers of LLVM 24 with all features; `decoder.cpp` made them. The words
tried here are drawn from each row of the tables and from around it. All 1,241,513,984 words of these spaces were
compared once, without a difference.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmio_bisect.classify.isa.aarch64.decode import ROWS, Row, is_load_or_store
from mmio_bisect.classify.isa.aarch64.words import NOT_AN_INSTRUCTION, read_word
from mmio_bisect.classify.machine.word_trie import WordTrie, read_trie

FIXTURE = Path(__file__).parents[1] / "fixtures" / "aarch64" / "llvm-24.trie.xz"

# What decoder.cpp calls the classes of words that lie where loads and stores do.
NOTHING, VALID, INVALID, PREFETCH = range(4)
CLASSES: dict[bool | None, int] = {True: VALID, False: INVALID, None: PREFETCH}


@pytest.fixture(scope="module")
def llvm() -> WordTrie:
    return read_trie(FIXTURE.read_bytes())


def ours(word: int) -> int:
    found = read_word(word, None)
    return NOTHING if found.form == NOT_AN_INSTRUCTION else CLASSES[found.valid]


def disagreements(llvm: WordTrie, words: Iterator[int]) -> list[str]:
    return [
        f"{word:#010x}: LLVM {llvm[word]}, here {ours(word)}"
        for word in words
        if is_load_or_store(word) and llvm[word] != ours(word)
    ]


def drawn_from(row: Row, draw: random.Random) -> Iterator[int]:
    """Words of the row with all-zero, all-one, equal and random fields; and those one fixed bit away."""
    free = ~row.pattern.mask & 0xFFFFFFFF
    fills = [0, free, *(draw.getrandbits(32) & free for _ in range(40))]
    for fill in fills:
        word = row.pattern.value | fill
        yield word
        same = word & 31  # Rt, Rn and Rm alike, where they are free
        yield row.pattern.value | (word & ~0x1F03FF | same | same << 5 | same << 16) & free
    for bit in range(32):
        if row.pattern.mask >> bit & 1:
            for fill in fills[:6]:
                yield (row.pattern.value | fill) ^ 1 << bit


def test_every_row_of_the_tables_is_allocated_where_llvm_says_so(llvm: WordTrie) -> None:
    draw = random.Random(4)  # noqa: S311  a fixed sample, not a secret
    for row in ROWS:
        assert disagreements(llvm, drawn_from(row, draw)) == [], f"{row.group}: {row.name}"


def test_words_drawn_from_everywhere_agree_with_llvm(llvm: WordTrie) -> None:
    draw = random.Random(5)  # noqa: S311  a fixed sample, not a secret
    words = ((draw.getrandbits(32) | 1 << 27) & ~(1 << 25) for _ in range(60_000))
    assert disagreements(llvm, words) == []


def test_the_fixture_tells_classes_apart(llvm: WordTrie) -> None:
    assert [llvm[word] for word in (0xD92F0000, 0xB9000401, 0xB8004409, 0xF9800000)] == [0, 1, 2, 3]
