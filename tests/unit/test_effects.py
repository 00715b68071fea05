"""Which registers an instruction reads and writes, and where it goes, as the disassembler prints it."""

import re
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from riscv_names import RISCV_NAMES

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.isa.riscv.compressed import expand
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import (
    ZERO,
    Bitwise,
    Call,
    CallRegister,
    Choose,
    Compute,
    InsertBits,
    Jump,
    Multiply,
    Opaque,
    Operation,
    Return,
    Skip,
    Stop,
    Sum,
    Touch,
    Unknown,
)
from mmio_bisect.domain.access import Form
from mmio_bisect.domain.target import Architecture

ADDRESS = 0x1006


def lifted(
    architecture: Architecture, encoding: bytes, *, thumb: bool = False
) -> tuple[Instruction, tuple[Operation, ...]] | None:
    """None for what the disassembler does not know."""
    instruction = next(iter(DISASSEMBLERS[architecture, thumb](encoding)))
    if not instruction.recognised:
        return None
    code = FunctionCode(name="f", section=1, address=ADDRESS, size=4, instructions=(instruction,), thumb=thumb)
    return instruction, ISAS[architecture].lift(instruction, code)


def terms(sums: Iterable[Sum | None]) -> set[str]:
    return {term.register for total in sums if total is not None for term in total.terms}


def written(operations: Sequence[Operation]) -> set[str]:
    found: set[str] = set()
    for one in operations:
        match one:
            case Compute() | Bitwise() | InsertBits() | Multiply() | Choose():
                found.add(one.target)
            case Touch():
                found |= {*one.loads, *one.clobbers} | ({one.writeback[0]} if one.writeback else set())
            case Opaque():
                found |= one.writes
            case _:
                pass
    return {name for name in found if name != ZERO and not name.startswith("(")}


def read(operations: Sequence[Operation]) -> set[str]:
    found: set[str] = set()
    for one in operations:
        match one:
            case Compute(value=value):
                found |= terms([value])
            case Bitwise() | Opaque():
                found |= one.reads
            case InsertBits():
                found |= {one.target} | terms([one.source])
            case Multiply():
                found |= terms([one.left, one.right, one.plus])
            case Choose():
                found |= {*one.sources}
            case Touch():
                found |= {*one.stores, *one.mixes} | terms([one.address, one.second])
            case CallRegister(register=register):
                found.add(register)
            case _:
                pass
    return {name for name in found if name not in {ZERO, "?"} and not name.startswith("(")}


NO_REGISTERS = re.compile(r"fence|e(call|break)|[msu]ret|wfi|sfence|unimp|c\.(nop|ebreak|unimp)|jal|j|[bc]\.?[bj]\w*")


@pytest.mark.parametrize("xlen", [64, 32])
@pytest.mark.parametrize("opcodes", [(0x13, 0x1B, 0x33, 0x3B), (0x53,), (0x43, 0x47, 0x4B, 0x4F), (0x37, 0x17, 0x73)])
def test_a_riscv_instruction_writes_the_first_register_printed_and_reads_the_others(
    xlen: int, opcodes: tuple[int, ...]
) -> None:
    architecture = Architecture.RISCV64 if xlen == 64 else Architecture.RISCV32
    chance, compared = Random(xlen), 0  # noqa: S311  the same each time
    for _ in range(1500):
        word = chance.getrandbits(32) & ~0x7F | chance.choice(opcodes)
        if chance.random() < 0.5:
            word = word & 0x01FF_FFFF | chance.choice((0, 0x10, 0x20)) << 25
        found = lifted(architecture, word.to_bytes(4, "little"))
        if found is None or NO_REGISTERS.fullmatch(found[0].text.split()[0]):
            continue
        instruction, operations = found
        mnemonic, _, operands = instruction.text.partition(" ")
        names = [RISCV_NAMES[one] for one in re.findall(r"\w+", operands) if one in RISCV_NAMES]
        if mnemonic in {"csrw", "csrs", "csrc", "csrwi", "csrsi", "csrci"}:  # without the old value
            names.insert(0, ZERO)
        target, *sources = names or [ZERO]
        assert written(operations) == {target} - {ZERO}, instruction.text
        if target != ZERO and not mnemonic.startswith("csr"):
            assert read(operations) in ({*sources} - {ZERO}, {*sources, *_unused(word)} - {ZERO}), instruction.text
        compared += 1
    assert compared > 100


