"""Values to put into a history: small ones by hand, and any at all for properties."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from hypothesis import strategies as st

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.access import (
    Access,
    AddressingMode,
    Defect,
    DefectKind,
    Form,
    RegisterClass,
    Transfer,
)
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import (
    Cell,
    CellRequest,
    FunctionJudgement,
    Judgement,
    ListingLine,
    Outcome,
    OutcomeKind,
    Verdict,
)
from mmio_bisect.domain.recipe import (
    AccessShape,
    Argument,
    ArgumentKind,
    Case,
    Direction,
    EachAccess,
    ExpectedAccess,
    FunctionExpectation,
    Language,
    OptLevel,
    digest_of,
)
from mmio_bisect.domain.run import Probe, RunHead
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.workflow.ports.history import History

SOURCE = b"void store(volatile int *p) { *p = 1; }\n"


def a_case(
    *, recipe: str = "store", source: bytes = SOURCE, directive: bytes = b"//mmio: fn=store(mmio) each=store32\n"
) -> Case:
    return Case(
        recipe=recipe,
        language=Language.C,
        text=directive + source,
        functions=(
            FunctionExpectation(
                symbol="store",
                arguments=(Argument(kind=ArgumentKind.WINDOW),),
                expectation=EachAccess(items=(ExpectedAccess(shape=AccessShape(direction=Direction.STORE, width=32)),)),
            ),
        ),
        targets=("aarch64",),
        opt_levels=(OptLevel.O2,),
    )


def a_head(
    case: Case | None = None,
    series: str = "zig",
    first: Point | None = None,
    last: Point | None = None,
    profile: str = "arm-isv",
    argv: Sequence[str] = (),
) -> RunHead:
    return RunHead(
        case=case or a_case(),
        series=series,
        first=first or a_point(),
        last=last or a_point(),
        reversed=False,
        profile=profile,
        defects=None,
        changed=False,
        argv=tuple(argv),
    )


def outcome_of(history: History, cell: Cell) -> Outcome | None:
    return history.outcomes_of([cell]).get(cell.key)


def a_point(version: str = "0.13.0", series: str = "zig") -> Point:
    return Point(series=series, version=version, sort_key=".".join(f"{int(part):04}" for part in version.split(".")))


def a_toolchain(name: str = "0.13.0") -> Toolchain:
    return Toolchain(
        digest=digest_of(name.encode()),
        family=CompilerFamily.CLANG,
        tool=("ziglang/zig", "clang"),
        arguments=("-isystem", "{toolchain}/include"),
        version_text=f"clang version {name}\nTarget: somewhere",
        compiler_version="18.1.6",
        llvm_version="18.1.6",
        commit=None,
        released=date(2024, 6, 7),
    )


def a_cell(*, case: Case | None = None, toolchain: Toolchain | None = None, opt: OptLevel = OptLevel.O2) -> Cell:
    target = TARGETS["aarch64"]
    return Cell(
        request=CellRequest(case=case or a_case(), target=target, opt=opt),
        toolchain=toolchain or a_toolchain(),
        triple=target.clang_triple,
        flags=(f"-O{opt}", "-c"),
    )


def an_object(data: bytes = b"\x7fELF and the rest") -> Outcome:
    return Outcome(
        kind=OutcomeKind.OBJECT,
        object_code=data,
        argv=("{toolchain}/ziglang/zig", "clang", "-c", "store.c"),
        sandbox="local",
        status=0,
        output="",
        seconds=0.25,
    )


def a_rejection() -> Outcome:
    return replace(
        an_object(), kind=OutcomeKind.REJECTED, object_code=None, status=1, output="error: no such target ‘aarch64’\n"
    )


POST_INDEX = Access(
    function="store",
    code="store",
    position=4,
    encoding=bytes.fromhex("094400b8"),
    instruction="str w9, [x0], #4",
    transfer=Transfer(
        form=Form.SINGLE,
        directions=(Direction.STORE,),
        element_width=32,
        elements=1,
        addressing=AddressingMode.POST_INDEX,
        register_class=RegisterClass.GENERAL,
        registers=("x9",),
        syndrome_valid=False,
        why="register writeback leaves the syndrome invalid",
    ),
    label=None,
    window_offset=0,
    fulfils=("store32",),
)


def a_judgement(verdict: Verdict = Verdict.BAD, *, profile: str = "arm-isv", rules: int = 1) -> Judgement:
    """Of one function with one access, which is a defect when the verdict is bad."""
    defect = Defect(
        function="store",
        access="store32",
        kind=DefectKind.WRITEBACK_POST,
        code="store",
        position=4,
        instruction="str w9, [x0], #4",
        why="register writeback leaves the syndrome invalid",
    )
    function = FunctionJudgement(
        function="store",
        accesses=(POST_INDEX,),
        defects=(defect,) if verdict is Verdict.BAD else (),
        listing=(ListingLine(code="store", position=4, encoding=POST_INDEX.encoding, text="str w9, [x0], #4"),),
    )
    return Judgement(
        verdict=verdict, profile=profile, rules=rules, functions=(function,), fingerprint=digest_of(b"code")
    )


def a_probe(cell: Cell, outcome: Outcome, *, verdict: Verdict = Verdict.BAD, version: str = "0.13.0") -> Probe:
    return Probe(
        point=a_point(version),
        toolchain=cell.toolchain,
        request=cell.request,
        cell_key=cell.key,
        outcome=outcome,
        judgement=a_judgement(verdict),
        from_history=False,
        seconds=0.25,
    )


_names = st.text(max_size=12)
_positions = st.integers(min_value=0, max_value=2**31 - 1)
_encodings = st.binary(max_size=8)

transfers = st.builds(
    Transfer,
    form=st.sampled_from(Form),
    directions=st.lists(st.sampled_from(Direction), max_size=2).map(tuple),
    element_width=st.none() | st.integers(1, 4096),
    elements=st.integers(0, 64),
    addressing=st.sampled_from(AddressingMode),
    register_class=st.sampled_from(RegisterClass),
    registers=st.lists(_names, max_size=3).map(tuple),
    syndrome_valid=st.booleans(),
    sign_extends=st.booleans(),
    ordered=st.booleans(),
    why=_names,
)
accesses = st.builds(
    Access,
    function=_names,
    code=_names,
    position=_positions,
    encoding=_encodings,
    instruction=_names,
    transfer=transfers,
    label=st.none() | _names,
    window_offset=st.none() | st.integers(-(2**64), 2**64),
    fulfils=st.lists(_names, max_size=2).map(tuple),
)


def _found(*, unseen: bool) -> st.SearchStrategy[tuple[Defect, ...]]:
    kinds = [kind for kind in DefectKind if kind.unseen is unseen]
    defects = st.builds(
        Defect,
        function=_names,
        access=st.none() | _names,
        kind=st.sampled_from(kinds),
        code=st.none() | _names,
        position=st.none() | _positions,
        instruction=st.none() | _names,
        why=_names,
    )
    return st.lists(defects, max_size=3).map(tuple)


listing_lines = st.builds(ListingLine, code=_names, position=_positions, encoding=_encodings, text=_names)
functions = st.builds(
    FunctionJudgement,
    function=_names,
    accesses=st.lists(accesses, max_size=3).map(tuple),
    defects=_found(unseen=False),
    unseen=_found(unseen=True),
    listing=st.lists(listing_lines, max_size=3).map(tuple),
)
judgements = st.builds(
    Judgement,
    verdict=st.sampled_from(Verdict),
    profile=_names,
    rules=st.integers(1, 1000),
    functions=st.lists(functions, max_size=3).map(tuple),
    fingerprint=st.none() | _names,
    reason=st.none() | _names,
)
_outcome_details = {
    "argv": st.lists(_names, max_size=3).map(tuple),
    "sandbox": _names,
    "status": st.integers(-64, 255),
    "output": st.text(max_size=200),
    "seconds": st.floats(min_value=0, max_value=1e6),
}
objects = st.builds(Outcome, kind=st.just(OutcomeKind.OBJECT), object_code=st.binary(max_size=400), **_outcome_details)
failures = st.builds(
    Outcome,
    kind=st.sampled_from(sorted(set(OutcomeKind) - {OutcomeKind.OBJECT})),
    object_code=st.none(),
    **_outcome_details,
)
toolchains = st.builds(
    Toolchain,
    digest=st.binary(max_size=8).map(digest_of),
    family=st.sampled_from(CompilerFamily),
    tool=st.lists(_names, min_size=1, max_size=3).map(tuple),
    arguments=st.lists(_names, max_size=3).map(tuple),
    version_text=_names,
    compiler_version=_names,
    llvm_version=st.none() | _names,
    commit=st.none() | _names,
    released=st.none() | st.dates(),
)
