"""What drivers do with a window, as pieces of C: `SHAPES` has them by name, `function` strings some together."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from driver_c import KINDS, WINDOW_LOW, Function, Helper, Writer, inside

Lines = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`constant`: for functions whose window is at constant addresses. `weight` is how often it is taken."""

    write: Callable[[Writer], Lines]
    constant: bool = False
    outside: bool = False
    weight: int = 2


SHAPES: dict[str, Shape] = {}


def shape(
    *, constant: bool = False, outside: bool = False, weight: int = 2
) -> Callable[[Callable[[Writer], Lines]], Callable[[Writer], Lines]]:
    def named(write: Callable[[Writer], Lines]) -> Callable[[Writer], Lines]:
        SHAPES[write.__name__] = Shape(write=write, constant=constant, outside=outside, weight=weight)
        return write

    return named


def _inner(writer: Writer, pointer: str, most: int = 2) -> tuple[Helper, str]:
    helper = inside(writer)
    return helper, helper.touches(pointer, most)


def _accessor(writer: Writer, extra: str = "") -> str:
    """A helper of the type of a callback."""
    _, text = _inner(writer, "p")
    return writer.helper("NOINLINE u32 NAME(reg p, word a, u32 *m)", f"u32 sum = 0; {text} {extra} return sum;")


@shape(weight=9)
def registers(w: Writer) -> Lines:
    """A structure of registers."""
    name = w.new()
    fields = ["control", "status", "mask", "half", "small", f"channels[{w.index(8)}].argument", f"fifo[{w.index(16)}]"]
    lines = [f"struct registers *{name} = (struct registers *)({w.window()});"]
    for _ in range(1 + w.below(4)):
        place = f"{name}->{w.pick(*fields)}"
        lines.append(w.pick(f"{place} = {w.number()};", f"sum += {place};", f"{place} |= {w.number()};"))
    return lines


@shape(weight=6)
def bank(w: Writer) -> Lines:
    """One of a bank of channels, kept and used several times."""
    name = w.new()
    what = f"&((struct registers *)({w.window()}))->channels[{w.index(8)}]"
    lines = [f"struct channel *{name} = {what};", f"{name}->command = {w.number()};"]
    return [*lines, f"{name}->length = {w.number()}; sum ^= {name}->state;"]


@shape(weight=3)
def stride(w: Writer) -> Lines:
    """Channels whose size is no power of two: multiply and add."""
    kind, words = w.new("s"), w.random.choice([3, 5, 7, 9, 11, 22, 25])
    w.before.append(f"struct {kind} {{ volatile u32 r[{words}]; }};")
    which = w.index(w.random.choice([4, 8, 16]))
    if w.below(3):
        place = f"((struct {kind} *)({w.window()}))[{which}].r[{w.below(words)}]"
        return [w.pick(f"{place} = {w.number()};", f"sum += {place};", f"{place} |= 4;")]
    body = f"c += n; c->r[{w.below(words)}] = 1; c->r[0] |= {w.below(99)};"
    name = w.helper(f"NOINLINE void NAME(struct {kind} *c, u32 n)", body)
    return [f"{name}((struct {kind} *)({w.window()}), {which});"]


@shape()
def offsets(w: Writer) -> Lines:
    """A table of register offsets."""
    table, kind = w.new("t"), w.pick("u8", "u16", "u32")
    numbers = ", ".join(str(4 * w.below(40)) for _ in range(8))
    w.before.append(f"static const {kind} {table}[8] = {{ {numbers} }};")
    place = f"*(reg)((volatile u8 *)({w.window()}) + {table}[{w.index(8)}])"
    return [w.pick(f"{place} = {w.number()};", f"sum += {place};", f"{place} |= 1;")]


@shape()
def shifted(w: Writer) -> Lines:
    """A UART's register shift."""
    shift = w.pick(f"({w.pick(*w.kind.numbers)} & 3)", "2", "(m[3] & 3)")
    place = f"*(volatile {w.pick('u8', 'u32', 'u32')} *)((volatile u8 *)({w.window()}) + 4 * ({w.index(8)} << {shift}))"
    return [f"{place} = {w.number()};", f"sum += {place};"]


