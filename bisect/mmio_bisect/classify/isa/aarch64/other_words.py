"""Which A64 words that neither load nor store are instructions at all.

`aarch64_other.trie.xz` holds one bit a word, as the decoder of LLVM 24 (24~++20261025, all features) answered for each
of the 2³²: `tests/fixtures/aarch64/decoder.cpp` asks it, with the argument `rest`. Loads and stores are not in it; for
them the tables decide. A system instruction that names no operation known today is an instruction here, as it is there.
"""

from functools import cache
from pathlib import Path

from mmio_bisect.classify.machine.word_trie import WordTrie, read_trie


def is_other_instruction(word: int) -> bool:
    return bool(_answers()[word])


@cache
def _answers() -> WordTrie:
    """Read when it is first asked for: judging code needs none of it."""
    return read_trie(Path(__file__).with_suffix(".trie.xz").read_bytes())
