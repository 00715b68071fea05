"""Machine code of a few words in which an access was lost once, without a word."""

from collections.abc import Mapping, Sequence

import pytest
from deep_code import image_of

from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.profiles import default_profile
from mmio_bisect.domain.recipe import ConstantWindow
from mmio_bisect.domain.target import Architecture

WINDOW = ConstantWindow(low=0x900_0000, high=0x900_1000)
SAVE, RESTORE = 0xA9BE7BFD, 0xA8C27BFD

CASES: list[tuple[str, Architecture, Mapping[str, Sequence[int]], str, set[tuple[str, int]]]] = [
    (
        "a jump into the middle of a function that is called too, with another pointer",
        Architecture.AARCH64,
        {
            # stp; bl h; mov x0, x1; ldp; b h+4
            "f": [SAVE, 0x94000004, 0xAA0103E0, RESTORE, 0x14000002],
            "h": [0xB9000001, 0xB9000401, 0xD65F03C0],  # str w1, [x0]; str w1, [x0, #4]; ret
        },
        "f(mmio,_)",
        {("h", 0), ("h", 4)},
    ),
    (
        "the address of a function in the link register, where another is called",
        Architecture.AARCH64,
        {
            # stp; adr x30, h; bl h; str w1, [x0]; ldp; ret
            "f": [SAVE, 0x100000BE, 0x94000004, 0xB9000001, RESTORE, 0xD65F03C0],
            "h": [0xD65F03C0],
        },
        "f(mmio,_)",
        {("f", 12)},
    ),
    (
        "a half of a vector register, loaded after the other",
        Architecture.ARM,
        # sub sp; vldr d6, [r0]; vldr d7, [r0, #32]; vstr d6, [sp]; ldr r2, [sp]; str r1, [r2]; add sp; bx lr
        {
            "f": [
                *(0xE24DD010, 0xED906B00, 0xED907B08, 0xED8D6B00),
                *(0xE59D2000, 0xE5821000, 0xE28DD010, 0xE12FFF1E),
            ]
        },
        "f(holds(0),_)",
        {("f", 20)},
    ),
    (
        "an index and a product of halves",
        Architecture.ARM,
        {"f": [0xE1030281, 0xE5831000, 0xE12FFF1E]},  # smlabb r3, r1, r2, r0; str r1, [r3]; bx lr
        "f(mmio,_,_)",
        {("f", 4)},
    ),
    (
        "a page's number and an index in 32 bits, put into place",
        Architecture.X86_64,
        # lea eax, [rdi + 0x9000]; mov eax, eax; shl rax, 12; mov [rax], esi; ret; padding
        {"f": [0x9000878D, 0xC0890000, 0x0CE0C148, 0x90C33089]},
        "f(_,_)",
        {("f", 12)},
    ),
    (
        "a pointer or nothing, chosen by a mask",
        Architecture.AARCH64,
        {"f": [0x8A010000, 0xB9000001, 0xD65F03C0]},  # and x0, x0, x1; str w1, [x0]; ret
        "f(mmio,_)",
        {("f", 4)},
    ),
]


@pytest.mark.parametrize(
    ("architecture", "functions", "asked", "accesses"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_access_is_found(
    architecture: Architecture, functions: Mapping[str, Sequence[int]], asked: str, accesses: set[tuple[str, int]]
) -> None:
    image = image_of(architecture, functions)
    (judged,) = judge_image(image, [parse_function(asked)], (WINDOW,), default_profile(architecture)).functions
    assert not judged.unseen
    assert {(access.code, access.position) for access in judged.accesses} == accesses
