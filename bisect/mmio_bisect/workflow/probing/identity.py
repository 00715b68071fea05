"""What compilers say of themselves: version, LLVM, commit and date, read from what `--version` prints, by family."""

import re
from datetime import date
from typing import Final

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.ports.series import Fetched

_WHOLE: Final = 40
"""Of a commit's name, which manifests and version texts may shorten, in hexadecimal digits."""
# Snapshots of trunk, Debian's and apt.llvm.org's: `clang version 24.0.0 (++20261025103442+7e3c57157096-1~exp1)`.
_SNAPSHOT: Final = re.compile(r"\+\+(?P<date>\d{8})\d*\+(?P<commit>[0-9a-f]{7,40})")
_COMMIT_OF_RUSTC: Final = re.compile(r"^commit-hash: ([0-9a-f]{40})$", re.MULTILINE)
_DATE_OF_RUSTC: Final = re.compile(r"^commit-date: (?P<date>\d{4}-\d\d-\d\d)$", re.MULTILINE)


def identified(family: CompilerFamily, fetched: Fetched, text: str) -> Toolchain:
    """The toolchain, as the compiler says which it is. Raises `BrokenToolchainError`."""
    version = family.descriptor.version_in(text)
    if version is None:
        said = text.strip().splitlines()[:1] or ["nothing"]
        raise BrokenToolchainError(f"The compiler does not say which {family} it is, but “{said[0][:200]}”.")
    commits = [commit for commit in (fetched.commit, _commit(text)) if commit]
    return Toolchain(
        digest=fetched.digest,
        family=family,
        tool=fetched.tool,
        arguments=fetched.arguments,
        version_text=next(line.strip() for line in text.splitlines() if version in line),
        compiler_version=version,
        llvm_version=_llvm(family, version, text),
        commit=next((commit for commit in commits if len(commit) == _WHOLE), commits[0] if commits else None),
        released=fetched.released or _released(text),
    )


def _llvm(family: CompilerFamily, version: str, text: str) -> str | None:
    layers = family.descriptor.llvm
    if layers is None or layers.version is None:
        return None if layers is None else version
    said = re.search(layers.version, text, re.MULTILINE)
    return said and said["version"]


def _commit(text: str) -> str | None:
    said = _SNAPSHOT.search(text)
    if said is not None:
        return said["commit"]
    said = _COMMIT_OF_RUSTC.search(text)
    return said and said[1]


def _released(text: str) -> date | None:
    said = _SNAPSHOT.search(text) or _DATE_OF_RUSTC.search(text)
    try:
        return date.fromisoformat(said["date"]) if said else None
    except ValueError:  # eight digits that are not a day
        return None