@shape()
def masked(w: Writer) -> Lines:
    """A pointer whose low bits are cleared or set."""
    name, number = w.new(), w.index(8)
    made = w.pick(
        f"((word)({w.window()}) + {number}) & ~(word)3",
        f"((word)({w.window()}) & ~(word)0xff) + 4 * {number}",
        f"(word)({w.window()}) | 4",
        f"(((word)({w.window()}) | 1) & ~(word)1) + 8",
        f"((word)({w.window()}) & ~(word)0x3f) | ({number} << 2)",
    )
    return [f"reg {name} = (reg)({made});", w.touch(name)]


@shape(weight=3)
def select(w: Writer) -> Lines:
    """One of two windows, or of two places of one."""
    name = w.new()
    one, other = w.window(), w.pick(w.window(), f"({w.window()} + {w.below(64)})")
    return [f"reg {name} = ({w.number()}) & {1 << w.below(3)} ? {one} : {other};", w.touches(name)]


@shape()
def chosen(w: Writer) -> Lines:
    """A port that a switch chooses."""
    name = w.new()
    cases = " ".join(
        f"case {number}: {name} = {w.window()} + {w.below(64)}; break;" for number in range(3 + w.below(5))
    )
    return [f"reg {name};", f"switch ({w.index(8)}) {{ {cases} default: {name} = {w.window()}; }}", w.touches(name)]


@shape(weight=3)
def switched(w: Writer) -> Lines:
    """A jump table, perhaps in a loop over commands."""
    cases = []
    early = w.below(4) == 0
    for number in range(5 + w.below(9)):
        what = "return sum;" if early and number == 3 else w.touches(w.window())
        ends = "" if w.below(6) == 0 else " break;"
        cases.append(f"case {number}: {what}{ends}")
    tail = w.pick("", "default: sum++;")
    if w.below(2):
        return [f"switch ({w.index(16)}) {{", *cases, tail, "}"]
    index, bytes_ = w.new(), w.pick("((u8 *)m)", "m")
    return [
        f"for (u32 {index} = 0; {index} < {w.index(8)}; {index}++) switch ({bytes_}[{index}] & 15) {{",
        *cases,
        tail,
        "}",
    ]


@shape(weight=3)
def machine(w: Writer) -> Lines:
    """A state machine whose first state is known."""
    state, left = w.new(), w.new()
    count = 4 + w.below(5)
    cases = []
    for number in range(count):
        p = w.window()
        after = w.pick(
            f"{state} = {w.below(count)};",
            f"{state} = ({p})[{w.below(8)}] & 7;",
            f"if (({p})[{w.below(8)}] & 1) {state} = {w.below(count)};",
            f"{state}++;",
        )
        ends = f"{left} = 0;" if number == count - 1 else f"{w.touch(p)} {after}"
        cases.append(f"case {number}: {ends} break;")
    return [
        f"u32 {state} = 0, {left} = {9 + w.below(40)};",
        f"while ({left}) {{ {left}--; switch ({state}) {{",
        *cases,
        f"default: {state} = 1; }} }}",
    ]


@shape(weight=3)
def array(w: Writer) -> Lines:
    """A small array of pointers."""
    name, count = w.new(), w.random.choice([2, 4])
    inside_ = ", ".join(f"{w.window()} + {8 * number}" for number in range(count))
    lines = [f"reg {name}[{count}] = {{ {inside_} }};"]
    if w.below(3) == 0:
        index = w.new()
        return [*lines, f"for (u32 {index} = 0; {index} < {count}; {index}++) {{ {w.touch(f'{name}[{index}]')} }}"]
    return [*lines, w.touches(f"{name}[{w.index(count)}]")]


@shape()
def handlers(w: Writer) -> Lines:
    """A table of functions, one called by its index."""
    table = w.new("t")
    names = ", ".join(_accessor(w) for _ in range(2 + w.below(3)))
    count = 4 if names.count(",") == 3 else 2
    w.before.append(f"static u32 (*const {table}[])(reg, word, u32 *) = {{ {names} }};")
    return [f"sum += {table}[{w.index(count)}]({w.window()}, {w.number()}, m);"]


