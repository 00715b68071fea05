"""What the data flow must find in flows.o, one function a situation, and what it must own up to."""

from dataclasses import replace
from pathlib import Path

import pytest
from agreement import flow_of
from listed_code import listed_image

from mmio_bisect.adapters.binary.disassemblers import disassembler
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import FunctionJudgement
from mmio_bisect.domain.recipe import ConstantWindow
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.probing.objects import Objects

OBJECT = Path(__file__).parents[1] / "fixtures" / "objects" / "flows.o"
UART = ConstantWindow(low=0x900_0000, high=0x900_1000)


@pytest.fixture(scope="module")
def image() -> CodeImage:
    return Objects(read_object, {(Architecture.AARCH64, False): disassembler(A64)}).read(OBJECT.read_bytes())


def judged(image: CodeImage, expectation: str, window: ConstantWindow | None = None) -> FunctionJudgement:
    return judge_image(image, [parse_function(expectation)], (window,) if window else (), ARM_ISV).functions[0]


def found(function: FunctionJudgement) -> list[str]:
    """The window's accesses as `label.store32+offset`, each way and register of an instruction apart."""
    texts = []
    for access in function.accesses:
        place = "?" if access.window_offset is None else access.window_offset
        ways = "+".join(access.transfer.directions)
        texts.append(f"{access.label + '.' if access.label else ''}{ways}{access.transfer.width or '?'}+{place}")
    return texts


def defects(function: FunctionJudgement) -> list[str]:
    return sorted({f"{defect.kind} {defect.access or '-'}" for defect in (*function.defects, *function.unseen)})


FOLLOWED: list[tuple[str, list[str], list[str] | None]] = [
    ("moved(mmio,_) accesses=store32+4", ["store32+4"], []),
    ("stepped(mmio,_) accesses=store32+8", ["store32+8"], []),
    ("far(mmio,_) accesses=store32+0x1008", ["store32+4104"], []),
    ("spilled(mmio,_) accesses=store32+0", ["store32+0"], []),
    ("spilled_as_pair(mmio,_) accesses=store32+0", ["store32+0"], []),
    ("joined_alike(mmio,_) accesses=store32+0", ["store32+0"], []),
    ("looped(mmio,_,_) each=store32", ["store32+?"], ["writeback-post store32"]),
    ("looped_by_difference(mmio,_,_) each=store32", ["store32+?"], []),
    ("indexed(mmio,_,_) each=store32", ["store32+?"], []),
    ("calls_twice(mmio,_) accesses=store32+0,store32+4", ["store32+0", "store32+4"], []),
    ("tail_calls(mmio,_) accesses=store32+8", ["store32+8"], []),
    ("hands_over_nothing(mmio) accesses=store32+0", ["store32+0"], []),
    ("panics(mmio,_) accesses=store32+0", ["store32+0"], []),
    ("traps(mmio,_) accesses=store32+0,store32+4", ["store32+0", "store32+4"], []),
    ("never_returns(mmio,_) accesses=store32+0", ["store32+0"], []),
    ("ninth_argument(_,_,_,_,_,_,_,_,mmio) accesses=store32+0", ["store32+0"], []),
    ("held(holds(8),_) accesses=store32+16,load32+4", ["store32+16", "load32+4"], []),
    (
        "held_twice(a:holds(0),b:holds(24),_) accesses=a.store32+0,b.store32+4",
        ["a.store32+0", "b.store32+4"],
        [],
    ),
    ("two_windows(a:mmio,b:mmio,_) accesses=b.store32+0,a.store32+4", ["b.store32+0", "a.store32+4"], []),
    ("later_arguments(_,wide,mmio-slice,_) each=store32", ["store32+0"], []),
    ("later_arguments(float,_,_,_,_,mmio,_) each=store32", ["store32+0"], []),
    ("compared_only(mmio,_) accesses=store32+0", ["store32+0"], []),
    ("prefetched(mmio,_) accesses=store32+0", ["store32+0"], []),
    ("static_memory(mmio) accesses=store32+0", ["store32+0"], []),
    ("moved(mmio,_)", ["store32+4"], []),
    ("copied_holder(holds(8),_) accesses=store32+0", ["store32+0"], []),
    ("pointer_or_null(mmio,_,_) accesses=store32+0", ["store32+0"], []),
    ("reports_failure(mmio) accesses=store32+4", ["store32+4"], []),
    ("offset_from_elsewhere(mmio) each=store32", ["store32+?"], []),
    ("offset_from_the_device(mmio,_) each=load64,store32,store64", ["store64+0", "load64+0", "store32+?"], []),
    ("signed_index(mmio,_) each=store32", ["store32+?"], []),
    ("hands_over(mmio,_) accesses=store32+0 call=elsewhere(mmio,_)", ["store32+0"], []),
    ("hands_over(mmio,_) accesses=store32+0 call=else*()", ["store32+0"], []),
    ("hands_over_a_spill(mmio) accesses=store32+0 call=elsewhere(_)", ["store32+0"], []),
    ("leaves_by_a_condition(mmio,_) each=store32", ["store32+0", "store32+4"], ["writeback-pre store32"]),
]

