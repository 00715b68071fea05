"""An architecture can be added from outside: five instructions, a decoder of its own, and objects of it are judged."""

from collections.abc import Iterator, Sequence

import pytest
from small_elf import Reference, small_object

from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.isa.registry import ISAS, registered
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.machine.architecture import ElfFormat, Isa, Relocations, places_in
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Call, Compute, Operation, Return, Sum, Term, Touch, Unknown
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE, profile_for
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass, Transfer
from mmio_bisect.domain.outcome import Judgement, Verdict
from mmio_bisect.domain.profile import Profile, Rule
from mmio_bisect.domain.recipe import Direction
from mmio_bisect.domain.target import ArchitectureFacts, ElfHeader, Target
from mmio_bisect.errors import MalformedObjectError
from mmio_bisect.workflow.probing.objects import Objects

NAME, MACHINE, CALL_KIND = "toy", 0x7070, 7
ADD, STORE, PAIR, CALL, RETURN = range(1, 6)


def word(opcode: int, data: int = 0, base: int = 0, offset: int = 0) -> bytes:
    """Four bytes: the instruction, the data register, the base register, an offset."""
    return bytes([opcode, data, base, offset])


def disassemble(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
    assert not data_ranges
    texts = {ADD: "add", STORE: "store", PAIR: "pair", CALL: "call 0x0", RETURN: "return"}
    words = [(position, code[position : position + 4]) for position in range(0, len(code), 4)]
    return [
        Instruction(position=at, encoding=one, text=texts.get(one[0], ".word"), recognised=one[0] in texts)
        for at, one in words
    ]


def lift(instruction: Instruction, code: FunctionCode) -> tuple[Operation, ...]:
    opcode, data, base, offset = instruction.encoding
    address = Sum(terms=(Term(register=f"r{base}"),), constant=offset)
    match opcode:
        case 1:
            return (Compute(target=f"r{data}", value=address),)
        case 2:
            return (stores(address, f"r{data}"),)
        case 3:
            return (stores(address, f"r{data}", f"r{data + 1}"),)
        case 4:
            return (Call(position=instruction.position),)
        case 5:
            return (Return(),)
        case _:
            assert code.name
            return (Unknown(),)


def stores(address: Sum, *registers: str) -> Touch:
    transfer = Transfer(
        form=Form.SINGLE if len(registers) == 1 else Form.PAIR,
        directions=(Direction.STORE,),
        element_width=32,
        elements=len(registers),
        addressing=AddressingMode.OFFSET,
        register_class=RegisterClass.GENERAL,
        registers=registers,
        syndrome_valid=len(registers) == 1,
        why="the toy's manual",
    )
    return Touch(transfer=transfer, address=address, stores=registers)


PROFILE = Profile(
    name="toy-host",
    architectures=(NAME,),
    summary="single stores",
    source="this test",
    otherwise="the guest dies",
    rules=(Rule(forms=frozenset({Form.SINGLE})),),
)
HEADER = ElfHeader(bits=32, machine=MACHINE)
TARGET = Target(
    name=NAME,
    architecture=NAME,
    elf=HEADER,
    clang_triple="toy-none-elf",
    rust_triple="toy-none-elf",
    gcc_triple="toy-elf",
)
TOY = Isa(
    facts=ArchitectureFacts(name=NAME, title="Toy", elf=HEADER, default_profile=PROFILE, targets=(TARGET,)),
    pointer_bytes=4,
    stack_pointer="r15",
    result="r0",
    handed_over=("r0", "r1"),
    call_clobbered=frozenset({"r0", "r1", "r2"}),
    place_arguments=places_in(("r0", "r1"), word=4),
    lift=lift,
    elf=ElfFormat(prefix="R_TOY_", relocations={CALL_KIND: "R_TOY_CALL"}),
    relocations=Relocations(branches=frozenset({"R_TOY_CALL"})),
    branches=frozenset({"call"}),
)


@pytest.fixture
def toy() -> Iterator[None]:
    with registered(TOY):
        yield


def judged(expectation: str, references: Sequence[Reference] = (), **functions: bytes) -> Judgement:
    image = Objects(read_object, {(NAME, False): disassemble}).read(small_object(MACHINE, functions, references))
    assert image.architecture == NAME
    return judge_image(image, [parse_function(expectation)], (), PROFILE)


def defects(judgement: Judgement) -> list[str]:
    return [
        f"{found.kind} {found.instruction}"
        for function in judgement.functions
        for found in (*function.defects, *function.unseen)
    ]


@pytest.mark.usefixtures("toy")
def test_a_single_store_is_good() -> None:
    judgement = judged("f(mmio,_) accesses=store32+4", f=word(STORE, 1, 0, 4) + word(RETURN))
    assert judgement.verdict is Verdict.GOOD
    assert [access.window_offset for access in judgement.functions[0].accesses] == [4]


@pytest.mark.usefixtures("toy")
def test_a_pair_is_bad() -> None:
    judgement = judged("f(mmio,_) accesses=store32+0,store32+4", f=word(PAIR, 1, 0) + word(RETURN))
    assert judgement.verdict is Verdict.BAD
    assert "pair pair" in defects(judgement)


@pytest.mark.usefixtures("toy")
def test_a_store_elsewhere_is_bad() -> None:
    code = word(ADD, 3, 0, 8) + word(STORE, 1, 3, 4) + word(RETURN)
    assert judged("f(mmio,_) accesses=store32+12", f=code).verdict is Verdict.GOOD
    assert judged("f(mmio,_) accesses=store32+4", f=code).verdict is Verdict.BAD


@pytest.mark.usefixtures("toy")
def test_a_call_is_followed_into_the_object_by_its_relocation() -> None:
    here = {"f": word(CALL) + word(RETURN), "callee": word(STORE, 1, 0, 4) + word(RETURN)}
    calls = [Reference(offset=0, kind=CALL_KIND, symbol="callee")]
    assert judged("f(mmio,_) accesses=store32+4", calls, **here).verdict is Verdict.GOOD


@pytest.mark.usefixtures("toy")
def test_a_call_out_of_the_object_is_named_and_loses_sight_of_the_window() -> None:
    calls = [Reference(offset=4, kind=CALL_KIND, symbol="elsewhere")]
    code = word(STORE, 1, 0, 4) + word(CALL) + word(RETURN)
    judgement = judged("f(mmio,_) accesses=store32+4", calls, f=code)
    assert judgement.verdict is Verdict.UNTESTABLE
    assert defects(judgement) == ["escapes call elsewhere"]


@pytest.mark.usefixtures("toy")
def test_an_unknown_instruction_is_not_seen_through() -> None:
    code = word(STORE, 1, 0, 4) + word(99) + word(RETURN)
    assert defects(judged("f(mmio,_) accesses=store32+4", f=code))[0].startswith("escapes .word")


@pytest.mark.usefixtures("toy")
def test_its_target_and_profile_come_with_it() -> None:
    assert TARGETS[NAME].elf.fits(small_object(MACHINE, {"f": word(RETURN)}, ()))
    assert not TARGETS["riscv32"].elf.fits(small_object(MACHINE, {"f": word(RETURN)}, ()))
    assert profile_for(DEFAULT_PROFILE, NAME) is PROFILE


def test_the_architecture_is_known_only_while_it_is_registered() -> None:
    with registered(TOY), pytest.raises(ValueError, match="registered already"), registered(TOY):
        pass
    assert NAME not in ISAS
    assert NAME not in TARGETS
    with pytest.raises(MalformedObjectError, match="number 28784"):
        read_object(small_object(MACHINE, {"f": word(RETURN)}))
