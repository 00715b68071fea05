"""An object's code and data, with the architecture that they are of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.instructions import FunctionCode, Section
from mmio_bisect.domain.names import select
from mmio_bisect.domain.prototype import Prototype, without_conflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeImage:
    """All functions of an object, local ones included, in file order, and its sections that are loaded, by index.

    `names` has every symbol with its demangled name, those of other files too; `variables` the section and the offset
    of each variable that is defined here; `prototypes` are what is declared of functions of other files, by symbol.
    """

    isa: Isa
    functions: tuple[FunctionCode, ...]
    sections: Mapping[int, Section] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    prototypes: Mapping[str, Prototype] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        return self.isa.facts.name

    def function(self, name: str) -> FunctionCode | None:
        return next((code for code in self.functions if code.name == name), None)

    def functions_named(self, name: str) -> tuple[FunctionCode, ...]:
        """Those that a symbol, a demangled name or a pattern means, the first of each symbol."""
        codes = {code.name: code for code in reversed(self.functions)}
        symbols = {symbol: self.names.get(symbol, symbol) for symbol in reversed(codes)}
        return tuple(codes[symbol] for symbol in select(name, symbols))

    def variables_named(self, name: str) -> tuple[tuple[int, int], ...]:
        symbols = {symbol: self.names.get(symbol, symbol) for symbol in self.variables}
        return tuple(self.variables[symbol] for symbol in select(name, symbols))

    def declaring(self, prototypes: Iterable[Prototype]) -> "CodeImage":
        """With what a source declares; of a function that the image declares otherwise nothing is known."""
        word = 8 * self.isa.pointer_bytes
        every = [
            replace(one, parameters=tuple(None if bits == word else bits for bits in one.parameters))
            for one in (*self.prototypes.values(), *prototypes)
        ]
        known = without_conflicts((one.symbol, one) for one in every)
        return replace(self, prototypes={one.symbol: one for one in known})

    def containing(self, section: int, address: int) -> tuple[FunctionCode, int] | None:
        """The function that holds the byte at `address` of `section`, and the byte's offset in it."""
        for code in self.functions:
            if code.section == section and code.address <= address < code.address + code.size:
                return code, address - code.address
        return None
