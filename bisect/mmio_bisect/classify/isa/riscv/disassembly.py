"""How RISC-V is disassembled: for its text, while what instructions do is read from their bits."""

import re

from mmio_bisect.classify.machine.architecture import Disassembly

_BRANCH = re.compile(r"^(?:c\.)?(?:j|jal|beq|bne|blt|bge|bltu|bgeu|beqz|bnez|blez|bgez|bltz|bgtz) ")
_DISTANCE = re.compile(r"(-?)(0x[0-9a-f]+|\d+)$")


def _placed(text: str, position: int) -> str:
    distance = _DISTANCE.search(text)
    if not _BRANCH.match(text) or distance is None:
        return text
    target = position + int(distance[2], 0) * (-1 if distance[1] else 1)
    return text[: distance.start()] + f"{target % (1 << 64):#x}"


def disassembly(xlen: int) -> Disassembly:
    return Disassembly(
        family="RISCV",
        modes=(f"RISCV{xlen}", "RISCVC"),
        unit=2,
        length=lambda head: 4 if head[0] & 3 == 3 else 2,
        place=_placed,
    )
