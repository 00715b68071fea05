"""What debug information declares of the functions that an object calls: DWARF 5, sections 3.3 and 5, and before.

Compilers describe each function that is called, with its parameters and their types: GCC at any level, clang from -O1
on. pyelftools reads it here from sections that were read under guard. Debug information that cannot be read, is
compressed, or is longer than a driver's tells nothing; so does a linked image's.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice

from elftools.common.exceptions import DWARFError, ELFError
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

from mmio_bisect.adapters.binary.elf_tables import ElfTables, Section
from mmio_bisect.domain.prototype import Declared, Prototype, without_conflicts

_MOST_BYTES, _LONGEST_NAME, _MOST_UNITS = 1 << 19, 1 << 12, 16
"""What one object needs: damaged ones can name the same things a million times over."""

_NEEDED = (
    *(".debug_info", ".debug_abbrev", ".debug_str", ".debug_str_offsets", ".debug_line_str", ".debug_addr"),
    *(".debug_loclists", ".debug_rnglists"),
)
_OTHERS = (
    *("debug_aranges", "debug_frame", "eh_frame", "debug_loc", "debug_ranges", "debug_line", "debug_pubtypes"),
    *("debug_pubnames", "debug_sup", "gnu_debugaltlink", "debug_types"),
)
_STRINGS = (".debug_str", ".debug_line_str")
_COMPRESSED, _OFFSET_BYTES = 1 << 11, 4
_LIKE_ANOTHER = frozenset({"DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_restrict_type"})
_POINTERS = frozenset({"DW_TAG_pointer_type", "DW_TAG_reference_type"})
_INTEGERS = frozenset({0x02, 0x05, 0x06, 0x07, 0x08, 0x10})
"""DW_ATE_boolean, signed, signed_char, unsigned, unsigned_char, UTF."""

_C = frozenset({0x01, 0x02, 0x0C, 0x1D, 0x2C})
"""DW_LANG_C89, C, C99, C11, C17: where a declaration may say nothing of parameters."""


_PARSER_ERRORS = (
    DWARFError, ELFError, struct.error, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError,
    MemoryError, OSError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What pyelftools has been seen, or can be read, to raise for damaged input; caught around its calls alone."""


class _NotPlainError(Exception):
    """How it is passed is not certain."""


def debug_prototypes(tables: ElfTables) -> tuple[Prototype, ...]:
    """Raises `MalformedObjectError` where sections are not inside the file."""
    found = {tables.name_of(section): section for section in tables.sections}
    needed = {name: found[name] for name in _NEEDED if name in found}
    if ".debug_info" not in needed or ".debug_abbrev" not in needed or tables.linked:
        return ()
    if any(one.flags & _COMPRESSED or one.size > _MOST_BYTES for one in needed.values()):
        return ()
    contents = {name: _content(tables, section) for name, section in needed.items()}
    if any(max(map(len, contents.get(name, b"").split(b"\0"))) > _LONGEST_NAME for name in _STRINGS):
        return ()
    try:
        return without_conflicts(_declared(_dwarf(contents, tables.isa.pointer_bytes)))
    except _PARSER_ERRORS:
        return ()


def _content(tables: ElfTables, section: Section) -> bytes:
    """With the offsets into other sections of debug information put in, as a linker does."""
    content = bytearray(tables.content(section))
    index = next(number for number, one in enumerate(tables.sections) if one is section)
    for entry in tables.entries(index):
        leads = tables.led_to(entry, index)
        if leads is not None and tables.name_of(tables.section(leads[0])).startswith(".debug_"):
            value = leads[1] % (1 << 8 * _OFFSET_BYTES)
            content[entry.offset : entry.offset + _OFFSET_BYTES] = value.to_bytes(_OFFSET_BYTES, "little")
    return bytes(content[: section.size])


def _dwarf(contents: dict[str, bytes], pointer_bytes: int) -> DWARFInfo:
    sections = {
        f"{name[1:]}_sec": DebugSectionDescriptor(BytesIO(content), name, 0, len(content), 0)
        for name, content in contents.items()
    }
    config = DwarfConfig(little_endian=True, machine_arch="", default_address_size=pointer_bytes)
    every = dict.fromkeys(f"{name}_sec" for name in (*(name[1:] for name in _NEEDED), *_OTHERS)) | sections
    return DWARFInfo(config=config, **every)


def _declared(dwarf: DWARFInfo) -> Iterator[Declared]:
    for unit in islice(dwarf.iter_CUs(), _MOST_UNITS):
        top = unit.get_top_DIE()
        language = top.attributes.get("DW_AT_language")
        is_c = language is None or language.value in _C
        for entry in top.iter_children():
            name = entry.attributes.get("DW_AT_linkage_name") or entry.attributes.get("DW_AT_name")
            if entry.tag != "DW_TAG_subprogram" or "DW_AT_declaration" not in entry.attributes or name is None:
                continue
            symbol, prototype = name.value.decode(), None
            if "DW_AT_calling_convention" not in entry.attributes and (
                not is_c or "DW_AT_prototyped" in entry.attributes
            ):
                with suppress(_NotPlainError):
                    prototype = Prototype(symbol=symbol, parameters=tuple(_parameters(entry)))
            yield symbol, prototype


def _parameters(entry: DIE) -> Iterator[int]:
    if "DW_AT_type" in entry.attributes:
        _bits(entry)
    for child in entry.iter_children():
        if child.tag == "DW_TAG_unspecified_parameters":
            raise _NotPlainError
        if child.tag == "DW_TAG_formal_parameter":
            yield _bits(child)


def _bits(entry: DIE) -> int:
    """The size of an integer, an enumeration or a pointer, which is what the entry's type is."""
    for _ in range(64):
        if "DW_AT_type" not in entry.attributes:
            raise _NotPlainError
        entry = entry.get_DIE_from_attribute("DW_AT_type")
        if entry.tag in _POINTERS:
            return 8 * int(entry.cu.header.address_size)
        if entry.tag in _LIKE_ANOTHER:
            continue
        size, kind = entry.attributes.get("DW_AT_byte_size"), entry.attributes.get("DW_AT_encoding")
        integer = entry.tag == "DW_TAG_enumeration_type" or (kind is not None and kind.value in _INTEGERS)
        if size is None or not integer or not 0 < size.value <= 8:
            break
        return 8 * int(size.value)
    raise _NotPlainError
