"""Random C functions in the shapes that drivers have, the same ones for the same seed.

Each function gets its window in one of a few ways (an argument, a field of one, two windows, constant addresses) and
strings together a few *shapes* of `driver_shapes.SHAPES`: a bank of registers at an index, a table of devices, a jump
table, a structure that is copied. Helpers and tables are written for each function anew.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW_LOW, WINDOW_HIGH = 0x0900_0000, 0x0900_8000
"""The constant addresses that are device memory."""

HEADER = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32; typedef unsigned long long u64;
typedef __UINTPTR_TYPE__ word; typedef volatile u32 *reg;
#define NOINLINE static __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
struct channel { volatile u32 command, argument, length, state; };
struct registers {
    volatile u32 control, status, mask; volatile u8 small, other; volatile u16 half; volatile u64 wide;
    struct channel channels[8]; volatile u32 fifo[16];
};
struct device { word before[2]; reg base; u32 table[8]; word after; };
struct slice { reg base; word count; };
struct block { u32 words[4]; };
struct wider { reg base; word number; reg second; word more[3]; };
struct node { struct node *next; reg base; u32 value; };
void udelay(u32); u32 ticks(void); void relax(void); int trace(const char *, ...); void lock_memory(u32 *);
"""

LIBRARY = """
typedef __SIZE_TYPE__ size; typedef volatile unsigned char byte;
void *memcpy(void *to, const void *from, size n) {
    for (size i = 0; i < n; i++) ((byte *)to)[i] = ((byte *)from)[i];
    return to;
}
void *memmove(void *to, const void *from, size n) { return memcpy(to, from, n); }
void *memset(void *to, int value, size n) {
    for (size i = 0; i < n; i++) ((byte *)to)[i] = value;
    return to;
}
void udelay(unsigned n) {} unsigned ticks(void) { return 5; } void relax(void) {}
int trace(const char *text, ...) { return *text; } void lock_memory(unsigned *m) { m[60] ^= 1; }
#ifdef __aarch64__
#define WAYS(type, bytes, order) \\
    type __aarch64_swp##bytes##order(type v, volatile type *p) { type o = *p; *p = v; return o; } \\
    type __aarch64_ldadd##bytes##order(type v, volatile type *p) { type o = *p; *p = o + v; return o; } \\
    type __aarch64_ldset##bytes##order(type v, volatile type *p) { type o = *p; *p = o | v; return o; } \\
    type __aarch64_ldclr##bytes##order(type v, volatile type *p) { type o = *p; *p = o & ~v; return o; } \\
    type __aarch64_ldeor##bytes##order(type v, volatile type *p) { type o = *p; *p = o ^ v; return o; } \\
    type __aarch64_cas##bytes##order(type e, type v, volatile type *p) { type o = *p; if (o == e) *p = v; return o; }
#define ORDERS(type, bytes) \\
    WAYS(type, bytes, _relax) WAYS(type, bytes, _acq) WAYS(type, bytes, _rel) WAYS(type, bytes, _acq_rel) \\
    WAYS(type, bytes, _sync)
ORDERS(unsigned, 4) ORDERS(unsigned long long, 8)
#endif
"""
"""What compilers call, byte by byte and one after the other, and what `HEADER` declares; none touches the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a function gets its window.

    `windows` are expressions of type `reg`, `numbers` of integers. `memory` is the place, among the arguments, of the
    pointer to ordinary memory.
    """

    parameters: str
    arguments: str
    windows: tuple[str, ...]
    numbers: tuple[str, ...]
    memory: int
    constant: bool = False


