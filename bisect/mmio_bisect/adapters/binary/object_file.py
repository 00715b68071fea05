"""ELF objects to raw functions: which bytes are which function's, what the linker would fill in, what is data.

Symbols are surveyed once; of functions, sections and names only those are read that are asked for, so that one function
of a kernel costs little more than its symbol table. Whatever the bytes are, asking gives values or a
`MalformedObjectError`, in bounded time (see `elf_tables`).

Source of the mapping symbols: ELF for the Arm 64-bit Architecture (AAELF64, 2024Q3), §5.5.4.
"""

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from operator import add, attrgetter, itemgetter

from mmio_bisect.adapters.binary.debug_info import debug_prototypes
from mmio_bisect.adapters.binary.demangle import readable_name
from mmio_bisect.adapters.binary.elf_relocations import Entries
from mmio_bisect.adapters.binary.elf_tables import (
    SHF_ALLOC,
    SHF_WRITE,
    SHT_NOBITS,
    SHT_PROGBITS,
    STT_FUNC,
    STT_NOTYPE,
    STT_OBJECT,
    ElfTables,
    Symbol,
    damaged,
)
from mmio_bisect.classify.machine.image import FunctionPlace
from mmio_bisect.classify.machine.instructions import Relocation, Section
from mmio_bisect.workflow.ports.objects import ObjectBytes
from mmio_bisect.workflow.probing.objects import RawCode, RawObject


def read_object(data: ObjectBytes) -> RawObject:
    """All functions of a little-endian object or linked image, local ones included, and the sections that are loaded.

    Relocations are those of relocatable objects: in a linked image they have been applied. A function without a size
    reaches to the next function or its section's end; labels in it do not end it. Raises `MalformedObjectError`.
    """
    survey = _Survey(ElfTables(data))
    places = _Places(survey)
    return RawObject(
        architecture=survey.tables.isa.facts.name,
        places=places,
        read=survey.code,
        sections=_Sections(survey),
        names=_Names(survey.tables),
        variables=_Variables(survey),
        prototypes=debug_prototypes(survey.tables),
        referring=_Referring(survey, places).to,
    )


@dataclass(slots=True)
class _Landmarks:
    """The symbols of one section, in the table's order; `labels` are those that may be mapping symbols."""

    functions: list[Symbol] = field(default_factory=list)
    variables: list[Symbol] = field(default_factory=list)
    labels: list[Symbol] = field(default_factory=list)


class _Survey:
    """What lies where in each section."""

    def __init__(self, tables: ElfTables) -> None:
        self.tables = tables
        self._entries: dict[int, Entries] = {}
        self._mapping: dict[int, list[tuple[int, bool]]] = {}

    @cached_property
    def landmarks(self) -> Mapping[int, _Landmarks]:
        found: dict[int, _Landmarks] = {}
        dollar = self.tables.begins_with_dollar
        for symbol in self.tables.symbols():
            kind = symbol.kind
            if symbol.section is None or kind not in _KEPT or (kind == STT_NOTYPE and not dollar(symbol.name)):
                continue
            marks = found.get(symbol.section)
            if marks is None:
                marks = found[symbol.section] = _Landmarks()
            (marks.functions if kind == STT_FUNC else marks.variables if kind else marks.labels).append(symbol)
        return found

    def entries(self, section: int) -> Entries:
        """The relocations for a section, in order of their offset."""
        if section not in self._entries:
            self._entries[section] = self.tables.entries(section)
        return self._entries[section]

    def mapping(self, section: int) -> list[tuple[int, bool]]:
        """From where on there is data (`$d`) or code again (`$x`, `$a`, `$t`), in order."""
        if section not in self._mapping:
            labels = self.landmarks[section].labels if section in self.landmarks else []
            named = [(label.value, self.tables.symbol_name(label.name).split(".")[0]) for label in labels]
            marks = [(value, name == "$d") for value, name in named if name in {"$d", "$x", "$a", "$t"}]
            self._mapping[section] = sorted(marks, key=itemgetter(0))
        return self._mapping[section]

    def code(self, place: FunctionPlace) -> RawCode:
        start, stop, tables = place.address, place.address + place.size, self.tables
        entries = self.entries(place.section)
        low = bisect.bisect_left(entries.offsets, start)
        high = bisect.bisect_left(entries.offsets, stop)
        data_ranges = tuple(_data_ranges(self.mapping(place.section), start, stop))
        # Functions may overlap: each is counted.
        tables.spend(place.size + tables.rela_bytes * (high - low) + tables.symbol_bytes * len(data_ranges))
        return RawCode(
            code=bytes(tables.content(tables.section(place.section))[start:stop]),
            relocations=tuple(
                (entry.offset - start, tables.relocation(entry, place.section)) for entry in entries[low:high]
            ),
            data_ranges=data_ranges,
        )