WRONG: list[tuple[str, list[str], list[str] | None]] = [
    ("nothing(mmio) accesses=store32+0", [], ["missing store32+0"]),
    ("nothing(mmio) each=store32", [], ["missing store32"]),
    ("nothing(mmio) covers=store+0..4", [], ["missing store+0..4"]),
    ("spill_overwritten_in_part(mmio,_) each=store32", [], ["missing store32"]),
    ("vanished(mmio) accesses=store32+0", [], ["undefined -"]),
    ("only_traps(mmio) accesses=store32+0", [], ["missing store32+0"]),
    ("sometimes(mmio,_) accesses=store32+0", ["store32+0"], ["missing store32+0"]),
    (
        "either_order(mmio,_,_) accesses=store32+0,store32+4",
        ["store32+0", "store32+4", "store32+4", "store32+0"],
        ["reordered store32+0"],
    ),
    ("twice(mmio,_) accesses=store32+0", ["store32+0", "store32+0"], ["doubled store32+0"]),
    ("halves(mmio,_) accesses=store32+0", ["store16+0", "store16+2"], ["torn store32+0"]),
    ("halves(mmio,_) each=store32", ["store16+0", "store16+2"], ["torn store32"]),
    ("halves(mmio,_) covers=store+0..4", ["store16+0", "store16+2"], []),
    ("word_pair(mmio,_,_) accesses=store32+0,store32+4", ["store64+0"], ["pair store32+0", "pair store32+4"]),
    ("word_pair(mmio,_,_) covers=store+0..8", ["store64+0"], ["pair store+0..8"]),
    ("doubleword(mmio,_) accesses=store32+0,store32+4", ["store64+0"], ["merged store32+0", "merged store32+4"]),
    ("doubleword(mmio,_) accesses=store32+0", ["store64+0"], ["widened store32+0"]),
    ("doubleword(mmio,_) each=store32", ["store64+0"], ["widened store32"]),
    ("doubleword(mmio,_) covers=store+0..4", ["store64+0"], ["widened store+0..4"]),
    ("byte(mmio,_) accesses=store32+0", ["store8+0"], ["narrowed store32+0"]),
    ("read_first(mmio,_) accesses=store32+0", ["load32+0", "store32+0"], ["extra -"]),
    ("read_first(mmio,_) each=store32", ["load32+0", "store32+0"], ["extra -"]),
    ("twice(mmio,_) covers=store+0..4", ["store32+0", "store32+0"], ["doubled store+0..4"]),
    ("twice(mmio,_) each=store32 max=1", ["store32+0", "store32+0"], ["extra -"]),
    ("twice(mmio,_) each=store32 min=3", ["store32+0", "store32+0"], ["missing store32"]),
    (
        "stepped_pair(mmio,_,_) accesses=store64+16,store64+24",
        ["store128+16"],
        ["pair store64+16", "pair store64+24", "writeback-pre store64+16", "writeback-pre store64+24"],
    ),
    (
        "vector_loop(mmio,_,_) each=store32",
        ["store128+?"],
        ["simd-fp store32", "widened store32", "writeback-post store32"],
    ),
    ("zeroed_block(mmio) covers=store+0..64", ["store?+0"], None),
    ("exclusively(mmio,_) each=load32,store32", ["load32+0", "store32+0"], ["exclusive load32", "exclusive store32"]),
    ("copies_in(mmio,_) covers=store+0..64", ["store512+0"], ["libcall store+0..64"]),
    ("copies_out(mmio,_) accesses=load64+0,load64+8", ["load128+0"], ["libcall load64+0", "libcall load64+8"]),
    ("clears(mmio) accesses=store64+0,store32+8", ["store64+0", "store32+8"], ["libcall store64+0"]),
    ("swaps_outlined(mmio,_) each=load32,store32", ["load+store?+0"], ["libcall -"]),
]

