"""Compilers that are a table, with a sandbox open around them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from report_values import request, toolchain

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.attribution.mixing import OpenToolchain
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, Finished
from mmio_bisect.workflow.probing.compile import cell_of

Makes = Mapping[tuple[bytes, bool], bytes]
"""Each input, and whether IR is wanted of it."""


class Nobody:
    """Signals that nobody hears."""

    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int | None) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Compiler:
    """What is not in `makes` is refused."""

    makes: Makes

    def run(self, command: Command, signals: Signals) -> Finished:  # noqa: ARG002 - a table is quick
        ((_, text),) = command.inputs
        wants_ir = "-emit-llvm" in command.argv or "--emit=llvm-ir" in command.argv
        name = text if command.inputs[0][0] == "handed.ll" else b"plain" if _plain(command) else b"source"
        made = self.makes.get((name, wants_ir))
        said = "" if made else "handed.ll:7:18: error: expected type"
        return Finished(argv=command.argv, status=0 if made else 1, limit=None, output=said, product=made, seconds=0.0)


def _plain(command: Command) -> bool:
    return "-Cno-prepopulate-passes" in command.argv


def place(point: Point, family: CompilerFamily, makes: Makes, llvm: str = "19.1.7") -> OpenToolchain:
    made = replace(toolchain(llvm), family=family)
    return OpenToolchain(
        point=point, cell=cell_of(request(), made), session=Compiler(makes), sandbox="none", signals=Nobody()
    )