@shape()
def operations(w: Writer) -> Lines:
    """A structure of operations: constant, or filled here."""
    kind, put, get = w.new("s"), _accessor(w), _accessor(w)
    w.before.append(f"struct {kind} {{ u32 (*put)(reg, word, u32 *); u32 (*get)(reg, word, u32 *); }};")
    if w.below(2):
        name = w.new("t")
        const = w.pick("const ", "")
        w.before.append(f"static {const}struct {kind} {name} = {{ {put}, {get} }};")
        return [f"sum += {name}.{w.pick('put', 'get')}({w.window()}, {w.number()}, m);"]
    name = w.new()
    user = w.helper(
        f"NOINLINE u32 NAME(const struct {kind} *o, reg p, word a, u32 *m)", "return o->put(p, a, m) + o->get(p, 1, m);"
    )
    return [f"struct {kind} {name} = {{ {put}, {get} }};", f"sum += {user}(&{name}, {w.window()}, {w.number()}, m);"]


@shape()
def callback(w: Writer) -> Lines:
    """A function that is handed another, for each channel."""
    call = _accessor(w)
    body = "u32 sum = 0; for (word i = 0; i < n; i++) sum += f(p + 4 * i, i, m); return sum;"
    each = w.helper("NOINLINE u32 NAME(reg p, word n, u32 (*f)(reg, word, u32 *), u32 *m)", body)
    return [f"sum += {each}({w.window()}, {w.index(8)}, {call}, m);"]


@shape()
def tail(w: Writer) -> Lines:
    """A helper's result is the function's own: a tail call."""
    call = _accessor(w)
    condition = w.pick("", f"if ({w.index(4)}) ")
    return [f"{condition}return {call}({w.window()}, sum, m);"]


@shape()
def result_pair(w: Writer) -> Lines:
    """A structure of two words is returned in registers."""
    name = w.new()
    body = "struct slice s = { p + 4 * (a & 7), a }; if (m[1] & 1) s.base = p; return s;"
    get = w.helper("NOINLINE struct slice NAME(reg p, word a, u32 *m)", body)
    return [
        f"struct slice {name} = {get}({w.window()}, {w.number()}, m);",
        w.touches(f"{name}.base"),
        f"sum += {name}.count;",
    ]


@shape()
def result_large(w: Writer) -> Lines:
    """A large structure is returned in memory: by a hidden pointer."""
    name = w.new()
    body = "struct wider s = { p + 4 * (a & 7), a, p + 8, { 1, a, 3 } }; return s;"
    get = w.helper("NOINLINE struct wider NAME(reg p, word a)", body)
    return [
        f"struct wider {name} = {get}({w.window()}, {w.number()});",
        w.touches(f"{name}.base"),
        w.touch(f"{name}.second"),
    ]


@shape(weight=3)
def out(w: Writer) -> Lines:
    """A helper gives the pointer out through an argument, or an error code."""
    name, index = w.new(), w.index(16)
    kind = w.pick("NOINLINE", "NOINLINE", "INLINE")
    get = w.helper(f"{kind} int NAME(reg p, word a, reg *to)", "if (a > 11) return -22; *to = p + a; return 0;")
    lines = [f"reg {name};"]
    if w.below(2):
        return [*lines, f"if ({get}({w.window()}, {index}, &{name})) return sum;", w.touches(name)]
    return [*lines, f"if (!{get}({w.window()}, {index}, &{name})) {{ {w.touches(name)} }}"]


@shape()
def error_pointer(w: Writer) -> Lines:
    """A pointer, or an error code in its place."""
    name = w.new()
    bad = w.pick("(reg)(word)-22", "(reg)0")
    find = w.helper("NOINLINE reg NAME(reg p, word a)", f"return a > 5 ? {bad} : p + a;")
    test = f"(word){name} < (word)-4095" if "22" in bad else name
    return [f"reg {name} = {find}({w.window()}, {w.index(8)});", f"if ({test}) {{ {w.touches(name)} }}"]


