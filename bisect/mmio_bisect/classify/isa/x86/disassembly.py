"""How x86 is disassembled.

Registers are named by their 64-bit form on both architectures (`rax` also for `eax` and `ah`, `xmm3` for `ymm3`), so
that one table serves both.
"""

from mmio_bisect.classify.machine.architecture import Disassembly

_BYTE_REGISTERS = {
    name: wide
    for wide, names in {
        "rax": "al ah", "rbx": "bl bh", "rcx": "cl ch", "rdx": "dl dh", "rsi": "sil", "rdi": "dil", "rbp": "bpl",
        "rsp": "spl",
    }.items()
    for name in names.split()
}  # fmt: skip


def canonical_register(name: str) -> str:  # noqa: PLR0911  one return a family of names
    """The name of the widest register that holds this one's bits."""
    if name in _BYTE_REGISTERS:
        return _BYTE_REGISTERS[name]
    if name[:3] in {"ymm", "zmm"}:
        return "xmm" + name[3:]
    if name[0] == "r" and name[1:2].isdigit():
        return name.rstrip("bwd")
    if name in {"eflags", "rflags"}:
        return "rflags"
    if name[0] == "e" and len(name) == 3 and name != "es":
        return "r" + name[1:]
    if name in {"ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip"}:
        return "r" + name
    return name


def disassembly(mode: str) -> Disassembly:
    return Disassembly(family="X86", modes=(mode,), unit=1, length=lambda _head: 15, register=canonical_register)