ESCAPING = [
    ("spill_read_in_part(mmio,_) each=store32", "part of a word"),
    ("joined_at_two_offsets(mmio,_) accesses=store32+0", "not followed"),
    ("calls_itself(mmio,_) each=store32", "recursive"),
    ("hands_over(mmio,_) accesses=store32+0", "handed to elsewhere"),
    (
        "hands_over(mmio,_) accesses=store32+0 call=elsewhere(_,_)",
        "handed to elsewhere, which is declared to take none",
    ),
    ("hands_over(mmio,_) accesses=store32+0 call=somewhere(_,_)", "handed to elsewhere"),
    ("hands_over_a_spill(mmio) accesses=store32+0", "leads elsewhere"),
    ("hands_over_by_register(mmio,_,_) accesses=store32+0", "x2 points to"),
    ("jumps_by_register(mmio,_,_) accesses=store32+0", "where x2 points"),
    ("cut_to_32_bits(mmio,_) each=store32", "low half"),
    ("not_an_instruction(mmio,_) each=store32", "not an instruction"),
    ("runs_out(mmio,_) each=store32", "runs past the end"),
]

ONE_OF_SEVERAL = [
    ("joined_with_other_memory(mmio,_,_) each=store32", ["store32+0"], False),
    ("aligned_down(mmio,_) each=store32", ["store32+?"], True),
    ("through_a_vector(mmio,_) each=store32", ["store32+?"], False),
    ("either_holder(a:holds(8),b:holds(8),_) each=store32", ["a.store32+0", "b.store32+0"], False),
    ("stored_at_an_index(mmio,_,_) each=store32", ["store32+0"], False),
    ("swapped_out_of_memory(mmio,_) each=store32", ["store32+0"], True),
]


@pytest.mark.parametrize(("expectation", "accesses", "certain"), ONE_OF_SEVERAL)
def test_a_pointer_that_may_point_into_the_window_is_one_of_several(
    image: CodeImage, expectation: str, accesses: list[str], certain: bool
) -> None:
    function = judged(image, expectation)
    assert found(function) == accesses
    assert not defects(function)
    flow = flow_of(image, parse_function(expectation), ())
    assert {touch.certain for touch in flow.touches} == {certain}


@pytest.mark.parametrize(("expectation", "accesses", "wrong"), FOLLOWED + WRONG)
def test_every_access_is_found_and_compared(
    image: CodeImage, expectation: str, accesses: list[str], wrong: list[str] | None
) -> None:
    function = judged(image, expectation)
    assert found(function) == accesses
    if wrong is not None:
        assert defects(function) == wrong


@pytest.mark.parametrize(("expectation", "why"), ESCAPING)
def test_what_is_not_followed_is_said(image: CodeImage, expectation: str, why: str) -> None:
    function = judged(image, expectation)
    assert any(why in found.why for found in function.unseen), function.unseen
    assert (function.verdict, function.defects) == ("untestable", ())


@pytest.mark.parametrize(
    ("expectation", "why"),
    [
        ("looped(mmio,_,_) accesses=store32+0", "in a loop"),
        ("looped(mmio,_,_) covers=store+0..16", "which bytes"),
    ],
)
def test_a_bad_form_that_was_seen_counts_whatever_escaped(image: CodeImage, expectation: str, why: str) -> None:
    function = judged(image, expectation)
    assert function.verdict == "bad"
    assert {defect.kind for defect in function.defects} == {DefectKind.WRITEBACK_POST}
    assert any(why in found.why for found in function.unseen)


@pytest.mark.parametrize(
    ("symbol", "why"),
    [
        ("mved", "it defines moved, "),
        ("vanished", "it may be static or inlined into its callers"),
    ],
)
def test_a_function_that_is_not_defined_is_untestable_and_others_are_named(
    image: CodeImage, symbol: str, why: str
) -> None:
    judgement = judge_image(image, [parse_function(f"{symbol}(mmio) each=store32")], (), ARM_ISV)
    assert judgement.verdict == "untestable"
    assert judgement.reason is not None
    assert judgement.reason.startswith(f"{symbol}: the object defines no function {symbol}")
    assert why in judgement.reason


