"""Code that a test lists: the functions of an object without an object file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.image import CodeImage, FunctionPlace
from mmio_bisect.classify.machine.instructions import FunctionCode, Relocation, Section
from mmio_bisect.workflow.probing.objects import RawCode, RawObject


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFunction:
    """A function with its place; the fields are as in `FunctionPlace` and `RawCode`."""

    name: str
    section: int
    address: int
    size: int
    code: bytes
    relocations: tuple[tuple[int, Relocation], ...] = ()
    data_ranges: tuple[range, ...] = ()
    thumb: bool = False


class ListedPlaces:
    """The port `FunctionPlaces`, in the order in which they are given."""

    def __init__(self, functions: Iterable[RawFunction | FunctionCode]) -> None:
        self._places = [place_of(function) for function in functions]

    def __iter__(self) -> Iterator[FunctionPlace]:
        return iter(self._places)

    def named(self, symbol: str) -> FunctionPlace | None:
        return next((place for place in self._places if place.name == symbol), None)

    def containing(self, section: int, address: int) -> FunctionPlace | None:
        holding = (one for one in self._places if one.section == section and 0 <= address - one.address < one.size)
        return next(holding, None)


def place_of(function: RawFunction | FunctionCode) -> FunctionPlace:
    return FunctionPlace(
        name=function.name,
        section=function.section,
        address=function.address,
        size=function.size,
        thumb=function.thumb,
    )


def listed_image(
    isa: Isa, functions: Sequence[FunctionCode] = (), sections: Mapping[int, Section] | None = None
) -> CodeImage:
    codes = {place_of(function): function for function in functions}
    return CodeImage(isa=isa, places=ListedPlaces(functions), read=codes.__getitem__, sections=sections or {})


def listed_object(architecture: str, functions: Sequence[RawFunction]) -> RawObject:
    """Of places that are equal but for the name the first one's code is read."""

    def read(place: FunctionPlace) -> RawCode:
        found = next(
            function
            for function in functions
            if (function.section, function.address, function.size) == (place.section, place.address, place.size)
        )
        return RawCode(code=found.code, relocations=found.relocations, data_ranges=found.data_ranges)

    return RawObject(architecture=architecture, places=ListedPlaces(functions), read=read)
