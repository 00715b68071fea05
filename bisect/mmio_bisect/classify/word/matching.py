"""Which instruction of an object is which of the compiler's word: one after the other, or not at all.

The order and the forms must agree. Between them an object may have loads of constants that a compiler does not count as
memory, and what inline assembly does. Where more than one reading is possible that differ in what is volatile, the
function is unread: nothing is guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Compute, Control, Operation, Symbol, Touch
from mmio_bisect.classify.word.values import FunctionWord, WordAssembly, WordInstruction
from mmio_bisect.domain.access import Transfer

_MAX_CELLS = 1 << 18
"""Of the table of what may be what, where that is not plain: about 500 instructions with inline assembly among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedInstruction:
    """A memory instruction of the object. `said` is the compiler's word of it, None for inline assembly.

    `transfers` are what it does to memory. `on_stack` if its address is the stack pointer and a number.
    """

    instruction: Instruction
    transfers: tuple[Transfer, ...]
    said: WordInstruction | None
    on_stack: bool = False

    @property
    def volatile(self) -> bool:
        """Whether it is a volatile access to what is not the function's own."""
        return self.said is not None and self.said.volatile and not (self.said.stack or self.on_stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedFunction:
    """By the position in the function. What is not here accesses no memory that a source could ask for."""

    instructions: Mapping[int, MatchedInstruction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A memory instruction of the object.

    `may_be_unsaid`: it loads a constant, an address that the linker fills in or one to jump to, or is data and not
    an instruction.
    """

    instruction: Instruction
    transfers: tuple[Transfer, ...]
    on_stack: bool
    may_be_unsaid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """An item of the word that may be one instruction; `may_be_absent` if it need not be one."""

    said: WordInstruction | None
    may_be_absent: bool

    def fits(self, found: _Found) -> bool:
        return self.said is None or _fits(self.said, found.transfers)


def match_word(isa: Isa, code: FunctionCode, word: FunctionWord | None) -> MatchedFunction | Unread:
    """`word` is None if the compiler said nothing of a function of that name."""
    if word is None:
        return Unread(why=f"the compiler says nothing of {code.name}")
    if word.unread is not None:
        return Unread(why=f"what the compiler says of {code.name} cannot be read: {word.unread}")
    found = [one for instruction in code.instructions for one in _accesses(isa, code, instruction)]
    slots = [slot for item in word.items for slot in _slots(item)]
    labels = _aligned(slots, found)
    if isinstance(labels, str):
        return Unread(why=f"what the compiler says of {code.name} does not match its code: {labels}")
    return MatchedFunction(
        instructions={
            one.instruction.position: MatchedInstruction(
                instruction=one.instruction, transfers=one.transfers, said=slot.said, on_stack=one.on_stack
            )
            for one, slot in zip(found, labels, strict=True)
            if slot is not None
        }
    )


def _slots(item: WordInstruction | WordAssembly) -> Iterator[_Slot]:
    match item:
        case WordInstruction():
            yield _Slot(said=item, may_be_absent=item.constant)
        case WordAssembly(instructions=count):
            yield from [_Slot(said=None, may_be_absent=True)] * count


def _accesses(isa: Isa, code: FunctionCode, instruction: Instruction) -> Iterator[_Found]:
    """Nothing for what moves the stack pointer as it accesses memory: no source asks for that."""
    operations = isa.lift(instruction, code)
    touches = [operation for operation in operations if isinstance(operation, Touch)]
    if touches and not any(_writes(operation, isa.stack_pointer) for operation in operations):
        jumps = any(isinstance(operation, Control) for operation in operations)
        constant = any(_loads_a_constant(isa, code, instruction, touch) for touch in touches)
        yield _Found(
            instruction=instruction,
            transfers=tuple(touch.transfer for touch in touches),
            on_stack=all([term.register for term in touch.address.terms] == [isa.stack_pointer] for touch in touches),
            may_be_unsaid=jumps or constant or not instruction.recognised,
        )


def _writes(operation: Operation, register: str) -> bool:
    match operation:
        case Compute(target=target):
            return target == register
        case Touch(loads=loads, clobbers=clobbers, writeback=writeback):
            return register in (*loads, *clobbers) or (writeback is not None and writeback[0] == register)
        case _:
            return False


def _loads_a_constant(isa: Isa, code: FunctionCode, instruction: Instruction, touch: Touch) -> bool:
    """From among the code, or from the global offset table."""
    symbol = touch.address.symbol
    if isinstance(symbol, Symbol) and symbol.section == code.section and not touch.address.terms:
        return True
    kinds = {relocation.kind for relocation in instruction.relocations}
    return bool(kinds & isa.relocations.slots) or any("GOT" in kind for kind in kinds)


def _fits(said: WordInstruction, transfers: Sequence[Transfer]) -> bool:
    """Whether directions and widths agree; of an atomic exchange LLVM names one direction alone."""
    directions = {direction for transfer in transfers for direction in transfer.directions}
    if not (said.directions <= directions if said.atomic else said.directions == directions):
        return False
    return all(
        any(said.moves(direction, transfer.width, transfer.elements) for transfer in transfers)
        for direction in said.directions
    )


_Labels = list[_Slot | None]
_Place = tuple[int, int]
"""How many slots and how many instructions lie behind."""


def _aligned(slots: Sequence[_Slot], found: Sequence[_Found]) -> _Labels | str:
    """For each instruction its slot, None for one of which nothing is said; or why they cannot be told."""
    if not any(slot.may_be_absent for slot in slots) and not any(one.may_be_unsaid for one in found):
        agree = len(slots) == len(found) and all(slot.fits(one) for slot, one in zip(slots, found, strict=True))
        return list(slots) if agree else _difference(slots, found)
    if len(slots) * len(found) > _MAX_CELLS:
        return f"{len(found)} instructions are too many to tell from inline assembly or constants among them"
    before = _ways(slots, found)
    if (len(slots), len(found)) not in before:
        return _difference([slot for slot in slots if not slot.may_be_absent], found)
    return _only_reading(slots, found, before)


def _difference(slots: Sequence[_Slot], found: Sequence[_Found]) -> str:
    for slot, one in zip(slots, found, strict=False):
        if not slot.fits(one):
            return f"it says {slot.said.opcode if slot.said else 'asm'} where there is “{one.instruction.text}”"
    return f"it says {len(slots)} memory instructions, and there are {len(found)}"


def _ways(slots: Sequence[_Slot], found: Sequence[_Found]) -> dict[_Place, list[_Place]]:
    """From the begin of both, each place that can be reached, with those before it."""
    before: dict[_Place, list[_Place]] = {(0, 0): []}
    waiting = [(0, 0)]
    for at in waiting:
        slot, one = at
        nexts = []
        if slot < len(slots) and one < len(found) and slots[slot].fits(found[one]):
            nexts.append((slot + 1, one + 1))
        if slot < len(slots) and slots[slot].may_be_absent:
            nexts.append((slot + 1, one))
        if one < len(found) and found[one].may_be_unsaid:
            nexts.append((slot, one + 1))
        for onward in nexts:
            if onward not in before:
                before[onward] = []
                waiting.append(onward)
            before[onward].append(at)
    return before


def _only_reading(
    slots: Sequence[_Slot], found: Sequence[_Found], before: Mapping[_Place, Sequence[_Place]]
) -> _Labels | str:
    """Back from the end of both: on every way an instruction must mean the same."""
    readings: list[dict[str, _Slot | None]] = [{} for _ in found]
    waiting = [(len(slots), len(found))]
    seen = set(waiting)
    for at in waiting:
        for earlier in before[at]:
            if at[1] > earlier[1]:
                slot = slots[earlier[0]] if at[0] > earlier[0] else None
                readings[earlier[1]].setdefault(_meaning(slot), slot)
            if earlier not in seen:
                seen.add(earlier)
                waiting.append(earlier)
    for one, reading in zip(found, readings, strict=True):
        if len(reading) > 1:
            return f"“{one.instruction.text}” may be {' or '.join(sorted(reading))}"
    return [next(iter(reading.values())) for reading in readings]


def _meaning(slot: _Slot | None) -> str:
    if slot is not None and slot.said is None:
        return "inline assembly"
    return "volatile" if slot is not None and slot.said is not None and slot.said.volatile else "not volatile"
