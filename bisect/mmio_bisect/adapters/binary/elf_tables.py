"""The tables of an ELF file, read in place: nothing is parsed before it is asked for, and nothing is copied.

Objects come from untrusted compilers and from users. Whatever the bytes are, reading gives values or a
`MalformedObjectError`, soon: which structures, where and how many is decided here, against the file's length.

`struct` reads whole tables at once: pyelftools takes 100 µs, and LIEF 13 µs, to make an object of a symbol.
pyelftools has the names of machines, types and relocations.

Source: the System V gABI, chapter 4 (object files).
"""

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from elftools.elf.descriptions import describe_e_machine
from elftools.elf.enums import ENUM_E_MACHINE, ENUM_E_TYPE

from mmio_bisect.adapters.binary.elf_relocations import Entries, Entry, EntryTable, relocation_names
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.instructions import Relocation
from mmio_bisect.errors import MalformedObjectError
from mmio_bisect.workflow.ports.objects import ObjectBytes

SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL, SHT_SYMTAB_SHNDX = 1, 2, 4, 8, 9, 18
SHT_CREL = 0x40000014  # LLVM's compact relocations
SHF_WRITE, SHF_ALLOC = 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION = 0, 1, 2, 3
_ET_REL, _ET_EXEC, _ET_DYN = 1, 2, 3
_SHN_LORESERVE, _SHN_XINDEX = 0xFF00, 0xFFFF


class Section(NamedTuple):
    """A section header, its fields named and ordered as the file has them, without `sh_`.

    `name` is an offset into the section name table.
    """

    name: int
    kind: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entsize: int


class Symbol(NamedTuple):
    """A symbol; `name` is an offset into the symbols' string table.

    `section` is None for what is undefined, absolute or common; otherwise `value` is the offset in the section.
    `thumb`: of Arm's two instruction sets, T32 (which the lowest bit of the address says).
    """

    name: int
    kind: int
    section: int | None
    value: int
    size: int
    thumb: bool = False


class _Layout(NamedTuple):
    """How a class of ELF, 32 or 64 bits, lays its structures out; `header` without the identification."""

    header: struct.Struct
    section: struct.Struct
    symbol: struct.Struct
    rel: struct.Struct
    rela: struct.Struct
    shift: int
    """By how many bits a relocation's symbol is shifted in `r_info`."""

    @property
    def header_bytes(self) -> int:
        return _IDENTITY + self.header.size


_LAYOUTS = {
    32: _Layout(
        header=struct.Struct("<HHIIIIIHHHHHH"),
        section=struct.Struct("<10I"),
        symbol=struct.Struct("<IIIBBH"),
        rel=struct.Struct("<II"),
        rela=struct.Struct("<IIi"),
        shift=8,
    ),
    64: _Layout(
        header=struct.Struct("<HHIQQQIHHHHHH"),
        section=struct.Struct("<IIQQQQIIQQ"),
        symbol=struct.Struct("<IBBHQQ"),
        rel=struct.Struct("<QQ"),
        rela=struct.Struct("<QQq"),
        shift=32,
    ),
}
_IDENTITY = 16
_INDEX = struct.Struct("<I")


def damaged(why: str) -> MalformedObjectError:
    return MalformedObjectError(f"The object is damaged: {why}; build it again.")


