"""Machine code that a careless analysis takes long for: helpers that call helpers, flags, switches, long functions.

Each is given as an image whose function `f` gets a pointer to the window in the first register (A64, A32).
"""

import struct
from collections.abc import Mapping, Sequence

from listed_code import RawFunction, listed_object

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.probing.objects import Objects

_RET, _SAVE, _RESTORE = 0xD65F03C0, 0xA9BE7BFD, 0xA8C27BFD
_KEEP, _KEPT, _AGAIN = 0xF9000BF3, 0xF9400BF3, 0xAA1303E0  # str x19, [sp, #16]; ldr x19, [sp, #16]; mov x0, x19


def image_of(architecture: Architecture, functions: Mapping[str, Sequence[int]]) -> CodeImage:
    """Functions of words of 32 bits, one behind the other."""
    raw, at = [], 0
    for name, words in functions.items():
        code = struct.pack(f"<{len(words)}I", *words)
        raw.append(RawFunction(name=name, section=1, address=at, size=len(code), code=code))
        at += len(code)
    return Objects(lambda _: listed_object(architecture, raw), DISASSEMBLERS).read(b"")


def _store(offset: int, base: int = 0) -> int:
    """Of W1: STR (immediate, unsigned offset)."""
    return 0xB9000001 | (offset // 4 & 0xFFF) << 10 | base << 5


def nested(depth: int, calls: int = 2, step: int = 0) -> CodeImage:
    """Each helper calls the next one so many times; the last stores to the window, at `step` bytes more for each."""
    functions: dict[str, list[int]] = {}
    length = 6 + 2 * calls + calls * bool(step)
    for level in range(depth):
        name = f"h{level}" if level else "f"
        body = [_SAVE, _KEEP, 0xAA0003F3]  # mov x19, x0
        for number in range(calls):
            body.append(_AGAIN)
            if step:
                body.append(0x91000000 | step * number << 10)  # add x0, x0, #step * number
            here = level * length + len(body)
            body.append(0x94000000 | ((level + 1) * length - here) & 0x3FFFFFF)
        functions[name] = [*body, _KEPT, _RESTORE, _RET]
        assert len(functions[name]) == length
    functions["last"] = [_store(0), _RET]
    return image_of(Architecture.AARCH64, functions)


def straight(length: int) -> CodeImage:
    return image_of(Architecture.AARCH64, {"f": [*(_store(4 * (at % 1000)) for at in range(length)), _RET]})


def branches(count: int) -> CodeImage:
    """One flag after the other: if it is set, a store, and another pointer from there on."""
    words: list[int] = []
    for bit in range(count):
        words += [0x36000061 | (bit & 31) << 19, _store(4 * bit), 0x91001000]  # tbz w1, #bit; str; add x0, x0, #4
    return image_of(Architecture.AARCH64, {"f": [*words, _RET]})


def conditions(count: int) -> CodeImage:
    """A32 instructions with conditions, each after a comparison of its own."""
    words: list[int] = []
    for bit in range(count):
        words += [0xE3110001 | bit % 7, 0x15801000 | 4 * bit, 0x12800004, 0x05902000]  # tst; strne; addne; ldreq
    return image_of(Architecture.ARM, {"f": [*words, 0xE12FFF1E]})


def switch(cases: int) -> CodeImage:
    """Comparisons one after the other, each with a case that jumps to the end."""
    words: list[int] = []
    length = 4 * cases + 2
    for case in range(cases):
        here = len(words)
        words += [0x7100003F | (case & 0xFFF) << 10, 0x54000061, _store(4 * (case % 500))]  # cmp; b.ne; str
        words.append(0x14000000 | (length - 1 - (here + 3)))
    return image_of(Architecture.AARCH64, {"f": [*words, _store(0), _RET]})


def loops(depth: int) -> CodeImage:
    """Loops in loops, each of which moves the pointer on."""
    words = [0x91001000] * depth  # add x0, x0, #4
    words.append(_store(0))
    for level in range(depth):
        here = len(words) + 1
        words += [0x91001000, 0xB5000001 | ((depth - level - 1 - here) & 0x7FFFF) << 5]  # add; cbnz x1
    return image_of(Architecture.AARCH64, {"f": [*words, _RET]})


SHAPES: Mapping[str, CodeImage] = {
    "helpers, 12 deep, each called twice": nested(12),
    "helpers, 12 deep, each called three times at another place": nested(12, calls=3, step=4),
    "helpers, 30 deep, each called once": nested(30, calls=1),
    "20 flags": branches(20),
    "300 flags": branches(300),
    "20 conditions": conditions(20),
    "200 conditions": conditions(200),
    "a switch of 500 cases": switch(500),
    "5,000 instructions": straight(5000),
    "loops, 6 deep": loops(6),
}
