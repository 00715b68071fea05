"""A small history with something of everything: two recipes, two series, two levels, a fix, a gap and a rejection."""

from dataclasses import replace

from history_values import SOURCE, a_case, a_judgement, a_point, a_rejection, a_toolchain, an_object

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.outcome import Cell, CellRequest, Verdict
from mmio_bisect.domain.recipe import Case, OptLevel

STORE = a_case(recipe="store")
LOOP = a_case(recipe="loop", source=SOURCE + b"// a loop\n")

LLVM = {"0.9.0": "13.0.1", "0.10.0": "15.0.3", "0.11.0": "16.0.1", "0.12.0": "17.0.6", "0.13.0": "18.1.6"}
CODE = {
    # good until LLVM 17, bad from 18 on, in both series alike; debian's 16.0.1 rejects it
    "store": {"0.9.0": "g", "0.10.0": "g", "0.11.0": "h", "0.12.0": "h", "0.13.0": "b"},
    # bad until 15, then good
    "loop": {"0.9.0": "b", "0.10.0": "b", "0.11.0": "g", "0.12.0": "g", "0.13.0": "g"},
}


def fill(history: SqlHistory) -> None:
    for series in ("zig", "clang"):
        for version, llvm in LLVM.items():
            toolchain = replace(a_toolchain(f"{series} {version}"), llvm_version=llvm, compiler_version=llvm)
            history.remember_toolchain(a_point(version, series), toolchain)
            for case in (STORE, LOOP):
                for opt in (OptLevel.O1, OptLevel.O2):
                    measure(history, cell_of(case, opt, toolchain), series, version)


def cell_of(case: Case, opt: OptLevel, toolchain: object) -> Cell:
    request = CellRequest(case=case, target=TARGETS["aarch64"], opt=opt)
    return Cell(request=request, toolchain=toolchain, triple="aarch64-linux", flags=(f"-O{opt}",))  # type: ignore[arg-type]


def measure(history: SqlHistory, cell: Cell, series: str, version: str) -> None:
    case = cell.request.case
    if (case.recipe, series, version) == ("store", "clang", "0.11.0"):
        history.record([(cell, a_rejection())])
        return
    code = CODE[case.recipe][version]
    outcome = an_object(f"{case.recipe} {code}".encode())
    verdict = Verdict.BAD if code == "b" else Verdict.GOOD
    history.record([(cell, outcome)])
    history.record([], [(cell, outcome, replace(a_judgement(verdict), fingerprint=f"{case.recipe} {code}"))])
