"""How A64 is disassembled: one name a register."""

from mmio_bisect.classify.machine.architecture import Disassembly

_ZERO_REGISTERS = frozenset({"wzr", "xzr"})
_OTHER_NAMES = {"fp": "x29", "lr": "x30", "wsp": "sp"}
_GENERAL = "wx"
_VECTOR = "bhsdqvz"


def canonical_register(name: str) -> str | None:
    """The name of the widest register that holds this one's bits; None for the zero register, which holds none."""
    if name in _ZERO_REGISTERS:
        return None
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    if name[1:].isdigit():
        if name[0] in _GENERAL:
            return "x" + name[1:]
        if name[0] in _VECTOR:
            return "v" + name[1:]
    return name


A64 = Disassembly(family="ARM64", modes=("LITTLE_ENDIAN",), register=canonical_register)
