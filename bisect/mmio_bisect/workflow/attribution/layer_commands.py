"""A compiler taken apart: the command line of each layer, as its family's `LlvmLayers` says.

    front     source          → the front end's own IR, before any pass of LLVM's
    middle    IR              → optimised IR
    optimise  source          → optimised IR, for a compiler that reads no IR
    back      optimised IR    → object

IR is handed over as text, whatever reads it; but LLVM promises to read older versions' bitcode, not their text
(llvm.org/docs/DeveloperPolicy.html, "IR Backwards Compatibility").

clang's driver does all of it on text in its own language or in IR. rustc reads no IR: what it writes is handed to a
clang, which compiles it by an `ir_cell`. llc is a back end alone: its middle end would leave IR as it is.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from mmio_bisect.domain.attribution import Layer
from mmio_bisect.domain.family import LlvmLayers
from mmio_bisect.domain.outcome import Cell, CellRequest, Outcome, OutcomeKind
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.workflow.ports.sandbox import Command
from mmio_bisect.workflow.probing.compile import cell_of

IR_FILE = "stage.ll"
OBJECT_FILE = "stage.o"
_HANDED = "handed.ll"
_UNREAD = re.compile(rf"{re.escape(_HANDED)}:\d+:\d+: error:")
"""How clang refuses text that its LLVM does not take for IR: at a place in it. What it cannot compile has none."""

NO_LIMIT = 10**9
"""More passes than there are: `-opt-bisect-limit` then prints each with its number (INT_MAX would switch it off)."""


def layers_of(cell: Cell) -> LlvmLayers:
    """Raises `ValueError` for a compiler without LLVM."""
    layers = cell.toolchain.family.descriptor.llvm
    if layers is None:
        raise ValueError(f"{cell.toolchain.family} has no LLVM inside")
    return layers


def is_unread(outcome: Outcome) -> bool:
    """Whether it was refused because IR that was handed over could not be read."""
    return outcome.kind is OutcomeKind.REJECTED and _UNREAD.search(outcome.output) is not None


def ir_cell(request: CellRequest, toolchain: Toolchain) -> Cell:
    """How a clang is asked for another compiler's IR: the flags of that one's source are in it, and not for clang."""
    return cell_of(replace(request, case=replace(request.case, compile_flags=()), extra_flags=()), toolchain)


def front(cell: Cell, *, bitcode: bool = False) -> Command:
    layers = layers_of(cell)
    return _source(cell, layers.front_end_bitcode if bitcode else layers.front_end, bitcode=bitcode)


def optimise(cell: Cell, llvm: Sequence[str] = (), *, bitcode: bool = False) -> Command:
    """`llvm` are options of LLVM's own, as after `-mllvm`."""
    return _source(cell, layers_of(cell).options(llvm), bitcode=bitcode)


def middle(cell: Cell, ir: bytes, llvm: Sequence[str] = (), *, bitcode: bool = False) -> Command:
    return _from_ir(cell, ir, IR_FILE, *_asking_for_ir(cell, bitcode=bitcode), *layers_of(cell).options(llvm))


def back(cell: Cell, ir: bytes, llvm: Sequence[str] = ()) -> Command:
    layers = layers_of(cell)
    return _from_ir(cell, ir, OBJECT_FILE, *layers.back_end, *layers.options(llvm))


def of_layer(layer: Layer) -> Callable[..., Command]:
    """What hands IR to the layer: `middle` or `back`."""
    return middle if layer is Layer.MIDDLE else back


def whole(cell: Cell, llvm: Sequence[str] = ()) -> Command:
    """All layers in one go."""
    name = cell.request.case.file_name
    return Command(
        argv=(*cell.toolchain.tool, *cell.flags, *layers_of(cell).options(llvm), name, "-o", OBJECT_FILE),
        inputs=((name, cell.request.case.source),),
        product=OBJECT_FILE,
    )


def _source(cell: Cell, words: Sequence[str], *, bitcode: bool) -> Command:
    case, asking = cell.request.case, _asking_for_ir(cell, bitcode=bitcode)
    return Command(
        argv=(*cell.toolchain.tool, *_flags(cell), *asking, *words, case.file_name, "-o", IR_FILE),
        inputs=((case.file_name, case.source),),
        product=IR_FILE,
    )


def _from_ir(cell: Cell, ir: bytes, product: str, *words: str) -> Command:
    """The input is IR whatever the case's language; what is said of headers does not matter to it."""
    return Command(
        argv=(*cell.toolchain.tool, *_flags(cell), *words, *(layers_of(cell).ir_input or ()), _HANDED, "-o", product),
        inputs=((_HANDED, ir),),
        product=product,
    )


def _flags(cell: Cell) -> list[str]:
    """All but those that ask for an object."""
    return [flag for flag in cell.flags if flag not in layers_of(cell).object_words]


def _asking_for_ir(cell: Cell, *, bitcode: bool) -> tuple[str, ...]:
    return layers_of(cell).bitcode if bitcode else layers_of(cell).text
