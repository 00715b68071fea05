"""What a bisection must say of a generated function, found out by running the function as every version compiles it.

Nothing here rests on how the tool follows pointers: an emulator tells which instructions touched the window, and
whether a hypervisor can emulate one is read off its encoding, by the architecture's rule (`WORDS`).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from driver_c import KINDS, WINDOW_HIGH, WINDOW_LOW, Function, Writer, program
from driver_shapes import SHAPES
from driver_shapes import function as driver_function
from held_functions import Builder, Cell, clang, vectors
from real_zigs import RealZigs
from tool_process import Tool

from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import Verdict

RUNS = 32


# --- what is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A function, and for what it is compiled."""

    number: int
    function: Function
    target: str
    level: str

    @property
    def recipe(self) -> str:
        """Accesses of any shape are asked for: only forms make a verdict."""
        pointer_bytes = 4 if self.target == "arm" else 8
        shapes = ",".join(f"{way}{width}" for way, width in product(("load", "store"), (8, 16, 32, 64, 128)))
        return (
            f"//mmio: target={self.target} opt={self.level} window={WINDOW_LOW:#x}..{WINDOW_HIGH:#x}\n"
            f"//mmio: fn={self.function.signature(pointer_bytes)} each={shapes}\n"
            f"//@ compile-flags: -ffreestanding -w\n{program([self.function])}"
        )


def question(number: int) -> Question:
    """Each sixth is for A32; of three functions one is of any shape, one is a loop, and one steps on as it stores."""
    rng = random.Random(f"brute force {number}")  # noqa: S311  the same questions each time are what is wanted
    seed = f"brute force {number}"
    shapes = sorted(name for name, shape in SHAPES.items() if not shape.outside)
    match number % 3:
        case 0:
            function = driver_function(seed, "f", only=rng.choice(shapes))
        case 1:
            function = driver_function(seed, "f", only="loop")
        case _:
            function = stepping_function(rng)
    target = "arm" if number % 6 == 5 else "aarch64"
    return Question(number=number, function=function, target=target, level=rng.choice(("1", "2", "3", "s")))


def stepping_function(rng: random.Random) -> Function:
    """Accesses at fixed places through a pointer that then moves on: two stores, or several times a few of any kind."""
    writer = Writer(rng, "f", KINDS["pointer"])
    width = writer.pick("u8", "u16", "u32", "u32", "u64")
    lines = [f"volatile {width} *p = (volatile {width} *)w;"]
    if writer.below(2):
        numbers = [writer.pick("a", "b", "c", "1", "77") for _ in range(2)]
        lines += [f"p[0] = {numbers[0]};", f"p[1] = {numbers[1]};", "p += 2;"]
    else:
        for _ in range(1 + writer.below(3)):
            count = 1 + writer.below(3)
            lines += [
                writer.pick(f"p[{place}] = {writer.number()};", f"p[{place}] = {place};", f"sum += p[{place}];")
                for place in range(count)
            ]
            lines.append(f"p += {count};")
        lines.append("m[0] = sum;")
    body = "\n    ".join(lines)
    text = f"reg f({writer.kind.parameters}) {{\n    u32 sum = 0;\n    {body}\n    return (reg)p;\n}}\n"
    return Function(seed="", name="f", kind=writer.kind, shapes=("stepping",), outside=False, text=text)


# --- what runs say of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How an instruction set of 32-bit words is read: `touches` memory that is no stack, and is `emulated`."""

    touches: Callable[[int], bool]
    emulated: Callable[[int], bool]


def _a64_touches(word: int) -> bool:
    """Arm ARM (DDI 0487), C4.1: loads and stores have op0 = x1x0. The base is in bits 9 to 5."""
    return word >> 25 & 0b0101 == 0b0100 and word >> 5 & 31 != 31


