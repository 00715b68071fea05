"""What a compiler itself says of the machine instructions that it made: which are volatile, and from which source.

It is the second witness beside the data flow, which reads the object alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mmio_bisect.domain.recipe import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlace:
    """`column` is 0 where the compiler names none."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPart:
    """One piece of memory that an instruction accesses, in the source's terms; `width` in bits, None: not said.

    `stack` is what the function itself keeps there, `constant` a pool of constants or the global offset table,
    `variable` what the program has a name for.
    GCC marks what is atomic as volatile too.
    """

    direction: Direction
    width: int | None
    volatile: bool = False
    atomic: bool = False
    stack: bool = False
    constant: bool = False
    variable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WordInstruction:
    """An instruction that accesses memory: `opcode` is the compiler's own name of it.

    An instruction that was made of several has the parts of all. `source` begins with the innermost place, followed by
    those into which it was inlined; it is empty without debug information.
    """

    opcode: str
    parts: tuple[MemoryPart, ...]
    source: tuple[SourcePlace, ...] = ()

    @property
    def volatile(self) -> bool:
        return any(part.volatile for part in self.parts)

    @property
    def atomic(self) -> bool:
        return any(part.atomic for part in self.parts)

    @property
    def stack(self) -> bool:
        return all(part.stack for part in self.parts)

    @property
    def constant(self) -> bool:
        return all(part.constant for part in self.parts)

    @property
    def variable(self) -> bool:
        return any(part.variable for part in self.parts)

    @property
    def directions(self) -> frozenset[Direction]:
        return frozenset(part.direction for part in self.parts)

    def moves(self, direction: Direction, width: int | None, elements: int) -> bool:
        """Whether it may move so many bits that way.

        Those of all parts together, or where several instructions became one that moves one element, those of each.
        """
        widths = [part.width for part in self.parts if part.direction is direction]
        if width is None or None in widths:
            return True
        return width == sum(each for each in widths if each) or (elements == 1 and width in widths)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordAssembly:
    """Inline assembly, of whose memory accesses the compiler knows nothing; at most `instructions` of them."""

    instructions: int
    source: tuple[SourcePlace, ...] = ()


WordItem = WordInstruction | WordAssembly


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionWord:
    """A function's memory instructions in the order of its code; `unread` says why they are not to be relied on.

    Instructions that move the stack pointer as they access memory are left out.
    """

    name: str
    items: tuple[WordItem, ...] = ()
    unread: str | None = None


Word = Mapping[str, FunctionWord]
"""By the symbol of the function."""
