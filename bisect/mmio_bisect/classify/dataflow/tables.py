"""The object's own data as the data flow needs it: pointers in initialised memory, and where a jump table leads."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode, Relocation
from mmio_bisect.classify.machine.operations import Symbol
from mmio_bisect.classify.machine.values import (
    Linear,
    Origin,
    TableEntry,
    is_address,
    number,
    pointer_to,
    section_origin,
)

_MOST_ENTRIES = 4096
_LONGEST_INSTRUCTION = 16

OFFSET_TABLE = "global offset table"
"""What i386 code counts the object's own addresses from."""


def symbol_of(relocation: Relocation, *, slot: bool = False) -> Symbol:
    """What a relocation refers to, its addend aside."""
    if relocation.section is None or relocation.address is None:
        return Symbol(name=relocation.symbol, slot=slot)
    return Symbol(
        name=relocation.symbol,
        section=relocation.section,
        address=relocation.address - relocation.addend,
        slot=slot,
    )


@dataclass(slots=True)
class ImageData:
    """The data of one image."""

    image: CodeImage
    _starts: dict[tuple[int, int], int | None] = field(default_factory=dict)
    _words: dict[tuple[int, range], list[Linear]] = field(default_factory=dict)
    _numbers: dict[tuple[int, range], list[Linear]] = field(default_factory=dict)

    @property
    def pointer_bytes(self) -> int:
        return self.image.isa.pointer_bytes

    def word(self, section: int, offset: int) -> Linear | None:
        """The pointer-sized word there as the linker leaves it; None if it is not known."""
        found = self.image.sections.get(section)
        if found is None or not 0 <= offset <= len(found.content) - self.pointer_bytes:
            return None
        kinds = self.image.isa.relocations
        for relocation in found.relocations.get(offset, ()):
            if relocation.kind in kinds.absolute:
                return _address(relocation)
            if relocation.kind in kinds.distances:
                return _distance(relocation, section, offset, slot=relocation.kind in kinds.slots)
            return None
        near = range(offset - self.pointer_bytes + 1, offset + self.pointer_bytes)
        beside = [(place, relocation) for place in near for relocation in found.relocations.get(place, ())]
        if any(place > offset or place + _bytes_of(relocation) > offset for place, relocation in beside):
            return None
        content = int.from_bytes(found.content[offset : offset + self.pointer_bytes], "little")
        return number(content, 8 * self.pointer_bytes)

    def words(self, origin: Origin) -> list[Linear]:
        """What may be loaded at an unknown index from where the origin begins, to the end of what lies there."""
        if origin.section is None:
            return []
        extent = self._extent(origin.section, origin.start, origin.moved)
        if (origin.section, extent) not in self._words:
            first = extent.start + -extent.start % self.pointer_bytes
            offsets = range(first, extent.stop, self.pointer_bytes)
            known = (self.word(origin.section, offset) for offset in offsets)
            self._words[origin.section, extent] = [word for word in known if word is not None]
        return self._words[origin.section, extent]

    def _extent(self, section: int, start: int | None, moved: int) -> range:
        """Where an index may lead from `start` and `moved` bytes on: in the variable that begins at `start`.

        Elsewhere in the next variable too: compilers fold what is added to an index into the address. Where a variable
        ends and none begins, an index from below zero leads into it. Never outside of the section.
        """
        found = self.image.sections.get(section)
        if start is None or found is None:
            return range(len(found.content) if found else 0)
        here = next((stop for begin, stop in found.objects if begin == start and start + moved < stop), None)
        stops = [stop for begin, stop in found.objects if begin >= start + moved]
        at = start + moved
        begins = any(begin == at for begin, _ in found.objects)
        first = next((begin for begin, stop in found.objects if stop == at and not begins), at)
        if at == len(found.content):
            first = min(first, max((stop for _, stop in found.objects if stop < at), default=0))
        return range(max(first, 0), min(here or min(stops, default=len(found.content)), len(found.content)))

    def numbers(self, entry: Linear) -> list[Linear]:
        """The numbers of a table of words of 32 bits, from the entry on."""
        ((origin, _),) = entry.terms
        table = origin.entry
        found = None if table is None else self.image.sections.get(table.section)
        if table is None or found is None or table.width != 4:
            return []
        extent = self._extent(table.section, table.start, 0)
        if (table.section, extent) not in self._numbers:
            contents = (int.from_bytes(found.content[at : at + 4], "little") for at in extent[::4])
            bits = 8 * self.pointer_bytes
            self._numbers[table.section, extent] = [number(content, bits) for content in dict.fromkeys(contents)]
        return self._numbers[table.section, extent]

    def entry_at(self, address: Linear, offset: int, width: int, *, signs: bool) -> Linear | None:
        """What is loaded from a known place of a table that is not written: one of the entries from there on."""
        ((origin, _),) = address.terms
        found = None if origin.section is None else self.image.sections.get(origin.section)
        if found is None or found.writable or origin.section is None:
            return None
        start = (address.constant or 0) + offset
        if not 0 <= start <= len(found.content) - width:
            return None
        entry = TableEntry(origin.section, start, width, signs)
        return pointer_to(Origin(f"word {width} of section {origin.section} from {start}", entry=entry))

    def led_to(self, address: Linear) -> list[Linear]:
        """Where a table of distances leads, added to a place of the object; none if the address is no such sum."""
        entries = [origin.entry for origin, factor in address.terms if origin.entry is not None and factor == 1]
        places = [origin for origin, factor in address.terms if origin.section is not None and factor == 1]
        if len(entries) != 1 or len(places) != 1 or len(address.terms) != 2 or address.constant is None:
            return []
        ((entry,), (place,)) = entries, places
        table = self.image.sections.get(entry.section)
        if table is None:
            return []
        later = self._next_start(entry.section, entry.start)
        stop, found = min(len(table.content), later or len(table.content)), []
        for at in range(entry.start, stop - entry.width + 1, entry.width):
            relocation = next(iter(table.relocations.get(at, ())), None)
            if relocation is None:
                content = int.from_bytes(table.content[at : at + entry.width], "little")
                distance = signed(content, 8 * entry.width) if entry.signs else content
                found.append(pointer_to(place, address.constant + distance))
            elif relocation.section is not None and relocation.address is not None and place.section == entry.section:
                to = relocation.address - at + address.constant
                found.append(pointer_to(section_origin(relocation.section), to))
        return found

    def functions_in(self, value: Linear) -> list[Linear]:
        """The functions that a table holds at whose unknown index the value was loaded; none if it is no such table."""
        if value.constant != 0 or len(value.terms) != 1:
            return []
        ((origin, factor),) = value.terms
        if origin.entry is None or factor != 1 or origin.entry.width != self.pointer_bytes:
            return []
        table = section_origin(origin.entry.section, origin.entry.start)
        found = []
        for word in self.words(table):
            if not is_address(word) or not self.begins_function(word):
                break
            found.append(word)
        return found

    def begins_function(self, address: Linear) -> bool:
        ((origin, _),) = address.terms
        if origin.section is None:
            return origin.name.startswith("&")
        found = self.image.containing(origin.section, address.constant or 0)
        return found is not None and found[1] <= found[0].thumb

    def is_code(self, address: Linear) -> bool:
        """Whether a known address leads into a function."""
        ((origin, _),) = address.terms
        at = address.constant or 0
        return origin.section is not None and self.image.containing(origin.section, at) is not None

    def jump_targets(self, value: Linear, code: FunctionCode) -> tuple[tuple[FunctionCode, int], ...]:
        """Code and offsets in it to which a jump to `value` from `code` may lead; none if no table is understood.

        GCC's tables lead into the function's cold part too, which is a function of its own.
        """
        entries = [(origin.entry, factor) for origin, factor in value.terms if origin.entry is not None]
        others = [(origin, factor) for origin, factor in value.terms if origin.entry is None]
        if len(entries) != 1 or value.constant is None or len(others) > 1:
            return ()
        entry, factor = entries[0]
        if others and (others[0][1] != 1 or others[0][0].start is not None):
            return ()
        base = (others[0][0].section, value.constant) if others else None
        if others and others[0][0].section is None and (others[0][0].name != f"&{OFFSET_TABLE}" or value.constant):
            return ()
        found: list[tuple[FunctionCode, int]] = []
        for target in self._targets(entry, factor, base, code):
            if target is None:
                break
            section, address = target[0], target[1] & ~1 if code.thumb else target[1]
            offset = address - code.address
            if section == code.section and (offset == code.size or code.covers_data(offset)):
                continue  # a hole among the cases, of which the source says that it is never met
            place = (code, offset) if section == code.section and code.at(offset) is not None else None
            place = place or self.image.containing(section, address)
            if place is None or place[0].at(place[1]) is None:
                break
            found.append(place)
        return tuple(dict.fromkeys(found))

    def _targets(
        self, entry: TableEntry, factor: int, base: tuple[int | None, int] | None, code: FunctionCode
    ) -> Iterator[tuple[int, int] | None]:
        """The section and place to which each entry leads, up to where another table may begin."""
        table = self.image.sections.get(entry.section)
        if table is None or table.writable:
            return
        later = self._next_start(entry.section, entry.start) or len(table.content)
        stop = min(len(table.content), entry.start + entry.width * _MOST_ENTRIES, later)
        for place in range(entry.start, stop - entry.width + 1, entry.width):
            amid_code = entry.section == code.section
            if place >= stop or (amid_code and not code.covers_data(place - code.address)):
                return
            relocations = table.relocations.get(place, ())
            if relocations:
                yield self._relocated(relocations, factor, base, place)
            elif base is not None and base[0] == code.section:
                content = int.from_bytes(table.content[place : place + entry.width], "little")
                distance = signed(content, 8 * entry.width) if entry.signs else content
                target = signed(base[1] + factor * distance, 8 * self.pointer_bytes)
                if amid_code:  # a table amid the code ends where what it leads to begins
                    if target <= place and entry.width < self.pointer_bytes:
                        return  # padding: a short entry leads forward
                    stop = min(stop, target) if target > place else stop
                yield code.section, target
            else:
                return

    def _relocated(
        self,
        relocations: tuple[Relocation, ...],
        factor: int,
        base: tuple[int | None, int] | None,
        place: int,
    ) -> tuple[int, int] | None:
        first, kinds = relocations[0], self.image.isa.relocations
        if first.section is None or first.address is None or factor != 1:
            return None
        leads = first.section, first.address
        if base is None:
            return leads if first.kind in kinds.absolute else None
        if base[0] is None:
            return leads if first.kind in kinds.from_table else None
        if first.kind in kinds.relative:
            return first.section, first.address - place + base[1]
        if first.kind in kinds.added and len(relocations) == 2 and relocations[1].address == base[1]:
            return leads
        return None

    def _next_start(self, section: int, after: int) -> int | None:
        """The next place of a section that code refers to."""
        if (section, after) not in self._starts:
            self._starts[section, after] = self._find_start(section, after)
        return self._starts[section, after]

    def _find_start(self, section: int, after: int) -> int | None:
        nearest: int | None = None
        for address, place in self.image.referring(section):
            if nearest is not None and address >= nearest:
                break
            if address + _LONGEST_INSTRUCTION > after:
                instructions = self.image.read(place).instructions
                relocations = (relocation for instruction in instructions for relocation in instruction.relocations)
                leads = {one.address for one in relocations if one.section == section and one.address is not None}
                later = [start for start in (*leads, nearest) if start is not None and start > after]
                nearest = min(later, default=None)
        return nearest


def _bytes_of(relocation: Relocation) -> int:
    """How many it fills in where it is in data; relocations of 64 bits say so in their names."""
    return 8 if relocation.kind.endswith("64") else 4


def _address(relocation: Relocation) -> Linear:
    if relocation.section is None or relocation.address is None:
        return pointer_to(Origin(f"&{relocation.symbol}"), relocation.addend)
    return pointer_to(section_origin(relocation.section), relocation.address)


def _distance(relocation: Relocation, section: int, offset: int, *, slot: bool) -> Linear:
    """What a word holds that counts from where it stands itself; code adds the program counter."""
    address = _address(relocation)
    if slot:
        ((symbol, _),) = (*address.terms,)
        held = pointer_to(symbol, (address.constant or 0) - relocation.addend)
        address = pointer_to(Origin(f"slot of {relocation.symbol}", slot=held), relocation.addend)
    here = section_origin(section)
    factors = dict(address.terms)
    factors[here] = factors.get(here, 0) - 1
    terms = frozenset((origin, factor) for origin, factor in factors.items() if factor)
    return Linear(terms, (address.constant or 0) - offset)
