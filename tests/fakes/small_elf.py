"""ELF objects of 32 bits written by hand, for machines that no compiler here knows (System V gABI, chapter 4)."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_HEADER, _SECTION, _SYMBOL, _RELA = "<16sHHIIIIIHHHHHH", "<10I", "<IIIBBH", "<IIi"
_FUNCTION, _GLOBAL, _ALLOCATED_CODE = 2, 1 << 4, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A relocation of that kind at an offset in the code, to a symbol."""

    offset: int
    kind: int
    symbol: str


def small_object(machine: int, functions: Mapping[str, bytes], references: Sequence[Reference] = ()) -> bytes:
    """A relocatable object with the functions in one section; symbols that it does not define are undefined."""
    outside = [name for name in dict.fromkeys(one.symbol for one in references) if name not in functions]
    names = [*functions, *outside]
    strings, place_of = b"\0", {}
    for name in names:
        place_of[name] = len(strings)
        strings += name.encode() + b"\0"
    text, symbols = b"", struct.pack(_SYMBOL, 0, 0, 0, 0, 0, 0)
    for name, code in functions.items():
        symbols += struct.pack(_SYMBOL, place_of[name], len(text), len(code), _GLOBAL | _FUNCTION, 0, 1)
        text += code
    for name in outside:
        symbols += struct.pack(_SYMBOL, place_of[name], 0, 0, _GLOBAL, 0, 0)
    relocations = b"".join(
        struct.pack(_RELA, one.offset, (names.index(one.symbol) + 1) << 8 | one.kind, 0) for one in references
    )
    titles = b"\0.text\0.symtab\0.strtab\0.rela.text\0.shstrtab\0"
    # Name, type, flags, content, link, info, size of an entry.
    sections: list[tuple[bytes, int, int, bytes, int, int, int]] = [
        (b".text\0", 1, _ALLOCATED_CODE, text, 0, 0, 0),
        (b".symtab\0", 2, 0, symbols, 3, 1, 16),
        (b".strtab\0", 3, 0, strings, 0, 0, 0),
        (b".rela.text\0", 4, 0, relocations, 2, 1, 12),
        (b".shstrtab\0", 3, 0, titles, 0, 0, 0),
    ]
    content, headers = b"", struct.pack(_SECTION, *[0] * 10)
    for title, kind, flags, data, link, info, entry in sections:
        at = 52 + len(content)
        named = titles.index(b"\0" + title) + 1
        headers += struct.pack(_SECTION, named, kind, flags, 0, at, len(data), link, info, 1, entry)
        content += data
    identity = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    shape = (1, machine, 1, 0, 0, 52 + len(content), 0, 52, 0, 0, 40, len(sections) + 1, len(sections))
    return struct.pack(_HEADER, identity, *shape) + content + headers