@shape()
def exchange(w: Writer) -> Lines:
    """The pointer is published by an atomic, and read back."""
    name = w.new()
    where = w.below(2)
    if where:
        w.before.append(f"static struct slice {name};")
    lines = (
        [] if where else [f"struct slice {name} = {{ 0, 0 }};", f'__asm__ volatile("" : : "r"(&{name}) : "memory");']
    )
    place, before, p = f"{name}.base", w.new(), w.window()
    order = w.pick("__ATOMIC_ACQ_REL", "__ATOMIC_SEQ_CST", "__ATOMIC_RELAXED")
    lines += w.random.choice(
        [
            [f"reg {before} = __atomic_exchange_n(&{place}, {p}, {order});", f"if ({before}) sum++;"],
            [
                f"reg {before} = 0;",
                f"__atomic_compare_exchange_n(&{place}, &{before}, {p}, 0, {order}, __ATOMIC_RELAXED);",
            ],
            [f"reg {before} = __sync_lock_test_and_set(&{place}, {p});", f"if ({before}) sum++;"],
            [f"__sync_val_compare_and_swap(&{place}, 0, {p});"],
            [f"__atomic_store_n(&{place}, {p}, __ATOMIC_RELEASE);"],
        ]
    )
    again = w.new()
    got = w.pick(
        f"__atomic_load_n(&{place}, __ATOMIC_ACQUIRE)", place, f"__atomic_exchange_n(&{place}, 0, __ATOMIC_ACQ_REL)"
    )
    return [*lines, f"reg {again} = {got};", f"if ({again}) {{ {w.touches(again)} }}"]


@shape(weight=1)
def counter(w: Writer) -> Lines:
    """An atomic counter in ordinary memory beside accesses."""
    what = w.pick("fetch_add", "fetch_or", "exchange_n")
    order = w.pick("__ATOMIC_ACQ_REL", "__ATOMIC_RELAXED")
    return [
        w.touch(w.window()),
        f"sum += __atomic_{what}(&m[{w.below(8)}], {w.number()}, {order});",
        w.touch(w.window()),
    ]


@shape(weight=3)
def copied(w: Writer) -> Lines:
    """A structure that holds the pointer is copied, then used."""
    kind, one, two = w.pick("device", "wider"), w.new(), w.new()
    values = (
        f"{{ {{ 1, {w.number()} }}, {w.window()}, {{ 3 }}, 4 }}"
        if kind == "device"
        else f"{{ {w.window()}, 3, {w.window()} + 4, {{ 1 }} }}"
    )
    lines = [
        f"struct {kind} {one} = {values}, {two};",
        f'__asm__ volatile("" : : "r"(&{one}), "r"(&{two}) : "memory");',
    ]
    copy = w.pick("direct", "helper", "builtin", "value")
    if copy == "direct":
        lines += [f"{two} = {one};", f'__asm__ volatile("" : : "r"(&{two}) : "memory");']
    elif copy == "builtin":
        lines += [f"__builtin_memcpy(&{two}, &{one}, sizeof {two});"]
    elif copy == "helper":
        move = w.helper(f"NOINLINE void NAME(struct {kind} *to, const struct {kind} *from)", "*to = *from;")
        lines += [f"{move}(&{two}, &{one});"]
    else:
        _, text = _inner(w, "s.base")
        use = w.helper(f"NOINLINE u32 NAME(struct {kind} s, word a, u32 *m)", f"u32 sum = 0; {text} return sum;")
        return [*lines, f"sum += {use}({one}, {w.number()}, m);"]
    return [*lines, w.touches(f"{two}.base")]


@shape()
def moved(w: Writer) -> Lines:
    """A constructor's structure is moved into another, which goes to a helper."""
    kind, whole, name = w.new("s"), w.new("s"), w.new()
    w.before.append(
        f"struct {kind} {{ reg base; word size; u64 version, more; }}; struct {whole} {{ u64 n; struct {kind} dev; }};"
    )
    make = w.helper(f"NOINLINE struct {kind} NAME(reg p, word a)", f"struct {kind} s = {{ p, a, 1, a * 3 }}; return s;")
    _, text = _inner(w, "d->dev.base")
    use = w.helper(
        f"NOINLINE u32 NAME(const struct {whole} *d, word a, u32 *m)",
        f"u32 sum = d->n; {text} return sum + d->dev.more;",
    )
    lines = [
        f"struct {whole} {name} = {{ 4, {make}({w.window()}, {w.number()}) }};",
        f"sum += {use}(&{name}, {w.number()}, m);",
    ]
    return [*lines, w.touches(f"{name}.dev.base")]