_KEPT = frozenset({STT_FUNC, STT_OBJECT, STT_NOTYPE})


@dataclass(frozen=True, slots=True)
class _SectionPlaces:
    """The functions of one section by their address; `reach[i]` is where the last of the first i + 1 of them ends."""

    symbols: Sequence[Symbol]
    starts: Sequence[int]
    sizes: Sequence[int]
    reach: Sequence[int]


class _Places:
    """The port `FunctionPlaces`, a section at a time."""

    def __init__(self, survey: _Survey) -> None:
        self._survey = survey
        self._known: dict[int, _SectionPlaces] = {}

    def __iter__(self) -> Iterator[FunctionPlace]:
        for section, marks in sorted(self._survey.landmarks.items()):
            if marks.functions:
                yield from (self._place(section, index) for index in range(len(marks.functions)))

    def named(self, symbol: str) -> FunctionPlace | None:
        wanted = self._survey.tables.places_of_name(symbol)
        for section, marks in sorted(self._survey.landmarks.items()) if wanted else ():
            if any(one.name in wanted for one in marks.functions):
                symbols = self._of(section).symbols
                return self._place(section, next(at for at, one in enumerate(symbols) if one.name in wanted))
        return None

    def containing(self, section: int, address: int) -> FunctionPlace | None:
        marks = self._survey.landmarks.get(section)
        if marks is None or not marks.functions:
            return None
        known = self._of(section)
        index = bisect.bisect_right(known.reach, address)
        if index == len(known.reach) or known.starts[index] > address:
            return None
        return self._place(section, index)

    def _place(self, section: int, index: int) -> FunctionPlace:
        known = self._of(section)
        symbol = known.symbols[index]
        return FunctionPlace(
            name=self._survey.tables.symbol_name(symbol.name),
            section=section,
            address=symbol.value,
            size=known.sizes[index],
            thumb=symbol.thumb,
        )

    def _of(self, section: int) -> _SectionPlaces:
        if section not in self._known:
            self._known[section] = self._read(section)
        return self._known[section]

    def _read(self, section: int) -> _SectionPlaces:
        tables = self._survey.tables
        header = tables.section(section)
        symbols = sorted(self._survey.landmarks[section].functions, key=attrgetter("value"))
        starts = [symbol.value for symbol in symbols]
        sizes = [symbol.size or _next_after(starts, symbol.value, header.size) - symbol.value for symbol in symbols]
        ends = list(map(add, starts, sizes))
        if header.kind == SHT_NOBITS or starts[0] < 0 or min(sizes) < 0 or max(ends) > header.size:
            wrong = (one for one, end in zip(symbols, ends, strict=True) if one.value < 0 or end > header.size)
            name = tables.symbol_name(next(wrong, symbols[-1]).name)
            raise damaged(f"function `{name}` is not inside its section")
        return _SectionPlaces(symbols, starts, sizes, tuple(accumulate(ends, max)))


@dataclass(frozen=True, slots=True)
class _Referring:
    """Which functions lead into a section."""

    survey: _Survey
    places: _Places
    known: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)

    def to(self, section: int) -> Iterable[tuple[int, FunctionPlace]]:
        if not self.known:
            self._read()
        for address, code, offset in self.known.get(section, ()):
            place = self.places.containing(code, offset)
            if place is not None:
                yield address, place

    def _read(self) -> None:
        tables = self.survey.tables
        for code, marks in self.survey.landmarks.items():
            for entry in self.survey.entries(code) if marks.functions else ():
                leads = tables.led_to(entry, code)
                if leads is not None:
                    self.known.setdefault(leads[0], []).append((leads[1], code, entry.offset))
        for found in self.known.values():
            found.sort()


