"""Random C functions with volatile accesses, the same ones for the same seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass

HEADER = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32; typedef unsigned long long u64;
typedef __UINTPTR_TYPE__ word;
struct device { word before[2]; volatile u32 *base; word after; };
struct __attribute__((packed)) odd { u8 id; u32 control; u16 status; };
struct block { u32 words[4]; };
static volatile u32 *const fixed_pointer = (volatile u32 *)0x09000100;
volatile u32 *changing_pointer = (volatile u32 *)0x09000140;
#define NOINLINE static __attribute__((noinline))
NOINLINE void write_far(volatile u32 *p, u32 v) { p[3] = v; }
NOINLINE u32 read_far(word a, word b, word c, word d, word e, word f, word g, word h, volatile u32 *p, word i) {
    return p[1] + (u32)(a + b + c + d + e + f + g + h + i);
}
NOINLINE u32 held(const struct device *d, u32 v) { d->base[2] = v; return d->base[5]; }
NOINLINE volatile u32 *stepped(volatile u32 *p, u32 n) { return n & 1 ? p + 2 : p + 6; }
struct operations { void (*put)(volatile u32 *, u32); u32 (*get)(volatile u32 *); };
NOINLINE void put(volatile u32 *p, u32 v) { p[4] = v; }
NOINLINE u32 get(volatile u32 *p) { return p[7]; }
static const struct operations operations = { put, get };
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
"""
"""What compilers call, byte by byte."""


