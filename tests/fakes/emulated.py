"""Compiled functions run in an emulator (unicorn), to see what they do to the window.

The object is linked by a real linker, so nothing of the tool's own reading of relocations takes part. The window is not
memory: each access to it is trapped and noted with the instruction that did it. (Not by a hook on memory accesses:
after one in an IT block unicorn 2.1 takes the instructions behind the block for part of it.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import unicorn
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from unicorn import arm64_const, arm_const, riscv_const, x86_const

from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.domain.recipe import Argument, ArgumentKind, HeldPointer
from mmio_bisect.domain.target import Architecture

PAGE = 0x1000
WINDOW, WINDOW_SIZE = 0x0900_0000, 0x10000
ORDINARY, ORDINARY_SIZE = 0x0A00_0000, 0x10000
STACK, STACK_SIZE = 0x0B00_0000, 0x10000
STOP = 0x0C00_0000
MOST_INSTRUCTIONS = 20_000

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What one executed instruction did to the window: which bytes, counted from its begin, each way."""

    code: str
    position: int
    loads: Ranges
    stores: Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """`executed`: instructions by function and offset. `returned`: it came back; if not, `trouble` may say why."""

    events: tuple[Event, ...]
    executed: frozenset[tuple[str, int]]
    returned: bool
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """How an emulator is made and its registers are called; `link` is where a return address goes, if not the stack."""

    architecture: int
    mode: int
    constants: object
    prefix: str
    counter: str = "pc"
    link: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, int] = field(default_factory=dict)

    def register(self, name: str) -> int:
        return int(getattr(self.constants, self.prefix + self.renamed.get(name, name).upper()))