def _a64_emulated(word: int) -> bool:
    """The same, ESR_EL2, ISV: one general register and no writeback, ordered too; nothing exclusive or atomic."""
    return (
        word & 0x3F00_0000 == 0x3900_0000  # an unsigned offset
        or word & 0x3F20_0C00 == 0x3820_0800  # a register offset
        or word & 0x3F20_0400 == 0x3800_0000  # LDUR and STUR, LDTR and STTR
        or word & 0x3FA0_0000 == 0x0880_0000  # LDAR and STLR
    )


def _a32_touches(word: int) -> bool:
    """F4.1; what transfers registers to and from coprocessors is in the group of their loads and stores."""
    group, bit4 = word >> 25 & 7, bool(word & 0x10)
    extra = group == 0 and word & 0x90 == 0x90 and bool(word & 0x0100_0060)
    block = group in {0b010, 0b100} or (group == 0b110 and word >> 20 & 0xFE != 0xC4)
    return (extra or block or (group == 0b011 and not bit4)) and word >> 16 & 15 not in {13, 15}


def _a32_emulated(word: int) -> bool:
    """ESR_EL2, ISV, AArch32: a word, byte or halfword and one register, P = 1 and W = 0."""
    if word >> 28 == 15 or word & 0x0120_0000 != 0x0100_0000:
        return False
    group, kind, loads = word >> 25 & 7, word >> 5 & 3, bool(word & 0x0010_0000)
    if group == 0:
        return word & 0x90 == 0x90 and kind != 0 and (loads or kind == 1)  # not LDRD or STRD
    return group == 0b010 or (group == 0b011 and not word & 0x10)


WORDS = {
    "aarch64": Words(touches=_a64_touches, emulated=_a64_emulated),
    "arm": Words(touches=_a32_touches, emulated=_a32_emulated),
}


def verdict_by_running(builder: Builder, cell: Cell, function: Function) -> Verdict:
    """Bad if a form was executed on the window that no hypervisor can emulate.

    Untestable if the runs do not tell: the compiler refused, a run did not come back, the window was not touched, or an
    instruction of such a form was in no run executed.
    """
    built = builder.build(cell, [function])
    if built is None:
        return Verdict.UNTESTABLE
    image, machine = built
    base = parse_function(function.signature(ISAS[image.architecture].pointer_bytes))
    traces = [machine.run(base.symbol, base.arguments, vector) for vector in vectors(function, RUNS)]
    if not all(trace.returned for trace in traces):
        return Verdict.UNTESTABLE
    words = WORDS[cell.target]
    trapped = {(event.code, event.position) for trace in traces for event in trace.events}
    if not all(words.emulated(_word(image, *place)) for place in trapped):
        return Verdict.BAD
    executed = {place for trace in traces for place in trace.executed}
    rest = {
        (code.name, one.position) for code in image.functions for one in code.instructions if one.recognised
    } - executed
    unknown = any(words.touches(word) and not words.emulated(word) for word in (_word(image, *one) for one in rest))
    return Verdict.GOOD if trapped and not unknown else Verdict.UNTESTABLE


def _word(image: CodeImage, name: str, position: int) -> int:
    """A call of a library's routine that touches the window is a word that no hypervisor emulates."""
    code = image.function(name)
    index = None if code is None else code.at(position)
    assert code is not None
    assert index is not None
    return int.from_bytes(code.instructions[index].encoding, "little")


# --- what the tool says of it

Verdicts = Mapping[str, Verdict]
"""By the point's name, oldest first."""


class Agreement(StrEnum):
    """How an answer stands to what the runs say; `LOST` rests on what the tool cannot see, and says so."""

    RIGHT = "right"
    LOST = "untestable"
    WRONG = "wrong"
    UNTOLD = "the runs do not tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`verdicts`: by running, oldest first; `said` is what the tool answered, `fault` what is wrong with that."""

    question: Question
    agreement: Agreement
    verdicts: tuple[Verdict, ...]
    said: str = ""
    fault: str = ""

    @property
    def changes(self) -> bool:
        return len(set(self.verdicts)) > 1

    def __str__(self) -> str:
        asked = self.question
        ran = "".join("?" if one is Verdict.UNTESTABLE else one[0] for one in self.verdicts)
        shape = ",".join(asked.function.shapes)
        return f"{asked.number} {shape} {asked.target} -O{asked.level} {ran} {self.agreement} {self.fault} {self.said}"


