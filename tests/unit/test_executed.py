"""Random instructions of every set run in an emulator: what their operations say has to be what they did.

Of each set `EXACT` lists instructions whose results the operations know in full, so that one which they no longer do
is noticed too.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import pytest
from stepped import Stepper, compare

from mmio_bisect.classify.machine.instructions import ImmediateOperand, Instruction, MemoryOperand, RegisterOperand
from mmio_bisect.domain.target import Architecture

Words = Callable[[Random], bytes]


def a64(chance: Random) -> bytes:
    """All groups that the emulator has, SIMD less often."""
    group = chance.choice((8, 9, 5, 13, 5, 10, 11, 4, 6, 12, 14, 12))
    word = chance.getrandbits(32) & ~(15 << 25) | group << 25
    if group & 1 == 0 and chance.random() < 0.5:
        word &= ~(1 << 26)
    return word.to_bytes(4, "little")


def a32(chance: Random) -> bytes:
    """Nothing of user mode's registers; the program counter as an operand now and then."""
    word = chance.getrandbits(28)
    if word >> 26 != 3 and chance.random() < 0.4:
        word &= ~0xFF0
    if word >> 25 == 4:
        word &= ~(1 << 22)
    if word >> 16 & 15 == 15 and word >> 27 == 0 and chance.random() < 0.8:
        word ^= 1 << 16
    condition = 14 if chance.random() < 0.8 else chance.randrange(14)
    return (condition << 28 | word).to_bytes(4, "little")


def a32_exclusive(chance: Random) -> bytes:
    """LDREX and STREX of every width: few among random words."""
    loads = chance.randrange(2)
    word = (
        0x0180_0F90 | chance.randrange(4) << 21 | loads << 20 | chance.randrange(15) << 16 | chance.randrange(14) << 12
    )
    word |= 15 if loads else chance.randrange(14)
    return (14 << 28 | word).to_bytes(4, "little")


def t16(chance: Random) -> bytes:
    return chance.randrange(0xE800).to_bytes(2, "little")


def t32(chance: Random) -> bytes:
    first, second = chance.getrandbits(16), chance.getrandbits(16)
    if first & 15 == 15 and chance.random() < 0.7:
        first ^= 2
    if second >> 8 & 15 == 15 and chance.random() < 0.7:
        second ^= 0x200
    match chance.randrange(8):
        case 0 | 1:
            first = 0xF800 | first & 0x1FF
        case 2:
            first = 0xE800 | first & 0x1FF
        case 3:
            first, second = 0xEA00 | first & 0x1FF, second & chance.choice((0x0FFF, 0x0F0F, 0x7FCF))
        case 4:
            first, second = 0xF000 | first & 0x7FF, second & 0x7FFF
        case 5:
            first, second = 0xF000 | first & 0x7FF, second | 0x8000
        case 6:
            first = 0xF880 | first & 0x7F
        case _:
            first, second = 0xEC00 | first & 0x1FF, second & ~0xE00 | 0xA00
    return first.to_bytes(2, "little") + second.to_bytes(2, "little")


_RISCV = (0x03, 0x23, 0x07, 0x27, 0x2F, 0x37, 0x17, 0x13, 0x1B, 0x33, 0x3B, 0x63, 0x6F, 0x67, 0x13, 0x33, 0x53)


def riscv(chance: Random) -> bytes:
    opcode = chance.choice(_RISCV)
    word = chance.getrandbits(32) & ~0x7F | opcode
    if opcode in {0x33, 0x3B, 0x1B, 0x13} and chance.random() < 0.7:
        word = word & 0x1FFFFFF | chance.choice((0, 0, 0x20, 0x10, 1)) << 25
    return word.to_bytes(4, "little")


def compressed(chance: Random) -> bytes:
    return (chance.getrandbits(14) << 2 | chance.randrange(3)).to_bytes(2, "little")