@dataclass
class Writer:
    """Writes one function: `w` points to the window, `a` to `d` are numbers, `m` is ordinary memory."""

    random: random.Random
    fresh: int = 0

    def name(self) -> str:
        self.fresh += 1
        return f"v{self.fresh}"

    def number(self) -> str:
        return self.random.choice(
            ["a", "b", "c", "d", "sum", str(self.random.randrange(1 << 16)), "(a ^ b)", "m[c & 7]"]
        )

    def pointer(self) -> str:
        fixed = ["(volatile u32 *)0x09000200", "fixed_pointer", "changing_pointer"]
        return self.random.choice(["w"] * 6 + ["w + 8"] + fixed)

    def place(self) -> str:
        kind = self.random.choice(["u32"] * 6 + ["u8", "u16", "u64"])
        offset = 8 * self.random.randrange(12)
        if kind == "u32":
            return f"({self.pointer()})[{self.random.randrange(24)}]"
        return f"*(volatile {kind} *)((volatile u8 *)({self.pointer()}) + {offset})"

    def statement(self, depth: int) -> list[str]:
        simple: list[Callable[[int], list[str]]] = [
            self.store,
            self.load,
            self.modify,
            self.call,
            self.held,
            self.spill,
            self.choose,
            self.odd,
        ]
        simple += [self.store, self.load, self.floating, self.far, self.indirect, self.copied, self.swapped]
        nested: list[Callable[[int], list[str]]] = [self.branch, self.loop, self.switch]
        return self.random.choice(simple + nested if depth < 2 else simple)(depth)

    def block(self, depth: int) -> list[str]:
        return [line for _ in range(self.random.randrange(1, 4)) for line in self.statement(depth + 1)]

    def store(self, _: int) -> list[str]:
        return [f"{self.place()} = {self.number()};"]

    def load(self, _: int) -> list[str]:
        return [f"sum += {self.place()};"]

    def modify(self, _: int) -> list[str]:
        return [f"{self.place()} {self.random.choice(['|=', '+=', '&=', '^='])} {self.number()};"]

    def call(self, _: int) -> list[str]:
        return [f"write_far({self.pointer()}, {self.number()});"]

    def far(self, _: int) -> list[str]:
        return [f"sum += read_far(a, b, 1, 2, c, 3, 4, d, {self.pointer()}, sum);"]

    def indirect(self, _: int) -> list[str]:
        if self.random.random() < 0.5:
            return [f"operations.put({self.pointer()}, {self.number()});"]
        return [f"sum += operations.get({self.pointer()});"]

    def held(self, _: int) -> list[str]:
        name = self.name()
        return [
            f"struct device {name} = {{ {{1, a}}, {self.pointer()}, 0 }};",
            f"sum += held(&{name}, {self.number()});",
        ]

    def spill(self, _: int) -> list[str]:
        names = [self.name() for _ in range(self.random.randrange(4, 12))]
        lines = [f"volatile u32 {name} = {self.number()};" for name in names]
        kept = self.name()
        return [f"volatile u32 *volatile {kept} = {self.pointer()};", *lines, f"{kept}[1] = {' + '.join(names)};"]

    def choose(self, _: int) -> list[str]:
        name = self.name()
        at = self.random.randrange(8)
        return [
            f"volatile u32 *{name} = w + (({self.number()}) & 1 ? {at} : {at + 3});",
            f"{name}[1] = {self.number()};",
        ]

    def odd(self, _: int) -> list[str]:
        place = f"((volatile struct odd *)({self.pointer()}))->{self.random.choice(['control', 'status', 'id'])}"
        return [self.random.choice([f"{place} = {self.number()};", f"sum += {place};"])]

    def floating(self, _: int) -> list[str]:
        kind = self.random.choice(["float", "double"])
        place = f"*(volatile {kind} *)((volatile u8 *)({self.pointer()}) + 16)"
        return [self.random.choice([f"{place} = 1.5;", f"sum += {place} > 1.0;", f"{place} = {place};"])]

    def copied(self, _: int) -> list[str]:
        name = self.name()
        return [
            f"struct block {name} = {{ {{ a, b, c, d }} }};",
            self.random.choice(
                [
                    f"*(volatile struct block *)(w + 12) = {name};",
                    f"{name} = *(volatile struct block *)(w + 16); sum += {name}.words[1];",
                ]
            ),
        ]

    def swapped(self, _: int) -> list[str]:
        name = self.name()
        return [
            f"volatile u32 *{name}[2] = {{ w, w + 9 }};",
            f'__asm__ volatile("" : : "r"(&{name}) : "memory");',
            f"{name}[1][2] = {self.number()}; {name}[0][3] = 7;",
        ]

    def branch(self, depth: int) -> list[str]:
        other = ["} else {", *self.block(depth)] if self.random.random() < 0.5 else []
        return [f"if (({self.number()}) & {1 << self.random.randrange(3)}) {{", *self.block(depth), *other, "}"]

    def loop(self, depth: int) -> list[str]:
        index = self.name()
        count = self.random.choice(["(a & 3)", "3", "(b & 7)", "9"])
        body = self.random.choice(
            [
                self.block(depth),
                [f"w[{index}] = {self.number()};"],
                [f"sum += w[{index} & 7];"],
                [f"m[{index} & 7] = w[2 * {index}];"],
            ]
        )
        return [f"for (u32 {index} = 0; {index} < {count}; {index}++) {{", *body, "}"]

    def switch(self, depth: int) -> list[str]:
        cases = self.random.randrange(3, 9)
        lines = [f"switch (({self.number()}) & 7) {{"]
        for case in range(cases):
            lines += [f"case {case}: {{", *self.statement(depth + 1), "}"]
            lines += ["break;"] if self.random.random() < 0.8 else []
        return [*lines, "}"]


def function(seed: str, name: str) -> str:
    """One with the signature `u32 name(volatile u32 *w, word a, word b, u32 *m, word c, word d)`."""
    writer = Writer(random.Random(seed))  # noqa: S311  the same programs each time are what is wanted
    body = [line for _ in range(writer.random.randrange(2, 7)) for line in writer.statement(0)]
    text = "\n    ".join(body)
    return (
        f"u32 {name}(volatile u32 *w, word a, word b, u32 *m, word c, word d) {{\n    u32 sum = 0;\n    {text}\n"
        "    return sum;\n}\n"
    )


def program(seed: int, count: int) -> str:
    return HEADER + "".join(function(f"{seed}/{number}", f"f{number}") for number in range(count))
