"""x86-64 and i386, as the rest of the package knows them.

Sources: System V ABI, AMD64 §3.2 and §4.4, i386 §2.2 and §4.4.
"""

from mmio_bisect.classify.isa.x86 import target
from mmio_bisect.classify.isa.x86.disassembly import disassembly
from mmio_bisect.classify.isa.x86.lift import Lifter
from mmio_bisect.classify.machine.architecture import ElfFormat, Isa, Passing, Relocations, places_in, samples
from mmio_bisect.classify.machine.bits import signed
from mmio_bisect.domain.access import Form, RegisterClass
from mmio_bisect.domain.recipe import Convention

_VECTORS = frozenset(f"xmm{number}" for number in range(32))
_MASKS = frozenset(f"k{number}" for number in range(8))


def _i386_addend(kind: str, content: bytes) -> int:
    if kind in {"R_386_8", "R_386_PC8"}:
        return signed(content[0], 8)
    if kind in {"R_386_16", "R_386_PC16"}:
        return signed(int.from_bytes(content[:2], "little"), 16)
    return signed(int.from_bytes(content, "little"), 32)


def _opposite(condition: str) -> str:
    """Of a mask: that it has a bit of the element set."""
    return condition.removeprefix("no ") if condition.startswith("no ") else f"no {condition}"


_G, _V, _N = RegisterClass.GENERAL, RegisterClass.SIMD_FP, RegisterClass.NONE
_SAMPLES = samples(
    ("MOV: register", "mov", Form.SINGLE, _G, 32),
    ("MOV: offset (A0 to A3)", "mov moffs", Form.SINGLE, _G, 32),
    ("MOVZX", "movzx", Form.SINGLE, _G, 8),
    ("MOVSX", "movsx", Form.SINGLE, _G, 8),
    ("MOVSXD", "movsxd", Form.SINGLE, _G, 32),
    ("CMP", "cmp", Form.SINGLE, _G, 32),
    ("OR: bytes", "or", Form.SINGLE, _G, 8),
    ("OR: wider", "or", Form.SINGLE, _G, 32),
    ("ADD", "add", Form.SINGLE, _G, 32),
    ("LOCK ADD, LOCK CMPXCHG", "lock add", Form.ATOMIC, _G, 32),
    ("XCHG", "xchg", Form.ATOMIC, _G, 32),
    ("PUSH, POP", "push", Form.SINGLE, _G, 64),
    ("REP MOVS", "rep movs", Form.BLOCK, _N, 32),
    ("REP STOS", "rep stos", Form.BLOCK, _N, 32),
    ("MOVUPS, MOVAPS, MOVDQA", "movups", Form.SINGLE, _V, 128),
    ("MOVSS, MOVSD, MOVQ", "movss", Form.SINGLE, _V, 32),
    ("VMOVUPS and its kin", "vmovups", Form.SINGLE, _V, 256),
)

_MICROSOFT = Passing(
    place_arguments=places_in(("rcx", "rdx", "r8", "r9"), word=8, first=40, pairs=False),
    handed_over=("rcx", "rdx", "r8", "r9"),
    call_clobbered=frozenset({"rax", "rcx", "rdx", "r8", "r9", "r10", "r11"})
    | {f"xmm{number}" for number in (*range(6), *range(16, 32))},
    words_of_float=1,
)
"""“x64 calling convention” (Microsoft): four registers by place, then the stack behind the callee's 32 bytes."""

X86_64 = Isa(
    facts=target.X86_64,
    pointer_bytes=8,
    stack_pointer="rsp",
    result="rax",
    handed_over=("rdi", "rsi", "rdx", "rcx", "r8", "r9"),
    call_clobbered=frozenset({"rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"}) | _VECTORS,
    place_arguments=places_in(("rdi", "rsi", "rdx", "rcx", "r8", "r9"), word=8, first=8, pairs=False),
    lift=Lifter(8).lift,
    elf=ElfFormat(prefix="R_X86_64_"),
    relocations=Relocations(
        absolute=frozenset({"R_X86_64_64", "R_X86_64_32", "R_X86_64_32S"}),
        relative=frozenset({"R_X86_64_PC32"}),
        branches=frozenset({"R_X86_64_PLT32"}),
        from_the_end=frozenset(
            f"R_X86_64_{kind}"
            for kind in ("PC64", "PC32", "PC16", "PC8", "PLT32", "GOTPCREL", "GOTPCRELX", "REX_GOTPCRELX")
        ),
    ),
    branches=frozenset({"call", "jmp"}),
    disassembly=(disassembly("64"),),
    samples=_SAMPLES,
    pushes=8,
    flags=_MASKS,
    opposite=_opposite,
    conventions={Convention.MICROSOFT: _MICROSOFT},
).soft_float()
"""AMD64 §3.2.3: arguments in six registers, then on the stack, which holds the return address first."""

_REGPARM = ("rax", "rdx", "rcx")
_I386_CLOBBERED = frozenset(_REGPARM) | _VECTORS


def _regparm(count: int) -> Passing:
    """GCC, “x86 Function Attributes”, `regparm`."""
    return Passing(
        place_arguments=places_in(_REGPARM[:count], word=4, first=4, pairs=False),
        handed_over=_REGPARM[:count],
        call_clobbered=_I386_CLOBBERED,
        words_of_float=1,
    )


I386 = Isa(
    facts=target.I386,
    pointer_bytes=4,
    stack_pointer="rsp",
    result="rax",
    handed_over=(),
    call_clobbered=_I386_CLOBBERED,
    place_arguments=places_in((), word=4, first=4, pairs=False),
    lift=Lifter(4).lift,
    elf=ElfFormat(prefix="R_386_", addend_in_place=True, addend=_i386_addend),
    relocations=Relocations(
        absolute=frozenset({"R_386_32"}),
        relative=frozenset({"R_386_PC32"}),
        from_table=frozenset({"R_386_GOTOFF"}),
        branches=frozenset({"R_386_PLT32"}),
        from_the_end=frozenset({"R_386_PC32", "R_386_PC16", "R_386_PC8", "R_386_PLT32"}),
    ),
    branches=frozenset({"call", "jmp"}),
    disassembly=(disassembly("32"),),
    samples=tuple(sample for sample in _SAMPLES if sample[0] != "MOVSXD"),
    pushes=4,
    flags=_MASKS,
    opposite=_opposite,
    words_of_float=1,
    conventions={
        Convention.REGPARM1: _regparm(1),
        Convention.REGPARM2: _regparm(2),
        Convention.REGPARM3: _regparm(3),
    },
)
"""i386 §2.2.3: all arguments are on the stack."""