class ElfTables:
    """One file that can be judged: little-endian, of an architecture in `ISAS`. Methods may raise `damaged`."""

    def __init__(self, data: ObjectBytes) -> None:
        self._data, self._view = data, memoryview(data)
        # A few damaged bytes can claim names and functions that overlap a thousandfold; real objects hardly overlap.
        self._allowance = 6 * len(data) + 4096
        self._known_strings: dict[tuple[int, int], str] = {}
        self.isa = _isa_of(bytes(self._view[: _LAYOUTS[64].header_bytes]))
        self._layout = _LAYOUTS[self.isa.facts.elf.bits]
        self.symbol_bytes, self.rela_bytes = self._layout.symbol.size, self._layout.rela.size
        header = self._layout.header.unpack_from(self._view, _IDENTITY)
        kind, at, entry, count, names = header[0], header[5], header[10], header[11], header[12]
        if kind not in {_ET_REL, _ET_EXEC, _ET_DYN}:
            raise MalformedObjectError(
                f"The ELF file is of type {_name_of(ENUM_E_TYPE, kind)}, neither an object nor an executable: "
                "give one made with `-c`.",
            )
        self.linked = kind != _ET_REL
        self._relocation_names = relocation_names(self.isa.elf)
        self.sections = self._read_sections(at, entry, count)
        # Where there are too many sections for the header, the first section's has their number and the names'.
        self._name_table = self.sections[0].link if names == _SHN_XINDEX and self.sections else names
        self._symbols = self._find_symbols()
        self._strings = self.section(self._symbols.link)

    def section(self, index: int) -> Section:
        if not 0 <= index < len(self.sections):
            raise damaged(f"it refers to section {index}, which it does not have")
        return self.sections[index]

    def content(self, section: Section) -> memoryview:
        """The bytes of a section, in place."""
        self._within(section.offset, section.size, "a section")
        return self._view[section.offset : section.offset + section.size]

    def name_of(self, section: Section) -> str:
        return self._string(self.section(self._name_table), section.name)

    def symbols(self) -> Iterator[Symbol]:
        """All of them, in their order."""
        wide = self._layout is _LAYOUTS[64]
        plain = 0 if self.linked or self.isa.elf.has_thumb else min(len(self.sections), _SHN_LORESERVE)
        rows = self._layout.symbol.iter_unpack(self._rows(self._symbols, self._layout.symbol))
        for index, fields in enumerate(rows):
            if wide and 0 < fields[3] < plain:  # most symbols of most objects: there may be millions
                name, info, _, section, value, size = fields
                yield Symbol(name, info & 15, section, value, size)
            else:
                yield self._symbol(index, fields)

    def symbol_name(self, name: int) -> str:
        return self._string(self._strings, name)

    def places_of_name(self, text: str) -> frozenset[int]:
        """Where the string table has that name: it may be the end of a longer one."""
        if "\0" in text:
            return frozenset()
        wanted, table = text.encode("utf-8", "surrogatepass") + b"\0", self._strings
        self._within(table.offset, table.size, "a string table")
        found, stop = set[int](), table.offset + table.size
        at = self._data.find(wanted, table.offset, stop)
        while at >= 0:
            found.add(at - table.offset)
            at = self._data.find(wanted, at + 1, stop)
        return frozenset(found)

    def begins_with_dollar(self, name: int) -> bool:
        """Whether a symbol's name may be a mapping symbol's."""
        at = self._strings.offset + name
        return at < len(self._data) and self._view[at] == ord("$")

    @cached_property
    def relocation_sections(self) -> Mapping[int, list[Section]]:
        """The sections with relocations for each section. Empty for a linked image: its relocations were applied."""
        found: dict[int, list[Section]] = {}
        for section in () if self.linked else self.sections:
            if section.kind in {SHT_RELA, SHT_REL, SHT_CREL}:
                found.setdefault(section.info, []).append(section)
        return found

    def entries(self, target: int) -> Entries:
        """The relocations for a section."""
        tables = [self._table_of_entries(section) for section in self.relocation_sections.get(target, ())]
        return Entries(tables)

    def relocation(self, entry: Entry, target: int) -> Relocation:
        """What an entry of `entries(target)` means."""
        symbol, kind = self._symbol_at(entry.symbol), self._kind(entry)
        addend = self._addend(entry, kind, target)
        return Relocation(
            kind=kind,
            symbol=self._name_of_symbol(symbol),
            addend=addend,
            section=symbol.section,
            address=None if symbol.section is None else symbol.value + addend,
        )

    def led_to(self, entry: Entry, target: int) -> tuple[int, int] | None:
        """The section and the address that an entry of `entries(target)` means; None if they are another file's."""
        symbol = self._symbol_at(entry.symbol)
        if symbol.section is None:
            return None
        return symbol.section, symbol.value + self._addend(entry, self._kind(entry), target)

    def spend(self, size: int) -> None:
        """Count bytes that the result will hold, against what a file of this length can mean."""
        self._allowance -= size
        if self._allowance < 0:
            raise damaged("its names, functions or tables overlap more than those of any real object")

    def _read_sections(self, at: int, entry: int, count: int) -> list[Section]:
        size = self._layout.section.size
        if (at and not count) or count:
            if entry != size:
                raise damaged(f"its section headers are not of {size} bytes")
            self._within(at, size, "its section headers")
            count = count or Section(*self._layout.section.unpack_from(self._view, at)).size
        self._within(at, count * size, "its section headers")
        rows = self._layout.section.iter_unpack(self._view[at : at + count * size])
        return [Section(*fields) for fields in rows]

    def _find_symbols(self) -> Section:
        table = next((section for section in self.sections if section.kind == SHT_SYMTAB), None)
        if table is None:
            raise MalformedObjectError(
                "The object has no symbol table to find functions by: give one that is not stripped."
            )
        return table

    def _symbol_at(self, index: int) -> Symbol:
        structure, rows = self._layout.symbol, self._rows(self._symbols, self._layout.symbol)
        if (index + 1) * structure.size > len(rows):
            raise damaged(f"a relocation refers to symbol {index}, which it does not have")
        return self._symbol(index, structure.unpack_from(rows, index * structure.size))

    def _symbol(self, index: int, fields: tuple[int, ...]) -> Symbol:
        if self._layout.shift == _LAYOUTS[64].shift:
            name, info, _, place, value, size = fields
        else:
            name, value, size, info, _, place = fields
        kind = info & 15
        if not place or _SHN_LORESERVE <= place != _SHN_XINDEX:
            return Symbol(name, kind, None, value, size, thumb=False)
        section = place if place != _SHN_XINDEX else self._extended_index(index)
        if section >= len(self.sections):
            raise damaged(f"it refers to section {section}, which it does not have")
        if self.linked:
            value -= self.sections[section].addr
        thumb = self.isa.elf.has_thumb and kind == STT_FUNC and bool(value & 1)
        return Symbol(name, kind, section, value - thumb, size, thumb)

    def _extended_index(self, symbol: int) -> int:
        """The section of a symbol whose own field is too small for its number."""
        for table in self.sections:
            if table.kind == SHT_SYMTAB_SHNDX and self.section(table.link) is self._symbols:
                indices = self._rows(table, _INDEX)
                if (symbol + 1) * _INDEX.size <= len(indices):
                    return int(_INDEX.unpack_from(indices, symbol * _INDEX.size)[0])
        raise damaged(f"symbol {symbol} is in a section past number 65279, and the table that says which is missing")

    def _name_of_symbol(self, symbol: Symbol) -> str:
        name = self.symbol_name(symbol.name)
        if name or symbol.kind != STT_SECTION or symbol.section is None:
            return name
        return self.name_of(self.section(symbol.section))

    def _table_of_entries(self, section: Section) -> EntryTable:
        implicit = section.kind == SHT_REL
        if section.kind == SHT_CREL or (implicit and not self.isa.elf.addend_in_place):
            raise MalformedObjectError(
                "The object has relocations without explicit addends (REL) or compact ones (CREL), which are not read: "
                "compile it to have plain RELA ones.",
            )
        structure = self._layout.rel if implicit else self._layout.rela
        rows = self._rows(section, structure)
        self.spend(len(rows))
        return EntryTable(rows, structure, self._layout.shift)

    def _kind(self, entry: Entry) -> str:
        return self._relocation_names.get(entry.kind, f"{self.isa.elf.prefix}{entry.kind}")

    def _addend(self, entry: Entry, kind: str, target: int) -> int:
        """The entry's own, or what the bytes hold that it is for."""
        if entry.addend is not None:
            return entry.addend
        section = self.section(target)
        if section.kind == SHT_NOBITS or entry.offset + 4 > section.size:
            raise damaged("a relocation lies outside the section that it is for")
        return self.isa.elf.addend(kind, bytes(self.content(section)[entry.offset : entry.offset + 4]))

    def _string(self, table: Section, offset: int) -> str:
        if (known := self._known_strings.get((table.offset, offset))) is not None:
            return known
        self._within(table.offset, table.size, "a string table")
        start, stop = table.offset + offset, table.offset + table.size
        end = self._data.find(b"\0", start, stop) if start < stop else -1
        if end < 0:
            raise damaged("a name lies outside its string table")
        self.spend(end - start)
        text = bytes(self._view[start:end]).decode("utf-8", "backslashreplace")
        self._known_strings[table.offset, offset] = text
        return text

    def _rows(self, table: Section, structure: struct.Struct) -> memoryview:
        """The bytes of a table's entries."""
        if table.entsize != structure.size:
            raise damaged(f"a table has entries of {table.entsize} bytes instead of {structure.size}")
        self._within(table.offset, table.size, "a table")
        return self._view[table.offset : table.offset + table.size // structure.size * structure.size]

    def _within(self, offset: int, size: int, what: str) -> None:
        if offset + size > len(self._view):
            raise damaged(f"{what} would lie beyond the end of the file")


def _isa_of(header: bytes) -> Isa:
    """The architecture of a file that begins so. Raises `MalformedObjectError` if it is not among ours."""
    if header[:4] != b"\x7fELF":
        raise MalformedObjectError("The file is not an ELF object; give one made with `-c`.")
    bits, order = {1: 32, 2: 64}.get(header[4] if len(header) > 5 else 0), header[5:6]
    if bits is None or order not in {b"\1", b"\2"} or len(header) < _LAYOUTS[bits].header_bytes:
        raise damaged("its ELF header cannot be read")
    machine = int.from_bytes(header[18:20], "little" if order == b"\1" else "big")
    known = {isa.facts.elf.bits: isa for isa in ISAS.values() if isa.facts.elf.machine == machine}
    if not known:
        *titles, last = dict.fromkeys(isa.facts.title for isa in ISAS.values())
        raise MalformedObjectError(
            f"The object is for the machine {_machine_name(machine)}, but only {', '.join(titles)} and {last} code "
            "can be judged: compile it for such a target.",
        )
    if bits not in known or order != b"\1":
        name, *_ = (one.facts.title for one in known.values())
        shape = "32-bit (ILP32)" if bits not in known else "big-endian"
        widths = " or ".join(f"{width}-bit" for width in known)
        raise MalformedObjectError(
            f"The object is {shape} {name}, but only {widths} little-endian {name} can be judged: "
            "compile it for such a target.",
        )
    return known[bits]


def _name_of(names: Mapping[str, object], number: int) -> str:
    """What pyelftools calls that number."""
    return next((name for name, value in names.items() if value == number), f"number {number}")


def _machine_name(number: int) -> str:
    name = _name_of(ENUM_E_MACHINE, number)
    described = str(describe_e_machine(name))
    return name.removeprefix("EM_") if described.startswith("<") else described
