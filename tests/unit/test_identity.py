"""What is read of what real compilers say of themselves."""

from datetime import date

import pytest

from mmio_bisect.domain.families import CompilerFamily, family_of
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.ports.series import Fetched
from mmio_bisect.workflow.probing.identity import identified

FETCHED = Fetched(digest="sha256:" + "0" * 64, tool=("/usr/bin/cc",), arguments=("-x",))

CLANG = (
    "Debian clang version 18.1.8 (18+b1)\nTarget: x86_64-pc-linux-gnu\nThread model: posix\nInstalledDir: /usr/bin\n"
)
SNAPSHOT = "Debian clang version 24.0.0 (++20261025103442+7e3c57157096-1~exp1)\nTarget: x86_64-pc-linux-gnu\n"
GCC = "aarch64-linux-gnu-gcc-12 (Debian 12.2.0-14) 12.2.0\nCopyright (C) 2022 Free Software Foundation, Inc.\n"
LLC = "Debian LLVM version 18.1.8\n  Optimized build.\n  Default target: x86_64-pc-linux-gnu\n  Host CPU: znver3\n"
RUSTC = """rustc 1.85.0-nightly (4d91de4e4 2025-02-17) (built from a source tarball)
binary: rustc
commit-hash: 4d91de4e48198da2e33413efdcd9cd2cc0c46688
commit-date: 2025-02-17
host: x86_64-unknown-linux-gnu
release: 1.85.0
LLVM version: 19.1.7
"""
DEBIAN_RUSTC = "rustc 1.63.0\nbinary: rustc\ncommit-hash: unknown\ncommit-date: unknown\nLLVM version: 14.0.6\n"


@pytest.mark.parametrize(
    ("text", "family", "version", "llvm", "commit", "released"),
    [
        (CLANG, CompilerFamily.CLANG, "18.1.8", "18.1.8", None, None),
        (SNAPSHOT, CompilerFamily.CLANG, "24.0.0", "24.0.0", "7e3c57157096", date(2026, 10, 25)),
        (GCC, CompilerFamily.GCC, "12.2.0", None, None, None),
        (LLC, CompilerFamily.LLC, "18.1.8", "18.1.8", None, None),
        (
            RUSTC, CompilerFamily.RUSTC, "1.85.0-nightly", "19.1.7", "4d91de4e48198da2e33413efdcd9cd2cc0c46688",
            date(2025, 2, 17),
        ),
        (DEBIAN_RUSTC, CompilerFamily.RUSTC, "1.63.0", "14.0.6", None, None),
    ],
)  # fmt: skip
def test_compilers_are_known_by_their_words(
    text: str, family: CompilerFamily, version: str, llvm: str | None, commit: str | None, released: date | None
) -> None:
    assert family_of(text) is family
    assert family.descriptor.version_in(text) == version
    found = identified(family, FETCHED, text)
    assert (found.compiler_version, found.llvm_version, found.commit, found.released) == (
        version,
        llvm,
        commit,
        released,
    )
    assert (found.digest, found.tool, found.arguments) == (FETCHED.digest, FETCHED.tool, FETCHED.arguments)
    assert found.version_text == text.splitlines()[0]


def test_words_of_nobody_are_nobodys() -> None:
    assert family_of("cat (GNU coreutils) 9.1") is None
    with pytest.raises(BrokenToolchainError, match="does not say which clang it is, but “cat"):
        identified(CompilerFamily.CLANG, FETCHED, "cat (GNU coreutils) 9.1")