@shape(weight=3)
def holder(w: Writer) -> Lines:
    """A device's structure goes to a helper; there may be one between it and the base."""
    _, text = _inner(w, "b")
    name, device = w.new(), w.new()
    lines = [f"struct device {name} = {{ {{ 1, {w.number()} }}, {w.window()}, {{ 5, 6 }}, 0 }};"]
    if w.below(2):
        use = w.helper(
            "NOINLINE u32 NAME(struct device *d, word a, u32 *m)",
            f"u32 sum = 0; reg b = d->base; {text} sum += d->base[2]; return sum;",
        )
        return [*lines, f"sum += {use}(&{name}, {w.number()}, m);"]
    kind = w.new("s")
    w.before.append(f"struct {kind} {{ u32 n; struct device *private; }};")
    use = w.helper(
        f"NOINLINE u32 NAME(struct {kind} *d, word a, u32 *m)",
        f"u32 sum = d->n; reg b = d->private->base; {text} d->private->base[1] = d->private->table[a & 7]; return sum;",
    )
    return [*lines, f"struct {kind} {device} = {{ 7, &{name} }};", f"sum += {use}(&{device}, {w.number()}, m);"]


@shape()
def container(w: Writer) -> Lines:
    """A member's address leads back to the device."""
    kind, name = w.new("s"), w.new()
    w.before.append(f"struct {kind} {{ reg base; u32 n; u32 work[3]; }};")
    _, text = _inner(w, "d->base")
    device = f"(struct {kind} *)((u8 *)k - __builtin_offsetof(struct {kind}, work))"
    body = f"struct {kind} *d = {device}; u32 sum = d->n; {text} return sum;"
    use = w.helper("NOINLINE u32 NAME(u32 *k, word a, u32 *m)", body)
    return [
        f"struct {kind} {name} = {{ {w.window()}, {w.below(9)}, {{ 1, 2, 3 }} }};",
        f"sum += {use}({name}.work, {w.number()}, m);",
    ]


@shape()
def linked(w: Writer) -> Lines:
    """A list of devices."""
    one, two, at = w.new(), w.new(), w.new()
    return [
        f"struct node {one} = {{ 0, {w.window()}, {w.number()} }}, {two} = {{ &{one}, {w.window()} + 16, 7 }};",
        f"for (struct node *{at} = &{two}; {at}; {at} = {at}->next) {{",
        f"{at}->base[{w.below(9)}] = {at}->value; sum += {at}->base[1]; }}",
    ]


@shape()
def kept(w: Writer) -> Lines:
    """The base is kept in a static, as a driver does that has one device."""
    name, volatile = w.new(), w.pick("", "", "volatile ")
    w.before.append(f"static reg {volatile}{name};")
    _, text = _inner(w, name)
    use = w.helper("NOINLINE u32 NAME(word a, u32 *m)", f"u32 sum = 0; {text} return sum;")
    return [f"{name} = {w.window()};", f"sum += {use}({w.number()}, m);"]


@shape(weight=3)
def channels(w: Writer) -> Lines:
    """A table of structures that a loop fills, used from there."""
    kind, name, index = w.new("s"), w.new(), w.new()
    count = w.random.choice([4, 8, 32])
    w.before.append(f"struct {kind} {{ reg base; word index; }};")
    static = w.below(2)
    if static:
        w.before.append(f"static struct {kind} {name}[{count}];")
    _, text = _inner(w, f"c[{w.below(count)}].base")
    use = w.helper(
        f"NOINLINE u32 NAME(struct {kind} *c, word a, u32 *m)", f"u32 sum = 0; {text} c[1].base[1] = 1; return sum;"
    )
    fill = f"{name}[{index}].base = {w.window()} + 4 * {index}; {name}[{index}].index = {index};"
    lines = [
        f"for (u32 {index} = 0; {index} < {count}; {index}++) {{ {fill} }}",
        f"sum += {use}({name}, {w.number()}, m);",
    ]
    if w.below(2):
        lines.append(w.touch(f"{name}[{w.index(4)}].base"))
    return lines if static else [f"struct {kind} {name}[{count}];", *lines]


