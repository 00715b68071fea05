"""Accesses of the architectures besides AArch64: one line an instruction form, assembled by LLVM's assembler."""

import pytest
from listed_code import listed_image

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.classify.dataflow.accesses import touch
from mmio_bisect.classify.dataflow.memory import Memory
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.isa.riscv.compressed import expand
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.machine.operations import Compute, InsertBits, Opaque, Operation, Sum, Touch, Unknown
from mmio_bisect.classify.machine.values import Origin, pointer_to, window_origin
from mmio_bisect.domain.target import Architecture

# machine code, assembly, operation, form, directions, width in bits, register class, emulatable
X86_64 = """
8907         | mov [rdi], eax              | mov           | single    | store      | 32  | general | 1
8b4704       | mov eax, [rdi+4]            | mov           | single    | load       | 32  | general | 1
c60701       | mov byte [rdi], 1           | mov           | single    | store      | 8   | general | 1
66c7070100   | mov word [rdi], 1           | mov           | single    | store      | 16  | general | 1
48c70701000000 | mov qword [rdi], 1        | mov           | single    | store      | 64  | general | 1
0fb607       | movzx eax, byte [rdi]       | movzx         | single    | load       | 8   | general | 1
480fbf07     | movsx rax, word [rdi]       | movsx         | single    | load       | 16  | general | 1
486307       | movsxd rax, dword [rdi]     | movsxd        | single    | load       | 32  | general | 1
830f01       | or dword [rdi], 1           | or            | rmw       | load store | 32  | general | 0
c10708       | rol dword [rdi], 8          | rol           | rmw       | load store | 32  | general | 0
ff07         | inc dword [rdi]             | inc           | rmw       | load store | 32  | general | 0
f00fc107     | lock xadd [rdi], eax        | lock xadd     | atomic    | load store | 32  | general | 0
8707         | xchg [rdi], eax             | xchg          | atomic    | load store | 32  | general | 0
0307         | add eax, [rdi]              | add           | folded    | load       | 32  | general | 0
833f00       | cmp dword [rdi], 0          | cmp           | folded    | load       | 32  | general | 0
f60701       | test byte [rdi], 1          | test          | folded    | load       | 8   | general | 0
0f9407       | sete byte [rdi]             | sete          | folded    | store      | 8   | general | 0
f30f1107     | movss [rdi], xmm0           | movss         | single    | store      | 32  | simd-fp | 0
f20f1007     | movsd xmm0, [rdi]           | movsd         | single    | load       | 64  | simd-fp | 0
660fd607     | movq [rdi], xmm0            | movq          | single    | store      | 64  | simd-fp | 0
0f1107       | movups [rdi], xmm0          | movups        | single    | store      | 128 | simd-fp | 0
c5fc1107     | vmovups [rdi], ymm0         | vmovups       | single    | store      | 256 | simd-fp | 0
a5           | movsd [rdi], [rsi]          | movs          | block     | load       | 32  | general | 0
f3a4         | rep movsb                   | rep movs      | block     | load       | -   | general | 0
f348ab       | rep stosq                   | rep stos      | block     | store      | -   | general | 0
a10000000900000000 | mov eax, [0x9000000]   | mov moffs     | single    | load       | 32  | general | 1
ff37         | push [rdi]                  | push          | folded    | load       | 64  | general | 0
0fc337       | movnti [rdi], esi           | movnti        | single    | store      | 32  | general | 0
480fc337     | movnti [rdi], rsi           | movnti        | single    | store      | 64  | general | 0
480f38f937   | movdiri [rdi], rsi          | movdiri       | single    | store      | 64  | general | 0
480fb137     | cmpxchg [rdi], rsi          | cmpxchg       | rmw       | load store | 64  | general | 0
f00fb137     | lock cmpxchg [rdi], esi     | lock cmpxchg  | atomic    | load store | 32  | general | 0
480fc70f     | cmpxchg16b [rdi]            | cmpxchg16b    | rmw       | load store | 128 | general | 0
d7           | xlatb                       | xlatb         | folded    | load       | 8   | general | 0
0fa337       | bt [rdi], esi               | bt            | folded    | load       | 32  | general | 0
f0480fab37   | lock bts [rdi], rsi         | lock bts      | atomic    | load store | 64  | general | 0
66ff37       | push word [rdi]             | push          | folded    | load       | 16  | general | 0
62f17e091007 | vmovss xmm0 {k1}, [rdi]     | vmovss        | single    | load       | 32  | simd-fp | 0
"""
RISCV64 = """
83a54500     | lw a1, 4(a1)                | lw            | single    | load       | 32  | general | 1
83c50500     | lbu a1, 0(a1)               | lbu           | single    | load       | 8   | general | 1
23b0b500     | sd a1, 0(a1)                | sd            | single    | store      | 64  | general | 1
8c41         | c.lw a1, 0(a1)              | c.lw          | single    | load       | 32  | general | 1
8cc5         | c.sw a1, 8(a1)              | c.sw          | single    | store      | 32  | general | 1
8ce1         | c.sd a1, 0(a1)              | c.sd          | single    | store      | 64  | general | 1
8c81         | c.lbu a1, 0(a1)             | c.lbu         | single    | load       | 8   | general | 0
8c89         | c.sb a1, 0(a1)              | c.sb          | single    | store      | 8   | general | 0
87a50500     | flw fa1, 0(a1)              | flw           | single    | load       | 32  | simd-fp | 0
27b0b500     | fsd fa1, 0(a1)              | fsd           | single    | store      | 64  | simd-fp | 0
8c21         | c.fld fa1, 0(a1)            | c.fld         | single    | load       | 64  | simd-fp | 0
afa5b508     | amoswap.w a1, a1, (a1)      | amoswap.w     | atomic    | load store | 32  | general | 0
afb50510     | lr.d a1, (a1)               | lr.d          | exclusive | load       | 64  | general | 0
afa5b518     | sc.w a1, a1, (a1)           | sc.w          | exclusive | store      | 32  | general | 0
"""
A32 = """
001080e5     | str r1, [r0]                | str           | single    | store      | 32  | general | 1
041090e5     | ldr r1, [r0, #4]            | ldr           | single    | load       | 32  | general | 1
0010d0e5     | ldrb r1, [r0]               | ldrb          | single    | load       | 8   | general | 1
b010d0e1     | ldrh r1, [r0]               | ldrh          | single    | load       | 16  | general | 1
d010d0e1     | ldrsb r1, [r0]              | ldrsb         | single    | load       | 8   | general | 1
021190e7     | ldr r1, [r0, r2, lsl #2]    | ldr           | single    | load       | 32  | general | 1
041080e4     | str r1, [r0], #4            | str           | single    | store      | 32  | general | 0
0410a0e5     | str r1, [r0, #4]!           | str           | single    | store      | 32  | general | 0
f020c0e1     | strd r2, r3, [r0]           | strd          | pair      | store      | 64  | general | 0
d020c0e1     | ldrd r2, r3, [r0]           | ldrd          | pair      | load       | 64  | general | 0
0e0080e8     | stm r0, {r1, r2, r3}        | stm           | block     | store      | 96  | general | 0
9f1f90e1     | ldrex r1, [r0]              | ldrex         | exclusive | load       | 32  | general | 0
921f80e1     | strex r1, r2, [r0]          | strex         | exclusive | store      | 32  | general | 0
921000e1     | swp r1, r2, [r0]            | swp           | atomic    | load store | 32  | general | 0
9f1c90e1     | lda r1, [r0]                | lda           | single    | load       | 32  | general | 1
91fc80e1     | stl r1, [r0]                | stl           | single    | store      | 32  | general | 1
000a80ed     | vstr s0, [r0]               | vstr          | single    | store      | 32  | simd-fp | 0
000b90ed     | vldr d0, [r0]               | vldr          | single    | load       | 64  | simd-fp | 0
cf0a40f4     | vst1.64 {d16, d17}, [r0]    | vst           | structure | store      | 128 | simd-fp | 0
040b90ec     | vldmia r0, {d0, d1}         | vldm          | block     | load       | 128 | simd-fp | 0
00f090e5     | ldr pc, [r0]                | ldr           | single    | load       | 32  | general | 0
"""
T32 = """
0160         | str r1, [r0]                | str           | single    | store      | 32  | general | 1
4188         | ldrh r1, [r0, #2]           | ldrh          | single    | load       | 16  | general | 1
8156         | ldrsb r1, [r0, r2]          | ldrsb         | single    | load       | 8   | general | 1
c0f80410     | str.w r1, [r0, #4]          | str           | single    | store      | 32  | general | 1
50f82210     | ldr.w r1, [r0, r2, lsl #2]  | ldr           | single    | load       | 32  | general | 1
50f8041e     | ldrt r1, [r0, #4]           | ldr           | single    | load       | 32  | general | 1
40f8041b     | str r1, [r0], #4            | str           | single    | store      | 32  | general | 0
c0e90023     | strd r2, r3, [r0]           | strd          | pair      | store      | 64  | general | 0
0ec0         | stm r0!, {r1, r2, r3}       | stm           | block     | store      | 96  | general | 0
50e8001f     | ldrex r1, [r0]              | ldrex         | exclusive | load       | 32  | general | 0
c0e8412f     | strexb r1, r2, [r0]         | strex         | exclusive | store      | 8   | general | 0
d0e8af1f     | lda r1, [r0]                | lda           | single    | load       | 32  | general | 1
80ed000a     | vstr s0, [r0]               | vstr          | single    | store      | 32  | simd-fp | 0
90ed000b     | vldr d0, [r0]               | vldr          | single    | load       | 64  | simd-fp | 0
40f9cf0a     | vst1.64 {d16, d17}, [r0]    | vst           | structure | store      | 128 | simd-fp | 0
"""
SETS = {
    "x86-64": (Architecture.X86_64, False, X86_64),
    "riscv64": (Architecture.RISCV64, False, RISCV64),
    "a32": (Architecture.ARM, False, A32),
    "t32": (Architecture.ARM, True, T32),
}