_HALVES = {f"r{name}": f"e{name}" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")}


def _riscv(mode: int) -> Cpu:
    return Cpu(
        architecture=unicorn.UC_ARCH_RISCV,
        mode=mode,
        constants=riscv_const,
        prefix="UC_RISCV_REG_",
        link="x1",
        settings={"mstatus": 1 << 13},  # floating point is not trapped
    )


CPUS: dict[str, Cpu] = {
    Architecture.AARCH64: Cpu(
        architecture=unicorn.UC_ARCH_ARM64,
        mode=unicorn.UC_MODE_ARM,
        constants=arm64_const,
        prefix="UC_ARM64_REG_",
        link="x30",
        settings={"cpacr_el1": 3 << 20},  # floating point is not trapped
    ),
    Architecture.ARM: Cpu(
        architecture=unicorn.UC_ARCH_ARM,
        mode=unicorn.UC_MODE_ARM,
        constants=arm_const,
        prefix="UC_ARM_REG_",
        link="lr",
        settings={"fpexc": 1 << 30},  # floating point is not trapped
    ),
    Architecture.X86_64: Cpu(
        architecture=unicorn.UC_ARCH_X86,
        mode=unicorn.UC_MODE_64,
        constants=x86_const,
        prefix="UC_X86_REG_",
        counter="rip",
    ),
    Architecture.I386: Cpu(
        architecture=unicorn.UC_ARCH_X86,
        mode=unicorn.UC_MODE_32,
        constants=x86_const,
        prefix="UC_X86_REG_",
        counter="eip",
        renamed=_HALVES,
    ),
    Architecture.RISCV64: _riscv(unicorn.UC_MODE_RISCV64),
    Architecture.RISCV32: _riscv(unicorn.UC_MODE_RISCV32),
}


class Machine:
    """A linked image in an emulator; `image` is the object that it was linked from."""

    def __init__(self, linked: bytes, image: CodeImage) -> None:
        self._isa = image.isa
        self._cpu = CPUS[Architecture(image.architecture)]
        self._thumb = int(any(code.thumb for code in image.functions))
        self._uc = unicorn.Uc(self._cpu.architecture, self._cpu.mode)
        self._notes: dict[int, tuple[tuple[str, int], list[tuple[str, int, int]]]] = {}
        self._executed: set[tuple[str, int]] = set()
        self._instance, self._at, self._mood = 0, ("", 0), 0
        self._writable: list[tuple[int, bytes]] = []
        self._places = self._load(ELFFile(BytesIO(linked)), {code.name for code in image.functions})
        # Small numbers are good pointers: a recipe's `_` may be either.
        for start, size in ((0, PAGE), (ORDINARY, ORDINARY_SIZE), (STACK, STACK_SIZE), (STOP, PAGE)):
            self._uc.mem_map(start, size)
        self._uc.mmio_map(WINDOW, WINDOW_SIZE, self._loads, None, self._stores, None)
        self._uc.hook_add(unicorn.UC_HOOK_CODE, self._step)
        for name, value in self._cpu.settings.items():
            self._uc.reg_write(self._cpu.register(name), value)
        self._top = STACK + STACK_SIZE // 2
        self._uc.reg_write(self._cpu.register(self._isa.stack_pointer), self._top)
        self._context = self._uc.context_save()

    def run(self, function: str, arguments: Sequence[Argument], numbers: Sequence[int]) -> Trace:
        """Call it; of `numbers` each argument that leads nowhere near the window gets one, by its place."""
        self._uc.context_restore(self._context)
        for start, content in self._writable:
            self._uc.mem_write(start, content)
        self._uc.mem_write(ORDINARY, bytes(range(1, 129)) * (ORDINARY_SIZE // 128))
        self._uc.mem_write(STACK, bytes(STACK_SIZE))
        self._notes.clear()
        self._executed.clear()
        self._pass(arguments, numbers)
        self._mood = sum(value << (8 * place) for place, value in enumerate(numbers))
        begin, trouble = next(start for start, _, name in self._places if name == function), ""
        try:
            self._uc.emu_start(begin | self._thumb, STOP, count=MOST_INSTRUCTIONS)
        except unicorn.UcError as error:
            trouble = str(error)
        return Trace(
            events=tuple(_event(at, notes) for at, notes in self._notes.values()),
            executed=frozenset(self._executed),
            returned=self._uc.reg_read(self._cpu.register(self._cpu.counter)) == STOP,
            trouble=trouble,
        )

    def _load(self, elf: ELFFile, names: set[str]) -> list[tuple[int, int, str]]:
        """Where the object's functions are."""
        pages: set[int] = set()
        for segment in elf.iter_segments("PT_LOAD"):
            start, size = segment["p_vaddr"], segment["p_memsz"]
            for page in set(range(start // PAGE, (start + size + PAGE - 1) // PAGE)) - pages:
                pages.add(page)
                self._uc.mem_map(page * PAGE, PAGE)
            self._uc.mem_write(start, segment.data())
            if segment["p_flags"] & 2:
                self._writable.append((start, segment.data().ljust(size, b"\0")))
        return [
            (symbol["st_value"] - thumb, symbol["st_value"] - thumb + symbol["st_size"], symbol.name)
            for table in elf.iter_sections()
            if isinstance(table, SymbolTableSection)
            for symbol in table.iter_symbols()
            if symbol.name in names and symbol["st_info"]["type"] == "STT_FUNC"
            for thumb in [symbol["st_value"] & self._thumb]
        ]

    def _pass(self, arguments: Sequence[Argument], numbers: Sequence[int]) -> None:
        sizes = {ArgumentKind.SLICE: (2, False), ArgumentKind.WIDE: (2, True), ArgumentKind.FLOAT: (0, False)}
        places = self._isa.place_arguments([sizes.get(argument.kind, (1, False)) for argument in arguments])
        word = self._isa.pointer_bytes
        if self._cpu.link:
            self._uc.reg_write(self._cpu.register(self._cpu.link), STOP)
        else:
            self._uc.mem_write(self._top, STOP.to_bytes(word, "little"))
        for number, (argument, place) in enumerate(zip(arguments, places, strict=True)):
            values = [numbers[number % len(numbers)]] * 2
            window = WINDOW + region_base(argument.label)
            if argument.kind in {ArgumentKind.WINDOW, ArgumentKind.SLICE}:
                values[0] = window
            if argument.kind is ArgumentKind.HOLDER:
                values[0] = ORDINARY + 0x400 * number + 0x100  # a pointer into the structure has something before it
                self._hold(values[0], argument.holds, word)
            for where, value in zip(place, values, strict=False):
                if isinstance(where, str):
                    self._uc.reg_write(self._cpu.register(where), value)
                else:
                    self._uc.mem_write(self._top + where, value.to_bytes(word, "little"))

    def _hold(self, base: int, pointers: Sequence[HeldPointer], word: int) -> None:
        """Each structure on the way lies 0x40 bytes after the one before."""
        for pointer in pointers:
            at = base
            for step in pointer.steps[:-1]:
                for place in step.offsets(word):
                    self._uc.mem_write(at + place, (at + 0x40).to_bytes(word, "little"))
                at += 0x40
            for place in pointer.steps[-1].offsets(word):
                self._uc.mem_write(at + place, (WINDOW + region_base(pointer.label)).to_bytes(word, "little"))

    def _step(self, _uc: object, address: int, _size: int, _data: object) -> None:
        """What runs outside the object, a library routine, counts as the call that led there."""
        for start, stop, name in self._places:
            if start <= address < stop:
                self._instance += 1
                self._at = (name, address - start)
                self._executed.add(self._at)
                return

    def _loads(self, _uc: object, offset: int, size: int, _data: object) -> int:
        """What the device says depends on the register, how often the window was touched, and the run."""
        self._note("load", offset, size)
        said = (self._mood + 0x9E37_79B9_7F4A_7C15 * (offset + 3 * self._instance + 1)) ** 2 >> 32
        return said % (1 << (8 * size))

    def _stores(self, _uc: object, offset: int, size: int, _value: int, _data: object) -> None:
        """The device does not keep what it is told."""
        self._note("store", offset, size)

    def _note(self, way: str, offset: int, size: int) -> None:
        _, notes = self._notes.setdefault(self._instance, (self._at, []))
        notes.append((way, offset, size))


def region_base(label: str | None) -> int:
    """Each label's window is a part of the one that is trapped, beyond its constant addresses."""
    return 0x8400 + (0 if not label else 0x1E00 * (ord(label[0]) % 4))


def joined(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """The same bytes as ranges that do not touch."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def _event(at: tuple[str, int], notes: Sequence[tuple[str, int, int]]) -> Event:
    ways = {way: joined([(low, low + size) for one, low, size in notes if one == way]) for way in ("load", "store")}
    return Event(code=at[0], position=at[1], loads=ways["load"], stores=ways["store"])
