"""The tables of an ELF file, read by pyelftools under guard.

Objects come from untrusted compilers and from users. Whatever the bytes are, reading gives values or a
`MalformedObjectError`, soon: pyelftools reads single structures here, while which ones, where and how many is decided
here, against the file's length. (Its section classes would follow hash tables, compressed sections and unterminated
names wherever they lead.)

Source: the System V gABI, chapter 4 (object files).
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.construct import Construct
from elftools.elf.descriptions import describe_e_machine
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import (
    ENUM_RELOC_TYPE_AARCH64,
    ENUM_RELOC_TYPE_ARM,
    ENUM_RELOC_TYPE_i386,
    ENUM_RELOC_TYPE_x64,
)

from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.instructions import Relocation
from mmio_bisect.errors import MalformedObjectError

SHN_LORESERVE, SHN_XINDEX = 0xFF00, 0xFFFF

PARSER_ERRORS = (
    ELFError, struct.error, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    OSError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What pyelftools has been seen, or can be read, to raise for damaged input; caught around its calls alone."""

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

_CREL = str(0x40000014)  # SHT_CREL, LLVM's compact relocations, has no name in pyelftools


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section header; `name` is an offset into the section name table, `kind` as in `SHT_PROGBITS`.

    The fields are named as the header's, without `sh_`.
    """

    kind: str
    flags: int
    name: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    entsize: int


_SECTION_FIELDS = ("flags", "name", "addr", "offset", "size", "link", "info", "entsize")


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A symbol; a section's has the section's name, `kind` is as in `STT_FUNC`.

    `section` is None for what is undefined, absolute or common; otherwise `value` is the offset in the section.
    `thumb`: of Arm's two instruction sets, T32 (which the lowest bit of the address says).
    """

    name: str
    kind: str
    section: int | None
    value: int
    size: int
    thumb: bool = False


def damaged(why: str) -> MalformedObjectError:
    return MalformedObjectError(f"The object is damaged: {why}; build it again.")