def lifted(architecture: Architecture, encoding: bytes, *, thumb: bool = False) -> tuple[Operation, ...]:
    instructions = tuple(DISASSEMBLERS[architecture, thumb](encoding))
    code = FunctionCode(name="f", section=1, address=0, size=len(encoding), instructions=instructions, thumb=thumb)
    assert len(instructions) == 1, instructions
    return ISAS[architecture].lift(instructions[0], code)


def rows() -> list[tuple[str, tuple[str, ...]]]:
    return [
        (name, tuple(cell.strip() for cell in line.split("|")))
        for name, (_, _, table) in SETS.items()
        for line in table.strip().splitlines()
    ]


@pytest.mark.parametrize(("name", "row"), [pytest.param(*row, id=f"{row[0]} {row[1][1]}") for row in rows()])
def test_an_access_is_what_its_encoding_says(name: str, row: tuple[str, ...]) -> None:
    architecture, thumb, _ = SETS[name]
    encoding, _, operation, form, directions, width, registers, valid = row
    operations = lifted(architecture, bytes.fromhex(encoding), thumb=thumb)
    transfer = next(one for one in operations if isinstance(one, Touch)).transfer
    assert (transfer.operation, transfer.form.value) == (operation, form)
    assert " ".join(transfer.directions) == directions
    assert transfer.width == (None if width == "-" else int(width))
    assert transfer.register_class.value == registers
    assert transfer.syndrome_valid is (valid == "1")


