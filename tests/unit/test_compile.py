"""What a compiler's ending means, and the command lines it is asked with."""

from dataclasses import replace
from pathlib import Path

import pytest
from history_values import a_case, a_cell, a_judgement, a_toolchain

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import CellRequest, OutcomeKind, Verdict
from mmio_bisect.domain.recipe import Case, Language, OptLevel
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.errors import SandboxError, UsageError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, Finished, LimitHit
from mmio_bisect.workflow.probing.compile import cell_of, command_of, compile_cell, outcome_without
from mmio_bisect.workflow.probing.judge import compared, judge_outcome, restrict
from mmio_bisect.workflow.probing.requests import requests_of

OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"


class Ending:
    """A sandbox session in which every command ends alike."""

    def __init__(self, *, status: int = 0, limit: LimitHit | None = None, output: str = "", made: bool = False) -> None:
        self._finished = Finished(
            argv=("cc",),
            status=status,
            limit=limit,
            output=output,
            product=b"\x7fELF" if made else None,
            seconds=0.1,
            allowed="" if limit is None else f"as much {limit} as it may",
        )

    def run(self, command: Command, signals: Signals) -> Finished:  # noqa: ARG002
        return self._finished


class Quiet:
    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int | None) -> None:
        pass


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (Ending(made=True), OutcomeKind.OBJECT),
        (Ending(status=0), OutcomeKind.REJECTED),
        (Ending(status=1, output="case.c:1:1: error: expected ';'"), OutcomeKind.REJECTED),
        (Ending(status=1, made=True, output="error: late"), OutcomeKind.REJECTED),
        (Ending(status=-11), OutcomeKind.CRASHED),
        (Ending(status=1, output="fatal error: error in backend\nPLEASE submit a bug report"), OutcomeKind.CRASHED),
        (Ending(status=139, output="clang frontend command failed with exit code 139"), OutcomeKind.CRASHED),
        (Ending(status=101, output="error: internal compiler error: unexpected panic"), OutcomeKind.CRASHED),
        (Ending(status=-9, limit=LimitHit.TIME), OutcomeKind.TIMED_OUT),
        (Ending(status=-6, limit=LimitHit.MEMORY), OutcomeKind.OUT_OF_MEMORY),
        (Ending(status=-9, limit=LimitHit.OUTPUT), OutcomeKind.OUTPUT_LIMIT),
        (Ending(status=-25, limit=LimitHit.FILE), OutcomeKind.OUTPUT_LIMIT),
        (Ending(status=1, output="error: unknown target triple 'riscv64'"), OutcomeKind.TARGET_UNKNOWN),
        (Ending(status=1, output="error[E0463]: can't find crate for `core`"), OutcomeKind.TARGET_UNKNOWN),
    ],
)
def test_each_ending_has_its_kind(ending: Ending, kind: OutcomeKind) -> None:
    outcome = compile_cell(a_cell(), ending, "local", Quiet())
    assert outcome.kind is kind
    assert (outcome.reason is None) == (kind is OutcomeKind.OBJECT)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (Ending(status=-11), "crashed (SIGSEGV, nothing printed)"),
        (Ending(status=-4), "crashed (SIGILL, nothing printed)"),
        (Ending(status=-6, output="terminate called"), "crashed: terminate called"),
        (Ending(status=-50), "crashed (signal 50, nothing printed)"),
        (Ending(status=3), "rejected (status 3, nothing printed)"),
        (
            Ending(status=-25, limit=LimitHit.FILE, output="warning: no error"),
            "output limit: error: the compiler used more than as much file as it may",
        ),
        (
            Ending(status=-24, limit=LimitHit.TIME),
            "timed out: error: the compiler used more than as much time as it may",
        ),
    ],
)
def test_a_reason_names_the_signal_or_the_limit(ending: Ending, reason: str) -> None:
    assert compile_cell(a_cell(), ending, "local", Quiet()).reason == reason


