"""A compiler taken apart: the command line of each layer, by compiler family.

    front     source          → the front end's own IR, before any pass of LLVM's
    middle    IR              → optimised IR
    optimise  source          → optimised IR, for a compiler that reads no IR
    back      optimised IR    → object

IR is handed over as text, whatever reads it; but LLVM promises to read older versions' bitcode, not their text
(llvm.org/docs/DeveloperPolicy.html, "IR Backwards Compatibility").

clang's driver does all of it on text in its own language or in IR. rustc reads no IR: what it writes is handed to a
clang, which compiles it by an `ir_cell`. llc is a back end alone: its middle end would leave IR as it is. Flags:
clang's UsersManual, `-Xclang -disable-llvm-passes`; rustc's book, "Codegen options", `-C no-prepopulate-passes` and
`-C llvm-args`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from mmio_bisect.domain.outcome import Cell, CellRequest, Outcome, OutcomeKind
from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.toolchain import CompilerFamily, Toolchain
from mmio_bisect.workflow.ports.sandbox import Command
from mmio_bisect.workflow.probing.compile import cell_of

IR_FILE = "stage.ll"
OBJECT_FILE = "stage.o"
_HANDED = "handed.ll"
_UNREAD = re.compile(rf"{re.escape(_HANDED)}:\d+:\d+: error:")
"""How clang refuses text that its LLVM does not take for IR: at a place in it. What it cannot compile has none."""

NO_LIMIT = 10**9
"""More passes than there are: `-opt-bisect-limit` then prints each with its number (INT_MAX would switch it off)."""


def reads_ir(family: CompilerFamily) -> bool:
    """Whether a compiler takes IR as its input."""
    return family in {CompilerFamily.CLANG, CompilerFamily.LLC}


def has_llvm(family: CompilerFamily) -> bool:
    """Whether a compiler is built on LLVM, so that it has these layers, or one of them."""
    return family in {CompilerFamily.CLANG, CompilerFamily.RUSTC, CompilerFamily.LLC}


def has_middle(family: CompilerFamily) -> bool:
    return family is not CompilerFamily.LLC


def is_unread(outcome: Outcome) -> bool:
    """Whether it was refused because IR that was handed over could not be read."""
    return outcome.kind is OutcomeKind.REJECTED and _UNREAD.search(outcome.output) is not None


def ir_cell(request: CellRequest, toolchain: Toolchain) -> Cell:
    """How a clang is asked for another compiler's IR: the flags of that one's source are in it, and not for clang."""
    return cell_of(replace(request, case=replace(request.case, compile_flags=()), extra_flags=()), toolchain)


def front(cell: Cell, *, bitcode: bool = False) -> Command:
    match cell.toolchain.family:
        case CompilerFamily.RUSTC:
            # Without names for what has none some rustcs write no bitcode; the pass touches nothing else.
            names = ("-Cpasses=name-anon-globals",) if bitcode else ()
            return _source(cell, _rustc_ir(bitcode=bitcode), "-Cno-prepopulate-passes", *names)
        case _:
            return _source(cell, ("-Xclang", "-disable-llvm-passes", *_clang_ir(bitcode=bitcode)))


def optimise(cell: Cell, llvm: Sequence[str] = (), *, bitcode: bool = False) -> Command:
    """`llvm` are options of LLVM's own, as after `-mllvm`."""
    match cell.toolchain.family:
        case CompilerFamily.RUSTC:
            return _source(cell, _rustc_ir(bitcode=bitcode), *llvm_options(cell, llvm))
        case _:
            return _source(cell, _clang_ir(bitcode=bitcode), *llvm_options(cell, llvm))


def middle(cell: Cell, ir: bytes, llvm: Sequence[str] = (), *, bitcode: bool = False) -> Command:
    return _from_ir(cell, ir, IR_FILE, *_clang_ir(bitcode=bitcode), *llvm_options(cell, llvm))


def _clang_ir(*, bitcode: bool) -> tuple[str, str]:
    return ("-c" if bitcode else "-S", "-emit-llvm")


def _rustc_ir(*, bitcode: bool) -> tuple[str]:
    return ("--emit=llvm-bc" if bitcode else "--emit=llvm-ir",)


def back(cell: Cell, ir: bytes, llvm: Sequence[str] = ()) -> Command:
    if cell.toolchain.family is CompilerFamily.LLC:
        words = (*cell.toolchain.tool, *cell.flags, *llvm, _HANDED, "-o", OBJECT_FILE)
        return Command(argv=words, inputs=((_HANDED, ir),), product=OBJECT_FILE)
    return _from_ir(cell, ir, OBJECT_FILE, "-c", "-Xclang", "-disable-llvm-passes", *llvm_options(cell, llvm))


def whole(cell: Cell, llvm: Sequence[str] = ()) -> Command:
    """All layers in one go."""
    name = cell.request.case.file_name
    return Command(
        argv=(*cell.toolchain.tool, *cell.flags, *llvm_options(cell, llvm), name, "-o", OBJECT_FILE),
        inputs=((name, cell.request.case.source),),
        product=OBJECT_FILE,
    )


def _source(cell: Cell, kind: Sequence[str], *more: str) -> Command:
    case = cell.request.case
    flags = [flag for flag in cell.flags if flag not in {"-c", "--emit=obj"}]
    return Command(
        argv=(*cell.toolchain.tool, *flags, *kind, *more, case.file_name, "-o", IR_FILE),
        inputs=((case.file_name, case.source),),
        product=IR_FILE,
    )


def _from_ir(cell: Cell, ir: bytes, product: str, *words: str) -> Command:
    """The input is IR whatever the case's language; what is said of headers does not matter to it."""
    flags = [flag for flag in cell.flags if flag != "-c"]
    quiet = () if cell.request.case.language is Language.LLVM_IR else ("-Wno-override-module",)
    return Command(
        argv=(*cell.toolchain.tool, *flags, *quiet, *words, "-x", "ir", _HANDED, "-o", product),
        inputs=((_HANDED, ir),),
        product=product,
    )


def llvm_options(cell: Cell, options: Sequence[str]) -> tuple[str, ...]:
    """LLVM's own options, as the compiler wants to be given them."""
    match cell.toolchain.family:
        case CompilerFamily.RUSTC:
            return (f"-Cllvm-args={' '.join(options)}",) if options else ()
        case CompilerFamily.LLC:
            return tuple(options)
        case _:
            return tuple(word for option in options for word in ("-mllvm", option))
