"""Object files to disassembled code, and that to a judgement.

An ELF reader and a disassembler, neither of which knows the other, are put together here.

The reader says which bytes are which function's and what the linker would fill in; the disassembler says what the bytes
mean. What a person reads needs both: `bl memcpy` is a branch of the one to a symbol of the other.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.image import CodeImage, FunctionPlace, FunctionPlaces
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction, Relocation, Section
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.profiles import profile_for
from mmio_bisect.classify.word.values import Word
from mmio_bisect.domain.outcome import Judgement, untestable
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.prototype import Prototype
from mmio_bisect.domain.recipe import Case
from mmio_bisect.errors import MalformedObjectError
from mmio_bisect.workflow.ports.objects import ObjectBytes, ObjectReader


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCode:
    """A function's bytes as they lie in the file.

    `relocations` are in order of their offset in the function, which comes first in each pair; `data_ranges` are
    offsets in the function, in order, that hold constants rather than instructions.
    """

    code: bytes
    relocations: tuple[tuple[int, Relocation], ...] = ()
    data_ranges: tuple[range, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawObject:
    """The functions of one object file; all but `read` as in `CodeImage`."""

    architecture: str
    places: FunctionPlaces
    read: Callable[[FunctionPlace], RawCode]
    sections: Mapping[int, Section] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    prototypes: tuple[Prototype, ...] = ()
    referring: Callable[[int], Iterable[tuple[int, FunctionPlace]]] = lambda _section: ()


class ElfReader(Protocol):
    """Bytes of an object file to the functions in it."""

    def __call__(self, data: ObjectBytes) -> RawObject:
        """Raises `MalformedObjectError`, whatever the bytes are; so may what is asked of the object."""


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

    def read(self, data: ObjectBytes) -> CodeImage:
        """Raises `MalformedObjectError`."""
        raw = self._read_elf(data)
        image = CodeImage(
            isa=ISAS[raw.architecture],
            places=raw.places,
            read=_Code(raw, self._disassemblers).read,
            sections=raw.sections,
            names=raw.names,
            variables=raw.variables,
            referring=raw.referring,
        )
        return image.declaring(raw.prototypes)


@dataclass(slots=True)
class _Code:
    """The functions of one object, each disassembled when it is first asked for."""

    raw: RawObject
    disassemblers: Disassemblers
    _known: dict[FunctionPlace, FunctionCode] = field(default_factory=dict)

    def read(self, place: FunctionPlace) -> FunctionCode:
        # Aliases are two names for the same bytes; they are disassembled once.
        nameless = replace(place, name="")
        if nameless not in self._known:
            self._known[nameless] = self._disassemble(nameless)
        if place not in self._known:
            self._known[place] = replace(self._known[nameless], name=place.name)
        return self._known[place]

    def _disassemble(self, place: FunctionPlace) -> FunctionCode:
        isa, code = ISAS[self.raw.architecture], self.raw.read(place)
        disassemble = self.disassemblers[self.raw.architecture, place.thumb]
        instructions = _relocated(disassemble(code.code, code.data_ranges), code.relocations, isa)
        return FunctionCode(
            name=place.name,
            section=place.section,
            address=place.address,
            size=place.size,
            instructions=tuple(_with_callee(instruction, place, self.raw.places, isa) for instruction in instructions),
            thumb=place.thumb,
        )


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


def _with_callee(instruction: Instruction, caller: FunctionPlace, places: FunctionPlaces, isa: Isa) -> Instruction:
    """A branch out of the function that needs no linker, naming the function it goes to."""
    number = _TARGET.search(instruction.text)
    if instruction.relocations or not number or instruction.text.split()[0] not in isa.branches:
        return instruction
    position = int(number[1], 0)
    # Backwards beyond the function's first byte is a number near 2**64, or 2**32.
    bits = 64 if position >> 32 else 32
    position -= (position >> (bits - 1)) << bits
    if 0 <= position < caller.size:
        return instruction
    callee = places.containing(caller.section, caller.address + position)
    if callee is None or callee.address != caller.address + position:
        return instruction
    return replace(instruction, text=instruction.text[: number.start()] + callee.name)


def judge_object(
    case: Case, object_code: ObjectBytes, profile: Profile, objects: ObjectReader, word: Word | None = None
) -> Judgement:
    """An object that cannot be read makes its cell untestable."""
    try:
        image = objects.read(object_code).declaring(case.prototypes)
        return judge_image(image, case.functions, case.windows, profile_for(profile, image.architecture), word)
    except MalformedObjectError as error:
        return untestable(f"the compiler wrote no object that can be read: {error}", profile.name)
