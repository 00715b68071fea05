"""An object's code and data, with the architecture that they are of. Code is read when it is asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.instructions import FunctionCode, Section
from mmio_bisect.domain.names import select
from mmio_bisect.domain.prototype import Prototype, without_conflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPlace:
    """Where a function is: `section` is the section's index, `address` the offset of the first byte in it.

    `thumb`: of Arm's two instruction sets, T32.
    """

    name: str
    section: int
    address: int
    size: int
    thumb: bool = False


class FunctionPlaces(Protocol):
    """Where an object's functions are, local ones included, in file order: by section, then by address.

    An object may have millions of them: what is asked of one must not cost as much as all. Methods may raise
    `MalformedObjectError`.
    """

    def __iter__(self) -> Iterator[FunctionPlace]:
        """All of them; an alias is a function of its own."""

    def named(self, symbol: str) -> FunctionPlace | None:
        """The first of that very symbol."""

    def containing(self, section: int, address: int) -> FunctionPlace | None:
        """The first that holds the byte at `address` of `section`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeImage:
    """All functions of an object, and its sections that are loaded, by index.

    `read` gives a function's code. `names` has every symbol with its demangled name, those of other files too;
    `variables` the section and the offset of each variable that is defined here; `prototypes` are what is declared of
    functions of other files, by symbol. `referring` gives the functions whose
    relocations lead into a section, each with where one of them leads, in order of that; an instruction may mean what
    lies a few bytes further on. All may raise `MalformedObjectError`.
    """

    isa: Isa
    places: FunctionPlaces
    read: Callable[[FunctionPlace], FunctionCode]
    sections: Mapping[int, Section] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    prototypes: Mapping[str, Prototype] = field(default_factory=dict)
    referring: Callable[[int], Iterable[tuple[int, FunctionPlace]]] = lambda _section: ()

    @property
    def architecture(self) -> str:
        return self.isa.facts.name

    @property
    def functions(self) -> tuple[FunctionCode, ...]:
        """All of them, disassembled."""
        return tuple(map(self.read, self.places))

    def function(self, name: str) -> FunctionCode | None:
        place = self.places.named(name)
        return None if place is None else self.read(place)

    def functions_named(self, name: str) -> tuple[FunctionCode, ...]:
        """Those that a symbol, a demangled name or a pattern means, the first of each symbol."""
        if exact := self.function(name):
            return (exact,)
        places: dict[str, FunctionPlace] = {}
        for place in self.places:
            places.setdefault(place.name, place)
        symbols = {symbol: self.names.get(symbol, symbol) for symbol in places}
        return tuple(self.read(places[symbol]) for symbol in select(name, symbols))

    def variables_named(self, name: str) -> tuple[tuple[int, int], ...]:
        if name in self.variables:
            return (self.variables[name],)
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
        place = self.places.containing(section, address)
        return None if place is None else (self.read(place), address - place.address)
