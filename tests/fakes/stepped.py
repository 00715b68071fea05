"""Single instructions run in an emulator (unicorn), and what their lifted operations say of the same registers.

Registers hold known numbers, so whatever the operations still know afterwards has to be what the emulator has. Memory
is there wherever it is asked for, and each of its bytes has something to do with its address.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import unicorn
from emulated import CPUS, PAGE, Ranges, joined
from listed_code import listed_image

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.classify.dataflow.accesses import copy
from mmio_bisect.classify.dataflow.accesses import touch as carry_out
from mmio_bisect.classify.dataflow.memory import Memory
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import (
    Bitwise,
    Call,
    CallRegister,
    Choose,
    Compute,
    Copy,
    InsertBits,
    Jump,
    Multiply,
    Opaque,
    Operation,
    Skip,
    Touch,
    Unknown,
)
from mmio_bisect.classify.machine.values import Linear, Value, number
from mmio_bisect.domain.access import Form
from mmio_bisect.domain.recipe import Direction
from mmio_bisect.domain.target import Architecture

CODE, BEFORE = 0x40_0000, 0x100
"""Where the instruction is, and how far behind the section's start."""

POINTERS = 0x1000_0000
MOST_PAGES = 400
UNTOUCHED = 0x0123_4567_89AB_CDEF
"""What vector registers hold before."""

HIGHEST = 1 << 39
"""Addresses beyond it are not canonical somewhere."""

PLAIN = frozenset({Form.SINGLE, Form.PAIR, Form.BLOCK})
MAYBE_NO_STORE = frozenset({Form.EXCLUSIVE, Form.ATOMIC, Form.READ_MODIFY_WRITE})
"""It depends on a comparison or on the monitor."""

PATTERN = bytes((7 * place ^ place >> 5 ^ 0x5A) & 0xFF for place in range(PAGE))

_GENERAL: Mapping[str, Sequence[str]] = {
    Architecture.AARCH64: [*(f"x{one}" for one in range(31)), "sp"],
    Architecture.ARM: [*(f"r{one}" for one in range(13)), "sp", "lr"],
    Architecture.X86_64: [
        *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
        *(f"r{one}" for one in range(8, 16)),
    ],
    Architecture.I386: ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
    Architecture.RISCV64: [f"x{one}" for one in range(1, 32)],
    Architecture.RISCV32: [f"x{one}" for one in range(1, 32)],
}
_VECTORS: Mapping[str, tuple[str, str, int]] = {
    Architecture.AARCH64: ("v", "q", 32),
    Architecture.ARM: ("v", "q", 16),
    Architecture.X86_64: ("xmm", "xmm", 16),
    Architecture.I386: ("xmm", "xmm", 8),
    Architecture.RISCV64: ("f", "f", 32),
    Architecture.RISCV32: ("f", "f", 32),
}
"""What the package calls them, what unicorn does, and how many there are."""

