"""What an architecture tells about itself: one value each, which `classify.isa.registry` lists.

Nothing else of the package names an architecture to decide what its code means.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Operation
from mmio_bisect.domain.access import STORE, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Convention
from mmio_bisect.domain.target import ArchitectureFacts

Lift = Callable[[Instruction, FunctionCode], tuple[Operation, ...]]
"""What one instruction of a function does, in order."""

ArgumentPlace = str | int
"""A register, or a byte offset from the stack pointer as it is when the function is entered."""


class PlaceArguments(Protocol):
    def __call__(self, sizes: Iterable[tuple[int, bool]]) -> tuple[tuple[ArgumentPlace, ...], ...]:
        """Where arguments are, each given as its number of pointer-sized words and whether it is aligned to two."""


Sample = tuple[str, Transfer]
"""A form of access as people write it, and one access that has it, for the table of what each profile emulates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfFormat:
    """What an ELF object's relocations are called, and where their addends are.

    `prefix` is as in `R_AARCH64_`.
    `relocations` names what the reader has no names for. `addend` reads the addend of a relocation of a kind from the
    four bytes at its place, for relocations without one of their own (`addend_in_place`).
    """

    prefix: str
    relocations: Mapping[int, str] = field(default_factory=dict)
    addend_in_place: bool = False
    has_thumb: bool = False
    addend: Callable[[str, bytes], int] = lambda _kind, _content: 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocations:
    """What kinds of relocation mean.

    In data: `absolute` is an address; `relative` counts from its own place, in an entry of a jump table; `distances`
    do so in a word that code adds the program counter to, `slots` of them to a place in the global offset table;
    `added` is the first half of a difference; `from_table` counts from the global offset table. In code: `branches`
    name a branch's target; what `from_the_end` counts from the instruction's end; `ahead` says by how many bytes the
    program counter is ahead of the instruction.
    """

    absolute: frozenset[str] = frozenset()
    relative: frozenset[str] = frozenset()
    distances: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    from_table: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()
    from_the_end: frozenset[str] = frozenset()
    ahead: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disassembly:
    """What capstone is asked for. `family` and `modes` are its own names, as after `CS_ARCH_` and `CS_MODE_`.

    `unit` is the size of the shortest instruction; `length` tells from the first four bytes how long an instruction is,
    or at most may be; `together` how many instructions, from the one that begins there on, have to be seen at once.
    `register` gives a register its one name, that of the widest which holds its bits, and None to one that holds none.
    Without it capstone is not asked what instructions do to registers, which it cannot tell of every family. `place`
    gives a text the offset in the function where capstone prints a branch's distance from a position. `thumb`: of Arm's
    two instruction sets, T32.
    """

    family: str
    modes: tuple[str, ...]
    unit: int = 4
    length: Callable[[bytes], int] = lambda _head: 4
    together: Callable[[bytes], int] = lambda _head: 1
    register: Callable[[str], str | None] | None = None
    place: Callable[[str, int], str] = lambda text, _position: text
    thumb: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """How a calling convention differs from the architecture's own; the members are as in `Isa`."""

    place_arguments: PlaceArguments
    handed_over: tuple[str, ...]
    call_clobbered: frozenset[str]
    words_of_float: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Isa:
    """`pointer_bytes` is also a general register's size.

    `pushes` is what a call puts on the stack: how far the stack pointer at a function's entry is from where it was
    before the call; `link` is the register in which it leaves where it returns to instead. `handed_over` are the
    registers that pass arguments, in the order in which they are filled.
    `result_address` is the register with the address of a result in memory; without one it is passed
    as the first argument. `words_of_float` is how many general registers or stack words a floating-point argument
    takes. `flags` are the registers that conditions of instructions are about; `opposite` negates a condition.
    `branches` are the mnemonics of direct branches in a disassembler's text.
    """

    facts: ArchitectureFacts
    pointer_bytes: int
    stack_pointer: str
    result: str
    handed_over: tuple[str, ...]
    call_clobbered: frozenset[str]
    place_arguments: PlaceArguments
    lift: Lift
    elf: ElfFormat
    relocations: Relocations
    branches: frozenset[str]
    disassembly: tuple[Disassembly, ...] = ()
    samples: tuple[Sample, ...] = ()
    pushes: int = 0
    link: str | None = None
    result_address: str | None = None
    words_of_float: int = 0
    flags: frozenset[str] = frozenset()
    opposite: Callable[[str], str] = str
    conventions: Mapping[Convention, Passing] = field(default_factory=dict)

    def under(self, convention: Convention | None) -> "Isa":
        """As code of that calling convention has it, called functions too; an unknown one makes no difference."""
        passing = None if convention is None else self.conventions.get(convention)
        if passing is None:
            return self
        return replace(
            self,
            place_arguments=passing.place_arguments,
            handed_over=passing.handed_over,
            call_clobbered=passing.call_clobbered,
            words_of_float=passing.words_of_float,
        )

    def soft_float(self) -> "Isa":
        """With the convention of code that uses no floating-point registers."""
        passing = Passing(
            place_arguments=self.place_arguments,
            handed_over=self.handed_over,
            call_clobbered=self.call_clobbered,
            words_of_float=1,
        )
        return replace(self, conventions={**self.conventions, Convention.SOFT_FLOAT: passing})


def samples(*rows: tuple[str, str, Form, RegisterClass, int]) -> tuple[Sample, ...]:
    """Of forms with an operation, as `Transfer.operation` has it, the register's class and a width in bits."""
    return tuple(
        (
            name,
            Transfer(
                form=form,
                directions=STORE,
                element_width=width,
                register_class=registers_are,
                syndrome_valid=False,
                why="",
                operation=operation,
            ),
        )
        for name, operation, form, registers_are, width in rows
    )


def places_in(registers: tuple[str, ...], *, word: int, first: int = 0, pairs: bool = True) -> PlaceArguments:
    """A convention that fills registers in order, then the stack from `first` on.

    With `pairs` an argument aligned to two words begins at an even register; one that does not fit into the registers
    that are left goes to the stack, and with `pairs` so does every later one.
    """

    def place(sizes: Iterable[tuple[int, bool]]) -> tuple[tuple[ArgumentPlace, ...], ...]:
        found: list[tuple[ArgumentPlace, ...]] = []
        register, stack = 0, first
        for count, even in sizes:
            if even and pairs and register % 2:
                register += 1
            if register + count <= len(registers):
                found.append(registers[register : register + count])
                register += count
                continue
            if pairs:
                register = len(registers)
            stack += -(stack - first) % (2 * word) if even else 0
            found.append(tuple(stack + word * index for index in range(count)))
            stack += word * count
        return tuple(found)

    return place
