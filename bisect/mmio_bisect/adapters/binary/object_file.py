"""ELF objects to raw functions: which bytes are which function's, what the linker would fill in, what is data.

Whatever the bytes are, the result is a `RawObject` or a `MalformedObjectError`, in bounded time (see `elf_tables`).

Source of the mapping symbols: ELF for the Arm 64-bit Architecture (AAELF64, 2024Q3), §5.5.4.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from mmio_bisect.adapters.binary.debug_info import debug_prototypes
from mmio_bisect.adapters.binary.demangle import readable_name
from mmio_bisect.adapters.binary.elf_tables import ElfTables, damaged
from mmio_bisect.classify.machine.instructions import Relocation, Section
from mmio_bisect.workflow.probing.objects import RawFunction, RawObject


def read_object(data: bytes) -> RawObject:
    """All functions of a little-endian object or linked image, local ones included, and the sections that are loaded.

    Relocations are those of relocatable objects: in a linked image they have been applied. A function without a size
    reaches to the next function or its section's end; labels in it do not end it. Raises `MalformedObjectError`.
    """
    tables = ElfTables(data)
    landmarks = _survey(tables)
    known: dict[tuple[int, int, int], RawFunction] = {}
    functions = []
    for symbol in tables.symbols:
        if symbol.kind != "STT_FUNC" or symbol.section is None:
            continue
        start, section = symbol.value, tables.section(symbol.section)
        size = symbol.size or _next_after(landmarks[symbol.section].functions, start, section.size) - start
        if section.kind == "SHT_NOBITS" or start < 0 or size < 0 or start + size > section.size:
            raise damaged(f"function `{symbol.name}` is not inside its section")
        place = (symbol.section, start, size)
        if place not in known:
            known[place] = _cut_out(tables, landmarks[symbol.section], place)
        functions.append(
            replace(known[place], name=symbol.name, thumb=symbol.thumb)
        )  # an alias is another name for the same bytes
    functions.sort(key=lambda function: (function.section, function.address))
    sections = {
        index: _section(tables, index, marks) for index, marks in landmarks.items() if _is_loaded(tables, index)
    }
    return RawObject(
        architecture=tables.isa.facts.name,
        functions=tuple(functions),
        sections=sections,
        names={symbol.name: readable_name(symbol.name) for symbol in tables.symbols if symbol.name},
        variables={
            symbol.name: (symbol.section, symbol.value)
            for symbol in tables.symbols
            if symbol.kind == "STT_OBJECT" and symbol.section is not None
        },
        prototypes=debug_prototypes(tables),
    )


_PROGBITS, _WRITE, _ALLOC = "SHT_PROGBITS", 1, 2


def _is_loaded(tables: ElfTables, index: int) -> bool:
    """Whether the section's bytes are in memory when the code runs; tables for unwinding are of no interest."""
    section = tables.section(index)
    return section.kind == _PROGBITS and bool(section.flags & _ALLOC) and tables.name_of(section) != ".eh_frame"


def _section(tables: ElfTables, index: int, marks: "_Landmarks") -> Section:
    header = tables.section(index)
    relocations: dict[int, list[Relocation]] = defaultdict(list)
    for offset, relocation in marks.relocations:
        relocations[offset].append(relocation)
    return Section(
        index=index,
        content=tables.content(header, 0, header.size),
        writable=bool(header.flags & _WRITE),
        relocations={offset: tuple(found) for offset, found in relocations.items()},
        objects=tuple(marks.objects),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Landmarks:
    """What lies where in a section that is loaded, in order of the offset.

    `mapping` says from where on there is data (`$d`) or code again (`$x`, `$a`, `$t`).
    """

    functions: list[int] = field(default_factory=list)
    mapping: list[tuple[int, bool]] = field(default_factory=list)
    relocations: list[tuple[int, Relocation]] = field(default_factory=list)
    objects: list[tuple[int, int]] = field(default_factory=list)


def _survey(tables: ElfTables) -> Mapping[int, _Landmarks]:
    landmarks: dict[int, _Landmarks] = defaultdict(_Landmarks)
    landmarks.update((index, _Landmarks()) for index in range(len(tables.sections)) if _is_loaded(tables, index))
    for symbol in tables.symbols:
        if symbol.kind == "STT_FUNC" and symbol.section is not None:
            landmarks[symbol.section].functions.append(symbol.value)
        if symbol.kind == "STT_OBJECT" and symbol.section in landmarks and symbol.size:
            landmarks[symbol.section].objects.append((symbol.value, symbol.value + symbol.size))
    for symbol in tables.symbols:
        if symbol.section in landmarks and symbol.name.split(".")[0] in {"$d", "$x", "$a", "$t"}:
            landmarks[symbol.section].mapping.append((symbol.value, symbol.name.startswith("$d")))
    for section in tables.sections:
        if section.info in landmarks and not tables.linked:
            landmarks[section.info].relocations.extend(tables.relocations(section))
    for marks in landmarks.values():
        marks.functions.sort()
        marks.objects.sort()
        marks.mapping.sort(key=itemgetter(0))
        marks.relocations.sort(key=itemgetter(0))
    return landmarks


def _cut_out(tables: ElfTables, marks: _Landmarks, place: tuple[int, int, int]) -> RawFunction:
    """The function at a section, offset and size, yet without its name."""
    section, start, size = place
    low = bisect.bisect_left(marks.relocations, start, key=itemgetter(0))
    high = bisect.bisect_left(marks.relocations, start + size, key=itemgetter(0))
    data_ranges = tuple(_data_ranges(marks.mapping, start, start + size))
    tables.spend(tables.rela_bytes * (high - low) + tables.symbol_bytes * len(data_ranges))
    return RawFunction(
        name="",
        section=section,
        address=start,
        size=size,
        code=tables.content(tables.section(section), start, size),
        relocations=tuple((offset - start, relocation) for offset, relocation in marks.relocations[low:high]),
        data_ranges=data_ranges,
    )


def _data_ranges(mapping: Sequence[tuple[int, bool]], start: int, stop: int) -> Iterable[range]:
    """Where, counted from `start`, a `$d` holds; what no mapping symbol precedes is code."""
    first = max(0, bisect.bisect_right(mapping, start, key=itemgetter(0)) - 1)
    for index in range(first, bisect.bisect_left(mapping, stop, key=itemgetter(0))):
        begin, is_data = mapping[index]
        end = mapping[index + 1][0] if index + 1 < len(mapping) else stop
        inside = range(max(begin, start) - start, min(end, stop) - start)
        if is_data and inside:
            yield inside


def _next_after(offsets: Sequence[int], offset: int, default: int) -> int:
    index = bisect.bisect_right(offsets, offset)
    return offsets[index] if index < len(offsets) else default
