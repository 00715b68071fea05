"""How A32 and T32 are disassembled: texts and register effects by capstone, the rest is read from the bits."""

from mmio_bisect.classify.machine.architecture import Disassembly

_NAMES = {"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12", "r13": "sp", "r14": "lr", "r15": "pc"}
_FLAGS = {"apsr", "apsr_nzcv", "cpsr", "fpscr_nzcv"}


def canonical_register(name: str) -> str:
    """The general register's number, or the 128-bit register that holds a vector register's bits."""
    if name in _NAMES:
        return _NAMES[name]
    if name in _FLAGS:
        return "cpsr"
    if name[:1] in {"s", "d", "q"} and name[1:].isdigit():
        return f"v{int(name[1:]) // {'s': 4, 'd': 2, 'q': 1}[name[0]]}"
    return name


def _t32_length(head: bytes) -> int:
    return 4 if head[1:2] >= b"\xe8" else 2


def _with_its_block(head: bytes) -> int:
    """An IT instruction and the up to four that it is about."""
    mask = head[0] & 15 if head[1:2] == b"\xbf" else 0
    return 5 - ((mask & -mask).bit_length() - 1) if mask else 1


A32 = Disassembly(family="ARM", modes=("ARM", "V8"), register=canonical_register)
T32 = Disassembly(
    family="ARM",
    modes=("THUMB", "V8"),
    unit=2,
    length=_t32_length,
    together=_with_its_block,
    register=canonical_register,
    thumb=True,
)
