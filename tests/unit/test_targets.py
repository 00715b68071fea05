"""What must be found in targets.*.o: the same C on every architecture, as each compiles and each passes arguments."""

from pathlib import Path

import pytest

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.isa import targets
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.verdict.judge import defect_kinds, judge_image
from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.access import AddressingMode, DefectKind, Form, RegisterClass, Transfer
from mmio_bisect.domain.outcome import FunctionJudgement
from mmio_bisect.domain.recipe import ConstantWindow, Direction
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.probing.objects import Objects

FOLDER = Path(__file__).parents[1] / "fixtures" / "objects"
WINDOW = ConstantWindow(low=0x900_0000, high=0x900_1000)
OBJECTS = Objects(read_object, DISASSEMBLERS)
ARCHITECTURES = {
    "aarch64": Architecture.AARCH64,
    "armv7a": Architecture.ARM,
    "thumbv7a": Architecture.ARM,
    "x86_64": Architecture.X86_64,
    "i686": Architecture.I386,
    "riscv64": Architecture.RISCV64,
    "riscv32": Architecture.RISCV32,
}
IMAGES = {name: OBJECTS.read((FOLDER / f"targets.{name}.o").read_bytes()) for name in ARCHITECTURES}
NARROW = {"armv7a", "thumbv7a", "i686", "riscv32"}
X86 = {"x86_64", "i686"}

everywhere = pytest.mark.parametrize(("name", "image"), IMAGES.items(), ids=IMAGES)


def judged(image: CodeImage, expectation: str) -> FunctionJudgement:
    return judge_image(image, [parse_function(expectation)], (WINDOW,), ARM_ISV).functions[0]


def found(function: FunctionJudgement) -> list[str]:
    return [
        f"{'+'.join(access.transfer.directions)}{access.transfer.width}+{access.window_offset}"
        for access in function.accesses
    ]


def kinds(function: FunctionJudgement) -> set[str]:
    return {defect.kind.value for defect in function.defects}


@everywhere
def test_the_machine_of_an_object_is_known(name: str, image: CodeImage) -> None:
    assert image.architecture is ARCHITECTURES[name]
    assert {code.thumb for code in image.functions} == {name == "thumbv7a"}


@everywhere
@pytest.mark.parametrize(
    ("expectation", "accesses"),
    [
        ("through_a_constant(_) accesses=store32+0x100", ["store32+256"]),
        ("through_a_variable(_) accesses=store32+0x144", ["store32+324"]),
        ("calls(mmio,_) accesses=store32+16", ["store32+16"]),
        ("by_pointer(mmio,_) accesses=store32+12,load32+20", ["store32+12", "load32+20"]),
        ("many(_,_,_,_,_,_,_,_,mmio) accesses=store32+8", ["store32+8"]),
    ],
)
def test_pointers_are_followed_from_where_they_come(
    name: str, image: CodeImage, expectation: str, accesses: list[str]
) -> None:
    function = judged(image, expectation)
    assert found(function) == accesses, name
    assert function.verdict == "good"


@everywhere
def test_a_pointer_handed_on_among_the_arguments_on_the_stack_escapes(name: str, image: CodeImage) -> None:
    whys = [found.why for found in judged(image, "hands_on(mmio)").unseen]
    assert whys == ["a pointer into the window is handed to external on the stack"], name


@everywhere
def test_a_jump_table_leads_to_every_case(name: str, image: CodeImage) -> None:
    function = judged(image, "cases(mmio,_) each=load32,store32")
    offsets = {access.window_offset for access in function.accesses}
    assert offsets == {0, 4, 8, 12, 16, 20}, name
    assert not function.unseen


@everywhere
def test_64_bits_are_torn_where_registers_have_32(name: str, image: CodeImage) -> None:
    function = judged(image, "wide(mmio,wide) accesses=store64+8")
    if name in NARROW:
        # One instruction with two registers on Arm, the high word first elsewhere.
        assert found(function) == (["store64+8"] if "v7a" in name else ["store32+12", "store32+8"])
        assert kinds(function) == ({"torn", "pair"} if "v7a" in name else {"torn"})
    else:
        assert found(function) == ["store64+8"]
        assert function.verdict == "good"


@everywhere
def test_x86_folds_a_read_and_a_write_into_one_instruction(name: str, image: CodeImage) -> None:
    function = judged(image, "sets_a_bit(mmio) accesses=load32+4,store32+4")
    if name in X86:
        assert found(function) == ["load+store32+4"]
        assert kinds(function) == {"rmw"}
        assert function.accesses[0].transfer.operation == "or"
    else:
        assert found(function) == ["load32+4", "store32+4"]
        assert function.verdict == "good"


def test_a_library_call_is_a_defect_under_every_profile() -> None:
    call = Transfer(
        form=Form.LIBCALL,
        directions=(Direction.STORE,),
        element_width=8,
        elements=1,
        addressing=AddressingMode.OFFSET,
        register_class=RegisterClass.NONE,
        registers=(),
        syndrome_valid=False,
        why="memset",
    )
    for profile in PROFILES.values():
        assert defect_kinds(call, profile) == (DefectKind.LIBCALL,), profile.name


@everywhere
def test_one_of_two_places_is_either_told_apart_or_said_to_vary(name: str, image: CodeImage) -> None:
    """Arm stores under a condition, each to its place; the others choose the pointer or the way before."""
    function = judged(image, "maybe(mmio,_) each=store32")
    assert set(found(function)) <= {"store32+4", "store32+8", "store32+None"}, name
    assert len(found(function)) == (2 if "v7a" in name else 1)
    assert function.verdict == "good"


def test_targets_and_descriptors_say_the_same_of_an_architecture() -> None:
    assert set(ISAS) == set(Architecture) == {architecture for architecture, _ in DISASSEMBLERS}
    assert {name: isa.facts for name, isa in ISAS.items()} == targets.ARCHITECTURES
    for target in TARGETS.values():
        assert target.elf == ISAS[target.architecture].facts.elf, target.name
