"""One compiler or one object, judged at once: nothing is fetched, looked up or kept.

A compiler given by its path is never looked up in history: its file may stay the same while what it does changes, as in
a `git bisect run` whose compiler is a script or was just built.
"""

from pathlib import Path

from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.profiles import profile_for
from mmio_bisect.classify.verdict.undefined import undefined_reason
from mmio_bisect.domain.families import family_of
from mmio_bisect.domain.names import is_pattern
from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.prototype import Prototype
from mmio_bisect.domain.recipe import ConstantWindow, FunctionExpectation, digest_of
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.errors import BrokenToolchainError, UsageError
from mmio_bisect.workflow.ports.judge import Judge
from mmio_bisect.workflow.ports.objects import ObjectReader
from mmio_bisect.workflow.ports.progress import Unwatched
from mmio_bisect.workflow.ports.sandbox import Sandbox
from mmio_bisect.workflow.ports.series import Fetched
from mmio_bisect.workflow.probing.acquire import ask_version
from mmio_bisect.workflow.probing.compile import cell_of
from mmio_bisect.workflow.probing.identity import identified
from mmio_bisect.workflow.probing.judge import compile_in


def check_object(
    data: bytes,
    *,
    case_functions: tuple[FunctionExpectation, ...],
    windows: tuple[ConstantWindow, ...],
    prototypes: tuple[Prototype, ...] = (),
    profile: Profile,
    objects: ObjectReader,
) -> Judgement:
    """Raises `MalformedObjectError`, and `UsageError` for a pattern that matches no function."""
    image = objects.read(data).declaring(prototypes)
    for function in case_functions:
        if is_pattern(function.symbol) and not image.functions_named(function.symbol):
            raise UsageError(f"{undefined_reason(function.symbol, image)}.")
    return judge_image(image, case_functions, windows, profile_for(profile, image.architecture))


def check_compiler(
    request: CellRequest, compiler: Path, *, sandbox: Sandbox, judge: Judge, profile: Profile
) -> tuple[Toolchain, Outcome, Judgement]:
    """Compile the request's case with that compiler, and judge.

    Raises `BrokenToolchainError` if its family is not known, `SandboxError`.
    """
    toolchain = identify_compiler(compiler, sandbox)
    cell = cell_of(request, toolchain)
    outcome, judgement = compile_in(compiler.parent, None, cell, sandbox, profile, judge, Unwatched())
    return toolchain, outcome, judgement


def identify_compiler(compiler: Path, sandbox: Sandbox) -> Toolchain:
    """Ask a compiler what it is."""
    if not compiler.is_file():
        raise BrokenToolchainError(f"No compiler found at {compiler}: give the path of an executable file.")
    tool = (str(compiler.resolve()),)
    text = ask_version(tool, compiler.parent, sandbox, Unwatched())
    family = family_of(text)
    if family is None:
        first = (text.strip().splitlines() or ["nothing"])[0][:200]
        raise BrokenToolchainError(
            f"{compiler} is not a clang, gcc, llc or rustc that is known: its --version says “{first}”."
        )
    words = family.descriptor.version_words
    if words != ("--version",):
        text = ask_version(tool, compiler.parent, sandbox, Unwatched(), words=words)
    fetched = Fetched(digest=digest_of(compiler.read_bytes()), tool=tool, arguments=())
    return identified(family, fetched, text)
