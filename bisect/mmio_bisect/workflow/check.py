"""One compiler or one object, judged at once: nothing is fetched, looked up or kept.

A compiler given by its path is never looked up in history: its file may stay the same while what it does changes, as in
a `git bisect run` whose compiler is a script or was just built.
"""

import re
from pathlib import Path

from mmio_bisect.classify.judge import judge_image
from mmio_bisect.classify.profiles import Profile
from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome
from mmio_bisect.domain.recipe import ConstantWindow, FunctionExpectation, digest_of
from mmio_bisect.domain.toolchain import CompilerFamily, Toolchain
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.acquire import ask_version
from mmio_bisect.workflow.compile import cell_of, compile_cell
from mmio_bisect.workflow.judge import judge_outcome
from mmio_bisect.workflow.ports import ObjectReader, Sandbox

_VERSIONS = (
    (CompilerFamily.CLANG, re.compile(r"clang version (?P<version>\d[^\s(]*)")),
    (CompilerFamily.RUSTC, re.compile(r"^rustc (?P<version>\d\S*)")),
    (CompilerFamily.GCC, re.compile(r"^\S*gcc\S* .*?(?P<version>\d+\.\d+\.\d+)")),
)

_LLVM_OF_RUSTC = re.compile(r"^LLVM version: (\S+)", re.MULTILINE)


class _Uninterrupted:
    """Signals of a step that nobody watches."""

    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int | None) -> None:
        pass


def check_object(
    data: bytes,
    *,
    case_functions: tuple[FunctionExpectation, ...],
    window: ConstantWindow | None,
    profile: Profile,
    objects: ObjectReader,
) -> Judgement:
    """Raises `MalformedObjectError`."""
    return judge_image(objects.read(data), case_functions, window, profile)


def check_compiler(
    request: CellRequest, compiler: Path, *, sandbox: Sandbox, objects: ObjectReader, profile: Profile
) -> tuple[Toolchain, Outcome, Judgement]:
    """Compile the request's case with that compiler, and judge.

    Raises `BrokenToolchainError` if it is none that is known, `SandboxError`.
    """
    toolchain = identify_compiler(compiler, sandbox)
    cell = cell_of(request, toolchain)
    with sandbox.session(compiler.parent) as session:
        outcome = compile_cell(cell, session, sandbox.name, _Uninterrupted())
    return toolchain, outcome, judge_outcome(cell, outcome, profile, objects)


def identify_compiler(compiler: Path, sandbox: Sandbox) -> Toolchain:
    """Ask a compiler what it is."""
    if not compiler.is_file():
        raise BrokenToolchainError(f"There is no compiler at {compiler}: give the path of an executable file.")
    tool = (str(compiler.resolve()),)
    text = ask_version(tool, compiler.parent, sandbox, _Uninterrupted())
    matches = ((family, pattern.search(text)) for family, pattern in _VERSIONS)
    family, version = next(((family, found["version"]) for family, found in matches if found), (None, ""))
    if family is None:
        first = (text.strip().splitlines() or ["nothing"])[0][:200]
        raise BrokenToolchainError(f"{compiler} is no clang, gcc or rustc that is known: its --version says “{first}”.")
    llvm_version = version if family is CompilerFamily.CLANG else None
    if family is CompilerFamily.RUSTC:
        words = ("--version", "--verbose")
        said = _LLVM_OF_RUSTC.search(ask_version(tool, compiler.parent, sandbox, _Uninterrupted(), words=words))
        llvm_version = said and said[1]
    return Toolchain(
        digest=digest_of(compiler.read_bytes()),
        family=family,
        tool=tool,
        version_text=text.strip().splitlines()[0],
        compiler_version=version,
        llvm_version=llvm_version,
        commit=None,
        released=None,
    )
