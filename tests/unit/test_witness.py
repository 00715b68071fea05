"""Where the data flow loses sight, the compiler's word decides: if what it calls volatile is what the source asks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mmio_bisect.adapters.binary.disassemblers import disassembler
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.word.values import FunctionWord, MemoryPart, WordAssembly, WordInstruction, WordItem
from mmio_bisect.domain.outcome import FunctionJudgement, Verdict, Witness
from mmio_bisect.domain.recipe import Direction
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.probing.objects import Objects

OBJECT = Path(__file__).parents[1] / "fixtures" / "objects" / "flows.o"


@pytest.fixture(scope="module")
def image() -> CodeImage:
    return Objects(read_object, {(Architecture.AARCH64, False): disassembler(A64)}).read(OBJECT.read_bytes())


def item(text: str) -> WordItem:
    """`store32!` is volatile, `load64#` on the stack, `store32!@` in a variable, `asm` one of inline assembly."""
    if text == "asm":
        return WordAssembly(instructions=1)
    direction = Direction.LOAD if text.startswith("load") else Direction.STORE
    width = int(text.strip("!#@").removeprefix(direction))
    part = MemoryPart(direction=direction, width=width, volatile="!" in text, stack="#" in text, variable="@" in text)
    return WordInstruction(opcode=text, parts=(part,))


def judged(image: CodeImage, expectation: str, said: Mapping[str, Sequence[str]] | None) -> FunctionJudgement:
    functions = [FunctionWord(name=name, items=tuple(map(item, items))) for name, items in (said or {}).items()]
    word = None if said is None else {function.name: function for function in functions}
    return judge_image(image, [parse_function(expectation)], (), ARM_ISV, word).functions[0]


DECIDED = [
    ("spill_read_in_part(mmio,_) each=store32", {"spill_read_in_part": ["store64#", "load32#", "store32!"]}),
    ("spill_read_in_part(mmio,_) accesses=store32+0", {"spill_read_in_part": ["store64!", "load32!", "store32!"]}),
    ("joined_at_two_offsets(mmio,_) accesses=store32+0", {"joined_at_two_offsets": ["store32!"]}),
    ("calls_itself(mmio,_) each=store32", {"calls_itself": ["store32!"]}),
    ("hands_over(mmio,_) accesses=store32+0", {"hands_over": ["store32!"]}),
    ("not_an_instruction(mmio,_) each=store32", {"not_an_instruction": ["store32!"]}),
    ("cut_to_32_bits(mmio,_) each=store32", {"cut_to_32_bits": ["store32!"]}),
]


@pytest.mark.parametrize(
    ("expectation", "said"), DECIDED, ids=[f"{number}-{row[0].partition('(')[0]}" for number, row in enumerate(DECIDED)]
)
def test_the_compiler_decides(image: CodeImage, expectation: str, said: Mapping[str, Sequence[str]]) -> None:
    assert judged(image, expectation, None).verdict is Verdict.UNTESTABLE
    function = judged(image, expectation, said)
    assert (function.verdict, function.witness, function.unseen) == (Verdict.GOOD, Witness.COMPILER, ())
    assert [access.fulfils for access in function.accesses]
    assert all(access.window_offset is None for access in function.accesses)


HANDS_OVER = "hands_over(mmio,_) accesses=store32+0"
UNDECIDED: list[tuple[str, str, Mapping[str, Sequence[str]], str]] = [
    ("nothing is said of the function", HANDS_OVER, {"f": []}, "says nothing of hands_over"),
    ("the code is another", HANDS_OVER, {"hands_over": ["store64!"]}, "does not match its code"),
    ("the window is not volatile", HANDS_OVER, {"hands_over": ["store32"]}, "does not say that it is volatile"),
    (
        "a volatile variable",
        "spill_read_in_part(mmio,_) each=store32",
        {"spill_read_in_part": ["store64#", "load32#", "store32!@"]},
        "a volatile variable, which need not be the window",
    ),
    ("inline assembly", HANDS_OVER, {"hands_over": ["asm"]}, "“str w1, [x0]” is inline assembly"),
    (
        "another direction is asked for",
        "calls_itself(mmio,_) each=load32",
        {"calls_itself": ["store32!"]},
        "not what the source asks for",
    ),
    (
        "an access is missing",
        "joined_at_two_offsets(mmio,_) accesses=store32+0,store32+4",
        {"joined_at_two_offsets": ["store32!"]},
        "not what the source asks for",
    ),
    (
        "another width is asked for",
        "spill_read_in_part(mmio,_) accesses=store64+0",
        {"spill_read_in_part": ["store64#", "load32#", "store32!"]},
        "not what the source asks for",
    ),
    (
        "bytes that are to be covered",
        "joined_at_two_offsets(mmio,_) covers=store+0..4",
        {"joined_at_two_offsets": ["store32!"]},
        "which bytes",
    ),
    (
        "control goes where it is not followed",
        "jumps_by_register(mmio,_,_) accesses=store32+0",
        {"jumps_by_register": ["store32!"]},
        "may be called by a pointer",
    ),
]


@pytest.mark.parametrize(("what", "expectation", "said", "why"), UNDECIDED, ids=[row[0] for row in UNDECIDED])
def test_the_compiler_does_not_decide(
    image: CodeImage, what: str, expectation: str, said: Mapping[str, Sequence[str]], why: str
) -> None:
    before, function = judged(image, expectation, None), judged(image, expectation, said)
    assert (function.verdict, function.witness) == (Verdict.UNTESTABLE, Witness.DATA_FLOW), what
    assert function.unseen[:-1] == before.unseen
    assert function.unseen[-1].why.startswith("the compiler's word does not decide it: ")
    assert why in function.unseen[-1].why


def test_what_the_data_flow_sees_is_not_the_compilers_to_decide(image: CodeImage) -> None:
    said = {"looped": ["store32"], "vanished": ["store32!"]}
    for expectation in ("looped(mmio,_,_) each=store32", "moved(mmio,_) accesses=store32+4", "vanished(mmio)"):
        alone = judged(image, expectation, None)
        told = judged(image, expectation, said)
        assert (told.verdict, told.defects, told.witness) == (alone.verdict, alone.defects, Witness.DATA_FLOW)