@shape(weight=2)
def spill(w: Writer) -> Lines:
    """More values than registers, pointers among them."""
    names = [w.new() for _ in range(6 + w.below(10))]
    lines = []
    for number, name in enumerate(names):
        if number % 3 == 0:
            lines.append(f"reg {name} = {w.window()} + {w.index(8)} * {1 + number};")
        else:
            lines.append(f"u32 {name} = ({w.window()})[{number}] + {w.number()};")
    order = w.random.sample(range(len(names)), len(names))
    used = [w.touch(names[number]) if number % 3 == 0 else f"sum = sum * 3 ^ {names[number]};" for number in order]
    return [*lines, *used]


@shape(weight=8)
def loop(w: Writer) -> Lines:
    """Filling, draining, copying, polling."""
    p, i, e = w.new(), w.new(), w.new()
    count, window = w.pick(w.index(8), "8", w.index(16)), w.window()
    text = w.pick(
        f"reg {p} = {window}; for (u32 {i} = 0; {i} < {count}; {i}++) *{p}++ = {w.number()};",
        f"reg {p} = {window}; for (u32 {i} = 0; {i} < {count}; {i}++) *{p} = m[{i}];",
        f"reg {p} = {window}; u32 *{i} = m, *{e} = m + {count}; while ({i} != {e}) *{i}++ = *{p};",
        f"reg {p} = {window}; u32 *{i} = m, *{e} = m + {count}; while ({i} < {e}) *{p}++ = *{i}++;",
        f"volatile u8 *{p} = (volatile u8 *)({window}), *{e} = {p} + {count}; u8 *{i} = (u8 *)m;"
        f" while ({p} != {e}) *{p}++ = *{i}++;",
        f"reg {p} = {window} + {count}; u32 {i} = {count}; while ({i}--) sum += *--{p};",
        f"u32 {i} = 20; while ({i}-- && !(({window})[{w.below(6)}] & 2)) {w.pick(';', f'({window})[1] = {i};')}",
        f"for (u32 {i} = 0; {i} < {count}; {i}++) {{ ({window})[{i} * 3] = m[{i}]; sum ^= ({window})[{i} * 3 + 1]; }}",
        f"volatile u64 *{p} = (volatile u64 *)({window}); for (u32 {i} = 0; {i} < {count}; {i}++) sum += {p}[{i}];",
        f"for (int {i} = 7; {i} >= 0; {i}--) ((struct registers *)({window}))->channels[{i}].command = {w.number()};",
    )
    return [f"{{ {text} }}"]


@shape()
def accessor(w: Writer) -> Lines:
    """An accessor that is told the width."""
    body = """switch (n) { case 1: return *(volatile u8 *)((volatile u8 *)p + o);
        case 2: return *(volatile u16 *)((volatile u8 *)p + o); default: return *(reg)((volatile u8 *)p + o); }"""
    put = """if (n == 1) *(volatile u8 *)((volatile u8 *)p + o) = v;
        else if (n == 2) *(volatile u16 *)((volatile u8 *)p + o) = v;
        else *(reg)((volatile u8 *)p + o) = v;"""
    kind = w.pick("NOINLINE", "INLINE")
    if w.below(2):
        name = w.helper(f"{kind} u32 NAME(reg p, u32 o, u32 n)", body)
        return [f"sum += {name}({w.window()}, 4 * {w.index(8)}, {w.pick('1', '2', '4', w.index(4))});"]
    name = w.helper(f"{kind} void NAME(reg p, u32 o, u32 n, u32 v)", put)
    return [f"{name}({w.window()}, 4 * {w.index(8)}, {w.pick('1', '2', '4', w.index(4))}, {w.number()});"]


@shape(weight=1)
def bits(w: Writer) -> Lines:
    """Bit-fields of registers."""
    kind = w.new("s")
    w.before.append(f"struct {kind} {{ u32 enable : 1, mode : 3, rest : 12, high : 16; u32 second; }};")
    place = f"((volatile struct {kind} *)({w.window()}))->{w.pick('enable', 'mode', 'rest', 'high')}"
    return [f"{place} = {w.number()};", f"sum += {place};"]


@shape(weight=1)
def numbers(w: Writer) -> Lines:
    """The base as a physical address of 64 bits, whatever the target."""
    name = w.new()
    return [
        f"u64 {name} = (u64)(word)({w.window()}) + {4 * w.below(9)};",
        w.touches(f"(reg)(word)({name} + 4 * {w.index(8)})"),
    ]


