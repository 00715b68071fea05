"""The A64 system instructions that touch memory, or look as if they did: cache maintenance, guarded control stacks.

Titles are those of the Arm ARM's section C5, "The A64 System Instruction Class" (DDI 0487). A SYS encoding that has no
row here is an instruction all the same; what it does, if anything, is not an access.

Fields: t Rt, which holds the address of what works by address.
"""

from mmio_bisect.classify.isa.aarch64.many_forms import aside, maintenance
from mmio_bisect.classify.isa.aarch64.table import Line
from mmio_bisect.domain.access import Form

_LINE, _BLOCK, _TAGS = maintenance(Form.CACHE), maintenance(Form.BLOCK), maintenance(Form.TAG)
_SET_WAY = aside(Form.CACHE, "cache maintenance by set and way: it names no address, and ISV = 0", valid=False)
_STACK = aside(Form.GUARDED_STACK, "the guarded control stack that the system registers name: ISV = 0", valid=False)
_TRANSLATION = aside("address translation", "it asks for a translation and touches no memory at the address")
_INSTRUCTIONS = aside("instruction-cache maintenance", "it invalidates cached instructions and touches no data")


def _line(op1: int, crm: int, op2: int) -> str:
    return f"1101010100 0 01 {op1:03b} 0111 {crm:04b} {op2:03b} ttttt"


def _lines(op1: int, crm: int, names: dict[int, str], kind: str = "dc") -> tuple[Line, ...]:
    readers = {"dc": _LINE, "set": _SET_WAY, "at": _TRANSLATION}
    mnemonic = "at" if kind == "at" else "dc"
    return tuple((_line(op1, crm, op2), f"{mnemonic} {name}", readers[kind]) for op2, name in names.items())


SYSTEM_GROUPS: tuple[tuple[str, tuple[Line, ...]], ...] = (
    (
        "Cache maintenance instructions",
        (
            (_line(3, 0b0100, 1), "dc zva", _BLOCK),
            (_line(3, 0b0100, 3), "dc gva", _TAGS),
            (_line(3, 0b0100, 4), "dc gzva", _BLOCK),
            (_line(3, 0b0100, 5), "dc zgbva", _BLOCK),
            (_line(3, 0b0100, 7), "dc gbva", _TAGS),
            *_lines(0, 0b0110, {1: "ivac", 3: "igvac", 5: "igdvac"}),
            *_lines(0, 0b0110, {2: "isw", 4: "igsw", 6: "igdsw"}, "set"),
            *_lines(0, 0b1010, {2: "csw", 4: "cgsw", 6: "cgdsw"}, "set"),
            *_lines(0, 0b1110, {2: "cisw", 4: "cigsw", 6: "cigdsw"}, "set"),
            *_lines(0, 0b1111, {1: "civaps", 5: "cigdvaps"}),
            *_lines(3, 0b1010, {1: "cvac", 3: "cgvac", 5: "cgdvac"}),
            *_lines(3, 0b1011, {0: "cvaoc", 1: "cvau", 7: "cgdvaoc"}),
            *_lines(3, 0b1100, {1: "cvap", 3: "cgvap", 5: "cgdvap"}),
            *_lines(3, 0b1101, {1: "cvadp", 3: "cgvadp", 5: "cgdvadp"}),
            *_lines(3, 0b1110, {1: "civac", 3: "cigvac", 5: "cigdvac"}),
            *_lines(3, 0b1111, {0: "civaoc", 7: "cigdvaoc"}),
            *_lines(4, 0b1110, {0: "cipae", 7: "cigdpae"}),
            *_lines(6, 0b1110, {1: "cipapa", 5: "cigdpapa"}),
            (_line(0, 0b0001, 0), "ic ialluis", _INSTRUCTIONS),
            (_line(0, 0b0101, 0), "ic iallu", _INSTRUCTIONS),
            (_line(3, 0b0101, 1), "ic ivau", _INSTRUCTIONS),
        ),
    ),
    (
        "Address translation instructions",
        (
            *_lines(0, 0b1000, {0: "s1e1r", 1: "s1e1w", 2: "s1e0r", 3: "s1e0w"}, "at"),
            *_lines(0, 0b1001, {0: "s1e1rp", 1: "s1e1wp", 2: "s1e1a"}, "at"),
            *_lines(4, 0b1000, {0: "s1e2r", 1: "s1e2w", 4: "s12e1r", 5: "s12e1w", 6: "s12e0r", 7: "s12e0w"}, "at"),
            *_lines(4, 0b1001, {2: "s1e2a"}, "at"),
            *_lines(6, 0b1000, {0: "s1e3r", 1: "s1e3w"}, "at"),
            *_lines(6, 0b1001, {2: "s1e3a"}, "at"),
        ),
    ),
    (
        "Guarded Control Stack instructions",
        (
            (_line(3, 0b0111, 0), "gcspushm", _STACK),
            (_line(3, 0b0111, 2), "gcsss1", _STACK),
            ("1101010100 1 01 011 0111 0111 001 ttttt", "gcspopm", _STACK),
            ("1101010100 1 01 011 0111 0111 011 ttttt", "gcsss2", _STACK),
            ("1101010100 0 01 000 0111 0111 100 11111", "gcspushx", _STACK),
            ("1101010100 0 01 000 0111 0111 101 11111", "gcspopcx", _STACK),
            ("1101010100 0 01 000 0111 0111 110 11111", "gcspopx", _STACK),
        ),
    ),
)
