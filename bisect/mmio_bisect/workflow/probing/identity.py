"""What compilers say of themselves: version, LLVM, commit and date, read from what `--version` prints, by family."""

import re
from datetime import date
from typing import Final

from mmio_bisect.domain.toolchain import CompilerFamily, Toolchain
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.ports.series import Fetched

_VERSIONS: Final = {
    CompilerFamily.CLANG: re.compile(r"clang version (?P<version>\d[^\s(]*)"),
    CompilerFamily.RUSTC: re.compile(r"^rustc (?P<version>\d\S*)", re.MULTILINE),
    CompilerFamily.TCC: re.compile(r"^tcc version (?P<version>\d\S*)", re.MULTILINE),
    CompilerFamily.LLC: re.compile(r"LLVM version (?P<version>\d\S*)"),
    CompilerFamily.GCC: re.compile(r"^\S*gcc\S* .*?(?P<version>\d+\.\d+\.\d+)"),
}
# Snapshots of trunk, Debian's and apt.llvm.org's: `clang version 24.0.0 (++20261025103442+7e3c57157096-1~exp1)`.
_SNAPSHOT: Final = re.compile(r"\+\+(?P<date>\d{8})\d*\+(?P<commit>[0-9a-f]{7,40})")
_LLVM_OF_RUSTC: Final = re.compile(r"^LLVM version: (\S+)", re.MULTILINE)
_COMMIT_OF_RUSTC: Final = re.compile(r"^commit-hash: ([0-9a-f]{40})$", re.MULTILINE)
_DATE_OF_RUSTC: Final = re.compile(r"^commit-date: (?P<date>\d{4}-\d\d-\d\d)$", re.MULTILINE)


def version_words(family: CompilerFamily) -> tuple[str, ...]:
    """What makes a compiler say all that is read here."""
    match family:
        case CompilerFamily.RUSTC:
            return ("--version", "--verbose")
        case CompilerFamily.TCC:
            return ("-v",)
        case _:
            return ("--version",)


def version_in(family: CompilerFamily, text: str) -> str | None:
    """The version, if these are words of that family."""
    found = _VERSIONS[family].search(text)
    return None if found is None else found["version"]


def family_of(text: str) -> CompilerFamily | None:
    """Whose words these are; None: nobody's that is known."""
    return next((family for family, pattern in _VERSIONS.items() if pattern.search(text)), None)


def identified(family: CompilerFamily, fetched: Fetched, text: str) -> Toolchain:
    """The toolchain, as the compiler says which it is. Raises `BrokenToolchainError`."""
    found = _VERSIONS[family].search(text)
    if found is None:
        said = text.strip().splitlines()[:1] or ["nothing"]
        raise BrokenToolchainError(f"The compiler does not say which {family} it is, but “{said[0][:200]}”.")
    return Toolchain(
        digest=fetched.digest,
        family=family,
        tool=fetched.tool,
        arguments=fetched.arguments,
        version_text=next(line.strip() for line in text.splitlines() if found["version"] in line),
        compiler_version=found["version"],
        llvm_version=_llvm(family, found["version"], text),
        commit=fetched.commit or _commit(text),
        released=fetched.released or _released(text),
    )


def _llvm(family: CompilerFamily, version: str, text: str) -> str | None:
    match family:
        case CompilerFamily.CLANG | CompilerFamily.LLC:
            return version
        case CompilerFamily.RUSTC:
            said = _LLVM_OF_RUSTC.search(text)
            return said and said[1]
        case CompilerFamily.GCC | CompilerFamily.TCC:
            return None


def _commit(text: str) -> str | None:
    said = _SNAPSHOT.search(text)
    if said is not None:
        return said["commit"]
    said = _COMMIT_OF_RUSTC.search(text)
    return said and said[1]


def _released(text: str) -> date | None:
    said = _SNAPSHOT.search(text) or _DATE_OF_RUSTC.search(text)
    return date.fromisoformat(said["date"]) if said else None