def compare(asked: Question, zigs: RealZigs, folder: Path) -> Compared:
    """Ask all versions in `zigs` one after the other, and the tool."""
    builder = Builder(folder, zigs.programs["0.13.0"])
    verdicts = {
        f"zig@{version}": verdict_by_running(
            builder, Cell(compiler=clang(version, zig), target=asked.target, level=asked.level), asked.function
        )
        for version, zig in zigs.programs.items()
    }
    truth = tuple(verdicts.values())
    if Verdict.UNTESTABLE in truth:
        return Compared(question=asked, agreement=Agreement.UNTOLD, verdicts=truth)
    tool = Tool(root=folder / "tool", elsewhere=zigs.store)
    tool.lists("zig", tuple(zigs.programs))
    (tool.folder / "asked.c").write_text(asked.recipe)
    ended = tool("run", "asked.c", "zig:..", "--sandbox", "local", "--jobs", "1", "--json", timeout=600)
    (answer,) = ended.document["answers"]
    wrong = fault(answer, ended.document["probes"], verdicts)
    right = Agreement.RIGHT if _claim(answer) in claims(verdicts) else Agreement.LOST
    return Compared(
        question=asked,
        agreement=Agreement.WRONG if wrong else right,
        verdicts=truth,
        said=str(answer),
        fault=wrong or "",
    )


Claim = tuple[str, ...]


def claims(verdicts: Verdicts) -> frozenset[Claim]:
    """What may be said of a range all of whose verdicts are known.

    Of several changes any one that leads from the verdict at one end to that at the other, or that there are several.
    """
    names = list(verdicts)
    first, last = names[0], names[-1]
    if verdicts[first] is verdicts[last]:
        return frozenset({("no-change", verdicts[first].value, first, last)})
    change = "introduced" if verdicts[last] is Verdict.BAD else "fixed"
    found = {
        ("culprit", change, one, other)
        for one, other in pairwise(names)
        if verdicts[one] is verdicts[first] and verdicts[other] is verdicts[last]
    }
    return frozenset(found | {("contradiction",)} if len(found) > 1 else found)


def _claim(answer: Mapping[str, Any]) -> Claim:
    keys = {"culprit": ("change", "last", "first"), "no-change": ("verdict", "oldest", "newest")}
    kind = answer["kind"]
    return (kind, *(str(answer[key]) for key in keys.get(kind, ())))


def fault(answer: Mapping[str, Any], probes: Sequence[Mapping[str, Any]], verdicts: Verdicts) -> str | None:
    """What is wrong with an answer and the probes that it rests on. Where sight was lost, less may be said."""
    lost = False
    for probe in probes:
        point, said = probe["toolchain"], probe["verdict"]
        if said == Verdict.UNTESTABLE:
            lost = True
            if not any(one["kind"] == DefectKind.ESCAPES for one in probe["unseen"]):
                return f"{point} is untestable, and nothing escapes"
        elif said != verdicts[point]:
            return f"{point} is {verdicts[point]}, and called {said}"
    if _claim(answer) in claims(verdicts):
        return None
    return None if lost and _less(answer, verdicts) else "another answer than the runs give"


def _less(answer: Mapping[str, Any], verdicts: Verdicts) -> bool:
    """Whether what an answer claims is true, of a range in which not all was seen."""
    match answer["kind"]:
        case "no-change":
            return all(verdicts[answer[end]] == answer["verdict"] for end in ("oldest", "newest"))
        case "culprit" | "suspects":
            sides = (verdicts[answer["last"]], verdicts[answer["first"]])
            introduced = (Verdict.GOOD, Verdict.BAD)
            return sides == (introduced if answer["change"] == "introduced" else introduced[::-1])
        case "nothing-testable":
            return True
        case _:
            return False
