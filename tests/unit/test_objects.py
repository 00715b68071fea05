"""An ELF reader and a disassembler put together: what a person and the data flow get to see."""

from collections.abc import Sequence

import pytest
from listed_code import RawFunction, listed_object

from mmio_bisect.classify.machine.instructions import Instruction, Relocation
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.ports.objects import ObjectBytes
from mmio_bisect.workflow.probing.objects import Disassemblers, Objects, RawObject

Relocations = tuple[tuple[int, Relocation], ...]


class Script:
    """A disassembler that says what it was told to, and counts how often it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.calls = 0

    def __call__(self, code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
        assert not data_ranges
        self.calls += 1
        return [
            Instruction(position=4 * number, encoding=code[4 * number : 4 * number + 4], text=text)
            for number, text in enumerate(self.texts)
        ]


def function(name: str = "f", address: int = 0, size: int = 8, relocations: Relocations = ()) -> RawFunction:
    return RawFunction(name=name, section=1, address=address, size=size, code=bytes(size), relocations=relocations)


def read(script: Script, *functions: RawFunction) -> list[list[Instruction]]:
    def reader(data: ObjectBytes) -> RawObject:
        assert data == b"object"
        return listed_object(Architecture.AARCH64, functions)

    image = Objects(reader, {(Architecture.AARCH64, False): script}).read(b"object")
    assert [code.name for code in image.functions] == [raw.name for raw in functions]
    return [list(code.instructions) for code in image.functions]


def texts(script: Script, *functions: RawFunction) -> list[str]:
    return [instruction.text for instruction in read(script, *functions)[0]]


CALL = Relocation(kind="R_AARCH64_CALL26", symbol="memcpy", addend=0)
LOW = Relocation(kind="R_AARCH64_ADD_ABS_LO12_NC", symbol="table", addend=-16)


def test_a_relocation_is_on_the_instruction_whose_bytes_it_falls_on() -> None:
    first, second = read(Script("nop", "bl #4"), function(relocations=((4, CALL),)))[0]
    assert first.relocations == ()
    assert second.relocations == (CALL,)


def test_a_call_that_the_linker_would_fill_in_names_its_symbol() -> None:
    assert texts(Script("nop", "bl #4"), function(relocations=((4, CALL),))) == ["nop", "bl memcpy"]


def test_any_other_relocation_is_a_remark() -> None:
    assert texts(Script("add x0, x0, #0"), function(relocations=((0, LOW),))) == [
        "add x0, x0, #0  ; R_AARCH64_ADD_ABS_LO12_NC table-0x10",
    ]


def test_several_relocations_on_one_instruction_are_all_there() -> None:
    assert texts(Script("bl #0"), function(relocations=((0, CALL), (0, LOW)))) == [
        "bl memcpy  ; R_AARCH64_ADD_ABS_LO12_NC table-0x10",
    ]


def test_a_relocation_on_data_is_a_remark_too() -> None:
    assert texts(Script(".word 0x00000000"), function(relocations=((0, CALL),))) == [
        ".word 0x00000000  ; R_AARCH64_CALL26 memcpy",
    ]


@pytest.mark.parametrize("target", ["#8", "#0x8"])
def test_a_call_forward_to_a_function_of_the_object_names_it(target: str) -> None:
    script = Script(f"bl {target}", f"b {target}")
    assert texts(script, function(), function("OUTLINED_FUNCTION_0", address=8)) == [
        "bl OUTLINED_FUNCTION_0",
        "b OUTLINED_FUNCTION_0",
    ]


def test_a_call_backward_to_a_function_of_the_object_names_it() -> None:
    instructions = read(Script("bl #0xfffffffffffffff8"), function("g"), function("f", address=8))
    assert instructions[1][0].text == "bl g"


def test_a_jump_inside_the_function_stays_a_number() -> None:
    assert texts(Script("b #0", "b.ne #4"), function()) == ["b #0", "b.ne #4"]


def test_aliases_are_disassembled_once() -> None:
    script = Script("ret")
    first, second = read(script, function("f"), function("alias"))
    assert first == second
    assert script.calls == 1


def test_only_the_functions_that_are_asked_for_are_disassembled() -> None:
    script = Script("ret")
    many = [function(f"f{number}", address=8 * number) for number in range(100)]
    disassemblers: Disassemblers = {(Architecture.AARCH64, False): script}
    image = Objects(lambda _: listed_object(Architecture.AARCH64, many), disassemblers).read(b"")
    assert image.function("f70") is not None
    assert [code.name for code in image.functions_named("f7?")] == [f"f7{digit}" for digit in range(10)]
    assert image.containing(1, 8 * 30) is not None
    assert script.calls == 11