class _Sections(Mapping[int, Section]):
    """The sections whose bytes are in memory when the code runs; tables for unwinding are of no interest."""

    def __init__(self, survey: _Survey) -> None:
        self._survey = survey
        self._known: dict[int, Section] = {}

    def __getitem__(self, index: int) -> Section:
        if not 0 <= index < len(self._survey.tables.sections) or not self._is_loaded(index):
            raise KeyError(index)
        if index not in self._known:
            self._known[index] = self._read(index)
        return self._known[index]

    def __iter__(self) -> Iterator[int]:
        return filter(self._is_loaded, range(len(self._survey.tables.sections)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _is_loaded(self, index: int) -> bool:
        section = self._survey.tables.sections[index]
        loaded = section.kind == SHT_PROGBITS and bool(section.flags & SHF_ALLOC)
        return loaded and self._survey.tables.name_of(section) != ".eh_frame"

    def _read(self, index: int) -> Section:
        header = self._survey.tables.section(index)
        marks = self._survey.landmarks.get(index)
        variables = [] if marks is None else marks.variables
        objects = sorted((one.value, one.value + one.size) for one in variables if one.size)
        return Section(
            index=index,
            content=self._survey.tables.content(header),
            writable=bool(header.flags & SHF_WRITE),
            relocations=_Relocations(self._survey, index),
            objects=tuple(objects),
        )


class _Relocations(Mapping[int, tuple[Relocation, ...]]):
    """Those of one section, by their offset in it."""

    def __init__(self, survey: _Survey, section: int) -> None:
        self._survey, self._section = survey, section

    def __getitem__(self, offset: int) -> tuple[Relocation, ...]:
        entries = self._survey.entries(self._section)
        low = bisect.bisect_left(entries.offsets, offset)
        high = bisect.bisect_right(entries.offsets, offset)
        if low == high:
            raise KeyError(offset)
        return tuple(self._survey.tables.relocation(entry, self._section) for entry in entries[low:high])

    def __contains__(self, offset: object) -> bool:
        entries = self._survey.entries(self._section)
        low = bisect.bisect_left(entries.offsets, offset) if isinstance(offset, int) else len(entries)
        return low < len(entries) and entries.offsets[low] == offset

    def __iter__(self) -> Iterator[int]:
        return iter(dict.fromkeys(self._survey.entries(self._section).offsets))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Names(Mapping[str, str]):
    """Each symbol's name as its language writes it, which can be told of any symbol."""

    def __init__(self, tables: ElfTables) -> None:
        self._tables = tables

    def __getitem__(self, symbol: str) -> str:
        return readable_name(symbol)

    def __contains__(self, symbol: object) -> bool:
        wanted = self._tables.places_of_name(str(symbol))
        return bool(wanted) and any(one.name in wanted for one in self._tables.symbols())

    def __iter__(self) -> Iterator[str]:
        offsets = dict.fromkeys(symbol.name for symbol in self._tables.symbols() if symbol.name)
        return iter(dict.fromkeys(map(self._tables.symbol_name, offsets)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Variables(Mapping[str, tuple[int, int]]):
    """The section and the offset of each; of equal names the last."""

    def __init__(self, survey: _Survey) -> None:
        self._survey = survey

    def __getitem__(self, symbol: str) -> tuple[int, int]:
        name = self._survey.tables.symbol_name
        if "\\" in symbol:  # it may be the escape of a byte that is not UTF-8
            found = [(section, one.value) for section, one in self._all() if name(one.name) == symbol]
        else:
            wanted = self._survey.tables.places_of_name(symbol)
            found = [(section, one.value) for section, one in self._all() if one.name in wanted] if wanted else []
        if not found:
            raise KeyError(symbol)
        return found[-1]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self._survey.tables.symbol_name(one.name) for _, one in self._all()))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _all(self) -> Iterator[tuple[int, Symbol]]:
        for section, marks in self._survey.landmarks.items():
            yield from ((section, one) for one in marks.variables)


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