_FLAGS = {
    Architecture.AARCH64: ("nzcv", 0xF000_0000),
    Architecture.ARM: ("cpsr", 0xF000_0000),
    Architecture.X86_64: ("eflags", 0x8D5),
    Architecture.I386: ("eflags", 0x8D5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one instruction did: registers before and after, where control went, and the bytes that it touched."""

    before: Mapping[str, int]
    after: Mapping[str, int]
    flags: int
    counter: int
    loads: Ranges
    stores: Ranges
    content: Mapping[int, int]
    """The bytes that were touched, as they are afterwards."""


class Stepper:
    """One architecture, with memory at every address that an instruction asks for."""

    def __init__(self, architecture: str, *, thumb: bool = False) -> None:
        self.isa, self.thumb, self._cpu = ISAS[architecture], thumb, CPUS[architecture]
        self.bits = 8 * self.isa.pointer_bytes
        self.general = _GENERAL[architecture]
        name, called, count = _VECTORS[architecture]
        self.vectors = {f"{name}{one}": self._cpu.register(f"{called}{one}") for one in range(count)}
        self._disassemble = DISASSEMBLERS[architecture, thumb]
        self._numbers = [self._cpu.register(one) for one in self.general]
        self._flags = _FLAGS.get(Architecture(architecture))
        self._image = listed_image(self.isa)
        self._start()

    def _start(self) -> None:
        mode = self._cpu.mode | (unicorn.UC_MODE_THUMB if self.thumb else 0)
        self._uc = unicorn.Uc(self._cpu.architecture, mode)
        self._pages: set[int] = set()
        self._touched: list[tuple[str, int, int]] = []
        self._map(CODE, 2 * PAGE)
        self._uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._note)
        self._uc.hook_add(unicorn.UC_HOOK_MEM_READ_UNMAPPED | unicorn.UC_HOOK_MEM_WRITE_UNMAPPED, self._missing)
        for name, value in self._cpu.settings.items():
            self._uc.reg_write(self._cpu.register(name), value)

    def _map(self, address: int, size: int) -> None:
        for page in range(address // PAGE, (address + size - 1) // PAGE + 1):
            if page not in self._pages:
                self._pages.add(page)
                self._uc.mem_map(page * PAGE, PAGE)
                self._uc.mem_write(page * PAGE, PATTERN)

    def _has(self, low: int, size: int) -> bool:
        return {low // PAGE, (low + size - 1) // PAGE} <= self._pages

    def _missing(self, _uc: object, _kind: int, address: int, size: int, _value: int, _data: object) -> bool:
        try:
            self._map(address, size)
        except unicorn.UcError:
            return False
        return True

    def _note(self, _uc: object, kind: int, address: int, size: int, _value: int, _data: object) -> None:
        self._touched.append(("store" if kind == unicorn.UC_MEM_WRITE else "load", address, size))

    def read(self, encoding: bytes) -> tuple[Instruction, FunctionCode] | None:
        """As the package's readers see it, and the function that it is the first instruction of."""
        instructions = tuple(self._disassemble(encoding))
        if not instructions or not instructions[0].recognised:
            return None
        code = FunctionCode(
            name="f", section=1, address=BEFORE, size=len(encoding), instructions=instructions, thumb=self.thumb
        )
        return instructions[0], code

    def registers(self, chance: Random) -> dict[str, int]:
        """Pointers, small numbers of both signs, and any others."""
        most = (1 << self.bits) - 1

        def one() -> int:
            match chance.randrange(10):
                case 0 | 1 | 2 | 3 | 4:
                    return POINTERS + 16 * chance.randrange(1 << 12)
                case 5 | 6 | 7:
                    return chance.randrange(-0x200, 0x200) & most
                case _:
                    return chance.getrandbits(self.bits)

        registers = {name: one() for name in self.general}
        registers[self.isa.stack_pointer] = POINTERS + 16 * chance.randrange(1 << 12)
        return registers

    def run(self, encoding: bytes, before: Mapping[str, int], flags: int) -> Step | None:
        """None for what the emulator does not run to its end."""
        if len(self._pages) > MOST_PAGES:
            self._start()
        uc = self._uc
        uc.mem_write(CODE, encoding)
        uc.ctl_remove_cache(CODE, CODE + 16)
        uc.reg_write_batch(list(zip(self._numbers, (before[name] for name in self.general), strict=True)))
        uc.reg_write_batch([(number_of, UNTOUCHED) for number_of in self.vectors.values()])
        if self._flags is not None:
            name, mask = self._flags
            status = uc.reg_read(self._cpu.register(name))
            uc.reg_write(self._cpu.register(name), (status & ~mask) | (flags & mask))
        self._touched.clear()
        try:
            uc.emu_start(CODE | self.thumb, 0, count=1)
        except unicorn.UcError:
            return None
        finally:
            stores = [(low, low + size) for way, low, size in self._touched if way == "store"]
            mapped = [(low, size) for _, low, size in self._touched if self._has(low, size)]
            content = {low + place: byte for low, size in mapped for place, byte in enumerate(uc.mem_read(low, size))}
            for low, size in mapped:
                uc.mem_write(low, bytes(PATTERN[at % PAGE] for at in range(low, low + size)))
        after = dict(zip(self.general, uc.reg_read_batch(self._numbers), strict=True))
        held = uc.reg_read_batch([*self.vectors.values()])
        after |= {name: int(value == UNTOUCHED) for name, value in zip(self.vectors, held, strict=True)}
        return Step(
            before=before,
            after=after,
            flags=flags,
            counter=uc.reg_read(self._cpu.register(self._cpu.counter)) & ~int(self.thumb),
            loads=joined([(low, low + size) for way, low, size in self._touched if way == "load"]),
            stores=joined(stores),
            content=content,
        )

    def state(self, before: Mapping[str, int]) -> State:
        algebra = Algebra((), self.bits)
        memory = Memory(algebra, self.isa.pointer_bytes, ImageData(self._image))
        state = State(algebra, self.isa.stack_pointer, memory)
        for name, value in before.items():
            state.set(name, number(value, self.bits))
        for name in self.vectors:
            state.set(name, number(1, self.bits))
        return state


def known(value: Value, bits: int) -> int | None:
    """The number that a value is, the section's start being where the emulator has it; None if not told."""
    if not isinstance(value, Linear) or value.constant is None:
        return None
    if any(origin.section != 1 for origin, _ in value.terms):
        return None
    total = value.constant + sum(factor * (CODE - BEFORE) for _, factor in value.terms)
    return total % (1 << bits)


def holds(condition: str, flags: int) -> bool:
    """Arm ARM, "Condition code values"."""
    n, z, c, v = (bool(flags >> bit & 1) for bit in (31, 30, 29, 28))
    positive = {
        "eq": z, "cs": c, "mi": n, "vs": v, "hi": c and not z, "ge": n == v, "gt": n == v and not z,
    }  # fmt: skip
    negative = {"ne": "eq", "cc": "cs", "pl": "mi", "vc": "vs", "ls": "hi", "lt": "ge", "le": "gt"}
    return positive[condition] if condition in positive else not positive[negative[condition]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`wrong` is the first thing in which the operations are not what the emulator did.

    `exact`: they know all that the registers hold afterwards, or leave the function; what is loaded aside.
    """

    wrong: str | None
    exact: bool


def compare(stepper: Stepper, operations: Sequence[Operation], step: Step, end: int) -> Comparison | None:
    """None where nothing can be told: an unknown instruction, an address that the emulator has no memory for."""
    ending = _Ending(stepper, step, {end})
    for operation in operations:
        if isinstance(operation, Unknown):
            return None
        if isinstance(operation, Skip) and not holds(operation.unless, step.flags):
            break
        ending.do(operation)
    if any(address is not None and not _fits(touch, address, stepper.bits) for touch, address in ending.touches):
        return None
    loaded = {name for touch, _ in ending.touches for name in (*touch.loads, *touch.clobbers)}
    loaded |= {name for one in operations if isinstance(one, Opaque) and one.reads & loaded for name in one.writes}
    exact = all(address is not None for _, address in ending.touches) and (
        ending.left or all(ending.known(name) is not None for name in step.after if name not in loaded)
    )
    return Comparison(wrong=next(ending.differences(), None), exact=exact)


def _fits(touch: Touch, address: int, bits: int) -> bool:
    return address + (touch.transfer.width or 0) // 8 <= min(HIGHEST, 1 << bits)


class _Ending:
    """What the operations say of how an instruction ends; `positions`: where control may go, None if not told."""

    def __init__(self, stepper: Stepper, step: Step, positions: set[int]) -> None:
        self._step, self._bits, self._unit = step, stepper.bits, min(one.unit for one in stepper.isa.disassembly)
        self._counters: set[int] | None = {CODE + position for position in positions}
        self._state = stepper.state(step.before)
        self._wrong: list[str] = []
        self.touches: list[tuple[Touch, int | None]] = []
        self.left = False

    def known(self, name: str) -> int | None:
        return known(self._state.get(name), self._bits)

    def do(self, operation: Operation) -> None:
        match operation:
            case Choose(target=target, sources=sources):
                loaded = {name for touch, _ in self.touches for name in touch.loads}
                if not loaded & {*sources} and self._step.after[target] not in map(self.known, sources):
                    self._wrong.append(f"{target} is none of {sources}")
                self._state.apply(operation)
            case Compute() | Bitwise() | InsertBits() | Multiply() | Opaque():
                self._state.apply(operation)
            case Touch():
                address = self._state.evaluate(operation.address)
                self.touches.append((operation, known(address, self._bits)))
                self._moved(operation, operation.stores, {name: self.known(name) for name in operation.stores})
                carry_out(self._state, operation, address)
            case Copy():
                copy(self._state, operation)
            case Jump(position=position, conditional=conditional):
                self._counters = {CODE + position, *((self._counters or ()) if conditional else ())}
            case Call(position=position):
                self._leave({CODE + position})
            case CallRegister(register=register):
                to = self.known(register)
                self._leave(None if to is None else {to - to % self._unit})
            case _:
                self._leave(None)

    def _leave(self, counters: set[int] | None) -> None:
        """What a callee leaves in registers is not this instruction's matter."""
        self._counters, self.left = counters, True
        self._state.registers.clear()

    def differences(self) -> Iterator[str]:
        yield from self._wrong
        step = self._step
        if self._counters is not None and step.counter not in {at % (1 << self._bits) for at in self._counters}:
            yield f"control goes to {step.counter:#x}, not to {self._counters}"
        for name, after in step.after.items():
            said = self.known(name)
            if said not in {None, after}:
                yield f"{name} is {after:#x}, not {said:#x}"
        yield from self._bytes()
        self._wrong.clear()
        for touch, _ in self.touches:
            self._moved(touch, touch.loads, step.after)
        yield from self._wrong

    def _bytes(self) -> Iterator[str]:
        found: dict[Direction, list[tuple[int, int]]] = {Direction.LOAD: [], Direction.STORE: []}
        for touch, address in self.touches:
            if address is None or touch.transfer.width is None:
                return
            for direction in touch.transfer.directions:
                found[direction].append((address, address + touch.transfer.width // 8))
        loads, stores = joined(found[Direction.LOAD]), joined(found[Direction.STORE])
        if any(touch.transfer.form in MAYBE_NO_STORE for touch, _ in self.touches) and not self._step.stores:
            stores = ()
        if (loads, stores) != (self._step.loads, self._step.stores):
            yield f"it loads {self._step.loads} and stores {self._step.stores}; found was {loads} and {stores}"

    def _moved(self, touch: Touch, names: Sequence[str], values: Mapping[str, int | None]) -> None:
        """Each register's part of memory is what it holds."""
        transfer, address = touch.transfer, next(at for one, at in self.touches if one is touch)
        if address is None or transfer.form not in PLAIN or transfer.element_width is None:
            return
        size = transfer.element_width // 8
        for place, name in zip(range(address, address + size * len(names), size), names, strict=True):
            value = values.get(name)
            content = [self._step.content.get(at) for at in range(place, place + size)]
            if value is None or name not in self._step.before or None in content:
                continue
            there = int.from_bytes(bytes(byte for byte in content if byte is not None), "little")
            signs = transfer.sign_extends and there >> (8 * size - 1)
            extended = {there, *((there - (1 << 8 * size)) % (1 << bits) for bits in (32, 64) if signs)}
            if value % (1 << (8 * size)) != there or (touch.loads and value not in extended):
                self._wrong.append(f"{name} is {value:#x}, and memory {there:#x}")
