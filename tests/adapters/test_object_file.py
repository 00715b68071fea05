"""The object reader, on a real object and on ELF files made here byte by byte."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listed_code import RawFunction

from mmio_bisect.adapters.binary.disassemblers import disassembler
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.machine.instructions import Relocation
from mmio_bisect.domain.target import Architecture
from mmio_bisect.errors import MalformedObjectError
from mmio_bisect.workflow.probing.objects import Objects, RawObject

SHAPES = (Path(__file__).parents[1] / "fixtures" / "objects" / "shapes.o").read_bytes()
OBJECTS = Objects(read_object, {(Architecture.AARCH64, False): disassembler(A64)})

NOP = bytes.fromhex("1f2003d5")
FUNC, NOTYPE, SECTION = 2, 0, 3
REL, EXEC, CORE = 1, 2, 4
RELA, REL_TABLE, NOBITS = 4, 9, 8
TEXT, STRINGS, SYMBOLS, RELOCATIONS = 1, 2, 3, 4


@dataclass
class ElfFile:
    """A small ELF file: sections .text, .strtab (names of sections too), .symtab and .rela.text, in this order.

    Symbols are (name, type, section, value, size), relocations (offset, symbol, type, addend).
    """

    code: bytes = NOP * 4
    symbols: Sequence[tuple[str, int, int, int, int]] = (("f", FUNC, TEXT, 0, 16),)
    relocations: Sequence[tuple[int, int, int, int]] = ()
    kind: int = REL
    machine: int = 183
    elf_class: int = 2
    byte_order: int = 1
    text_address: int = 0
    text_type: int = 1
    text_size: int | None = None
    relocation_type: int = RELA
    section_header_size: int = 64
    symbol_size: int = 24
    strings: bytes = field(default=b"\0.text\0", init=False)

    def name(self, text: str) -> int:
        if not text:
            return 0
        self.strings += text.encode() + b"\0"
        return len(self.strings) - len(text) - 1

    def build(self) -> bytes:
        symbols = bytes(24) + b"".join(
            struct.pack("<IBBHQQ", self.name(name), kind, 0, section, value, size)
            for name, kind, section, value, size in self.symbols
        )
        relocations = b"".join(
            struct.pack("<QQq", offset, symbol << 32 | kind, addend)
            for offset, symbol, kind, addend in self.relocations
        )
        # name, type, content, address, size, link, info, entry size
        text_size = len(self.code) if self.text_size is None else self.text_size
        contents = (self.code, self.strings, symbols, relocations)
        offsets = [64 + sum(map(len, contents[:index])) for index in range(4)]
        headers = bytes(64) + b"".join(
            struct.pack("<IIQQQQIIQQ", name, kind, 0, address, offset, size, link, info, 0, entry_size)
            for offset, (name, kind, address, size, link, info, entry_size) in zip(
                offsets,
                (
                    (1, self.text_type, self.text_address, text_size, 0, 0, 0),
                    (0, 3, 0, len(self.strings), 0, 0, 0),
                    (0, 2, 0, len(symbols), STRINGS, 1, self.symbol_size),
                    (0, self.relocation_type, 0, len(relocations), SYMBOLS, TEXT, 24),
                ),
                strict=True,
            )
        )
        ident = b"\x7fELF" + bytes([self.elf_class, self.byte_order, 1]) + bytes(9)
        order = "<" if self.byte_order == 1 else ">"
        rest = struct.pack(
            order + "HHIQQQIHHHHHH",
            *(self.kind, self.machine, 1, 0, 0, 64 + sum(map(len, contents)), 0, 64, 0, 0),
            *(self.section_header_size, 5, STRINGS),
        )
        return ident + rest + b"".join(contents) + headers


def functions(data: bytes) -> dict[str, RawFunction]:
    return {function.name: function for function in read_whole(read_object(data))}


def read_whole(raw: RawObject) -> list[RawFunction]:
    """Everything that can be asked of an object."""
    for section in raw.sections.values():
        dict(section.relocations)
        list(raw.referring(section.index))
    dict(raw.names)
    dict(raw.variables)
    return [
        RawFunction(
            name=place.name,
            section=place.section,
            address=place.address,
            size=place.size,
            thumb=place.thumb,
            code=code.code,
            relocations=code.relocations,
            data_ranges=code.data_ranges,
        )
        for place, code in ((place, raw.read(place)) for place in raw.places)
    ]


def refusal(data: bytes) -> str:
    with pytest.raises(MalformedObjectError) as caught:
        read_whole(read_object(data))
    return str(caught.value)


def test_functions_come_in_file_order_local_ones_and_aliases_included() -> None:
    found = read_whole(read_object(SHAPES))
    assert [(f.name, f.address, f.size) for f in found] == [
        ("unsized", 0, 16),
        ("store", 16, 12),
        ("store_alias", 16, 12),
        ("copy", 28, 68),
        ("bump", 96, 20),
    ]
    assert all(len(function.code) == function.size for function in found)


def test_an_alias_has_the_same_code_under_another_name() -> None:
    found = functions(SHAPES)
    assert found["store"].code == found["store_alias"].code == bytes.fromhex("28008052 080000b9 c0035fd6")


def test_data_among_the_code_is_known_from_the_mapping_symbols() -> None:
    found = functions(SHAPES)
    assert found["unsized"].data_ranges == (range(8, 16),)
    assert found["store"].data_ranges == ()


def test_a_relocation_to_an_undefined_symbol_has_its_name_alone() -> None:
    assert functions(SHAPES)["copy"].relocations == (
        (44, Relocation(kind="R_AARCH64_CALL26", symbol="memcpy", addend=0)),
    )


def test_a_relocation_to_a_symbol_of_the_object_says_where_it_is() -> None:
    relocations = functions(SHAPES)["bump"].relocations
    assert [(position, relocation.kind) for position, relocation in relocations] == [
        (0, "R_AARCH64_ADR_PREL_PG_HI21"),
        (4, "R_AARCH64_LDST32_ABS_LO12_NC"),
        (12, "R_AARCH64_LDST32_ABS_LO12_NC"),
    ]
    assert {(r.symbol, r.section, r.address) for _, r in relocations} == {("counter", 4, 0)}


def test_a_relocation_that_the_library_has_no_name_for_is_named_as_the_abi_does() -> None:
    assert SHAPES.count(bytes([285 & 255, 1, 0, 0])) == 2
    wide = functions(SHAPES.replace(bytes([285 & 255, 1, 0, 0]), bytes([299 & 255, 1, 0, 0])))["bump"]
    assert [relocation.kind for _, relocation in wide.relocations][1:] == ["R_AARCH64_LDST128_ABS_LO12_NC"] * 2


def test_a_relocation_to_a_section_is_named_after_it_and_placed_with_the_addend() -> None:
    elf = ElfFile(
        symbols=[("", SECTION, TEXT, 0, 0), ("f", FUNC, TEXT, 4, 12)],
        relocations=[(8, 1, 283, 12), (0, 1, 283, 4)],
    )
    assert functions(elf.build())["f"].relocations == (
        (4, Relocation(kind="R_AARCH64_CALL26", symbol=".text", addend=12, section=TEXT, address=12)),
    )


def test_a_relocation_type_without_a_name_keeps_its_number() -> None:
    elf = ElfFile(relocations=[(0, 0, 60000, -1)])
    assert functions(elf.build())["f"].relocations == ((0, Relocation(kind="R_AARCH64_60000", symbol="", addend=-1)),)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], ()),
        ([("$d", 0)], (range(12),)),
        ([("$d", 0), ("$x", 4)], ()),
        ([("$d.1", 2), ("$x.2", 7), ("$d", 14)], (range(3), range(10, 12))),
        ([("$d", 6), ("$x", 6)], ()),
        ([("$data", 6)], ()),
    ],
)
def test_data_reaches_from_one_mapping_symbol_to_the_next(
    marks: list[tuple[str, int]], expected: tuple[range, ...]
) -> None:
    mapping = [(name, NOTYPE, TEXT, value, 0) for name, value in marks]
    assert functions(ElfFile(symbols=[*mapping, ("f", FUNC, TEXT, 4, 12)]).build())["f"].data_ranges == expected


def test_a_function_without_a_size_reaches_to_the_next_function_or_the_end_whatever_labels_it_has() -> None:
    symbols = [("f", FUNC, TEXT, 0, 0), ("label", NOTYPE, TEXT, 4, 0), ("g", FUNC, TEXT, 8, 0)]
    found = functions(ElfFile(symbols=symbols).build())
    assert (found["f"].size, found["g"].size) == (8, 8)


def test_in_a_linked_image_functions_are_placed_relative_to_their_section() -> None:
    elf = ElfFile(kind=EXEC, text_address=0x400000, symbols=[("f", FUNC, TEXT, 0x400004, 8)])
    assert (functions(elf.build())["f"].address, functions(elf.build())["f"].size) == (4, 8)


def test_functions_that_are_only_declared_are_not_among_them() -> None:
    assert functions(ElfFile(symbols=[("f", FUNC, 0, 0, 0), ("g", FUNC, 0xFFF1, 0, 0)]).build()) == {}


def test_a_name_that_is_not_utf8_is_shown_escaped() -> None:
    assert list(functions(SHAPES.replace(b"bump\0", b"b\xffmp\0"))) == [
        "unsized",
        "store",
        "store_alias",
        "copy",
        "b\\xffmp",
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not an ELF object"),
        (b"!<arch>\nfoo", "not an ELF object"),
        (b"\x7fELF", "ELF header cannot be read"),
        (SHAPES[:40], "ELF header cannot be read"),
        (SHAPES[:-1], "section headers would lie beyond the end"),
        (ElfFile(machine=8).build(), "MIPS R3000, but only AArch64"),
        (ElfFile(machine=0x7777).build(), "machine number 30583, but only AArch64"),
        (ElfFile(elf_class=1).build(), "32-bit (ILP32) AArch64"),
        (ElfFile(byte_order=2).build(), "big-endian AArch64"),
        (ElfFile(kind=CORE).build(), "of type ET_CORE"),
        (ElfFile(section_header_size=0).build(), "section headers"),
        (ElfFile(symbol_size=0).build(), "entries of 0 bytes instead of 24"),
        (ElfFile(symbols=[("f", FUNC, TEXT, 8, 12)]).build(), "function `f` is not inside its section"),
        (ElfFile(symbols=[("f", FUNC, TEXT, 20, 0)]).build(), "function `f` is not inside its section"),
        (ElfFile(symbols=[("f", FUNC, 99, 0, 4)]).build(), "section 99, which it does not have"),
        (
            ElfFile(symbols=[("f", FUNC, 0xFFFF, 0, 4)]).build(),
            "past number 65279",
        ),
        (ElfFile(text_type=NOBITS).build(), "function `f` is not inside its section"),
        (ElfFile(text_size=1 << 40).build(), "would lie beyond the end"),
        (ElfFile(relocations=[(0, 7, 283, 0)]).build(), "symbol 7, which it does not have"),
        (ElfFile(relocation_type=REL_TABLE).build(), "compile it to have plain RELA"),
        (ElfFile(kind=EXEC, text_address=64).build(), "function `f` is not inside its section"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_sentence_with_the_reason(data: bytes, says: str) -> None:
    message = refusal(data)
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_number_of_sections_that_is_itself_out_of_reach_is_refused() -> None:
    data = bytearray(SHAPES)
    data[40:48] = (1 << 40).to_bytes(8, "little")  # where the section headers are
    data[60:62] = bytes(2)  # how many: see the first of them
    assert "section headers would lie beyond the end" in refusal(bytes(data))


def test_a_symbol_of_a_section_past_number_65279_is_found_by_the_table_of_indices() -> None:
    data = bytearray(ElfFile(symbols=[("f", FUNC, 0xFFFF, 4, 8)]).build())
    headers = bytes(data[-5 * 64 :])
    indices = struct.pack("<II", 0, TEXT)
    where = len(data)
    data += indices + headers + struct.pack("<IIQQQQIIQQ", 0, 18, 0, 0, where, len(indices), SYMBOLS, 0, 0, 4)
    data[40:48] = (where + len(indices)).to_bytes(8, "little")
    data[60:62] = (6).to_bytes(2, "little")
    assert (functions(bytes(data))["f"].section, functions(bytes(data))["f"].address) == (TEXT, 4)


def test_what_is_damaged_elsewhere_does_not_keep_one_function_from_being_read() -> None:
    symbols = [("f", FUNC, TEXT, 0, 8), ("g", FUNC, TEXT, 8, 8)]
    read = OBJECTS.read(ElfFile(symbols=symbols, relocations=[(8, 99, 283, 0)]).build())
    found = read.function("f")
    assert found is not None
    assert len(found.instructions) == 2
    with pytest.raises(MalformedObjectError, match="symbol 99"):
        read.function("g")


def test_an_object_without_a_symbol_table_is_refused() -> None:
    data = bytearray(ElfFile().build())
    symbol_header = len(data) - 2 * 64
    data[symbol_header + 4] = 1
    assert "give one that is not stripped" in refusal(bytes(data))


def test_functions_that_overlap_a_thousandfold_are_refused_rather_than_copied() -> None:
    code = NOP * 2500
    symbols = [("f", FUNC, TEXT, 0, 4 * size) for size in range(1000, 2500)]
    assert "overlap" in refusal(ElfFile(code=code, symbols=symbols).build())


def test_relocation_tables_that_are_all_the_same_bytes_are_refused_rather_than_read_again_and_again() -> None:
    data = bytearray(ElfFile(relocations=[(0, 1, 283, 0)] * 1000).build())
    data += data[-64:] * 200
    data[60:62] = (5 + 200).to_bytes(2, "little")
    assert "overlap" in refusal(bytes(data))


def test_any_number_of_aliases_costs_no_more_than_their_symbols() -> None:
    symbols = [(f"f{number}", FUNC, TEXT, 0, 40_000) for number in range(1000)]
    assert len(OBJECTS.read(ElfFile(code=NOP * 10_000, symbols=symbols).build()).functions) == 1000


def test_a_linked_image_keeps_no_relocations_for_they_have_been_applied() -> None:
    elf = ElfFile(kind=EXEC, relocations=[(0, 1, 283, 0)])
    assert functions(elf.build())["f"].relocations == ()


def read_or_refuse(data: bytes) -> None:
    with suppress(MalformedObjectError):
        read_whole(read_object(data))
        image = OBJECTS.read(data)
        distinct = {(function.section, function.address, function.size) for function in image.functions}
        assert sum(size for _, _, size in distinct) <= 4 * len(data) + 4096
        for function in image.functions:
            assert sum(len(instruction.encoding) for instruction in function.instructions) == function.size


def test_an_object_is_refused_wherever_it_was_truncated() -> None:
    for length in range(len(SHAPES)):
        refusal(SHAPES[:length])


@settings(deadline=None, max_examples=500)
@given(
    st.lists(
        st.tuples(
            # The header, the symbols and the section headers decide most; the rest is in between.
            st.one_of(st.integers(0, 63), st.integers(-13 * 64, -1), st.integers(0, len(SHAPES) - 1)),
            st.one_of(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]), st.integers(0, 255)),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_damaged_object_is_read_or_refused_never_worse(damage: list[tuple[int, int]]) -> None:
    data = bytearray(SHAPES)
    for position, value in damage:
        data[position] = value
    read_or_refuse(bytes(data))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.booleans())
def test_bytes_that_only_begin_like_an_object_are_read_or_refused(noise: bytes, header: bool) -> None:
    read_or_refuse((SHAPES[:64] if header else b"\x7fELF\x02\x01\x01") + noise)
