"""Machine code as architecture-neutral values: what the object reader delivers and the data flow works on.

Registers are named by their widest form, in lower case (`x0` also for `w0`, `v3` for `d3` and `q3`): two names are
equal exactly when they share bits.
"""

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """What the linker would still fill in.

    `kind` is the architecture's name for it (`R_AARCH64_CALL26`). `symbol` is the name it refers to; for a symbol
    that is defined in this object (a section symbol included) `section` and `address` say where, addend included.
    `within` is where in the instruction's bytes it falls. On an instruction, `addend` and `address` are what the
    operand means: what an architecture subtracts because its program counter is ahead has been added again.
    """

    kind: str
    symbol: str
    addend: int
    section: int | None = None
    address: int | None = None
    within: int = 0

    def moved(self, distance: int) -> "Relocation":
        """To an operand that many bytes further on."""
        address = None if self.address is None else self.address + distance
        return replace(self, addend=self.addend + distance, address=address)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOperand:
    """`name` as of all registers here; `bits` of it take part, counted from bit `low`."""

    name: str
    bits: int
    low: int = 0
    read: bool = False
    written: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImmediateOperand:
    """`within`: where in the encoding the number stands (0: not known)."""

    value: int
    within: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOperand:
    """`base` + `index` × `scale` + `displacement`; `width` in bits.

    `within`: where in the encoding the displacement stands (0: it has none). `segment` is a segment register that is
    named.
    """

    base: str | None
    index: str | None
    scale: int
    displacement: int
    width: int
    within: int = 0
    segment: str | None = None
    read: bool = False
    written: bool = False


Operand = RegisterOperand | ImmediateOperand | MemoryOperand


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: `position` is its offset in the function, `encoding` its bytes as they lie in memory.

    `reads` and `writes` are register names, implicit ones included; `relocations` those that fall on its bytes.
    `text` is for people. `mnemonic`, without its `prefixes`, and `operands` are given where instructions are not
    read from their bits.
    """

    position: int
    encoding: bytes
    text: str
    recognised: bool = True
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    relocations: tuple[Relocation, ...] = ()
    mnemonic: str = ""
    prefixes: tuple[str, ...] = ()
    operands: tuple[Operand, ...] = ()

    @property
    def word(self) -> int:
        """The encoding as a little-endian number: A64 instructions are little-endian whatever the data is."""
        return int.from_bytes(self.encoding, "little")

    @property
    def end(self) -> int:
        return self.position + len(self.encoding)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCode:
    """A function's instructions, in address order.

    `section` is the section's index, `address` the offset of the first byte in it. `thumb`: of Arm's two instruction
    sets, T32.
    """

    name: str
    section: int
    address: int
    size: int
    instructions: tuple[Instruction, ...]
    thumb: bool = False

    def at(self, position: int) -> int | None:
        """Index of the instruction at that offset in the function; None if none begins there."""
        index = bisect.bisect_left(self.instructions, position, key=attrgetter("position"))
        found = index < len(self.instructions) and self.instructions[index].position == position
        return index if found else None

    def covers_data(self, position: int) -> bool:
        """Whether the byte at that offset is not an instruction's."""
        index = bisect.bisect_right(self.instructions, position, key=attrgetter("position")) - 1
        return index >= 0 and not self.instructions[index].recognised


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What the object puts into memory: `content`, and what the linker fills in, by the offset in the section.

    `objects` are the begins and ends of its variables that have names, in order.
    """

    index: int
    content: bytes | memoryview
    writable: bool = False
    relocations: Mapping[int, tuple[Relocation, ...]] = field(default_factory=dict)
    objects: tuple[tuple[int, int], ...] = ()
