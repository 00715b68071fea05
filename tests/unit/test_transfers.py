"""What a transfer says of an instruction is what the disassembler prints: mnemonic, direction, width, order, registers.

The package reads all of it from the bits, and capstone, which is another's work, writes it as text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import pytest
from riscv_names import RISCV_NAMES

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.classify.isa.arm.disassembly import canonical_register
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.machine.operations import Touch
from mmio_bisect.domain.access import BOTH, LOAD, STORE, Form
from mmio_bisect.domain.recipe import Direction
from mmio_bisect.domain.target import Architecture

WAYS = {"l": LOAD, "s": STORE}
BYTES, LETTERS = {"b": 8, "h": 16, "w": 32, "d": 64}, {"b": 8, "h": 16, "s": 32, "d": 64, "q": 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a mnemonic and its registers mean; `operation` as `Transfer.operation`, None where it has none.

    `data` are the registers that go to memory or come from it, `clobbers` others that are written.
    """

    form: Form
    directions: tuple[Direction, ...]
    width: int
    data: tuple[str, ...]
    clobbers: tuple[str, ...] = ()
    signs: bool = False
    ordered: bool = False
    operation: str | None = None


Reader = Callable[[re.Match[str], Sequence[str]], Said | None]


def a64_width(size: str, register: str) -> int:
    return BYTES.get(size) or {"w": 32, "x": 64}.get(register[0]) or LETTERS[register[0]]


def a64_name(printed: str) -> str:
    if printed in {"wzr", "xzr"}:
        return "xzr"
    return ("x" if printed[0] in "wx" else "v") + printed[1:]


def a64_single(found: re.Match[str], registers: Sequence[str]) -> Said:
    way, order, signs, size = found.groups()
    return Said(
        form=Form.SINGLE, directions=WAYS[way], width=a64_width(size, registers[0]), data=(a64_name(registers[0]),),
        signs=bool(signs), ordered=bool(order),
    )  # fmt: skip


def a64_pair(found: re.Match[str], registers: Sequence[str]) -> Said:
    way, signs = found.groups()
    width = 32 if signs else a64_width("", registers[0])
    data = tuple(map(a64_name, registers[:2]))
    return Said(form=Form.PAIR, directions=WAYS[way], width=width, data=data, signs=bool(signs))


def a64_exclusive(found: re.Match[str], registers: Sequence[str]) -> Said:
    way, size = found.groups()
    data = [*registers[:-1]] if way == "l" else [*registers[1:-1]]
    status = () if way == "l" else (a64_name(registers[0]),)
    names = tuple(map(a64_name, data))
    width = a64_width(size, data[0])
    return Said(form=Form.EXCLUSIVE, directions=WAYS[way], width=width, data=names, clobbers=status)


def a64_atomic(found: re.Match[str], registers: Sequence[str]) -> Said:
    """Of compare-and-swap the first register gets the old value, of the others the second."""
    compares, size = found.groups()
    width, (first, second) = a64_width(size, registers[0]), map(a64_name, registers[:2])
    old = (first,) if compares else (second,)
    return Said(form=Form.ATOMIC, directions=BOTH, width=width, data=(first, second), clobbers=old)


def arm_names(registers: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(canonical_register, registers))


def arm_single(found: re.Match[str], registers: Sequence[str]) -> Said | None:
    """None for bytes and halves in the program counter: T32 has hints in their place."""
    way, order, signs, size = found.groups()
    if size and registers[0] == "pc":
        return None
    stem = ("lda" if way == "l" else "stl") if order else ("ldr" if way == "l" else "str")
    return Said(
        form=Form.SINGLE, directions=WAYS[way], width=BYTES.get(size, 32), data=arm_names(registers[:1]),
        signs=bool(signs), ordered=bool(order), operation=stem if order else stem + signs + size,
    )  # fmt: skip


def arm_pair(found: re.Match[str], registers: Sequence[str]) -> Said:
    way = found[1]
    data = arm_names(registers[:2])
    return Said(form=Form.PAIR, directions=WAYS[way], width=32, data=data, operation=found[0].removesuffix(".w"))


def arm_exclusive(found: re.Match[str], registers: Sequence[str]) -> Said:
    way, size = found.groups()
    data = arm_names(registers[:-1] if way == "l" else registers[1:-1])
    clobbers = data if way == "l" else arm_names(registers[:1])
    operation = "ldrex" if way == "l" else "strex"
    width = BYTES.get(size, 32)
    return Said(
        form=Form.EXCLUSIVE, directions=WAYS[way], width=width, data=data, clobbers=clobbers, operation=operation
    )


def arm_vector(found: re.Match[str], registers: Sequence[str]) -> Said:
    width = LETTERS[registers[0][0]]
    data = arm_names(registers[:1])
    return Said(form=Form.SINGLE, directions=WAYS[found[1]], width=width, data=data, operation=found[0])


def riscv_plain(found: re.Match[str], registers: Sequence[str]) -> Said:
    floats, way, size, unsigned = found.groups()
    return Said(
        form=Form.SINGLE, directions=WAYS[way], width=BYTES[size], data=(RISCV_NAMES[registers[0]],),
        signs=way == "l" and not unsigned and not floats and size != "d", operation=found[0],
    )  # fmt: skip


def riscv_atomic(found: re.Match[str], registers: Sequence[str]) -> Said:
    kind, size, order = found.groups()
    old, new, *_ = (RISCV_NAMES[one] for one in registers)
    return Said(
        form=Form.EXCLUSIVE if kind == "sc" else Form.ATOMIC, directions=STORE if kind == "sc" else BOTH,
        width=BYTES[size], data=(new,), clobbers=(old,), ordered=bool(order), operation=f"{kind}.{size}",
    )  # fmt: skip