@shape(weight=1)
def other_forms(w: Writer) -> Lines:
    """Floating point, and blocks of words."""
    name, window = w.new(), w.window()
    kind = w.pick("float", "double")
    return w.random.choice(
        [
            [f"*(volatile {kind} *)({window} + 4) = 1.5;"],
            [f"sum += *(volatile {kind} *)({window} + 4) > 1;"],
            [
                f"struct block {name} = {{ {{ {w.number()}, 2, 3, 4 }} }};",
                f"*(volatile struct block *)({window} + 12) = {name};",
            ],
        ]
    )


@shape(weight=1)
def ring(w: Writer) -> Lines:
    """Descriptors in an aligned buffer on the stack, whose address the device is told."""
    name, index = w.new(), w.new()
    return [
        f"struct block {name}[4] __attribute__((aligned(64)));",
        f"for (u32 {index} = 0; {index} < 4; {index}++) {{",
        f"{name}[{index}].words[0] = {w.number()}; {name}[{index}].words[3] = {index}; }}",
        f"({w.window()})[2] = (u32)(word){name}; ({w.window()})[3] = {name}[{w.index(4)}].words[0];",
    ]


@shape(weight=7)
def branch(w: Writer) -> Lines:
    """This or that, or out of here."""
    other = w.pick("", f"else {{ {w.touches(w.window())} }}")
    if w.below(3) == 0:
        return [f"if (({w.window()})[{w.below(4)}] & {1 << w.below(4)}) return sum;"]
    return [f"if ({w.number()} & {1 << w.below(3)}) {{ {w.touches(w.window(), 3)} }} {other}"]


@shape(constant=True, weight=12)
def devices(w: Writer) -> Lines:
    """A table of the object's own, one device chosen by an index."""
    table, const = w.new("t"), w.pick("const ", "", "const ")
    places = [WINDOW_LOW + 0x1000 * number for number in range(4)]
    w.random.shuffle(places)
    which, value = w.index(4), w.number()
    what = w.below(4)
    if what == 0:
        w.before.append(f"static {const}unsigned long {table}[] = {{ {', '.join(map(hex, places))} }};")
        return [w.touches(f"(reg){table}[{which}]")]
    if what == 1:
        w.before.append(f"static reg {const}{table}[] = {{ {', '.join(f'(reg){place:#x}' for place in places)} }};")
        return [w.touches(f"{table}[{which}]")]
    kind, name = w.new("s"), w.new()
    w.before.append(f"struct {kind} {{ reg base; u32 irq, count; }};")
    rows = ", ".join(f"{{ (reg){place:#x}, {number}, 0 }}" for number, place in enumerate(places))
    w.before.append(f"static {const}struct {kind} {table}[] = {{ {rows} }};")
    count = "" if const else f"{name}->count++;"
    if what == 2:
        return [
            f"{const}struct {kind} *{name} = &{table}[{which}]; {count}",
            w.touches(f"{name}->base"),
            f"sum += {name}->irq;",
        ]
    pointers = w.new("t")
    rows = ", ".join(f"&{table}[{number}]" for number in (2, 0, 3, 1))
    w.before.append(f"static {const}struct {kind} *const {pointers}[] = {{ {rows} }};")
    return [
        f"{const}struct {kind} *{name} = {pointers}[{which}]; {count}",
        w.touches(f"{name}->base"),
        f"{name}->base[1] = {value};",
    ]


@shape(constant=True, weight=12)
def computed(w: Writer) -> Lines:
    """An address that is made of a constant and numbers: by addition, by or, by fields."""
    name, one, other = w.new(), w.index(8), w.index(16)
    low = WINDOW_LOW
    made = w.pick(
        f"{low:#x}ul + {one} * 0x100",
        f"{low:#x}ul | ({one} << 12)",
        f"{low:#x}ul + ({one} << 12) + ({other} << 8) + 4 * ({w.index(4)})",
        f"{low:#x}ul | ({one} << 12 | {other} << 4)",
        f"{low:#x}ul + {one}",
        f"{low + 0x4000:#x}ul - 4 * {other}",
        f"({one} << 12) + {low + 0x10:#x}ul",
        f"({low >> 12:#x}ul + {one}) << 12",
        f"({low >> 16:#x}ul << 16 | {one} << 8) + {4 * w.below(8)}",
        f"{low:#x}ul + {one} * 0x34",
    )
    if "+ (" not in made and made.endswith(one):
        return [f"word {name} = {made};", f"*(volatile u8 *){name} = {w.number()}; *(volatile u8 *)({name} + 2) |= 4;"]
    return [f"word {name} = {made};", w.touches(f"(reg){name}")]