@pytest.mark.parametrize(
    ("file", "kind"), [("shapes.o", OutcomeKind.OBJECT), ("targets.x86_64.o", OutcomeKind.TARGET_UNKNOWN)]
)
def test_an_object_for_another_machine_is_none_of_the_target(file: str, kind: OutcomeKind) -> None:
    ending = Ending()
    ending._finished = replace(ending._finished, product=(OBJECTS / file).read_bytes())
    outcome = compile_cell(a_cell(), ending, "local", Quiet())
    assert outcome.kind is kind
    if kind is not OutcomeKind.OBJECT:
        assert outcome.object_code is None
        assert outcome.reason == "target unknown: error: the object is not for aarch64, by its ELF header"


def test_what_a_compiler_printed_can_be_kept_by_any_database() -> None:
    outcome = compile_cell(a_cell(), Ending(status=1, output="error: a\0b"), "local", Quiet())
    assert (outcome.kind, outcome.output) == (OutcomeKind.REJECTED, "error: a\ufffdb")


@pytest.mark.parametrize(
    "ending",
    [
        Ending(status=-9),
        Ending(status=1, output="gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated."),
        Ending(status=254, output="clang: error: unable to execute command: Killed"),
    ],
)
def test_a_kill_from_outside_is_no_outcome(ending: Ending) -> None:
    with pytest.raises(SandboxError, match="outside the sandbox"):
        compile_cell(a_cell(), ending, "local", Quiet())


def request(case: Case) -> CellRequest:
    return CellRequest(case=case, target=TARGETS["aarch64"], opt=OptLevel.OS, extra_flags=("-mstrict-align",))


def of_family(family: CompilerFamily) -> Toolchain:
    return replace(a_toolchain(), family=family, tool=("bin/cc",), arguments=())


@pytest.mark.parametrize(
    ("family", "language", "command"),
    [
        (
            CompilerFamily.CLANG,
            Language.C,
            (
                "bin/cc --target=aarch64-unknown-linux-gnu -Os -fno-ident -nostdlibinc -c -O0 -mstrict-align "
                "store.c -o case.o"
            ),
        ),
        (
            CompilerFamily.CLANG,
            Language.LLVM_IR,
            (
                "bin/cc --target=aarch64-unknown-linux-gnu -Os -fno-ident -Wno-override-module -c -O0 -mstrict-align "
                "store.ll -o case.o"
            ),
        ),
        (CompilerFamily.GCC, Language.C, "bin/cc -Os -fno-ident -c -O0 -mstrict-align store.c -o case.o"),
        (
            CompilerFamily.RUSTC,
            Language.RUST,
            (
                "bin/cc --target=aarch64-unknown-linux-gnu -Copt-level=s -Ccodegen-units=1 --crate-type=lib --emit=obj "
                "--edition=2021 -O0 -mstrict-align store.rs -o case.o"
            ),
        ),
    ],
)
def test_each_family_is_called_its_own_way(family: CompilerFamily, language: Language, command: str) -> None:
    case = replace(a_case(), language=language, edition="2021", compile_flags=("-O0",))
    cell = cell_of(request(case), of_family(family))
    assert " ".join(command_of(cell).argv) == command
    assert command_of(cell).inputs == ((case.file_name, case.source),)


def test_llc_is_the_back_end_alone_and_knows_no_size() -> None:
    case = replace(a_case(), language=Language.LLVM_IR, opt_levels=(OptLevel.O2, OptLevel.OS))
    (asked,) = requests_of(case, CompilerFamily.LLC)
    assert asked.opt is OptLevel.O2
    cell = cell_of(asked, of_family(CompilerFamily.LLC))
    assert " ".join(command_of(cell).argv) == (
        "bin/cc -mtriple=aarch64-unknown-linux-gnu -O2 -relocation-model=pic -filetype=obj store.ll -o case.o"
    )
    with pytest.raises(UsageError, match="known to llc: give --opt one of 0, 1, 2, 3"):
        requests_of(case, CompilerFamily.LLC, opts=[OptLevel.O2, OptLevel.OZ])
    with pytest.raises(UsageError, match="known to llc"):
        requests_of(replace(case, opt_levels=(OptLevel.OS,)), CompilerFamily.LLC)