_ALU = [operation << 3 | form for operation in range(8) for form in range(4)]
_WITH_MODRM = [
    *(bytes([one]) for one in [*_ALU, *_ALU, *[0x88, 0x89, 0x8A, 0x8B, 0x8D] * 4, 0x69, 0x6B, *range(0x80, 0x88)]),
    *(bytes([one]) for one in (0xC6, 0xC7, 0xC0, 0xC1, 0xD1, 0xD3, 0xF6, 0xF7, 0xFE, 0xFF)),
    *(bytes([0x0F, one]) for one in [0xB6, 0xB7, 0xBE, 0xBF] * 2 + [*range(0x40, 0x50), *range(0x90, 0xA0)]),
    *(bytes([0x0F, one]) for one in (0x10, 0x11, 0x28, 0x29, 0x6E, 0xAF, 0xB0, 0xB1, 0xC0, 0xC1, 0xBC, 0x18, 0xC3)),
    *(b"\x66" + bytes([0x0F, one]) for one in (0x7E, 0xD6, 0x6F, 0x7F, 0xEF, 0x10, 0x11, 0x28, 0x29)),
    *(bytes([prefix, 0x0F, one]) for prefix in (0xF2, 0xF3) for one in (0x10, 0x11, 0x58, 0x59)),
]
_BARE = [
    *(bytes([one]) for one in (*range(0x50, 0x60), *range(0xB0, 0xC0), *range(0x70, 0x80), *range(0xA0, 0xA4))),
    *(bytes([one]) for one in (4, 5, 0x0D, 0x15, 0x25, 0x2D, 0x35, 0x3D, 0x68, 0x6A, 0x90, 0x98, 0x99, 0xA8, 0xA9)),
    *(bytes([one]) for one in (0xC3, 0xC9, 0xE8, 0xE9, 0xEB, 0xA4, 0xA5, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF)),
    *(b"\x0f\x84", b"\x0f\x8d", b"\x0f\x0b"),
]


_RARE_WITH_MODRM = [
    *(b"\x66" + bytes([0x0F, one]) for one in (0x61, 0x62, 0x6C, 0xFE, 0xD4, 0xC4)),
    *(bytes([0x0F, one]) for one in (0xA3, 0xAB, 0xB3, 0xBB, 0xBA)),
    *(b"\x8f", b"\xff", b"\x66\xff", b"\x66\x8f"),
]
_RARE_BARE = [
    *[b"\xc8\x20\x00\x00"] * 2,
    *(bytes([one]) for one in (0xD7, 0x60, 0x61, *range(0xE0, 0xE4), 0x9C, 0x9D)),
    *(b"\x66" + bytes([one]) for one in (*range(0x50, 0x60), 0x60, 0x61, 0x68, 0x6A, 0x9C, 0x9D)),
]


def x86(
    *, wide: bool, with_modrm: Sequence[bytes] = _WITH_MODRM, bare: Sequence[bytes] = _BARE, often: float = 0.75
) -> Words:
    """What compilers write."""

    def words(chance: Random) -> bytes:
        opcode = chance.choice(with_modrm if chance.random() < often else bare)
        prefix, *rest = (opcode[:1], opcode[1:]) if opcode[0] in {0x66, 0xF2, 0xF3} else (b"", opcode)
        if not prefix and opcode in with_modrm and opcode[0] != 0x0F and opcode != b"\xff" and chance.random() < 0.1:
            prefix = b"\x66"
        if wide and chance.random() < 0.6:
            prefix += bytes([0x40 | chance.getrandbits(4) | (8 if chance.random() < 0.6 else 0)])
        return prefix + rest[0] + chance.randbytes(12)

    return words