def _unused(word: int) -> set[str]:
    """A second source that stands for a variant of an operation on one register: it is read as if it were one."""
    return {f"f{word >> 20 & 31}"} if word & 0x7F == 0x53 else {f"x{word >> 20 & 31}"} if word & 0x7F == 0x3B else set()


CONDITIONAL = re.compile(r"(c\.)?b(?!lx|l? |\.w )|[ct]b")
TO = re.compile(r"#?(-?0x[0-9a-f]+|-?\d+)$")


@pytest.mark.parametrize(
    ("architecture", "thumb", "fixed", "free", "size"),
    [
        (Architecture.AARCH64, False, 0x1400_0000, 0x83FF_FFFF, 4),
        (Architecture.AARCH64, False, 0x3400_0000, 0x83FF_FFFF, 4),
        (Architecture.AARCH64, False, 0x5400_0000, 0x00FF_FFEF, 4),
        (Architecture.ARM, False, 0x0A00_0000, 0xF1FF_FFFF, 4),
        (Architecture.ARM, True, 0xD000, 0x0FFF, 2),
        (Architecture.ARM, True, 0xE000, 0x07FF, 2),
        (Architecture.ARM, True, 0xB100, 0x0AFF, 2),
        (Architecture.ARM, True, 0x8000_F000, 0x7FFF_07FF, 4),
        (Architecture.RISCV64, False, 0x63, 0xFFFF_FF80, 4),
        (Architecture.RISCV64, False, 0x6F, 0xFFFF_FF80, 4),
        (Architecture.RISCV64, False, 0xA001, 0x5FFC, 2),
        (Architecture.RISCV32, False, 0x2001, 0xDFFC, 2),
        (Architecture.RISCV32, False, 0xA001, 0x5FFC, 2),
    ],
)
def test_a_branch_goes_where_it_is_printed_to_go(
    architecture: Architecture, thumb: bool, fixed: int, free: int, size: int
) -> None:
    chance, compared = Random(fixed), 0  # noqa: S311  the same each time
    for _ in range(500):
        word = fixed | chance.getrandbits(32) & free
        found = lifted(architecture, word.to_bytes(size, "little"), thumb=thumb)
        if found is None or (found[0].text.startswith("blx") and thumb):
            continue  # counts from an aligned place, of which the disassembler knows nothing here
        instruction, operations = found
        to = [one.position for one in operations if isinstance(one, Jump | Call)]
        printed = TO.search(instruction.text)
        if not to or printed is None:
            assert not to, instruction.text
            continue
        bits = 8 * ISAS[architecture].pointer_bytes
        assert (to[0] - int(printed[1], 0)) % (1 << min(bits, 32)) == 0, instruction.text
        conditional = any(isinstance(one, Skip) or (isinstance(one, Jump) and one.conditional) for one in operations)
        assert conditional == (CONDITIONAL.match(instruction.text) is not None), instruction.text
        compared += 1
    assert compared > 100


def test_blx_counts_from_an_aligned_place() -> None:
    """From 0x1006 + 4 rounded down, to 0x1008 + 8."""
    _, (call,) = lifted(Architecture.ARM, bytes.fromhex("00f004e8"), thumb=True) or (None, (None,))
    assert call == Call(position=0x1008 + 8 - ADDRESS)
    _, (call,) = lifted(Architecture.ARM, bytes.fromhex("010000fb")) or (None, (None,))
    assert call == Call(position=8 + 4 + 2)


