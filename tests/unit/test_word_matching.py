"""Which instruction of an object is which of the compiler's word: in order and form, or not at all."""

import pytest

from mmio_bisect.adapters.binary.disassemblers import disassembler
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.word.matching import MatchedFunction, Unread, match_word
from mmio_bisect.classify.word.values import FunctionWord, MemoryPart, WordAssembly, WordInstruction, WordItem
from mmio_bisect.domain.recipe import Direction

LOAD_W, LOAD_X = 0xB9400008, 0xF9400808  # ldr w8, [x0]; ldr x8, [x0, #16]
STORE_W, STORE_POST, STORE_PAIR = 0xB9000028, 0xB8004409, 0x29002408  # str w8, [x1]; str w9, [x0], #4; stp w8, w9, [x0]
PUSH, POP = 0xA9BF7BFD, 0xA8C17BFD  # stp x29, x30, [sp, #-16]!; ldp x29, x30, [sp], #16
LITERAL, ADD, RETURN = 0x58000040, 0x91001000, 0xD65F03C0  # ldr x0, <8 bytes on>; add x0, x0, #4; ret
SWAP = 0xB8288008  # swp w8, w8, [x0]


def function(*words: int) -> FunctionCode:
    code = b"".join(word.to_bytes(4, "little") for word in words)
    return FunctionCode(name="f", section=1, address=0, size=len(code), instructions=tuple(disassembler(A64)(code)))


def said(text: str) -> WordItem:
    """`store32!` is volatile, `load32+load32` has two parts, `asm2` is inline assembly, `pool64` a constant."""
    if text.startswith("asm"):
        return WordAssembly(instructions=int(text[3:]))
    parts = [
        MemoryPart(
            direction=Direction.STORE if part.startswith("store") else Direction.LOAD,
            width=int(part.strip("adelopstr!~")),
            volatile="!" in part,
            atomic="~" in part,
            constant=part.startswith("pool"),
        )
        for part in text.split("+")
    ]
    return WordInstruction(opcode=text, parts=tuple(parts))


def matched(words: list[int], items: list[str]) -> list[str] | str:
    """What each memory instruction is, or why the function is unread."""
    word = FunctionWord(name="f", items=tuple(map(said, items)))
    match match_word(ISAS["aarch64"], function(*words), word):
        case MatchedFunction(instructions=instructions):
            return [
                f"{position}:{one.said.opcode if isinstance(one.said, WordInstruction) else 'asm'}"
                for position, one in instructions.items()
            ]
        case Unread(why=why):
            return why


MATCHED: list[tuple[str, list[int], list[str], list[str]]] = [
    ("in order", [LOAD_W, ADD, STORE_W, RETURN], ["load32!", "store32"], ["0:load32!", "8:store32"]),
    ("what moves the stack pointer does not count", [PUSH, LOAD_X, POP, RETURN], ["load64!"], ["4:load64!"]),
    ("a pair is two parts", [STORE_PAIR], ["store32!+store32!"], ["0:store32!+store32!"]),
    ("one of two that became one is as wide as each", [STORE_W], ["store32!+store32"], ["0:store32!+store32"]),
    ("an exchange is said to store", [SWAP], ["store32~"], ["0:store32~"]),
    ("a literal of which nothing is said", [LITERAL, LOAD_W], ["load32!"], ["4:load32!"]),
    ("a literal of which something is said", [LITERAL, LOAD_W], ["pool64", "load32!"], ["0:pool64", "4:load32!"]),
    ("a constant that needs no memory", [LOAD_W], ["pool64", "load32!"], ["0:load32!"]),
    ("assembly without memory", [LOAD_W, ADD, STORE_W], ["load32!", "asm1", "store32!"], ["0:load32!", "8:store32!"]),
    ("assembly that stores", [LOAD_W, STORE_W], ["load32!", "asm1"], ["0:load32!", "4:asm"]),
    ("assembly before what it resembles", [STORE_W, STORE_W], ["asm1", "store32!"], ["0:asm", "4:store32!"]),
    ("no memory at all", [ADD, RETURN], [], []),
]


@pytest.mark.parametrize(("what", "words", "items", "expected"), MATCHED, ids=[row[0] for row in MATCHED])
def test_matched(what: str, words: list[int], items: list[str], expected: list[str]) -> None:
    assert matched(words, items) == expected, what


UNREAD: list[tuple[str, list[int], list[str], str]] = [
    ("another width", [LOAD_W], ["load64!"], "it says load64! where there is “ldr w8, [x0]”"),
    ("another direction", [LOAD_W], ["store32!"], "it says store32! where there is “ldr w8, [x0]”"),
    ("another order", [LOAD_W, STORE_W], ["store32", "load32!"], "it says store32 where"),
    ("more than there is", [LOAD_W], ["load32!", "load32"], "it says 2 memory instructions, and there are 1"),
    ("less than there is", [LOAD_W, LOAD_W], ["load32!"], "it says 1 memory instructions, and there are 2"),
    ("a half of a pair", [STORE_PAIR], ["store64!+store64!"], "where there is “stp w8, w9, [x0]”"),
    ("assembly of too few instructions", [STORE_W, STORE_W, STORE_W], ["asm1", "store32!"], "it says 1 memory"),
    ("assembly that may be either", [STORE_W, STORE_W], ["asm1", "store32!", "asm1"], "inline assembly or volatile"),
    ("a constant that may be volatile", [LITERAL, LOAD_X], ["load64!", "pool64"], "may be"),
]


@pytest.mark.parametrize(("what", "words", "items", "why"), UNREAD, ids=[row[0] for row in UNREAD])
def test_unread(what: str, words: list[int], items: list[str], why: str) -> None:
    reason = matched(words, items)
    assert isinstance(reason, str), what
    assert why in reason


def test_nothing_said_is_unread() -> None:
    assert match_word(ISAS["aarch64"], function(LOAD_W), None) == Unread(why="the compiler says nothing of f")
    broken = FunctionWord(name="f", unread="its dump breaks off")
    assert "its dump breaks off" in str(match_word(ISAS["aarch64"], function(LOAD_W), broken))


def test_what_takes_too_long_to_tell_apart_is_unread() -> None:
    reason = matched([LOAD_W] * 600, [*["load32!"] * 599, "asm600"])
    assert isinstance(reason, str)
    assert "too many" in reason
