"""A history of nightlies that nobody ran: each day another toolchain, all Rust recipes, code that changes once.

What `rust_artefacts.scripted` makes is what these nightlies made, so that a tick of the watch finds nothing new in one.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from rust_artefacts import BAD_CODE, GOOD_CODE, object_file

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.recipes.recipe_files import RecipeFolder, shipped_folder
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import CellRequest, Outcome, OutcomeKind
from mmio_bisect.domain.recipe import Language, OptLevel, digest_of
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.workflow.probing.compile import cell_of
from mmio_bisect.workflow.probing.objects import Objects, judge_object
from mmio_bisect.workflow.probing.requests import requests_of

SERIES = "rust-nightly"


def requests(opts: Sequence[OptLevel] = ()) -> tuple[CellRequest, ...]:
    """What a watch over all recipes asks of every nightly."""
    book = RecipeFolder(path=shipped_folder(), shipped=True)
    cases = [case for recipe in map(book.find, book.names()) for case in recipe.cases]
    rust = [case for case in cases if case.language is Language.RUST]
    return tuple(request for case in rust for request in requests_of(case, CompilerFamily.RUSTC, (), opts))


def record(url: str, first: date, days: int, asked: Sequence[CellRequest]) -> None:
    """The bad code comes in the middle."""
    objects = Objects(read_object, DISASSEMBLERS)
    codes = [object_file(words) for words in (GOOD_CODE, BAD_CODE)]
    judged = {
        (request, code): judge_object(request.case, code, ARM_ISV, objects) for request in asked for code in codes
    }
    with SqlHistory(open_history_database(url)) as history:
        for day in range(days):
            code = codes[2 * day // days]
            version = str(first + timedelta(days=day))
            toolchain = _toolchain(version)
            cells = [(request, cell_of(request, toolchain), _outcome(code)) for request in asked]
            history.record(
                [(cell, outcome) for _, cell, outcome in cells],
                [(cell, outcome, judged[request, code]) for request, cell, outcome in cells],
            )
            history.remember_toolchain(Point(series=SERIES, version=version, sort_key=version), toolchain)


def _toolchain(day: str) -> Toolchain:
    return Toolchain(
        digest=digest_of(f"nightly of {day}".encode()),
        family=CompilerFamily.RUSTC,
        tool=("bin/rustc",),
        version_text=f"rustc 1.77.0-nightly (0123456789 {day})",
        compiler_version="1.77.0-nightly",
        llvm_version="17.0.6",
        commit=None,
        released=date.fromisoformat(day),
    )


def _outcome(code: bytes) -> Outcome:
    return Outcome(
        kind=OutcomeKind.OBJECT, object_code=code, argv=("rustc",), sandbox="local", status=0, output="", seconds=0.05
    )
