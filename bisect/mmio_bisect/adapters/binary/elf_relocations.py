"""Relocations as an ELF file has them, and their names.

Source: the System V gABI, chapter 4 (object files), “Relocation”.
"""

import bisect
import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, overload

from elftools.elf.enums import (
    ENUM_RELOC_TYPE_AARCH64,
    ENUM_RELOC_TYPE_ARM,
    ENUM_RELOC_TYPE_i386,
    ENUM_RELOC_TYPE_x64,
)

from mmio_bisect.classify.machine.architecture import ElfFormat

_SHIFT_OF_64_BITS = 32

_AARCH64_BEYOND = {
    "R_AARCH64_LDST128_ABS_LO12_NC": 299,
    "R_AARCH64_LD64_GOTPAGE_LO15": 313,
    "R_AARCH64_PLT32": 314,
    "R_AARCH64_GOTPCREL32": 315,
    "R_AARCH64_TLSDESC_LD_PREL19": 560,
    "R_AARCH64_TLSDESC_ADR_PREL21": 561,
    "R_AARCH64_TLSDESC_ADR_PAGE21": 562,
    "R_AARCH64_TLSDESC_LD64_LO12": 563,
    "R_AARCH64_TLSDESC_ADD_LO12": 564,
    "R_AARCH64_TLSDESC_OFF_G1": 565,
    "R_AARCH64_TLSDESC_OFF_G0_NC": 566,
    "R_AARCH64_TLSDESC_LDR": 567,
    "R_AARCH64_TLSDESC_ADD": 568,
    "R_AARCH64_TLSDESC_CALL": 569,
    "R_AARCH64_TLSLE_LDST128_TPREL_LO12": 570,
    "R_AARCH64_TLSLE_LDST128_TPREL_LO12_NC": 571,
    "R_AARCH64_TLSLD_LDST128_DTPREL_LO12": 572,
    "R_AARCH64_TLSLD_LDST128_DTPREL_LO12_NC": 573,
}
"""Static relocations that pyelftools has no names for: ELF for the Arm 64-bit Architecture, section 5.7."""

_TABLES: Mapping[str, Mapping[str, object]] = {
    "R_AARCH64_": {**ENUM_RELOC_TYPE_AARCH64, **_AARCH64_BEYOND},
    "R_ARM_": ENUM_RELOC_TYPE_ARM,
    "R_386_": ENUM_RELOC_TYPE_i386,
    "R_X86_64_": ENUM_RELOC_TYPE_x64,
}
_RELOCATIONS: Mapping[str, Mapping[int, str]] = {
    prefix: {number: name for name, number in table.items() if isinstance(number, int)}
    for prefix, table in _TABLES.items()
}
"""What pyelftools has names for; an architecture brings the others."""


def relocation_names(elf: ElfFormat) -> Mapping[int, str]:
    return elf.relocations or _RELOCATIONS.get(elf.prefix, {})


class Entry(NamedTuple):
    """A relocation as the file has it; `addend` is None where the bytes at its place hold it."""

    offset: int
    symbol: int
    kind: int
    addend: int | None = None


class EntryTable:
    """A table of relocations: the offsets are read at once, the rest when it is asked for."""

    def __init__(self, rows: memoryview, structure: struct.Struct, shift: int) -> None:
        self._rows, self._structure, self._shift = rows, structure, shift
        width, fields = (8, "Q") if shift == _SHIFT_OF_64_BITS else (4, "I")
        self.offsets = struct.unpack(f"<{len(rows) // width}{fields}", rows)[:: structure.size // width]

    def __getitem__(self, index: int) -> Entry:
        offset, info, *addend = self._structure.unpack_from(self._rows, index * self._structure.size)
        return Entry(offset, info >> self._shift, info & ((1 << self._shift) - 1), *addend)


class Entries(Sequence[Entry]):
    """The relocations for one section, in order of their offset; `offsets` has these."""

    def __init__(self, tables: Sequence[EntryTable]) -> None:
        self._tables = tables
        self._ends = list(accumulate(len(table.offsets) for table in tables))
        offsets = [offset for table in tables for offset in table.offsets]
        self._order = sorted(range(len(offsets)), key=offsets.__getitem__)
        self.offsets = [offsets[row] for row in self._order]

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        row = self._order[index]
        table = bisect.bisect_right(self._ends, row)
        return self._tables[table][row - (self._ends[table - 1] if table else 0)]