@pytest.mark.parametrize("uimm", range(4))
@pytest.mark.parametrize(
    ("fixed", "name", "width"),
    [(0x8000, "c.lbu", 8), (0x8400, "c.lhu", 16), (0x8440, "c.lh", 16), (0x8800, "c.sb", 8), (0x8C00, "c.sh", 16)],
)
def test_short_byte_and_half_accesses_have_the_offsets_of_zcb(fixed: int, name: str, width: int, uimm: int) -> None:
    if width == 16 and uimm & 1:
        return
    base, data = 3, 5
    half = fixed | base << 7 | (uimm & 1) << 6 | (uimm >> 1) << 5 | data << 2
    instruction = Instruction(position=0, encoding=half.to_bytes(2, "little"), text="")
    code = FunctionCode(name="f", section=1, address=0, size=2, instructions=(instruction,))
    for architecture in (Architecture.RISCV64, Architecture.RISCV32):
        (touch,) = ISAS[architecture].lift(instruction, code)
        assert isinstance(touch, Touch)
        assert touch.address == Sum.of(f"x{8 + base}", uimm)
        assert (touch.transfer.operation, touch.transfer.width) == (name, width)
        assert touch.transfer.registers == (f"x{8 + data}",)
        assert touch.transfer.sign_extends == (name == "c.lh")


@pytest.mark.parametrize(
    ("half", "xlen", "there"),
    [
        (0x4002, 64, False),  # c.lwsp to x0
        (0x6002, 64, False),  # c.ldsp to x0
        (0x2002, 64, True),  # c.fldsp to f0
        (0x6002, 32, True),  # c.flwsp to f0
        (0x8002, 64, False),  # c.jr x0
        (0x8C00, 64, True),
        (0x8C40, 64, False),  # c.sh's sixth bit is reserved
        (0x6101, 64, False),  # c.addi16sp of nothing
        (0x6001, 64, False),  # c.lui of nothing
        (0x2001, 64, False),  # c.addiw to x0
    ],
)
def test_short_words_that_are_reserved_are_none(half: int, xlen: int, there: bool) -> None:
    assert (expand(half, xlen) is not None) == there


@pytest.mark.parametrize(("half", "register", "tail"), [(0x8502, "x10", True), (0x9502, "x10", False)])
def test_a_short_jump_through_a_register_is_a_call_or_none(half: int, register: str, tail: bool) -> None:
    found = lifted(Architecture.RISCV64, half.to_bytes(2, "little"))
    assert found is not None
    compute, jump = found[1]
    assert isinstance(compute, Compute)
    assert compute.value == Sum.of(register)
    assert jump == CallRegister(register=compute.target, tail=tail)


@pytest.mark.parametrize("word", [0x0000_3003, 0x0000_6003, 0x0000_3023])
def test_doublewords_are_no_accesses_of_32_bits(word: int) -> None:
    instruction = Instruction(position=0, encoding=word.to_bytes(4, "little"), text="")
    code = FunctionCode(name="f", section=1, address=0, size=4, instructions=(instruction,))
    assert ISAS[Architecture.RISCV32].lift(instruction, code) == (Unknown(),)
    assert isinstance(ISAS[Architecture.RISCV64].lift(instruction, code)[0], Touch)


def test_what_only_loads_stores_nothing_and_a_vector_load_changes_all_vectors() -> None:
    for encoding, clobbers in (("afb50510", {"x11"}), ("07620502", {f"v{number}" for number in range(32)})):
        instruction = Instruction(position=0, encoding=bytes.fromhex(encoding), text="")
        code = FunctionCode(name="f", section=1, address=0, size=4, instructions=(instruction,))
        (touch,) = ISAS[Architecture.RISCV64].lift(instruction, code)
        assert isinstance(touch, Touch)
        assert (touch.stores, set(touch.clobbers)) == ((), clobbers)


@pytest.mark.parametrize("thumb", [False, True])
def test_all_that_the_disassembler_says_is_written_is_written(thumb: bool) -> None:
    """What counts for the flow: flags and the program counter aside, and what a callee does."""
    chance, compared = Random(7), 0  # noqa: S311  the same each time
    for _ in range(4000):
        found = lifted(Architecture.ARM, chance.getrandbits(32).to_bytes(4, "little"), thumb=thumb)
        if found is None or isinstance(found[1][-1], Call | CallRegister | Return | Stop | Unknown | Jump):
            continue
        instruction, operations = found
        there = {name for name in instruction.writes if re.fullmatch(r"[rv]\d+|sp|lr", name)}
        touch = next((one for one in operations if isinstance(one, Touch)), None)
        if touch is not None and touch.transfer.form is Form.STRUCTURE and touch.writeback is None:
            continue
        assert there <= written(operations), instruction.text
        compared += 1
    assert compared > 500
