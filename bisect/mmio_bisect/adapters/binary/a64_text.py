"""Assembly text for single A64 words, by capstone, without the detail that judging needs: quick enough for millions."""

from collections.abc import Iterable, Iterator

import capstone


def a64_texts(words: Iterable[int]) -> Iterator[str | None]:
    """One a word; None where capstone refuses it."""
    decoder = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
    for word in words:
        found = next(decoder.disasm_lite(word.to_bytes(4, "little"), 0, 1), None)
        yield None if found is None else f"{found[2]} {found[3]}".rstrip()
