"""Machine code to `Instruction` values, by capstone, as each architecture's descriptor asks for it.

No byte is lost: what capstone refuses, and it refuses some that execute, is in the result as data is, `.word` or
`.byte`, unrecognised and with no register effects; whoever classifies it has the bytes themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import capstone

from mmio_bisect.adapters.binary.x86_operands import operand_of
from mmio_bisect.classify.isa.aarch64.disassembly import A64
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.architecture import Disassembly
from mmio_bisect.classify.machine.instructions import Instruction
from mmio_bisect.workflow.probing.objects import Disassembler, Disassemblers

_PREFIXES = frozenset({"lock", "rep", "repe", "repne", "repz", "repnz", "notrack", "bnd", "xacquire", "xrelease"})


def disassembler(options: Disassembly) -> Disassembler:
    def disassemble(code: bytes, data_ranges: Sequence[range] = ()) -> list[Instruction]:
        # capstone's handles must not be shared by threads; a new one costs next to nothing
        decoder = _Decoder(options)
        found: list[Instruction] = []
        position = 0
        for data in (*data_ranges, range(len(code), len(code))):
            start, stop = min(data.start, len(code)), min(data.stop, len(code))
            while position < start:
                found += decoder.decode(code[:start], position)
                position = found[-1].end
            while position < stop:
                found.append(decoder.as_data(code[position : min(position + 4, stop)], position))
                position = found[-1].end
        return found

    return disassemble


DISASSEMBLERS: Disassemblers = {
    (name, options.thumb): disassembler(options) for name, isa in ISAS.items() for options in isa.disassembly
}


def a64_texts(words: Iterable[int]) -> Iterator[str | None]:
    """Assembly text, one a word, without the detail that judging needs: quick enough for millions.

    None where capstone refuses the word.
    """
    handle = _handle(A64)
    for word in words:
        found = next(handle.disasm_lite(word.to_bytes(4, "little"), 0, 1), None)
        yield None if found is None else _text(*found[2:])


def _handle(options: Disassembly) -> capstone.Cs:
    modes = sum(getattr(capstone, f"CS_MODE_{mode}") for mode in options.modes)
    handle = capstone.Cs(getattr(capstone, f"CS_ARCH_{options.family}"), modes)
    handle.detail = options.register is not None
    return handle


def _text(mnemonic: str, operands: str) -> str:
    return f"{mnemonic} {operands}".rstrip()


@dataclass(slots=True)
class _Decoder:
    """One capstone handle, and the names that it has been asked for."""

    options: Disassembly
    handle: capstone.Cs = field(init=False)
    names: dict[int, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.handle = _handle(self.options)

    def decode(self, code: bytes, position: int) -> list[Instruction]:
        """What begins at the position: an instruction, several that belong together, or what capstone refuses."""
        head = code[position : position + 4]
        size, count = self.options.length(head), self.options.together(head)
        window = code[position : position + (size if count == 1 else 4 * count)]
        if self.options.register is None:
            lite = self.handle.disasm_lite(window, position, count)
            known = [self._plain(at, code[at : at + length], _text(*words)) for at, length, *words in lite]
        else:
            known = [self._instruction(found) for found in self.handle.disasm(window, position, count)]
        return known or [self.as_data(window[:4], position)]

    def as_data(self, encoding: bytes, position: int) -> Instruction:
        """Where instructions have any length, byte by byte."""
        unit = self.options.unit
        encoding = encoding[:1] if unit == 1 else encoding
        if len(encoding) == 4 or len(encoding) == unit == 2:
            directive = ".word" if len(encoding) == 4 else ".half"
            text = f"{directive} {int.from_bytes(encoding, 'little'):#0{2 + 2 * len(encoding)}x}"
        else:
            text = ".byte " + ", ".join(f"{byte:#04x}" for byte in encoding)
        return Instruction(position=position, encoding=encoding, text=text, recognised=False)

    def _plain(self, position: int, encoding: bytes, text: str) -> Instruction:
        return Instruction(position=position, encoding=encoding, text=self.options.place(text, position))

    def _instruction(self, found: capstone.CsInsn) -> Instruction:
        reads, writes = found.regs_access()
        is_x86, flags = self.options.family == "X86", frozenset[str]()
        if self.options.family == "ARM64":
            reads, writes = _with_guesses(found, reads, writes)
        if self.options.family == "ARM" and found.update_flags:
            flags = frozenset({"cpsr"})
        words = found.mnemonic.split() if is_x86 else []
        return Instruction(
            position=found.address,
            encoding=bytes(found.bytes),
            text=self.options.place(_text(found.mnemonic, found.op_str), found.address),
            reads=self._registers(reads),
            writes=self._registers(writes) | flags,
            mnemonic=next((word for word in words if word not in _PREFIXES), words[-1]) if words else "",
            prefixes=tuple(word for word in words if word in _PREFIXES),
            operands=tuple(operand_of(found, each, self._name) for each in found.operands) if is_x86 else (),
        )

    def _registers(self, numbers: Sequence[int]) -> frozenset[str]:
        return frozenset(name for name in map(self._name, numbers) if name is not None)

    def _name(self, number: int) -> str | None:
        if number not in self.names:
            name = self.handle.reg_name(number)
            self.names[number] = self.options.register(str(name)) if name and self.options.register else None
        return self.names[number]


def _with_guesses(
    found: capstone.CsInsn, reads: Sequence[int], writes: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """What is read and written, with guesses for operands of which capstone 5 does not say it.

    (SVE, half precision and some others have no access data.) The first operand is taken as read and written, the rest
    as read.
    """
    silent = {
        order: int(operand.reg)
        for order, operand in enumerate(found.operands)
        if operand.type == capstone.CS_OP_REG and operand.access == capstone.CS_AC_INVALID
    }
    return [*reads, *silent.values()], [*writes, *(number for order, number in silent.items() if order == 0)]