KINDS = {
    "pointer": Kind(
        parameters="reg w, word a, word b, u32 *m, word c, word d",
        arguments="mmio,_,_,_,_,_",
        windows=("w",),
        numbers=("a", "b", "c", "d"),
        memory=3,
    ),
    "late": Kind(
        parameters="word a, u32 *m, word b, reg w, word c, word d",
        arguments="_,_,_,mmio,_,_",
        windows=("w",),
        numbers=("a", "b", "c", "d"),
        memory=1,
    ),
    "holder": Kind(
        parameters="struct device *dev, word a, word b, u32 *m, word c, word d",
        arguments="holds({two_words}),_,_,_,_,_",
        windows=("dev->base",),
        numbers=("a", "b", "c", "d", "dev->table[a & 7]"),
        memory=3,
    ),
    "two": Kind(
        parameters="reg w, reg x, word a, u32 *m, word b, word c",
        arguments="a:mmio,b:mmio,_,_,_,_",
        windows=("w", "x"),
        numbers=("a", "b", "c"),
        memory=3,
    ),
    "slice": Kind(
        parameters="struct slice s, word a, word b, u32 *m, word c",
        arguments="mmio-slice,_,_,_,_",
        windows=("s.base",),
        numbers=("a", "b", "c", "s.count"),
        memory=3,
    ),
    "constant": Kind(
        parameters="word a, word b, word c, u32 *m, word d, word e",
        arguments="_,_,_,_,_,_",
        windows=("(reg)0x09000000ul", "(reg)0x09001000ul", "(reg)0x09003400ul"),
        numbers=("a", "b", "c", "d", "e"),
        memory=3,
        constant=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """`shapes` are the names of what it is made of; `outside` whether it calls what its object does not define."""

    seed: str
    name: str
    kind: Kind
    shapes: tuple[str, ...]
    outside: bool
    text: str

    def signature(self, pointer_bytes: int) -> str:
        """As a recipe's `fn` says it."""
        return f"{self.name}({self.kind.arguments.format(two_words=2 * pointer_bytes)})"


@dataclass(slots=True)
class Writer:
    """Writes one function: what shapes have in common. `before` is what stands ahead of it at file scope."""

    random: random.Random
    name: str
    kind: Kind
    outside: bool = False
    before: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    fresh: int = 0

    def new(self, prefix: str = "v") -> str:
        """A name that nothing has yet; at file scope too."""
        self.fresh += 1
        return f"{self.name}_{prefix}{self.fresh}"

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def below(self, stop: int) -> int:
        return self.random.randrange(stop)

    def number(self) -> str:
        numbers = [*self.kind.numbers, *self.kind.numbers, "sum", str(self.below(1 << 16)), f"m[{self.below(8)}]"]
        return self.random.choice([*numbers, f"({self.pick(*self.kind.numbers)} ^ {self.pick(*self.kind.numbers)})"])

    def index(self, count: int) -> str:
        """Below `count`, a power of two, at run time."""
        what = self.pick(*self.kind.numbers, "sum", f"m[{self.pick(*self.kind.numbers)} & 7]")
        return f"({what} & {count - 1})"

    def window(self) -> str:
        known = self.random.choice(self.kind.windows)
        return self.random.choice([known] * 4 + [f"({known} + {4 * self.below(16)})"])

    def place(self, pointer: str) -> str:
        """A register of the device at `pointer`."""
        here = f"((struct registers *)({pointer}))"
        word = [
            f"({pointer})[{self.below(24)}]",
            f"{here}->{self.pick('control', 'status', 'mask')}",
            f"{here}->channels[{self.index(8)}].{self.pick('command', 'length')}",
            f"{here}->fifo[{self.below(16)}]",
        ]
        other = [
            f"{here}->{self.pick('small', 'half', 'wide')}",
            f"*(volatile {self.pick('u8', 'u16', 'u64')} *)((volatile u8 *)({pointer}) + {8 * self.below(24)})",
        ]
        return self.random.choice(word * 3 + other)

    def touch(self, pointer: str) -> str:
        place, number = self.place(pointer), self.number()
        return self.random.choice(
            [f"{place} = {number};"] * 3
            + [f"sum += {place};"] * 3
            + [f"{place} {self.pick('|=', '&=', '^=', '+=')} {number};"]
        )

    def touches(self, pointer: str, most: int = 2) -> str:
        return " ".join(self.touch(pointer) for _ in range(1 + self.below(most)))

    def helper(self, head: str, body: str) -> str:
        """A function ahead of this one that sees none of its variables but `sum`, `a` and `m`; its name."""
        name = self.new("h")
        self.before.append(head.replace("NAME", name) + " { " + body + " }")
        return name


@dataclass(slots=True)
class Helper(Writer):
    """Writes the inside of a helper: its own `a`, `m` and `sum` are all that it knows of numbers."""

    def number(self) -> str:
        return self.pick("a", "sum", "m[2]", str(self.below(1 << 12)))

    def index(self, count: int) -> str:
        return f"({self.pick('a', 'sum', 'm[a & 3]')} & {count - 1})"


def inside(writer: Writer) -> Helper:
    return Helper(random.Random(writer.below(1 << 32)), writer.new("i"), writer.kind)  # noqa: S311


def program(functions: Sequence[Function]) -> str:
    return HEADER + "".join(function.text for function in functions)
