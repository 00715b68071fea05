"""A repository of TinyCC with a history that is known: hundreds of commits, some broken, one that changes a store.

The files are those of Debian's source package; the commits are made by `git fast-import` from a fixed seed, so that
their names are the same on every machine.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

COMMITS = 320
CULPRIT = 211
"""Number of the commit (0 is the first) from which on a store to a plain address is written with writeback."""

_STORE = """    if (!(off & ~((uint32_t)0xfff << sz)))
        o(0x39000000"""
_BAD_STORE = """    if (!off && bas != 29 && bas != 31)
        o(0x38000400 | dst | bas << 5 | sz << 30);
        // str(*) x(dst),[x(bas)],#0
    else if (!(off & ~((uint32_t)0xfff << sz)))
        o(0x39000000"""
_PERSON = "A. Programmer <a@example.org>"


@dataclass(frozen=True, slots=True, kw_only=True)
class TccRepository:
    """`commits` are the names, oldest first; `broken` the numbers of those that do not build."""

    folder: Path
    commits: tuple[str, ...]
    broken: frozenset[int]


def make(source: Path, folder: Path) -> TccRepository:
    """A clone with a work tree's branch `main`, but bare."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", folder], check=True)
    broken = _broken(Random(5))  # noqa: S311 - to be the same each time
    stream = b"".join(_stream(source, broken))
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input=stream, check=True)
    named = subprocess.run(
        ["git", "-C", folder, "log", "--reverse", "--format=%H", "main"], stdout=subprocess.PIPE, text=True, check=True
    )
    return TccRepository(folder=folder, commits=tuple(named.stdout.split()), broken=broken)


def _broken(chance: Random) -> frozenset[int]:
    """Runs of one to four commits; neither end nor the culprit's neighbours are among them."""
    numbers: set[int] = set()
    while len(numbers) < COMMITS // 5:
        start = chance.randrange(1, COMMITS - 5)
        numbers |= set(range(start, start + chance.randint(1, 4)))
    return frozenset(numbers - set(range(CULPRIT - 2, CULPRIT + 2)))


def _stream(source: Path, broken: frozenset[int]) -> Iterator[bytes]:
    """What git-fast-import(1) reads."""
    files = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()}
    generator = files["arm64-gen.c"].read_text()
    assert generator.count(_STORE) == 1
    yield _commit(0, "TinyCC as Debian has it")
    for name, path in files.items():
        yield _file(name, path.read_bytes(), executable=os.access(path, os.X_OK))
    for number in range(1, COMMITS):
        if number == CULPRIT:
            generator = generator.replace(_STORE, _BAD_STORE)
            title = "arm64: post-index stores where the offset is nothing"
        elif number % 3 == 0:
            generator += f"/* remark {number} */\n"
            title = f"arm64: remark {number} (#{number})"
        else:
            title = f"TODO: item {number}"
            yield _commit(number, title)
            yield _file("TODO", f"{number} things\n".encode())
            if number in broken or number - 1 in broken:
                yield _file("arm64-gen.c", _generator(generator, broken=number in broken))
            continue
        yield _commit(number, title)
        yield _file("arm64-gen.c", _generator(generator, broken=number in broken))


def _generator(text: str, *, broken: bool) -> bytes:
    return (text + "#error half way through a change\n" * broken).encode()


def _commit(number: int, title: str) -> bytes:
    when = f"{1_600_000_000 + 7200 * number} +0000"
    return (f"commit refs/heads/main\ncommitter {_PERSON} {when}\ndata {len(title)}\n{title}\n").encode()


def _file(name: str, content: bytes, *, executable: bool = False) -> bytes:
    mode = "100755" if executable else "100644"
    return f"M {mode} inline {name}\ndata {len(content)}\n".encode() + content + b"\n"