class ElfTables:
    """One file that can be judged: little-endian, of an architecture in `ISAS`. Methods may raise `damaged`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._stream = BytesIO(data)
        # A few damaged bytes can claim names and functions that overlap a thousandfold; real objects hardly overlap.
        self._allowance = 6 * len(data) + 4096
        self._strings: dict[tuple[int, int], str] = {}
        self._elf, self.isa = self._open()
        self._names = self.isa.elf.relocations or _RELOCATIONS.get(self.isa.elf.prefix, {})
        structs = self._elf.structs
        self.header_bytes, self.symbol_bytes = structs.Elf_Shdr.sizeof(), structs.Elf_Sym.sizeof()
        self.rel_bytes, self.rela_bytes = structs.Elf_Rel.sizeof(), structs.Elf_Rela.sizeof()
        self.linked = self._elf["e_type"] != "ET_REL"
        self.sections: Sequence[Section] = self._read_sections()
        self.symbols: Sequence[Symbol] = self._read_symbols()

    def section(self, index: int) -> Section:
        if not 0 <= index < len(self.sections):
            raise damaged(f"it refers to section {index}, which it does not have")
        return self.sections[index]

    def content(self, section: Section, start: int, size: int) -> bytes:
        """Bytes of a section, `start` counted from its first one."""
        self._within(section.offset, section.size, "a section")
        self.spend(size)
        return self._data[section.offset + start : section.offset + min(start + size, section.size)]

    def relocations(self, section: Section) -> list[tuple[int, Relocation]]:
        """The relocations in a section, if it holds any, each with its offset in the section that it is for."""
        implicit = section.kind == "SHT_REL"
        if section.kind == _CREL or (implicit and not self.isa.elf.addend_in_place):
            raise MalformedObjectError(
                "The object has relocations without explicit addends (REL) or compact ones (CREL), which are not read: "
                "compile it to have plain RELA ones.",
            )
        if section.kind not in {"SHT_REL", "SHT_RELA"}:
            return []
        size = self.rel_bytes if implicit else self.rela_bytes
        structure = self._elf.structs.Elf_Rel if implicit else self._elf.structs.Elf_Rela
        offsets = self._entries(section, size, "a relocation table")
        self.spend(section.size)
        patched = self.section(section.info) if implicit else None
        entries = (self._parse(structure, offset) for offset in offsets)
        return [(int(entry["r_offset"]), self._relocation(entry, patched)) for entry in entries]

    def name_of(self, section: Section) -> str:
        return self._string(self.section(self._name_table()), section.name)

    def spend(self, size: int) -> None:
        """Count bytes that the result will hold, against what a file of this length can mean."""
        self._allowance -= size
        if self._allowance < 0:
            raise damaged("its names, functions or tables overlap more than those of any real object")

    def _open(self) -> tuple[ELFFile, Isa]:
        if self._data[:4] != b"\x7fELF":
            raise MalformedObjectError("The file is not an ELF object; give one made with `-c`.")
        try:
            elf = ELFFile(self._stream)
            machine, kind = elf["e_machine"], elf["e_type"]
        except PARSER_ERRORS as error:
            raise damaged("its ELF header cannot be read") from error
        number = int.from_bytes(self._data[18:20], "little" if elf.little_endian else "big")
        known = {isa.facts.elf.bits: isa for isa in ISAS.values() if isa.facts.elf.machine == number}
        if not known:
            *titles, last = dict.fromkeys(isa.facts.title for isa in ISAS.values())
            raise MalformedObjectError(
                f"The object is for the machine {_machine_name(machine)}, but only {', '.join(titles)} and {last} code "
                "can be judged: compile it for such a target.",
            )
        if elf.elfclass not in known or not elf.little_endian:
            name, *_ = (one.facts.title for one in known.values())
            shape = "32-bit (ILP32)" if elf.elfclass not in known else "big-endian"
            widths = " or ".join(f"{width}-bit" for width in known)
            raise MalformedObjectError(
                f"The object is {shape} {name}, but only {widths} little-endian {name} can be judged: "
                "compile it for such a target.",
            )
        if kind not in {"ET_REL", "ET_EXEC", "ET_DYN"}:
            raise MalformedObjectError(
                f"The ELF file is of type {kind}, neither an object nor an executable: give one made with `-c`.",
            )
        return elf, known[elf.elfclass]

    def _read_sections(self) -> list[Section]:
        try:
            offset, count = int(self._elf["e_shoff"]), int(self._elf.num_sections())
        except PARSER_ERRORS as error:
            raise damaged("its section headers cannot be read") from error
        if count and self._elf["e_shentsize"] != self.header_bytes:
            raise damaged(f"its section headers are not of {self.header_bytes} bytes")
        stop = offset + count * self.header_bytes
        self._within(offset, stop - offset, "its section headers")
        headers = (self._parse(self._elf.structs.Elf_Shdr, at) for at in range(offset, stop, self.header_bytes))
        return [
            Section(kind=str(header["sh_type"]), **{name: int(header[f"sh_{name}"]) for name in _SECTION_FIELDS})
            for header in headers
        ]

    def _read_symbols(self) -> list[Symbol]:
        table = next((section for section in self.sections if section.kind == "SHT_SYMTAB"), None)
        if table is None:
            raise MalformedObjectError(
                "The object has no symbol table to find functions by: give one that is not stripped."
            )
        names = self.section(table.link)
        offsets = self._entries(table, self.symbol_bytes, "its symbol table")
        return [self._symbol(self._parse(self._elf.structs.Elf_Sym, offset), names) for offset in offsets]

    def _symbol(self, entry: Mapping[str, Any], names: Section) -> Symbol:
        kind, place, value = str(entry["st_info"]["type"]), entry["st_shndx"], int(entry["st_value"])
        name = self._string(names, int(entry["st_name"]))
        if place == SHN_XINDEX:
            raise damaged(f"symbol `{name}` is in a section past number 65279, where this tool does not follow")
        # The reserved indices that pyelftools has names for come as texts.
        number = place if isinstance(place, int) and place < SHN_LORESERVE else None
        if number is not None:
            section = self.section(number)
            value -= section.addr if self.linked else 0
            if kind == "STT_SECTION" and not name:
                name = self._string(self.section(self._name_table()), section.name)
        thumb = self.isa.elf.has_thumb and kind == "STT_FUNC" and bool(value & 1)
        value -= thumb
        return Symbol(name=name, kind=kind, section=number, value=value, size=int(entry["st_size"]), thumb=thumb)

    def _name_table(self) -> int:
        try:
            return int(self._elf.get_shstrndx())
        except PARSER_ERRORS as error:
            raise damaged("its section names cannot be found") from error

    def _relocation(self, entry: Mapping[str, Any], patched: Section | None) -> Relocation:
        """`patched` is the section whose bytes hold the addend, if the entry does not."""
        number, kind = int(entry["r_info_sym"]), int(entry["r_info_type"])
        if number >= len(self.symbols):
            raise damaged(f"a relocation refers to symbol {number}, which it does not have")
        symbol, name = self.symbols[number], self._names.get(kind, f"{self.isa.elf.prefix}{kind}")
        addend = int(entry["r_addend"]) if patched is None else self._addend(name, patched, int(entry["r_offset"]))
        return Relocation(
            kind=name,
            symbol=symbol.name,
            addend=addend,
            section=symbol.section,
            address=None if symbol.section is None else symbol.value + addend,
        )

    def _addend(self, kind: str, section: Section, offset: int) -> int:
        self._within(section.offset, section.size, "a section")
        if section.kind == "SHT_NOBITS" or offset + 4 > section.size:
            raise damaged("a relocation lies outside the section that it is for")
        place = section.offset + offset
        return self.isa.elf.addend(kind, self._data[place : place + 4])

    def _string(self, table: Section, offset: int) -> str:
        start, stop = table.offset + offset, table.offset + table.size
        if (table.offset, offset) not in self._strings:
            self._within(table.offset, table.size, "a string table")
            end = self._data.find(b"\0", start, stop)
            if not table.offset <= start < stop or end < 0:
                raise damaged("a name lies outside its string table")
            self.spend(end - start)
            self._strings[table.offset, offset] = self._data[start:end].decode("utf-8", "backslashreplace")
        return self._strings[table.offset, offset]

    def _entries(self, table: Section, size: int, what: str) -> range:
        """Offsets in the file of a table's entries."""
        if table.entsize != size:
            raise damaged(f"{what} has entries of {table.entsize} bytes instead of {size}")
        self._within(table.offset, table.size, what)
        return range(table.offset, table.offset + table.size // size * size, size)

    def _within(self, offset: int, size: int, what: str) -> None:
        if offset + size > len(self._data):
            raise damaged(f"{what} would lie beyond the end of the file")

    def _parse(self, structure: Construct, offset: int) -> Mapping[str, Any]:
        try:
            parsed: Mapping[str, Any] = struct_parse(structure, self._stream, offset)
        except PARSER_ERRORS as error:
            raise damaged(f"the structure at {offset:#x} cannot be read") from error
        return parsed


def _machine_name(machine: str | int) -> str:
    if isinstance(machine, int):
        return f"number {machine}"
    described = str(describe_e_machine(machine))
    return machine.removeprefix("EM_") if described.startswith("<") else described
