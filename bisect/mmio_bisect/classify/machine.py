"""Machine code as architecture-neutral values: what the object reader delivers and the data flow works on.

Registers are named by their widest form, in lower case (`x0` also for `w0`, `v3` for `d3` and `q3`): two names are
equal exactly when they share bits.
"""

from dataclasses import dataclass
from enum import StrEnum


class Architecture(StrEnum):
    """Architectures whose code can be judged."""

    AARCH64 = "aarch64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """What the linker would still fill in.

    `kind` is the architecture's name for it (`R_AARCH64_CALL26`). `symbol` is the name it refers to; for a symbol
    that is defined in this object (a section symbol included) `section` and `address` say where, addend included.
    """

    kind: str
    symbol: str
    addend: int
    section: int | None = None
    address: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: `position` is its offset in the function, `encoding` its bytes as they lie in memory.

    `reads` and `writes` are register names, implicit ones included; `relocations` those that fall on its bytes.
    `text` is for people.
    """

    position: int
    encoding: bytes
    text: str
    recognised: bool = True
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    relocations: tuple[Relocation, ...] = ()

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

    `section` is the section's index, `address` the offset of the first byte in it.
    """

    name: str
    section: int
    address: int
    size: int
    instructions: tuple[Instruction, ...]

    def at(self, position: int) -> int | None:
        """Index of the instruction at that offset in the function; None if none begins there."""
        low, high = 0, len(self.instructions)
        while low < high:
            middle = (low + high) // 2
            if self.instructions[middle].position < position:
                low = middle + 1
            else:
                high = middle
        found = low < len(self.instructions) and self.instructions[low].position == position
        return low if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeImage:
    """All functions of an object, local ones included, in file order."""

    architecture: Architecture
    functions: tuple[FunctionCode, ...]

    def function(self, name: str) -> FunctionCode | None:
        return next((code for code in self.functions if code.name == name), None)

    def containing(self, section: int, address: int) -> tuple[FunctionCode, int] | None:
        """The function that holds the byte at `address` of `section`, and the byte's offset in it."""
        for code in self.functions:
            if code.section == section and code.address <= address < code.address + code.size:
                return code, address - code.address
        return None