# machine code, assembly, the register that holds a pointer to begin with, the one that holds something of it after
KEPT = """
660fef07     | pxor xmm0, [rdi]            | xmm0 | xmm0
660ffe07     | paddd xmm0, [rdi]           | xmm0 | xmm0
660f6207     | punpckldq xmm0, [rdi]       | xmm0 | xmm0
660fc40701   | pinsrw xmm0, [rdi], 1       | xmm0 | xmm0
0f1607       | movhps xmm0, [rdi]          | xmm0 | xmm0
c5f1fe07     | vpaddd xmm0, xmm1, [rdi]    | xmm1 | xmm0
660f6e07     | movd xmm0, [rdi]            | (rdi) | xmm0
c4e27d1807   | vbroadcastss ymm0, [rdi]    | (rdi) | xmm0
660f6207     | punpckldq xmm0, [rdi]       | (rdi) | xmm0
480faf07     | imul rax, [rdi]             | rax  | rax
481307       | adc rax, [rdi]              | rax  | rax
481307       | adc rax, [rdi]              | (rdi) | rax
48133f       | adc rdi, [rdi]              | rdi  | rdi
30c0         | xor al, al                  | rax  | rax
24f0         | and al, 0xf0                | rax  | rax
6658         | pop ax                      | rax  | rax
d7           | xlatb                       | rax  | rax
"""


