"""Object files to disassembled code, and that to a judgement.

An ELF reader and a disassembler, neither of which knows the other, are put together here.

The reader says which bytes are which function's and what the linker would fill in; the disassembler says what the bytes
mean. What a person reads needs both: `bl memcpy` is a branch of the one to a symbol of the other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction, Relocation, Section
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.profiles import profile_for
from mmio_bisect.domain.outcome import Judgement, untestable
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.prototype import Prototype
from mmio_bisect.domain.recipe import Case
from mmio_bisect.errors import MalformedObjectError
from mmio_bisect.workflow.ports.objects import ObjectReader


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFunction:
    """A function as it lies in the file.

    `section` is the section's index, `address` the offset of the first byte in it. `relocations` are in order of their
    offset in the function, which comes first in each pair; `data_ranges` are offsets in the function, in order, that
    hold constants rather than instructions. `thumb` as in `FunctionCode`.
    """

    name: str
    section: int
    address: int
    size: int
    code: bytes
    relocations: tuple[tuple[int, Relocation], ...] = ()
    data_ranges: tuple[range, ...] = ()
    thumb: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RawObject:
    """The functions of one object file in file order, by section, then by address; the rest as in `CodeImage`."""

    architecture: str
    functions: tuple[RawFunction, ...]
    sections: Mapping[int, Section] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    prototypes: tuple[Prototype, ...] = ()


class ElfReader(Protocol):
    """Bytes of an object file to the functions in it."""

    def __call__(self, data: bytes) -> RawObject:
        """Raises `MalformedObjectError`, whatever the bytes are."""


class Disassembler(Protocol):
    """Bytes of a function to instructions that cover each of them exactly once, in order."""

    def __call__(self, code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
        """Positions count from the first byte of `code`. What cannot be disassembled is in the result all the same."""


Disassemblers = Mapping[tuple[str, bool], Disassembler]
"""By the architecture and whether the function is Thumb code."""


class Objects:
    """The port `ObjectReader`: `read_elf` finds functions, one of `disassemblers` reads each."""

    def __init__(self, read_elf: ElfReader, disassemblers: Disassemblers) -> None:
        self._read_elf = read_elf
        self._disassemblers = disassemblers

    def read(self, data: bytes) -> CodeImage:
        """Raises `MalformedObjectError`."""
        raw = self._read_elf(data)
        isa = ISAS[raw.architecture]
        names = {(function.section, function.address): function.name for function in reversed(raw.functions)}
        # Aliases are two names for the same bytes; they are disassembled once.
        known: dict[tuple[int, int, int], tuple[Instruction, ...]] = {}
        functions = []
        for function in raw.functions:
            place = (function.section, function.address, function.size)
            if place not in known:
                disassemble = self._disassemblers[raw.architecture, function.thumb]
                instructions = _relocated(disassemble(function.code, function.data_ranges), function.relocations, isa)
                known[place] = tuple(_with_callee(instruction, function, names, isa) for instruction in instructions)
            functions.append(
                FunctionCode(
                    name=function.name,
                    section=function.section,
                    address=function.address,
                    size=function.size,
                    instructions=known[place],
                    thumb=function.thumb,
                ),
            )
        image = CodeImage(
            isa=isa, functions=tuple(functions), sections=raw.sections, names=raw.names, variables=raw.variables
        )
        return image.declaring(raw.prototypes)


def _relocated(
    instructions: Sequence[Instruction], relocations: Sequence[tuple[int, Relocation]], isa: Isa
) -> Iterator[Instruction]:
    """The instructions with the relocations that fall on them; both are in order of their offset."""
    waiting = 0
    for instruction in instructions:
        first = waiting
        while waiting < len(relocations) and relocations[waiting][0] < instruction.end:
            waiting += 1
        if first == waiting:
            yield instruction
        else:
            own = tuple(_on(instruction, offset, relocation, isa) for offset, relocation in relocations[first:waiting])
            yield replace(instruction, relocations=own, text=_named(instruction.text, own, isa))


def _on(instruction: Instruction, offset: int, relocation: Relocation, isa: Isa) -> Relocation:
    """The relocation as the instruction's operand means it."""
    within = offset - instruction.position
    if relocation.kind in isa.relocations.from_the_end:
        relocation = relocation.moved(len(instruction.encoding) - within)
    else:
        relocation = relocation.moved(isa.relocations.ahead.get(relocation.kind, 0))
    return replace(relocation, within=within) if within else relocation


_TARGET = re.compile(r"(?<![\w)])[#]?(0x[0-9a-f]+|\d+)$")
"""A branch's target as the disassembler gives it, at the end: an offset in the function, modulo 2**64 (or 2**32)."""


def _named(text: str, relocations: Sequence[Relocation], isa: Isa) -> str:
    """The text with what the linker would fill in: in place of a branch's target, else as a remark."""
    remarks = []
    for relocation in relocations:
        number = _TARGET.search(text)
        known = relocation.kind in isa.relocations.branches and not text.startswith(".")
        branches = known or text.split(" ", 1)[0] in isa.branches
        if branches and number:
            text = text[: number.start()] + _target(relocation)
        else:
            remarks.append(f"{relocation.kind} {_target(relocation)}")
    return f"{text}  ; {', '.join(remarks)}" if remarks else text


def _target(relocation: Relocation) -> str:
    if not relocation.addend:
        return relocation.symbol
    sign = "-" if relocation.addend < 0 else "+"
    return f"{relocation.symbol}{sign}{abs(relocation.addend):#x}"


def _with_callee(
    instruction: Instruction, caller: RawFunction, names: Mapping[tuple[int, int], str], isa: Isa
) -> Instruction:
    """A branch out of the function that needs no linker, naming the function it goes to."""
    number = _TARGET.search(instruction.text)
    if instruction.relocations or not number or instruction.text.split()[0] not in isa.branches:
        return instruction
    position = int(number[1], 0)
    # Backwards beyond the function's first byte is a number near 2**64, or 2**32.
    bits = 64 if position >> 32 else 32
    position -= (position >> (bits - 1)) << bits
    name = names.get((caller.section, caller.address + position))
    if name is None or 0 <= position < caller.size:
        return instruction
    return replace(instruction, text=instruction.text[: number.start()] + name)


def judge_object(case: Case, object_code: bytes, profile: Profile, objects: ObjectReader) -> Judgement:
    """An object that cannot be read makes its cell untestable."""
    try:
        image = objects.read(object_code).declaring(case.prototypes)
    except MalformedObjectError as error:
        return untestable(f"the compiler wrote no object that can be read: {error}", profile.name)
    return judge_image(image, case.functions, case.windows, profile_for(profile, image.architecture))
