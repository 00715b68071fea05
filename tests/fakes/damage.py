"""Malformed input by the thousand, from a seed: objects, instruction streams and recipes that no tool would write.

Used by the property tests, a few hundred at a time, and by `make fuzz` for as long as it is left alone.
"""

import random
import struct
from collections.abc import Callable, Sequence

from listed_code import RawFunction, listed_object

from mmio_bisect.classify.isa.aarch64.decode import ROWS
from mmio_bisect.classify.machine.instructions import Relocation
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.probing.objects import RawObject

_EDGES = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63, 2**64 - 1)
_KINDS = ("R_AARCH64_CALL26", "R_AARCH64_JUMP26", "R_AARCH64_ADR_PREL_PG_HI21", "R_AARCH64_ADD_ABS_LO12_NC", "?")

# ELF64: size of the file header, and where it says how section headers lie.
_HEADER = 64
_SECTION = struct.Struct("<IIQQQQIIQQ")


def damaged_object(data: bytes, draw: random.Random) -> bytes:
    """One to four fields of the file header, the section headers, the symbols or the relocations are other ones now."""
    broken = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        draw.choice((_any_byte, _header_field, _section_field, _table_entry, _cut, _repeat))(broken, draw)
    return bytes(broken)


def _put(broken: bytearray, at: int, size: int, draw: random.Random) -> None:
    if 0 <= at <= len(broken) - size:
        value = draw.choice((*_EDGES, draw.getrandbits(8 * size), len(broken) - draw.randint(0, 80)))
        broken[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def _any_byte(broken: bytearray, draw: random.Random) -> None:
    if broken:
        broken[draw.randrange(len(broken))] = draw.getrandbits(8)


def _header_field(broken: bytearray, draw: random.Random) -> None:
    at, size = draw.choice(((4, 1), (5, 1), (16, 2), (18, 2), (40, 8), (48, 4), (52, 2), (58, 2), (60, 2), (62, 2)))
    _put(broken, at, size, draw)


def _sections(broken: bytearray) -> list[tuple[int, tuple[int, ...]]]:
    """Offset and fields of the section headers that lie in the file."""
    if len(broken) < _HEADER:
        return []
    start, count = int.from_bytes(broken[40:48], "little"), int.from_bytes(broken[60:62], "little")
    places = (start + index * _SECTION.size for index in range(min(count, 64)))
    return [(at, _SECTION.unpack_from(broken, at)) for at in places if at + _SECTION.size <= len(broken)]


def _section_field(broken: bytearray, draw: random.Random) -> None:
    sections = _sections(broken)
    if sections:
        at, _ = draw.choice(sections)
        offset, size = draw.choice(((0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 4), (44, 4), (56, 8)))
        _put(broken, at + offset, size, draw)


def _table_entry(broken: bytearray, draw: random.Random) -> None:
    """A field of a symbol (24 bytes) or of a relocation with addend (24 bytes too)."""
    tables = [fields for _, fields in _sections(broken) if fields[1] in {2, 4, 11} and fields[5] >= 24]
    if tables:
        fields = draw.choice(tables)
        offset, size = draw.choice(((0, 4), (4, 1), (6, 2), (8, 8), (12, 4), (16, 8)))
        _put(broken, fields[4] + 24 * draw.randrange(min(fields[5] // 24, 1024)) + offset, size, draw)


def _cut(broken: bytearray, draw: random.Random) -> None:
    if draw.random() < 0.3:
        del broken[draw.randrange(len(broken) + 1) :]


def _repeat(broken: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(broken) + 1)
    broken[start:start] = broken[start : start + draw.randint(1, 64)]


def any_stream(draw: random.Random) -> RawObject:
    """A few functions of instructions of every kind, loads and stores before all, that call and jump anywhere."""
    functions, address = [], 0
    for number in range(draw.randint(1, 3)):
        code = b"".join(_word(draw).to_bytes(4, "little") for _ in range(draw.randint(0, 24)))
        code += draw.randbytes(draw.choice((0, 0, 0, 1, 3)))
        count = draw.choice((0, 0, 0, 1, 3)) if code else 0
        places = sorted(draw.randrange(len(code) + 1) for _ in range(count))
        relocations = [(place, _relocation(draw)) for place in places]
        functions.append(
            RawFunction(
                name="f" if number == 0 else f"g{number}",
                section=1,
                address=address,
                size=len(code),
                code=code,
                relocations=tuple(relocations),
                data_ranges=(range(4, 12),) if draw.random() < 0.1 else (),
            )
        )
        address += len(code)
    return listed_object(Architecture.AARCH64, functions)


def _relocation(draw: random.Random) -> Relocation:
    return Relocation(
        kind=draw.choice(_KINDS),
        symbol=draw.choice(("memcpy", "memset", "g1", "", "unknown")),
        addend=draw.choice((0, 4, -4, 1 << 40)),
        section=draw.choice((None, 1, 9)),
        address=draw.choice((None, 0, 4, 1 << 40)),
    )


def _word(draw: random.Random) -> int:
    free = draw.getrandbits(32)
    makers: Sequence[Callable[[], int]] = (
        lambda: _of_row(draw) & ~0x3E0 | draw.choice((0, 1, 2, 31)) << 5,
        lambda: _of_row(draw),
        lambda: 0x14000000 | free & 0x80000000 | draw.randint(-12, 12) & 0x3FFFFFF,
        lambda: 0x54000000 | (draw.randint(-12, 12) & 0x7FFFF) << 5 | free & 0xF,
        lambda: 0x34000000 | free & 0x8100001F | (draw.randint(-12, 12) & 0x7FFFF) << 5,
        lambda: 0x91000000 | free & 0x40003FFF,
        lambda: 0x8B000000 | free & 0x401F03FF,
        lambda: 0xAA0003E0 | free & 0x1F001F,
        lambda: 0x9A800000 | free & 0x1FF3FF,
        lambda: draw.choice((0xD65F03C0, 0xD61F0000 | free & 0x3E0, 0xD63F0000 | free & 0x3E0, 0xD4200000)),
        lambda: free,
    )
    return draw.choice(makers)()


def _of_row(draw: random.Random) -> int:
    pattern = draw.choice(ROWS).pattern
    return pattern.value | draw.getrandbits(32) & ~pattern.mask


_WORDS = (
    *("//mmio:", ";mmio:", " fn=", "f(mmio)", "f(", ")", "(_,mmio-slice)", "(a:mmio,b:holds(8))", " accesses="),
    *("store32+0", "load64+", ",", " each=", "store8", " min=", " max=", "0", "99999999999999999999", "-1", ".."),
    *(" covers=", "store+0..16", " window=", "0x1000..0x2000", " target=", "aarch64", "arm", " opt=", "2", "z"),
    *(" issue=", "x/y#1", "=", "\n", "\r\n", "\x00", "é", "\ufeff", "//@ edition: 2021\n", "//@ compile-flags: -g\n"),
    *("int f(void) { return 0; }\n", "\t", "'", '"'),
)


def any_recipe(draw: random.Random) -> bytes:
    """Pieces of directives in any order, and sometimes bytes that are not text."""
    text = "".join(draw.choice(_WORDS) for _ in range(draw.randint(0, 40))).encode()
    return text + draw.randbytes(draw.randint(1, 9)) if draw.random() < 0.1 else text
