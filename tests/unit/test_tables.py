"""The object's own data: words with and without relocations, arrays at unknown indices, tables that control follows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from listed_code import listed_image, place_of

from mmio_bisect.classify.dataflow.tables import OFFSET_TABLE, ImageData, symbol_of
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.image import FunctionPlace
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction, Relocation, Section
from mmio_bisect.classify.machine.operations import Symbol
from mmio_bisect.classify.machine.values import Linear, Origin, TableEntry, number, pointer_to, section_origin
from mmio_bisect.domain.target import Architecture

DATA, CODE, OTHER = 5, 1, 2
HERE, THERE = section_origin(DATA), section_origin(CODE)


def words(*values: int, width: int = 8) -> bytes:
    return b"".join((value % (1 << 8 * width)).to_bytes(width, "little") for value in values)


def refers(
    kind: str, symbol: str = "s", section: int | None = None, address: int | None = None, addend: int = 0
) -> Relocation:
    return Relocation(kind=kind, symbol=symbol, addend=addend, section=section, address=address)


def function(
    name: str, address: int, size: int, *, section: int = CODE, data: tuple[int, ...] = (), thumb: bool = False
) -> FunctionCode:
    """Instructions of four bytes, but for those at `data`, which are data."""
    instructions = tuple(
        Instruction(position=at, encoding=bytes(4), text="", recognised=at not in data) for at in range(0, size, 4)
    )
    return FunctionCode(name=name, section=section, address=address, size=size, instructions=instructions, thumb=thumb)


def data(
    content: bytes,
    relocations: Mapping[int, tuple[Relocation, ...]] | None = None,
    *,
    architecture: Architecture = Architecture.AARCH64,
    objects: tuple[tuple[int, int], ...] = (),
    writable: bool = False,
    functions: tuple[FunctionCode, ...] = (),
    index: int = DATA,
) -> ImageData:
    section = Section(index=index, content=content, writable=writable, relocations=relocations or {}, objects=objects)
    image = listed_image(ISAS[architecture], functions, {index: section})
    return ImageData(replace(image, referring=lambda asked: referring(functions, asked)))


def referring(functions: Sequence[FunctionCode], section: int) -> list[tuple[int, FunctionPlace]]:
    """Where relocations of each function lead into the section."""
    found = [
        (relocation.address or 0, place_of(code))
        for code in functions
        for instruction in code.instructions
        for relocation in instruction.relocations
        if relocation.section == section
    ]
    return sorted(found, key=lambda one: one[0])


ADDRESS = "R_AARCH64_ABS64"


def test_a_word_is_what_the_linker_leaves_there() -> None:
    image = data(
        words(7, 1 << 64, -1, 0, 0, 0, 9),
        {
            8: (refers(ADDRESS, section=CODE, address=0x40),),
            24: (refers(ADDRESS, symbol="far", addend=12),),
            36: (refers("R_AARCH64_PREL32"),),
        },
    )
    assert image.word(DATA, 0) == number(7)
    assert image.word(DATA, 8) == pointer_to(THERE, 0x40)
    assert image.word(DATA, 16) == number(-1)
    assert image.word(DATA, 24) == pointer_to(Origin("&far"), 12)
    assert image.word(DATA, 48) == number(9)
    assert image.word(DATA, 40) == number(0)  # right behind four bytes that a relocation changes
    for place in (-8, 1, 15, 23, 25, 32, 36, 39, 49, 56):  # outside, or where a relocation changes some of its bytes
        assert image.word(DATA, place) is None
    assert image.word(OTHER, 0) is None


def test_a_distance_counts_from_its_own_place() -> None:
    image = data(
        words(0, 0, 0, width=4),
        {
            0: (refers("R_ARM_REL32", section=DATA, address=0x20),),
            4: (refers("R_ARM_REL32", symbol="far", addend=3),),
            8: (refers("R_ARM_GOT_PREL", section=CODE, address=0x28, addend=8),),
        },
        architecture=Architecture.ARM,
    )
    assert image.word(DATA, 0) == Linear(frozenset(), 0x20)
    assert image.word(DATA, 4) == Linear(frozenset({(Origin("&far"), 1), (HERE, -1)}), 3 - 4)
    held = pointer_to(THERE, 0x20)
    assert image.word(DATA, 8) == Linear(frozenset({(Origin("slot of s", slot=held), 1), (HERE, -1)}), 8 - 8)


def test_what_a_relocation_refers_to_is_told_without_its_addend() -> None:
    assert symbol_of(refers("", "far", addend=4)) == Symbol(name="far")
    assert symbol_of(refers("", "near", CODE, 0x44, addend=4), slot=True) == Symbol(
        name="near", section=CODE, address=0x40, slot=True
    )
    assert symbol_of(refers("", "half", CODE, None)) == symbol_of(refers("", "half", None, 4)) == Symbol(name="half")


@pytest.mark.parametrize(
    ("start", "moved", "expected"),
    [
        (None, 0, [0, 1, 2, 3, 4, 5]),
        (8, 0, [1, 2]),  # the variable that begins there
        (8, 8, [2]),
        (24, 0, [3, 4]),
        (16, 0, [2, 3, 4]),  # amid a variable: to the end of the next one
        (8, 16, [3, 4]),  # beyond its variable: in the next one
        (40, 0, [3, 4, 5]),  # an index may count up to zero at a variable's end
        (48, 0, [5]),
        (0, 8, [1, 2]),
    ],
)
def test_an_index_stays_in_the_variable_that_it_begins_in(start: int | None, moved: int, expected: list[int]) -> None:
    image = data(words(*range(6)), objects=((8, 24), (24, 40)))
    assert image.words(replace(section_origin(DATA, start), moved=moved)) == [number(one) for one in expected]


def test_outside_the_objects_data_an_index_finds_nothing() -> None:
    image = data(words(1))
    assert (
        image.words(Origin("stack"))
        == image.words(section_origin(OTHER))
        == image.words(section_origin(OTHER, 4))
        == []
    )


def entry(section: int, start: int, width: int, *, signs: bool = False) -> Linear:
    return pointer_to(
        Origin(f"word {width} of section {section} from {start}", entry=TableEntry(section, start, width, signs))
    )


def test_numbers_of_a_table_are_those_of_its_variable_each_once() -> None:
    image = data(words(1, 2, 2, 0xFFFF_FFFF, 9, width=4), objects=((4, 16),))
    assert image.numbers(entry(DATA, 4, 4)) == [number(2), number(0xFFFF_FFFF)]
    assert (
        image.numbers(entry(DATA, 4, 8)) == image.numbers(entry(OTHER, 4, 4)) == image.numbers(pointer_to(HERE)) == []
    )


def test_what_is_loaded_from_a_constant_table_is_one_of_its_entries_from_there_on() -> None:
    place = pointer_to(HERE, 8)
    assert data(bytes(16)).entry_at(place, 2, 1, signs=True) == entry(DATA, 10, 1, signs=True)
    assert data(bytes(16), writable=True).entry_at(place, 2, 1, signs=True) is None
    assert data(bytes(16)).entry_at(pointer_to(section_origin(OTHER)), 0, 1, signs=True) is None
    assert data(bytes(16)).entry_at(pointer_to(Origin("stack")), 0, 1, signs=True) is None


def reader(address: int) -> FunctionCode:
    """A function that refers to this place of the data."""
    code = function("reads", 0x200, 4)
    (one,) = code.instructions
    refers_to = (refers("R_AARCH64_ADR_PREL_PG_HI21", section=DATA, address=address),)
    return replace(code, instructions=(replace(one, relocations=refers_to),))


def test_distances_of_a_table_lead_to_places_as_far_as_the_next_table_that_code_reads() -> None:
    image = data(words(4, -8, 12, 16, width=4), functions=(reader(4), reader(12)))
    target, table = pointer_to(section_origin(OTHER), 0x100), entry(DATA, 4, 4, signs=True)
    places = image.led_to(Linear(table.terms | target.terms, 0x100))
    assert places == [pointer_to(section_origin(OTHER), 0x100 + one) for one in (-8, 12)]
    plain = entry(DATA, 4, 4)
    assert image.led_to(Linear(plain.terms | target.terms, 0))[0].constant == (1 << 32) - 8


def test_what_is_no_sum_of_a_distance_and_a_place_leads_nowhere() -> None:
    image = data(words(4, width=4))
    target, table = pointer_to(section_origin(OTHER)), entry(DATA, 0, 4)
    for terms, constant in (
        (table.terms | target.terms, None),
        (table.terms, 0),
        (target.terms, 0),
        (table.terms | target.terms | {(Origin("argument 0"), 1)}, 0),
        ({(origin, 2 * factor) for origin, factor in table.terms} | target.terms, 0),
        (table.terms | {(origin, -factor) for origin, factor in target.terms}, 0),
        (entry(OTHER, 0, 4).terms | target.terms, 0),
    ):
        assert image.led_to(Linear(frozenset(terms), constant)) == []


def test_relocated_distances_lead_to_what_they_name_if_they_count_from_their_own_table() -> None:
    relocations = {4: (refers("R_AARCH64_PREL32", section=OTHER, address=0x34),), 8: (refers("R_AARCH64_PREL32"),)}
    image = data(words(0, 0, 0, width=4), relocations)
    table = entry(DATA, 4, 4)
    assert image.led_to(Linear(table.terms | pointer_to(HERE).terms, 4)) == [pointer_to(section_origin(OTHER), 0x34)]
    assert image.led_to(Linear(table.terms | pointer_to(section_origin(OTHER)).terms, 4)) == []


def test_a_table_of_functions_ends_with_what_is_none() -> None:
    first, second = function("first", 0x40, 8), function("second", 0x48, 8)
    relocations = {
        8 * place: (refers(ADDRESS, section=CODE, address=to),) for place, to in enumerate((0x40, 0x48, 0x4C, 0x40))
    }
    image = data(bytes(40), relocations, functions=(first, second))
    assert image.functions_in(entry(DATA, 0, 8)) == [pointer_to(THERE, 0x40), pointer_to(THERE, 0x48)]
    assert image.functions_in(entry(DATA, 16, 8)) == image.functions_in(entry(DATA, 32, 8)) == []
    assert image.functions_in(entry(DATA, 0, 4)) == image.functions_in(pointer_to(HERE)) == []
    table = entry(DATA, 0, 8)
    assert image.functions_in(replace(table, constant=8)) == []
    assert image.functions_in(replace(table, terms=frozenset((one, 2) for one, _ in table.terms))) == []
    assert image.begins_function(pointer_to(Origin("&far")))
    assert not image.begins_function(pointer_to(Origin("argument 0")))
    assert image.is_code(pointer_to(THERE, 0x44))
    assert not image.is_code(pointer_to(THERE, 0x50))
    assert not image.is_code(pointer_to(Origin("&far"), 0x44))


def test_a_thumb_function_begins_at_its_address_and_one() -> None:
    image = data(b"", functions=(function("t", 0x40, 8, thumb=True), function("a", 0x60, 8)))
    begun = [at for at in range(0x40, 0x68) if image.begins_function(pointer_to(THERE, at))]
    assert begun == [0x40, 0x41, 0x60]


SWITCH = function("switch", 0x100, 0x20)
COLD = function("switch.cold", 0x10, 0x10, section=OTHER)


def targets(image: ImageData, value: Linear, code: FunctionCode = SWITCH) -> list[str]:
    return [f"{found.name}+{offset:#x}" for found, offset in image.jump_targets(value, code)]


def plus(table: Linear, place: Linear, factor: int = 1) -> Linear:
    terms = frozenset((origin, factor) for origin, _ in table.terms) | place.terms
    return Linear(terms, place.constant)


FROM_CODE = pointer_to(THERE, 0x108)


@pytest.mark.parametrize(
    ("content", "table", "factor", "expected"),
    [
        (words(0, 2, 1, width=1), entry(DATA, 0, 1), 4, [0x8, 0x10, 0xC]),
        (words(-2, 0, 3, width=1), entry(DATA, 0, 1, signs=True), 4, [0x0, 0x8, 0x14]),
        (words(9, 0, 4, width=2), entry(DATA, 2, 2), 1, [0x8, 0xC]),
        (words(-8, 0, -8, width=4), entry(DATA, 0, 4, signs=True), 1, [0x0, 0x8]),
        (words(0, 0x18, 4, width=1), entry(DATA, 0, 1), 1, [0x8, 0xC]),  # the function's end is a hole
        (words(4, 0x40, 0, width=1), entry(DATA, 0, 1), 1, [0xC]),  # what leads to no code ends the table
        (words(4, 3, 0, width=1), entry(DATA, 0, 1), 1, [0xC]),
        (words(0, -8, width=8), entry(DATA, 0, 8), 1, [0x8, 0x0]),
    ],
)
def test_distances_from_a_place_in_the_code_are_jumped(
    content: bytes, table: Linear, factor: int, expected: list[int]
) -> None:
    image = data(content, functions=(SWITCH, COLD))
    assert targets(image, plus(table, FROM_CODE, factor)) == [f"switch+{one:#x}" for one in expected]


def test_a_table_of_distances_ends_where_code_reads_another() -> None:
    image = data(words(0, 1, 2, 3, width=1), functions=(SWITCH, reader(0), reader(1), reader(3)))
    assert targets(image, plus(entry(DATA, 1, 1), FROM_CODE, 4)) == ["switch+0xc", "switch+0x10"]


@pytest.mark.parametrize(
    ("architecture", "kind", "value"),
    [
        (Architecture.AARCH64, ADDRESS, entry(DATA, 0, 8)),
        (Architecture.X86_64, "R_X86_64_64", entry(DATA, 0, 8)),
        (Architecture.RISCV64, "R_RISCV_64", entry(DATA, 0, 8)),
        (Architecture.I386, "R_386_32", entry(DATA, 0, 4)),
        (Architecture.ARM, "R_ARM_ABS32", entry(DATA, 0, 4)),
        (Architecture.I386, "R_386_GOTOFF", plus(entry(DATA, 0, 4), pointer_to(Origin(f"&{OFFSET_TABLE}")))),
    ],
)
def test_a_table_of_places_is_jumped_into_the_cold_part_too(
    architecture: Architecture, kind: str, value: Linear
) -> None:
    width = next(iter(value.terms))[0].entry or next(origin.entry for origin, _ in value.terms if origin.entry)
    leads = ((CODE, 0x104), (OTHER, 0x18), (CODE, 0x104), (CODE, 0x110))
    relocations = {
        place * width.width: (refers(kind, section=section, address=address),)
        for place, (section, address) in enumerate(leads)
    }
    image = data(bytes(4 * width.width), relocations, architecture=architecture, functions=(SWITCH, COLD))
    assert targets(image, value) == ["switch+0x4", "switch.cold+0x8", "switch+0x10"]
    others = {place: (replace(one[0], kind="R_OTHER"),) for place, one in relocations.items()}
    image = data(bytes(4 * width.width), others, architecture=architecture, functions=(SWITCH, COLD))
    assert targets(image, value) == []


def test_a_table_of_distances_from_itself_is_jumped() -> None:
    relocations = {
        4 * place: (refers("R_X86_64_PC32", section=CODE, address=0x104 + 4 * place + moved),)
        for place, moved in enumerate((0, 8))
    }
    image = data(bytes(8), relocations, architecture=Architecture.X86_64, functions=(SWITCH,))
    table = entry(DATA, 0, 4, signs=True)
    assert targets(image, plus(table, pointer_to(HERE))) == ["switch+0x4", "switch+0xc"]
    assert targets(image, plus(table, pointer_to(HERE, 4))) == ["switch+0x8", "switch+0x10"]
    assert targets(image, plus(table, pointer_to(HERE), 2)) == []


@pytest.mark.parametrize(
    ("base", "count", "expected"), [(0x20, 2, ["switch+0x4"]), (0x24, 2, []), (0x20, 1, []), (0x20, 3, [])]
)
def test_a_difference_is_followed_if_what_is_taken_away_is_the_base(base: int, count: int, expected: list[str]) -> None:
    pair = (
        refers("R_RISCV_ADD32", section=CODE, address=0x104),
        refers("R_RISCV_SUB32", section=DATA, address=0x20),
        refers("R_RISCV_RELAX"),
    )
    image = data(bytes(4), {0: pair[:count]}, architecture=Architecture.RISCV64, functions=(SWITCH,))
    assert targets(image, plus(entry(DATA, 0, 4, signs=True), pointer_to(HERE, base))) == expected


def test_what_is_no_table_is_not_jumped() -> None:
    table, relocations = entry(DATA, 0, 8), {0: (refers(ADDRESS, section=CODE, address=0x104),)}
    image = data(bytes(8), relocations, functions=(SWITCH,))
    other = entry(DATA, 0, 4)
    assert targets(image, table) == ["switch+0x4"]
    for value in (
        replace(table, constant=None),
        pointer_to(THERE, 0x104),
        Linear(table.terms | other.terms, 0),
        plus(table, Linear(pointer_to(HERE).terms | pointer_to(THERE).terms, 0)),
        plus(table, Linear(frozenset({(THERE, -1)}), 0)),
        plus(table, pointer_to(section_origin(CODE, 4))),
        plus(table, pointer_to(Origin("argument 0"))),
        plus(table, pointer_to(Origin(f"&{OFFSET_TABLE}"), 4)),
        entry(OTHER, 0, 8),
    ):
        assert targets(image, value) == []
    assert targets(data(bytes(8), relocations, writable=True, functions=(SWITCH,)), table) == []
    unknown = {0: (refers(ADDRESS),)}
    assert targets(data(bytes(8), unknown, functions=(SWITCH,)), table) == []


def test_a_table_amid_the_code_ends_where_the_code_goes_on() -> None:
    code = function("switch", 0x100, 0x20, data=(8,))
    content = bytes(0x108) + words(6, 2, 0, 4, width=1) + bytes(0x14)
    image = data(content, functions=(code,), index=CODE)
    forward = pointer_to(THERE, 0x108)
    assert targets(image, plus(entry(CODE, 0x108, 1), forward, 2), code) == ["switch+0x14", "switch+0xc"]
    assert targets(image, plus(entry(CODE, 0x109, 1), forward, 2), code) == ["switch+0xc"]
    assert targets(image, plus(entry(CODE, 0x104, 1), forward, 2), code) == []
    thumb = replace(code, thumb=True)
    odd = data(content, functions=(thumb,), index=CODE)
    assert targets(odd, plus(entry(CODE, 0x108, 1), pointer_to(THERE, 0x109), 2), thumb)[:1] == ["switch+0x14"]


@pytest.mark.parametrize("offset", [-(1 << 31), -4, 13, 16, 1 << 40])
def test_what_lies_outside_of_a_section_is_no_entry_of_its_tables(offset: int) -> None:
    image = data(words(1, 2, 3, 4, width=4))
    assert image.entry_at(pointer_to(HERE), offset, 4, signs=False) is None