@pytest.mark.parametrize(
    ("defined", "why"),
    [
        ("_Z5resetPVj", "_Z5resetPVj is its mangled name"),
        ("_ZN6driver5reset17h0123456789abcdefE", "E is its mangled name"),
        ("_RNvCs1234_6driver5reset", "_RNvCs1234_6driver5reset is its mangled name"),
        ("_Z6presetv", "it defines _Z6presetv"),
        ("reset.part.0", "only a part or a clone of it: reset.part.0"),
    ],
)
def test_the_likely_cause_is_read_from_the_names_that_are_defined(image: CodeImage, defined: str, why: str) -> None:
    renamed = listed_image(image.isa, [replace(image.functions[0], name=defined)])
    judgement = judge_image(renamed, [parse_function("reset(mmio) each=store32")], (), ARM_ISV)
    assert judgement.reason is not None
    assert why in judgement.reason


def test_one_bad_function_makes_an_object_bad_though_another_is_untestable(image: CodeImage) -> None:
    texts = ["calls_itself(mmio,_) each=store32", "byte(mmio,_) each=store32"]
    judgement = judge_image(image, [parse_function(text) for text in texts], (), ARM_ISV)
    assert [function.verdict for function in judgement.functions] == ["untestable", "bad"]
    assert (judgement.verdict, judgement.reason) == ("bad", None)


@pytest.mark.parametrize(
    ("expectation", "window", "accesses", "wrong"),
    [
        ("constant(_) accesses=store32+0x30", UART, ["window.store32+48"], []),
        ("constant(_) accesses=window.store32+0x30", UART, ["window.store32+48"], []),
        ("constant(_) accesses=store32+0x30", ConstantWindow(low=0, high=0x1000), [], ["missing store32+48"]),
        (
            "constant_of_bits(_) accesses=store32+8",
            ConstantWindow(low=0x0FFF_FFFF_FFFF_F000, high=0x1000_0000_0000_0000),
            ["window.store32+8"],
            [],
        ),
        ("constant_indexed(_,_) each=store32", UART, ["window.store32+?"], []),
        ("constant_before(_,_) each=store32", UART, ["window.store32+?"], []),
        ("constant_in_a_loop(_,_) each=store32", UART, ["window.store32+?"], []),
        ("constant_or_argument(_,_,_) each=store32", UART, ["window.store32+0"], []),
        ("moved(mmio,_) accesses=store32+4", UART, ["store32+4"], []),
    ],
)
def test_constant_addresses_are_followed(
    image: CodeImage, expectation: str, window: ConstantWindow, accesses: list[str], wrong: list[str]
) -> None:
    function = judged(image, expectation, window)
    assert found(function) == accesses
    assert defects(function) == wrong


def test_the_stack_is_never_counted(image: CodeImage) -> None:
    function = judged(image, "spilled_as_pair(mmio,_) accesses=store32+0")
    assert len(function.listing) == 4
    assert len(function.accesses) == 1


def test_a_callee_that_was_followed_is_in_the_listing_and_the_fingerprint(image: CodeImage) -> None:
    own = judge_image(image, [parse_function("tail_calls(mmio,_)")], (), ARM_ISV)
    assert {line.code for line in own.functions[0].listing} == {"tail_calls", "stores_one"}
    assert own.functions[0].accesses[0].code == "stores_one"
    alone = judge_image(image, [parse_function("stores_one(mmio,_)")], (), ARM_ISV)
    assert own.fingerprint != alone.fingerprint


def test_a_defect_names_its_instruction(image: CodeImage) -> None:
    (defect,) = judged(image, "looped(mmio,_,_) each=store32").defects
    assert (defect.code, defect.position, defect.instruction) == ("looped", 4, "str w2, [x0], #4")


def test_a_callee_is_found_by_its_place_and_not_by_its_name(image: CodeImage) -> None:
    looped = image.function("looped")
    assert looped is not None
    decoy = replace(looped, name="stores_one", section=99)
    doubled = listed_image(image.isa, [decoy, *image.functions])
    function = judged(doubled, "calls_twice(mmio,_) accesses=store32+0,store32+4")
    assert found(function) == ["store32+0", "store32+4"]
    assert defects(function) == []