@pytest.mark.parametrize("row", [line.split("|") for line in KEPT.strip().splitlines()], ids=lambda row: row[1])
def test_what_is_loaded_beside_a_pointer_does_not_make_it_forgotten(row: list[str]) -> None:
    encoding, _, source, target = (cell.strip() for cell in row)
    isa, algebra = ISAS[Architecture.X86_64], Algebra()
    memory = Memory(algebra, isa.pointer_bytes, ImageData(listed_image(isa)))
    state = State(algebra, isa.stack_pointer, memory)
    for register in ("rsp", "rbx", "rdi"):
        state.set(register, pointer_to(Origin(f"argument {register}")))
    pointer = pointer_to(window_origin(None))
    if source == "(rdi)":
        memory.set((pointer_to(Origin("argument rdi")).terms, 0), pointer)
    else:
        state.set(source, pointer)
    for operation in lifted(Architecture.X86_64, bytes.fromhex(encoding)):
        if isinstance(operation, Touch):
            assert touch(state, operation, state.evaluate(operation.address)) is None
        else:
            assert isinstance(operation, Compute | InsertBits | Opaque)
            state.apply(operation)
    assert algebra.derived(state.get(target))


@pytest.mark.parametrize("xlen", [32, 64])
def test_every_short_riscv_word_is_refused_or_stands_for_a_long_one(xlen: int) -> None:
    """Exhaustively: none raises, and what it stands for is itself no short one."""
    expanded = [expand(half, xlen) for half in range(1 << 16) if half & 3 != 3]
    known = [one for one in expanded if one is not None]
    assert all(one.word & 3 == 3 and one.word < 1 << 32 for one in known)
    assert expand(0, xlen) is None


@pytest.mark.parametrize("name", ["a32", "t32", "riscv64"])
def test_every_short_or_patterned_word_is_lifted_without_an_error(name: str) -> None:
    architecture, thumb, _ = SETS[name]
    for number in range(0, 1 << 16, 7):
        word = (number * 0x9E37_79B1) & 0xFFFF_FFFF
        encoding = word.to_bytes(4, "little")
        for instruction in DISASSEMBLERS[architecture, thumb](encoding):
            code = FunctionCode(name="f", section=1, address=0, size=4, instructions=(instruction,), thumb=thumb)
            assert ISAS[architecture].lift(instruction, code)


OPAQUE = Opaque(reads=frozenset({"r1"}), writes=frozenset({"r0"}))


