"""x86 instructions that move the stack pointer beside calls: PUSH, POP and their kin, LEAVE, ENTER.

Source: Intel SDM volume 2.
"""

from mmio_bisect.classify.machine.instructions import ImmediateOperand, Instruction
from mmio_bisect.classify.machine.operations import (
    UNKNOWN_AMOUNT,
    Compute,
    Opaque,
    Operation,
    Sum,
    Unknown,
    load_or_store,
)
from mmio_bisect.domain.access import LOAD, STORE, Form, Transfer
from mmio_bisect.domain.recipe import Direction

_PUSHED, _POPPED = "(pushed)", "(popped)"
_ALL = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
"""PUSHA stores them in this order; POPA leaves the stack pointer out."""

ON_THE_STACK = frozenset({"push", "pop", "leave", "enter", "pushal", "popal", "pushaw", "popaw"}) | {
    *("pushf", "pushfd", "pushfq", "popf", "popfd", "popfq"),
}
_LEGACY_PREFIXES = frozenset({0xF0, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65, 0x66, 0x67})


def is_prefix(byte: int) -> bool:
    """A legacy prefix, or one of those by which 64-bit code names more registers."""
    return byte in _LEGACY_PREFIXES or byte >> 4 == 4


def operand_size(instruction: Instruction, word: int) -> int:
    """The bytes that PUSH, POP and their kin move: a word, or two with the prefix for that, but for REX.W."""
    encoding = instruction.encoding
    first = next((place for place, byte in enumerate(encoding) if byte not in _LEGACY_PREFIXES), 0)
    wide = word == 8 and encoding[first] >> 3 == 0b01001
    return 2 if 0x66 in encoding[:first] and not wide else word


def push(register: str, size: int) -> tuple[Operation, ...]:
    below = Sum.of("rsp", -size)
    transfer = _on_stack(STORE, size, register)
    return (load_or_store(transfer, below, writeback=("rsp", below)),)


def push_value(value: Sum, size: int) -> tuple[Operation, ...]:
    return Compute(target=_PUSHED, value=value), *push(_PUSHED, size)


def pop(register: str, size: int, word: int) -> tuple[Operation, ...]:
    """Half of a register keeps what is above."""
    above, part = Sum.of("rsp", size), size < word and not register.startswith("(")
    loaded = _POPPED if part else register
    transfer = _on_stack(LOAD, size, register)
    touch = load_or_store(transfer, Sum.of("rsp"), registers=(loaded,), writeback=("rsp", above))
    return (touch, Opaque(reads=frozenset({register, loaded}), writes=frozenset({register}))) if part else (touch,)


def frame(instruction: Instruction, word: int) -> tuple[Operation, ...]:  # noqa: PLR0911  one return an instruction
    """What has no operand that is pushed or popped."""
    size = operand_size(instruction, word)
    match instruction.mnemonic:
        case "leave" if size == word:
            return Compute(target="rsp", value=Sum.of("rbp")), *pop("rbp", size, word)
        case "enter" if size == word:
            return _enter(instruction, word)
        case "pushf" | "pushfd" | "pushfq":
            return push_value(Sum(terms=(UNKNOWN_AMOUNT,)), size)
        case "popf" | "popfd" | "popfq":
            return *pop(_POPPED, size, word), Opaque(reads=frozenset(), writes=frozenset({"rflags"}))
        case "pushal" | "pushaw":
            pushes = [one for name in _ALL for one in push(_PUSHED if name == "rsp" else name, size)]
            return Compute(target=_PUSHED, value=Sum.of("rsp")), *pushes
        case "popal" | "popaw":
            past = (Compute(target="rsp", value=Sum.of("rsp", size)),)
            pops = [past if name == "rsp" else pop(name, size, word) for name in reversed(_ALL)]
            return tuple(one for these in pops for one in these)
        case _:
            return (Unknown(),)


def _enter(instruction: Instruction, word: int) -> tuple[Operation, ...]:
    """Without nested frames, which no compiler of C makes."""
    match instruction.operands:
        case (ImmediateOperand(value=room), ImmediateOperand(value=0)):
            here = Compute(target="rbp", value=Sum.of("rsp"))
            return *push("rbp", word), here, Compute(target="rsp", value=Sum.of("rsp", -room))
        case _:
            return (Unknown(),)


def _on_stack(directions: tuple[Direction, ...], size: int, register: str) -> Transfer:
    return Transfer(
        form=Form.SINGLE,
        directions=directions,
        element_width=8 * size,
        registers=(register,),
        syndrome_valid=True,
        why="the stack",
        operation="push" if directions == STORE else "pop",
    )