A64: Mapping[str, Reader] = {
    r"(l|s)(?:d|t)(ap|al|a|la|ll|l)?[ut]?r(s?)(b|h|w|)": a64_single,
    r"(l|s)(?:d|t)n?p(sw)?": a64_pair,
    r"(l|s)(?:d|t)[al]?x[rp](b|h|)": a64_exclusive,
    r"(?:ld(?:add|clr|eor|set|smax|smin|umax|umin)|swp|(cas))a?l?(b|h|)": a64_atomic,
}
ARM: Mapping[str, Reader] = {
    r"(l|s)(?:dr|tr|da|tl)(?<=(a|l))?(s?)(b|h|)t?(?:\.w)?": arm_single,
    r"(l|s)(?:d|t)rd(?:\.w)?": arm_pair,
    r"(l|s)(?:d|t)[ral]ex(b|h|d|)": arm_exclusive,
    r"v(l|s)(?:d|t)r": arm_vector,
}
RISCV: Mapping[str, Reader] = {
    r"(?:c\.)?(f?)(l|s)(b|h|w|d)(u?)(?:sp)?": riscv_plain,
    r"(amo\w+|sc)\.(w|d)(?:\.(aqrl|aq|rl))?": riscv_atomic,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Words with the bits `fixed`, the others at random, of `size` bytes."""

    architecture: Architecture
    readers: Mapping[str, Reader]
    fixed: int
    free: int
    size: int = 4
    thumb: bool = False


SPACES = {
    "a64": Space(architecture=Architecture.AARCH64, readers=A64, fixed=0x0800_0000, free=0xF7FF_FFFF),
    "a64 singles": Space(architecture=Architecture.AARCH64, readers=A64, fixed=0x3800_0000, free=0xC7FF_FFFF),
    "a64 exclusives": Space(architecture=Architecture.AARCH64, readers=A64, fixed=0x0800_7C00, free=0xC0FF_83FF),
    "a64 atomics": Space(architecture=Architecture.AARCH64, readers=A64, fixed=0x3820_0000, free=0xC0DF_F3FF),
    "a32": Space(architecture=Architecture.ARM, readers=ARM, fixed=0xE400_0000, free=0x03FF_FFFF),
    "a32 extra": Space(architecture=Architecture.ARM, readers=ARM, fixed=0xE000_0090, free=0x01FF_FF6F),
    "a32 exclusive": Space(architecture=Architecture.ARM, readers=ARM, fixed=0xE180_0C90, free=0x007F_E30E),
    "a32 vector": Space(architecture=Architecture.ARM, readers=ARM, fixed=0xED00_0A00, free=0x00FF_F1FF),
    "t16": Space(architecture=Architecture.ARM, readers=ARM, fixed=0x4000, free=0x7FFF, size=2, thumb=True),
    "t32": Space(architecture=Architecture.ARM, readers=ARM, fixed=0x0000_F800, free=0xFFFF_01FF, thumb=True),
    "t32 pairs": Space(architecture=Architecture.ARM, readers=ARM, fixed=0x0000_E840, free=0xFFFF_01BF, thumb=True),
    "t32 vector": Space(architecture=Architecture.ARM, readers=ARM, fixed=0x0A00_ED00, free=0xF1FF_00FF, thumb=True),
    "riscv loads": Space(architecture=Architecture.RISCV64, readers=RISCV, fixed=0x03, free=0xFFFF_FFA4),
    "riscv atomics": Space(architecture=Architecture.RISCV64, readers=RISCV, fixed=0x202F, free=0xFFFF_9F80),
    "riscv short": Space(architecture=Architecture.RISCV64, readers=RISCV, fixed=0, free=0xFFFE, size=2),
    "riscv32 short": Space(architecture=Architecture.RISCV32, readers=RISCV, fixed=0, free=0xFFFE, size=2),
}


def said(text: str, readers: Mapping[str, Reader]) -> Said | None:
    """None for what is not an access of one of these kinds."""
    mnemonic, _, operands = text.partition(" ")
    for pattern, reader in readers.items():
        found = re.fullmatch(pattern, mnemonic)
        if found is not None and ("[" in operands or "(" in operands):
            return reader(found, re.findall(r"(?<![#\w])[a-z]\w+", operands))
    return None


@pytest.mark.parametrize("name", SPACES)
def test_a_transfer_is_what_is_printed(name: str) -> None:
    space, chance, seen = SPACES[name], Random(name), set[str]()  # noqa: S311  the same each time
    isa = ISAS[space.architecture]
    for _ in range(800):
        word = space.fixed | chance.getrandbits(32) & space.free
        (instruction,) = DISASSEMBLERS[space.architecture, space.thumb](word.to_bytes(space.size, "little"))[:1]
        expected = said(instruction.text, space.readers) if instruction.recognised else None
        if expected is None:
            continue
        code = FunctionCode(name="f", section=1, address=0, size=4, instructions=(instruction,), thumb=space.thumb)
        touches = [one for one in isa.lift(instruction, code) if isinstance(one, Touch)]
        assert touches, instruction.text
        seen.add(instruction.text.split()[0])
        transfer = touches[0].transfer
        found = Said(
            form=transfer.form,
            directions=transfer.directions,
            width=transfer.element_width or 0,
            data=transfer.registers,
            clobbers=touches[0].clobbers,
            signs=transfer.sign_extends,
            ordered=transfer.ordered,
            operation=transfer.operation or None,
        )
        assert found == expected, instruction.text
    assert len(seen) > 1
