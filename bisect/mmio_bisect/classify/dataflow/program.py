"""The code that control may reach: each function under a name of its own, what it does, and where its branches lead."""

from collections.abc import Iterator

from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode, Instruction
from mmio_bisect.classify.machine.operations import Call, CallRegister, Jump, Operation, Skip
from mmio_bisect.classify.machine.values import Linear, Value, choices_of

Target = tuple[FunctionCode, int] | str | None
"""Code of this object, or the name of a symbol outside; None if neither."""


class Program:
    """Functions are lifted when they are met. `heads` are the positions at which straight code begins."""

    def __init__(self, image: CodeImage) -> None:
        self._image = image
        self._isa = image.isa
        self.codes: dict[str, FunctionCode] = {}
        self.heads: dict[str, set[int]] = {}
        self._lifted: dict[tuple[str, int], tuple[Operation, ...]] = {}

    def name(self, code: FunctionCode) -> str:
        """The function's name, with its place if another function that was met has the same name."""
        name = code.name
        if self.codes.setdefault(name, code) != code:
            name = f"{code.name}@{code.section}+{code.address:#x}"
            self.codes[name] = code
        if name not in self.heads:
            self.heads[name] = set(self._straight_code_begins(name))
        return name

    @property
    def size(self) -> int:
        """How many instructions there are in the functions that were met."""
        return sum(len(code.instructions) for code in self.codes.values())

    def _straight_code_begins(self, name: str) -> Iterator[int]:
        yield 0
        for instruction in self.codes[name].instructions:
            operations = self.operations(name, instruction)
            if any(isinstance(operation, Skip) for operation in operations):
                yield instruction.position
                yield instruction.end
            match operations[-1:]:
                case (Jump(position=to),):
                    yield to
                    yield instruction.end
                case (Call() | CallRegister(),):
                    yield instruction.end
                case _:
                    pass

    def operations(self, name: str, instruction: Instruction) -> tuple[Operation, ...]:
        key = (name, instruction.position)
        if key not in self._lifted:
            self._lifted[key] = self._isa.lift(instruction, self.codes[name])
        return self._lifted[key]

    def target(self, name: str, instruction: Instruction, to: int) -> Target:
        """Where a direct branch in the function of that name leads."""
        code = self.codes[name]
        if instruction.relocations:
            relocation = instruction.relocations[0]
            if relocation.section is None or relocation.address is None:
                return relocation.symbol
            offset = relocation.address - code.address
            if relocation.section == code.section and 0 <= offset < code.size:
                return code, offset
            return self._image.containing(relocation.section, relocation.address) or relocation.symbol
        if code.at(to) is not None:
            return code, to
        return self._image.containing(code.section, code.address + to)

    def pointed_to(self, value: Value) -> Target:
        """As `target`, for an address in a register."""
        if not isinstance(value, Linear) or value.constant is None or len(value.terms) != 1:
            return None
        ((origin, factor),) = value.terms
        if factor != 1:
            return None
        if origin.section is not None and origin.start is None:
            found = self._image.containing(origin.section, value.constant)
            return found and (found[0], found[1] - found[1] % 2 if found[0].thumb else found[1])
        return origin.name[1:] if origin.name.startswith("&") and not value.constant else None

    def branches_at(self, value: Linear, name: str) -> tuple[int, ...]:
        """Branches one behind the other, where an index is added to the program counter, and what follows them."""
        code, found = self.codes[name], []
        starts = [origin for origin, factor in value.terms if origin.start is not None and factor == 1]
        if len(starts) != 1 or starts[0].section != code.section or value.constant is not None:
            return ()
        position = (starts[0].start or 0) + starts[0].moved - code.address
        while (index := code.at(position)) is not None:
            found.append(position)
            instruction = code.instructions[index]
            if not isinstance(self.operations(name, instruction)[0], Jump):
                break
            position = instruction.end
        return tuple(found) if len(found) > 1 else ()


def leads_on(value: Value) -> bool:
    """Whether it is computed from a place of the object: no way back to the caller."""
    origins = [origin for choice in choices_of(value) for origin, _ in choice.terms]
    return any(origin.section is not None or origin.entry is not None for origin in origins)