@pytest.mark.parametrize(
    ("thumb", "encoding", "expected"),
    [
        (False, "1102cbe7", InsertBits(target="r0", shift=4, width=8, source=Sum.of("r1"))),  # bfi r0, r1, #4, #8
        (False, "9102cce7", InsertBits(target="r0", shift=5, width=8, source=Sum.of("r1"))),  # bfi r0, r1, #5, #8
        (False, "1f02cbe7", InsertBits(target="r0", shift=4, width=8, source=Sum())),  # bfc r0, #4, #8
        (True, "61f30b10", InsertBits(target="r0", shift=4, width=8, source=Sum.of("r1"))),
        (True, "6ff30b10", InsertBits(target="r0", shift=4, width=8, source=Sum())),
        (True, "6ff00500", Compute(target="r0", value=Sum(constant=~5))),  # mvn r0, #5
        (True, "61f00500", OPAQUE),  # orn r0, r1, #5
        (False, "1500c0f2", Compute(target="v8", value=Sum(constant=5))),  # vmov.i32 d16, #5
        (False, "1502c0f3", Compute(target="v8", value=Sum(constant=0x85 << 8))),  # vmov.i32 d16, #0x8500
        (True, "c0ef1500", Compute(target="v8", value=Sum(constant=5))),
        (True, "c0ff1502", Compute(target="v8", value=Sum(constant=0x85 << 8))),
    ],
)
def test_fields_and_constants_are_put_where_the_encoding_says(thumb: bool, encoding: str, expected: Operation) -> None:
    (found, *_) = lifted(Architecture.ARM, bytes.fromhex(encoding), thumb=thumb)
    assert found == expected


@pytest.mark.parametrize(
    ("thumb", "encoding"),
    [
        *((False, one) for one in ("00f0d0f5", "00f090f5", "00f0d0f4", "5bf07ff5", "02f0d0f7", "02f0d0f6")),
        *((True, one) for one in ("90f800f0", "b0f800f0", "90f900f0", "bff35f8f", "10f802f0")),
    ],
)
def test_hints_and_barriers_touch_nothing_and_change_nothing(thumb: bool, encoding: str) -> None:
    """PLD, PLDW, PLI, DMB; PLI and PLD of a register."""
    (found,) = lifted(Architecture.ARM, bytes.fromhex(encoding), thumb=thumb)
    assert isinstance(found, Opaque)
    assert not found.writes


def test_a_synchronization_that_is_not_allocated_is_none() -> None:
    assert lifted(Architecture.ARM, bytes.fromhex("9f1d90e1")) == (Unknown(),)


@pytest.mark.parametrize("thumb", [False, True])
def test_structures_reach_no_register_that_is_not_there(thumb: bool) -> None:
    """VLD1 to VLD4 and VST1 to VST4 of d24 on: up to eight registers of 64 bits, as far as there are any."""
    for load in (0, 1):
        word = (0xF940_0000 if thumb else 0xF440_0000) | load << 21 | 8 << 12 | 0x70F
        halves = (word >> 16).to_bytes(2, "little") + (word & 0xFFFF).to_bytes(2, "little")
        (touch,) = lifted(Architecture.ARM, halves if thumb else word.to_bytes(4, "little"), thumb=thumb)
        assert isinstance(touch, Touch)
        assert {*touch.clobbers, *touch.mixes} == {"v12", "v13", "v14", "v15"}
        assert bool(touch.clobbers) == bool(load)
        assert touch.writeback is None


@pytest.mark.parametrize(
    ("kind", "content", "addend"),
    [
        ("R_ARM_CALL", "feffffeb", -8),
        ("R_ARM_JUMP24", "010000ea", 4),
        ("R_ARM_MOVW_ABS_NC", "340201e3", 0x1234),
        ("R_ARM_MOVT_ABS", "ff0f4fe3", -1),
        ("R_ARM_THM_CALL", "fff7feff", -4),
        ("R_ARM_THM_JUMP24", "00f002b8", 4),
        ("R_ARM_THM_MOVW_ABS_NC", "41f23420", 0x1234),
        ("R_ARM_THM_MOVT_ABS", "cff6ff70", -1),
        ("R_ARM_ABS32", "feffffff", -2),
        ("R_ARM_REL32", "04000000", 4),
    ],
)
def test_an_addend_is_what_the_fields_of_the_instruction_hold(kind: str, content: str, addend: int) -> None:
    """AAELF32, 5.6.1.1."""
    assert ISAS[Architecture.ARM].elf.addend(kind, bytes.fromhex(content)) == addend
