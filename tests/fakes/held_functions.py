"""Driver-shaped functions, compiled, executed with their window trapped, and held against what is said of them.

What must hold: an instruction that was trapped has been found, or sight of the window was lost and that is said; and
where an executed form cannot be emulated the function is not called good. How often sight is lost is counted, by cause.
"""

import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from driver_c import LIBRARY, WINDOW_HIGH, WINDOW_LOW, Function, program
from emulated import ORDINARY, Event, Machine

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.prototypes import declared_prototypes
from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.operations import Touch
from mmio_bisect.classify.verdict.judge import defect_kinds, judge_image
from mmio_bisect.classify.verdict.profiles import default_profile
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import FunctionJudgement
from mmio_bisect.domain.recipe import ConstantWindow, FunctionExpectation, Language
from mmio_bisect.workflow.probing.objects import Objects

OBJECTS = Objects(read_object, DISASSEMBLERS)
WINDOW = ConstantWindow(low=WINDOW_LOW, high=WINDOW_HIGH)
MEMORY = ORDINARY + 0x4000
TARGET_NAMES = ("aarch64", "arm", "thumb", "x86_64", "riscv64")
LEVELS = ("0", "1", "2", "3", "s")
_GCC = {"aarch64": "aarch64-linux-gnu-gcc", "x86_64": "gcc", "riscv64": "riscv64-linux-gnu-gcc"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """`words` begin its command line, by target."""

    name: str
    words: Mapping[str, tuple[str, ...]]


def clang(name: str, zig: Path) -> Compiler:
    flags = ("-nostdlibinc", "-fno-ident")
    return Compiler(
        name=name,
        words={
            target: (
                str(zig),
                "clang",
                f"--target={TARGETS[target].clang_triple}",
                *TARGETS[target].clang_flags,
                *flags,
            )
            for target in TARGET_NAMES
        },
    )


def gcc(suffix: str = "-12") -> Compiler:
    """Debian's, for the targets for which it is installed."""
    names = {**_GCC, "arm": "arm-linux-gnueabihf-gcc", "thumb": "arm-linux-gnueabihf-gcc"}
    return Compiler(
        name=f"gcc{suffix}",
        words={
            target: (f"{name}{suffix}", *TARGETS[target].gcc_flags)
            for target, name in names.items()
            if shutil.which(f"{name}{suffix}")
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    compiler: Compiler
    target: str
    level: str

    def __str__(self) -> str:
        return f"{self.compiler.name} {self.target} -O{self.level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One function held against its runs.

    `unseen` are trapped instructions that were not found, `unsaid` executed ones that cannot be emulated in a function
    without a defect; each with its text. `escapes` are the reasons why sight was lost, `trouble` what ended a run.
    """

    function: Function
    cell: Cell
    unseen: tuple[str, ...]
    unsaid: tuple[str, ...]
    escapes: tuple[str, ...]
    trouble: tuple[str, ...]
    seconds: float
    trapped: int

    @property
    def silent(self) -> bool:
        """What must never be."""
        return not self.escapes and bool(self.unseen or self.unsaid)


class Builder:
    """Compiles, links and runs in a folder of its own; `linker` is a zig."""

    def __init__(self, folder: Path, linker: Path) -> None:
        self._folder, self._linker = folder, linker
        self._libraries: dict[str, Path] = {}

    def build(self, cell: Cell, functions: Sequence[Function]) -> tuple[CodeImage, Machine] | None:
        """None if the compiler refuses."""
        source, made, linked = (self._folder / f"case.{suffix}" for suffix in ("c", "o", "elf"))
        text = program(functions)
        source.write_text(text)
        flags = (f"-O{cell.level}", "-ffreestanding", "-w")
        words: list[str | Path] = [*cell.compiler.words[cell.target], *flags, "-c", source, "-o", made]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            return None
        # Relaxation would move the code: the instructions are to stay where the object has them.
        link = (self._linker, "ld.lld", "--no-relax", made, self._library(cell.target))
        subprocess.run((*link, "-e", "0", "-Ttext=0x400000", "-o", linked), check=True, capture_output=True)
        image = OBJECTS.read(made.read_bytes()).declaring(declared_prototypes(text, Language.C, ()))
        return image, Machine(linked.read_bytes(), image)

    def hold(self, cell: Cell, functions: Sequence[Function], runs: int = 8) -> Iterator[Held]:
        built = self.build(cell, functions)
        if built is None:
            return
        image, machine = built
        for one in functions:
            yield hold(image, machine, cell, one, runs)

    def _library(self, target: str) -> Path:
        if target not in self._libraries:
            source, made = (self._folder / f"library-{target}.{suffix}" for suffix in ("c", "o"))
            source.write_text(LIBRARY)
            words = clang("", self._linker).words[target]
            flags = ("-O1", "-fno-builtin", "-ffreestanding", "-mno-outline-atomics", "-w", "-c")
            subprocess.run((*words, *flags, source, "-o", made), check=True)
            self._libraries[target] = made
        return self._libraries[target]


def hold(image: CodeImage, machine: Machine, cell: Cell, one: Function, runs: int) -> Held:
    isa = ISAS[image.architecture]
    base = parse_function(one.signature(isa.pointer_bytes))
    traces = [machine.run(base.symbol, base.arguments, vector) for vector in vectors(one, runs)]
    before = time.process_time()
    judged = judge_function(image, base)
    seconds = time.process_time() - before
    found = {(access.code, access.position) for access in judged.accesses}
    trapped = {(event.code, event.position): event for trace in traces for event in trace.events}
    said = {defect.kind for defect in judged.defects}
    return Held(
        function=one,
        cell=cell,
        unseen=tuple(_text(image, event) for place, event in trapped.items() if place not in found),
        unsaid=() if said else tuple(_text(image, event) for event in trapped.values() if _is_bad(image, event)),
        escapes=tuple(defect.why for defect in judged.unseen if defect.kind is DefectKind.ESCAPES),
        trouble=tuple(trace.trouble or "it did not return" for trace in traces if not trace.returned),
        seconds=seconds,
        trapped=len(trapped),
    )


def judge_function(image: CodeImage, function: FunctionExpectation) -> FunctionJudgement:
    """By form alone: any accesses are asked for."""
    profile = default_profile(image.architecture)
    return judge_image(image, [function], (WINDOW,), profile).functions[0]


def vectors(one: Function, runs: int) -> list[list[int]]:
    """Numbers for the arguments of each run, the pointer to ordinary memory at its place."""
    rng = random.Random(one.name)  # noqa: S311  the same numbers each time are what is wanted
    made = [[rng.randrange(16) for _ in range(6)] for _ in range(runs)]
    for number, vector in enumerate(made):
        vector[0] = number or 0
        vector[one.kind.memory] = MEMORY
    return made


def _is_bad(image: CodeImage, event: Event) -> bool:
    code = image.function(event.code)
    index = None if code is None else code.at(event.position)
    if code is None or index is None:
        return False
    operations = ISAS[image.architecture].lift(code.instructions[index], code)
    profile = default_profile(image.architecture)
    return any(defect_kinds(one.transfer, profile) for one in operations if isinstance(one, Touch))


def _text(image: CodeImage, event: Event) -> str:
    code = image.function(event.code)
    index = None if code is None else code.at(event.position)
    text = code.instructions[index].text if code and index is not None else "?"
    return f"{event.code}+{event.position:#x} {text}"


_CHANGING = re.compile(
    r"\bf\d+\w*|\b(e?r?[a-d]x|[er]?[sd]i|[xrwva]\d+|r\d+[dw]?|sb|sl|fp|ip|lr)\b|0x[0-9a-f]+|\((target|loaded)\)"
)


def cause_of(why: str) -> str:
    """A reason without the names in it."""
    return _CHANGING.sub("_", why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is kept of a function that was held. `text` tells all of it if something is wrong."""

    name: str
    outside: bool
    causes: list[str]
    silent: bool
    text: str
    seconds: float

    @classmethod
    def of(cls, held: Held) -> "Result":
        return cls(
            name=f"{held.function.seed}, {held.cell}",
            outside=held.function.outside,
            causes=sorted({cause_of(why) for why in held.escapes}),
            silent=held.silent,
            text=describe(held) if held.silent or held.trouble else "",
            seconds=held.seconds,
        )

    def as_json(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(slots=True)
class Tally:
    """What came out of many functions; those without calls of other files' functions are counted apart."""

    functions: Counter[bool] = field(default_factory=Counter)
    lost: Counter[bool] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    wrong: list[Result] = field(default_factory=list)
    slowest: Result | None = None

    def add(self, result: Result) -> None:
        self.functions[result.outside] += 1
        self.lost[result.outside] += bool(result.causes)
        self.causes.update(result.causes)
        for cause in result.causes:
            self.examples.setdefault(cause, result.name)
        if result.text:
            self.wrong.append(result)
        if self.slowest is None or result.seconds > self.slowest.seconds:
            self.slowest = result

    @property
    def silent(self) -> int:
        return sum(result.silent for result in self.wrong)

    def share_lost(self, *, outside: bool) -> float:
        return self.lost[outside] / max(1, self.functions[outside])


def describe(held: Held) -> str:
    """What is wrong with a function, and the function."""
    what = [f"not found: {text}" for text in held.unseen] + [
        f"cannot be emulated, not said: {text}" for text in held.unsaid
    ]
    what += [f"lost: {why}" for why in held.escapes] + [f"trouble: {why}" for why in held.trouble]
    return "\n".join([f"{held.function.seed}, {held.cell}, {held.function.signature(8)}", *what, held.function.text])