def rare(*, wide: bool) -> Words:
    """Bits at an index, parts of vectors, the stack in ways that no compiler has it."""
    return x86(wide=wide, with_modrm=_RARE_WITH_MODRM, bare=_RARE_BARE, often=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    architecture: Architecture
    words: Words
    thumb: bool = False
    odd: str = "$."
    """What is left out, as a pattern for the text: UNPREDICTABLE, reserved, or not as the manual has it in unicorn."""


_CALLS = "l?call|l?jmp"
_PC_WRITTEN_BACK = r"\[pc.*\]!|\[pc\], "
_OTHER_LINKS = r"jal (?!t0)\w+, "
SETS = {
    "a64": Set(architecture=Architecture.AARCH64, words=a64),
    "a32": Set(architecture=Architecture.ARM, words=a32, odd=_PC_WRITTEN_BACK),
    "a32 exclusive": Set(architecture=Architecture.ARM, words=a32_exclusive),
    "t16": Set(architecture=Architecture.ARM, words=t16, thumb=True, odd="it[te]* "),
    "t32": Set(
        architecture=Architecture.ARM,
        words=t32,
        thumb=True,
        odd=rf"{_PC_WRITTEN_BACK}|fstm|fldm|ld\S* pc|ldrd (\w+), \1,|(ldrd|strd) .*\b(\w+)\b,.*\[\3.*(\]!|\],)",
    ),
    "riscv64": Set(architecture=Architecture.RISCV64, words=riscv, odd=_OTHER_LINKS),
    "riscv32": Set(architecture=Architecture.RISCV32, words=riscv, odd=_OTHER_LINKS),
    "riscv64 short": Set(architecture=Architecture.RISCV64, words=compressed),
    "riscv32 short": Set(architecture=Architecture.RISCV32, words=compressed, odd=r"c\.s[lr]li .* 0x[23]"),
    "x86-64": Set(architecture=Architecture.X86_64, words=x86(wide=True), odd=r"\b[abcd]h\b"),
    "i386": Set(architecture=Architecture.I386, words=x86(wide=False), odd=r"\b[abcd]h\b"),
    "x86-64 rare": Set(architecture=Architecture.X86_64, words=rare(wide=True), odd=_CALLS),
    "i386 rare": Set(architecture=Architecture.I386, words=rare(wide=False), odd=_CALLS),
}


def shape(instruction: Instruction) -> str:
    """The mnemonic, and what makes a difference to how much is known: a shift, an extension, x86's operands."""
    mnemonic, _, rest = instruction.text.partition(" ")
    shifted = re.search(r" (lsl|lsr|asr|ror|rrx|[us]xt.)\b", rest)
    kinds = {ImmediateOperand: "n", MemoryOperand: "m"}
    operands = "".join(
        f" r{one.bits}" if isinstance(one, RegisterOperand) else f" {kinds[type(one)]}" for one in instruction.operands
    )
    return mnemonic + (f" {shifted[1]}" if shifted else "") + operands


EXACT = {
    "a64": """
        add | add lsl | adds | adds lsl | adr | and | and lsl | ands | cbnz | cbz | eor | ldp | ldpsw | ldr | ldrb |
        ldrh | ldrsb | ldrsh | ldrsw | mov | orr | orr lsl | stlxr | stnp | stp | str | strb | strh | stxp | sub | sub
        lsl | subs | subs lsl | tbnz | tbz
    """,
    "a32": """
        add | adds | and | ands | bic | eor | eors | ldm | ldmda | ldmdb | ldmib | ldrb | ldrbt | ldrsh | ldrt | movt |
        orr | orrs | rsb | stm | stmda | stmdb | stmib | str | strb lsl | strt | subs
    """,
    "a32 exclusive": """
        ldrex | ldrexb | ldrexd | ldrexh | strex | strexb | strexd | strexh
    """,
    "t16": """
        add | adds | adr | b | beq | bge | bgt | bhi | bhs | ble | blo | bls | blt | bmi | bne | bpl | bvc | cbnz | cbz
        | cmn | cmp | ldm | ldr | ldrb | ldrh | ldrsb | ldrsh | mov | movs | push | stm | str | strb | strh | sub | subs
    """,
    "t32": """
        add.w | adds.w | addw | and | and.w lsl | ands | ands.w | ands.w lsl | bgt.w | bhi.w | bhs.w | bic | bics |
        ble.w | bls.w | bne.w | bpl.w | bvc.w | eor | eor.w | eor.w lsl | eors | eors.w | eors.w lsl | ldm.w | ldmdb |
        ldr | ldr.w | ldrb | ldrb.w | ldrbt | ldrd | ldrh | ldrh.w | ldrsb | ldrsb.w | ldrsh.w | ldrt | movt | orr.w lsl
        | orrs | orrs.w | rsb | rsb lsl | rsbs lsl | stm.w | str | str.w | strb | strb.w | strd | strex | strh | strh.w
        | strt | sub.w | sub.w lsl | subs.w | subw | vstmdb
    """,
    "riscv64": """
        add | addi | addiw | addw | and | andi | auipc | beq | bge | bgeu | blt | bltu | bne | fld | flw | fsd | fsw |
        jalr | lb | lbu | ld | lh | lhu | lui | lw | lwu | or | ori | sb | sd | sh | slli | slliw | sw | xor | xori
    """,
    "riscv32": """
        add | addi | and | andi | auipc | beq | bge | bgeu | blt | bltu | bne | fld | flw | fsd | fsw | jalr | lb | lbu
        | lh | lhu | lui | lw | or | ori | sb | sh | slli | sw | xor | xori
    """,
    "riscv64 short": """
        c.add | c.addi | c.addi4spn | c.addiw | c.and | c.andi | c.beqz | c.bnez | c.fld | c.fldsp | c.fsd | c.fsdsp |
        c.j | c.ld | c.ldsp | c.li | c.lui | c.lw | c.lwsp | c.mv | c.sd | c.sdsp | c.slli | c.sw | c.swsp
    """,
    "riscv32 short": """
        c.add | c.addi | c.addi16sp | c.addi4spn | c.and | c.andi | c.beqz | c.bnez | c.fld | c.fldsp | c.flw | c.flwsp
        | c.fsd | c.fsdsp | c.fsw | c.fswsp | c.j | c.jal | c.li | c.lui | c.lw | c.lwsp | c.mv | c.slli | c.sub | c.sw
        | c.swsp | c.xor
    """,
    "x86-64": """
        adc r64 m | adc r8 m | add m r32 | add r32 m | add r32 n | add r64 n | add r8 m | addsd r128 m | and m r32 | and
        r32 m | and r32 n | and r64 n | and r8 m | cmova r32 m | cmovbe r32 m | cmovle r32 m | cmovne r32 m | cmovno r32
        m | cmovnp r32 m | cmovp r32 m | cmp m r32 | cmp m r8 | cmp r32 r32 | cmp r8 m | cmp r8 r8 | imul m | ja n | jbe
        n | je n | jg n | jge n | jl n | jle n | jne n | jno n | jns n | jo n | jp n | js n | lea r32 m | lea r64 m |
        leave | mov m r64 | mov m r8 | mov r32 m | mov r32 n | mov r32 r32 | mov r64 m | mov r64 r64 | mov r8 m | movabs
        r64 n | movsx r32 m | movsx r64 m | movupd m r128 | movups m r128 | movups r128 m | movzx r32 m | movzx r64 m |
        mul m | mulsd r128 m | or m r32 | or m r8 | or r32 n | or r32 r32 | or r64 n | or r64 r64 | or r8 m | push r64 |
        sbb m r8 | sbb r32 m | sbb r64 m | sete m | setg m | setge m | setle m | setne m | setnp m | setns m | seto m |
        setp m | sub m r64 | sub m r8 | sub r32 m | sub r32 n | sub r64 n | sub r64 r64 | sub r8 m | test m r8 | test r8
        n | xor m r32 | xor m r64 | xor m r8 | xor r32 r32 | xor r64 r64
    """,
    "i386": """
        adc m n | adc m r32 | adc m r8 | adc r32 m | adc r8 m | add m r16 | add m r32 | add m r8 | add r32 r32 | add r8
        m | addss r128 m | and m r32 | and m r8 | and r32 r32 | and r8 m | bsf r32 m | cmp m r32 | cmp m r8 | cmp r16 m
        | cmp r32 m | cmp r32 n | cmp r32 r32 | cmp r8 m | cmpxchg m r32 | imul r32 m | imul r32 m n | jae n | jb n | jg
        n | jge n | jmp n | jne n | jnp n | jo n | jp n | js n | lea r32 m | leave | mov m r32 | mov m r8 | mov r16 m |
        mov r32 m | mov r32 n | mov r32 r32 | mov r8 m | movapd m r128 | movapd r128 m | movaps m r128 | movaps r128 m |
        movd m r128 | movd r64 m | movdqa m r128 | movdqa r128 m | movnti m r32 | movq m r128 | movsd m r128 | movss m
        r128 | movss r128 m | movsx r32 m | movupd m r128 | movupd r128 m | movups m r128 | movups r128 m | movzx r32 m
        | mulss r128 m | not m | or m r32 | or m r8 | or r32 n | or r32 r32 | push r32 | pxor r128 m | rcr m n | sal m n
        | sbb m r32 | sbb m r8 | sbb r32 m | sbb r8 m | seta m | setae m | setb m | setbe m | sete m | setg m | setge m
        | setl m | setle m | setne m | setno m | setnp m | setns m | seto m | setp m | shl m n | sub m n | sub m r32 |
        sub m r8 | sub r32 n | sub r32 r32 | sub r8 m | test m r32 | test r8 n | xadd m r32 | xchg m r32 | xchg m r8 |
        xor m n | xor m r32 | xor m r8 | xor r32 n | xor r32 r32 | xor r8 m
    """,
    "x86-64 rare": """
        bt m n | bt r32 n | bt r32 r32 | bt r64 r64 | bts m n | dec m | enter n n | inc m | jrcxz n | loop n | loope n |
        loopne n | paddd r128 m | pinsrw r128 m n | pop m | pop r16 | pop r64 | popf | popfq | punpckldq r128 m |
        punpcklqdq r128 m | punpcklwd r128 m | push m | push n | push r16 | push r64 | pushf | pushfq
    """,
    "i386 rare": """
        bt m n | bt r32 n | bt r32 r32 | bts m n | dec m | enter n n | inc m | jecxz n | loop n | loope n | loopne n |
        paddd r128 m | pinsrw r128 m n | pop m | pop r16 | popal | popaw | popf | popfd | punpckldq r128 m | punpcklqdq
        r128 m | punpcklwd r128 m | push m | push n | push r16 | push r32 | pushal | pushaw | pushf | pushfd
    """,
}
"""Instructions whose results are known in full, by `shape`."""

COUNT = 1500


@pytest.mark.parametrize("name", SETS)
def test_an_instruction_does_what_its_operations_say(name: str) -> None:
    chosen = SETS[name]
    stepper, chance = Stepper(chosen.architecture, thumb=chosen.thumb), Random(name)  # noqa: S311  the same each time
    wrong: list[str] = []
    exact: Counter[str] = Counter()
    vague: Counter[str] = Counter()
    for _ in range(COUNT):
        read = stepper.read(chosen.words(chance))
        if read is None or re.search(chosen.odd, read[0].text):
            continue
        instruction, code = read
        operations = stepper.isa.lift(instruction, code)
        step = stepper.run(instruction.encoding, stepper.registers(chance), chance.getrandbits(32))
        compared = None if step is None else compare(stepper, operations, step, instruction.end)
        if compared is None:
            continue
        if compared.wrong:
            wrong.append(f"{instruction.text} ({instruction.encoding.hex()}): {compared.wrong}")
        (exact if compared.exact else vague)[shape(instruction)] += 1
    assert not wrong, "\n".join(wrong)
    known = {" ".join(one.split()) for one in EXACT[name].split("|")}
    assert not {one for one in known if not exact[one] or vague[one]}