@shape(constant=True, weight=6)
def fixed(w: Writer) -> Lines:
    """Constant addresses, directly; an index goes in before or after the base."""
    return w.random.choice(
        [
            [w.touches("(reg)0x09000200ul", 3)],
            [f"((reg)0x09000100ul)[{w.index(8)}] = {w.number()};", f"((reg)0x09000104ul)[(int){w.index(8)} - 1] = 1;"],
            [
                f"*(volatile u8 *)(0x09000000ul + {w.index(16)}) = {w.number()};",
                f"*(volatile u64 *)(0x09000000ul + 8 * {w.index(4)}) = 2;",
            ],
        ]
    )


@shape(outside=True)
def waits(w: Writer) -> Lines:
    """A call of another file's function between accesses."""
    call = w.pick(
        f"udelay({w.below(50)});",
        f"udelay({w.number()});",
        "sum += ticks();",
        "relax();",
        f'trace("x %u", {w.number()});',
        "lock_memory(m);",
    )
    return [w.touch(w.window()), call, w.touch(w.window())]


@shape(outside=True)
def polls(w: Writer) -> Lines:
    """Polling with a delay."""
    i, p = w.new(), w.window()
    delay = w.pick("udelay(1);", "relax();")
    return [f"for (u32 {i} = 0; {i} < 9; {i}++) {{ if (({p})[{w.below(6)}] & 4) break; {delay} }}"]


@shape(outside=True)
def cold(w: Writer) -> Lines:
    """A switch with a case that is hardly ever taken."""
    name = w.new("x")
    w.before.append(f"extern void udelay(u32) __attribute__((cold)); /* {name} */")
    cases = [f"case {number}: {w.touches(w.window())} break;" for number in range(6 + w.below(4))]
    cases[2] = f"case 2: udelay({w.number()}); sum = 7; break;"
    return [f"switch ({w.index(16)}) {{", *cases, "}"]


def _taken(rng: random.Random, chosen_from: Mapping[str, Shape]) -> str:
    names = list(chosen_from)
    return rng.choices(names, [chosen_from[name].weight for name in names])[0]


def function(seed: str, name: str, *, only: str | None = None, most: int = 3) -> Function:
    """`u32 name(…)` of up to `most` shapes, or of the shape `only` alone."""
    rng = random.Random(seed)  # noqa: S311  the same programs each time are what is wanted
    outside = SHAPES[only].outside if only else rng.random() < 0.25
    kinds = [kind for kind, value in KINDS.items() if not (only and SHAPES[only].constant) or value.constant]
    kind = KINDS[rng.choice([*kinds, *(["constant"] if rng.random() < 0.3 else [])])]
    writer = Writer(rng, name, kind, outside)
    usable = {key: one for key, one in SHAPES.items() if (kind.constant or not one.constant) and not one.outside}
    calls = {key: one for key, one in SHAPES.items() if one.outside}
    names = [only] if only else [_taken(rng, usable) for _ in range(1 + rng.randrange(most))]
    if outside and not only:
        names.insert(rng.randrange(len(names) + 1), _taken(rng, calls))
    lines: Lines = []
    for number, one in enumerate(names):
        piece = SHAPES[one].write(writer)
        nested = number and rng.random() < 0.2
        lines += [f"if ({writer.number()} & 1) {{", *piece, "}"] if nested else piece
    text = "\n    ".join(lines)
    body = f"u32 {name}({kind.parameters}) {{\n    u32 sum = 0;\n    {text}\n    return sum;\n}}\n"
    return Function(
        seed=seed, name=name, kind=kind, shapes=tuple(names), outside=outside, text="\n".join([*writer.before, body])
    )
