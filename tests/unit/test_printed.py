"""What the tables read from the bits is what the disassembler prints: displacements, modes, conditions."""

import re
from random import Random

import pytest

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Operation, Skip, Touch
from mmio_bisect.domain.access import AddressingMode
from mmio_bisect.domain.target import Architecture

BRACKETS = re.compile(r"\[(?P<base>\w+)(?:, #(?P<inside>-?\w+))?\](?P<before>!?)(?:, #(?P<behind>-?\w+))?$")

Lifted = tuple[Instruction, tuple[Operation, ...]]


def lifted(architecture: Architecture, encoding: bytes, *, thumb: bool = False) -> list[Lifted]:
    instructions = tuple(DISASSEMBLERS[architecture, thumb](encoding))
    code = FunctionCode(name="f", section=1, address=0, size=len(encoding), instructions=instructions, thumb=thumb)
    return [(one, ISAS[architecture].lift(one, code)) for one in instructions if one.recognised]


@pytest.mark.parametrize(
    ("architecture", "fixed", "free"),
    [
        (Architecture.AARCH64, 0x2800_0000, 0xD7FF_FFFF),
        (Architecture.AARCH64, 0xF820_0400, 0x00DF_FBFF),  # LDRAA, LDRAB
        (Architecture.AARCH64, 0xD920_0000, 0x00DF_FFFF),  # tags
        (Architecture.ARM, 0xE400_0000, 0x01FF_FFFF),
        (Architecture.ARM, 0xE040_0090, 0x01BF_FF6F),
    ],
)
def test_displacement_and_mode_are_as_printed(architecture: Architecture, fixed: int, free: int) -> None:
    chance, compared = Random(fixed), 0  # noqa: S311  the same each time
    for _ in range(1500):
        word = fixed | chance.getrandbits(32) & free
        for instruction, operations in lifted(architecture, word.to_bytes(4, "little")):
            printed = BRACKETS.search(instruction.text)
            touch = next((one for one in operations if isinstance(one, Touch)), None)
            if printed is None or touch is None or len(touch.address.terms) != 1 or printed["base"] == "pc":
                continue
            inside, behind = (int(printed[name] or "0", 0) for name in ("inside", "behind"))
            assert touch.address.constant == inside, instruction.text
            mode = touch.transfer.addressing
            assert (mode is AddressingMode.PRE_INDEX) == bool(printed["before"]), instruction.text
            assert (mode is AddressingMode.POST_INDEX) == (printed["behind"] is not None), instruction.text
            assert touch.transfer.syndrome_valid <= (not mode.writes_back)
            if mode.writes_back and touch.writeback is not None:
                assert signed(inside + behind, 64) == touch.writeback[1].constant, instruction.text
            compared += 1
    assert compared > 100


SUFFIXES = {"hs": "cs", "lo": "cc"}


def test_an_it_instruction_gives_each_after_it_the_condition_that_is_printed() -> None:
    """All of them, before five moves: the fifth has none."""
    for word in range(0xBF00, 0xBFF0):
        if not word & 15 or word >> 4 & 15 >= 14:
            continue
        listing = lifted(Architecture.ARM, word.to_bytes(2, "little") + bytes.fromhex("4846") * 5, thumb=True)
        assert len(listing) == 6
        for instruction, operations in listing[1:]:
            suffix = instruction.text.split()[0].removeprefix("mov")
            wanted = [SUFFIXES.get(suffix, suffix)] if suffix else []
            assert [one.unless for one in operations if isinstance(one, Skip)] == wanted, (word, instruction.text)