def test_a_cells_key_depends_on_source_toolchain_triple_and_flags_alone() -> None:
    cell = cell_of(request(a_case()), a_toolchain())
    expectation = a_case(directive=b"//mmio: fn=store(mmio) each=store32 max=1\n")
    assert cell_of(request(expectation), a_toolchain()).key == cell.key
    assert cell_of(request(a_case(source=b"int x;\n")), a_toolchain()).key != cell.key
    assert cell_of(request(a_case()), a_toolchain("0.14.0")).key != cell.key
    assert cell_of(replace(request(a_case()), opt=OptLevel.O2), a_toolchain()).key != cell.key
    assert cell_of(replace(request(a_case()), extra_flags=()), a_toolchain()).key != cell.key


def test_restricting_a_judgement_drops_other_defects() -> None:
    bad = a_judgement(Verdict.BAD)
    kinds = frozenset(defect.kind for defect in bad.defects)
    assert restrict(bad, None) is bad
    assert restrict(bad, kinds).verdict is Verdict.BAD
    assert restrict(bad, frozenset({DefectKind.CACHE})).defects == ()


@pytest.mark.parametrize("kind", [DefectKind.ESCAPES, DefectKind.UNDEFINED])
def test_what_escaped_or_is_not_defined_is_not_cleared_of_defects(kind: DefectKind) -> None:
    function = a_judgement(Verdict.BAD).functions[0]
    blind = replace(function.defects[0], kind=kind, access=None, why="it is not there")
    judgement = a_judgement(Verdict.BAD).of_functions([replace(function, defects=(), unseen=(blind,))])
    assert judgement.verdict is Verdict.UNTESTABLE
    for kinds in (frozenset({DefectKind.PAIR}), frozenset({kind})):
        restricted = restrict(judgement, kinds)
        assert restricted.verdict is Verdict.UNTESTABLE
        assert restricted.reason is not None
        assert "it is not there" in restricted.reason


def test_a_mark_without_an_access_covers_those_with_one() -> None:
    bad = a_judgement(Verdict.BAD)
    whole = Mark(function=bad.defects[0].function, access=None, kind=bad.defects[0].kind)
    assert bad.defects[0].access is not None
    assert restrict(bad, None, frozenset({whole})).verdict is Verdict.BAD
    assert restrict(bad, None, frozenset({replace(whole, access="store8+9")})).verdict is Verdict.GOOD


def test_a_mark_names_functions_by_a_pattern_or_without_parameters_and_is_never_good_for_want_of_one() -> None:
    bad = a_judgement(Verdict.BAD)
    found = bad.functions[0]
    of_cpp = replace(
        found, function="a::b(unsigned int)", defects=(replace(found.defects[0], function="a::b(unsigned int)"),)
    )
    judgement = bad.of_functions([of_cpp])
    kind = found.defects[0].kind
    for name, verdict in (
        ("a::b", Verdict.BAD),
        ("a::*", Verdict.BAD),
        ("a::c", Verdict.UNTESTABLE),
        ("c*", Verdict.UNTESTABLE),
    ):
        assert restrict(judgement, None, frozenset({Mark(function=name, access=None, kind=kind)})).verdict is verdict


def test_an_untestable_cell_is_of_the_profile_that_its_target_has() -> None:
    cell = cell_of(replace(request(a_case()), target=TARGETS["x86_64"]), a_toolchain())
    judgement = judge_outcome(cell, outcome_without("it is gone"), ARM_ISV, lambda *_: a_judgement())
    assert judgement.profile == "kvm-x86"


def test_compared_judgements_are_bad_exactly_when_the_code_differs() -> None:
    judgement = a_judgement(Verdict.BAD)
    assert compared(judgement, judgement.fingerprint).verdict is Verdict.GOOD
    assert compared(judgement, "sha256:other").verdict is Verdict.BAD
    untestable = replace(judgement, verdict=Verdict.UNTESTABLE, fingerprint=None)
    assert compared(untestable, "sha256:other").verdict is Verdict.UNTESTABLE


def test_code_is_compared_where_something_escaped_but_not_where_a_function_is_lacking() -> None:
    function = a_judgement(Verdict.BAD).functions[0]
    for kind, verdict in ((DefectKind.ESCAPES, Verdict.BAD), (DefectKind.UNDEFINED, Verdict.UNTESTABLE)):
        unseen = replace(function, unseen=(replace(function.defects[0], kind=kind),))
        judgement = a_judgement(Verdict.BAD).of_functions([unseen])
        assert compared(judgement, "sha256:other").verdict is verdict
