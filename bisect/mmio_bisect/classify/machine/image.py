"""An object's code and data, with the architecture that they are of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.instructions import FunctionCode, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeImage:
    """All functions of an object, local ones included, in file order, and its sections that are loaded, by index."""

    isa: Isa
    functions: tuple[FunctionCode, ...]
    sections: Mapping[int, Section] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        return self.isa.facts.name

    def function(self, name: str) -> FunctionCode | None:
        return next((code for code in self.functions if code.name == name), None)

    def containing(self, section: int, address: int) -> tuple[FunctionCode, int] | None:
        """The function that holds the byte at `address` of `section`, and the byte's offset in it."""
        for code in self.functions:
            if code.section == section and code.address <= address < code.address + code.size:
                return code, address - code.address
        return None
