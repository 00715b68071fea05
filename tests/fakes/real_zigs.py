"""Which real compilers the tests have at hand, and wheels of other versions that pass them on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loopback_index import FILES, wheel

# What the package index has from 0.8 on (2026-11), and what the tests need of it.
PUBLISHED = (
    "0.8.0", "0.8.1", "0.9.0", "0.9.1", "0.10.0", "0.10.0.post1", "0.10.1.post1", "0.11.0", "0.12.0", "0.12.1",
    "0.13.0", "0.13.0.post1", "0.14.0", "0.14.1", "0.15.1", "0.15.2", "0.16.0", "0.17.0", "0.17.0.post0", "0.17.1",
)  # fmt: skip
STORED = ("0.8.0", "0.9.1", "0.12.1", "0.13.0", "0.13.0.post1", "0.15.1", "0.17.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealZigs:
    """The store that the tests share, with `STORED` in it; `programs` are the paths of the compilers."""

    store: Path
    programs: Mapping[str, Path]


def forwarding_wheel(version: str, program: Path) -> bytes:
    """A wheel of a few bytes whose compiler is the real one at `program`."""
    return scripted_wheel(version, f'exec {program} "$@"')


def scripted_wheel(version: str, script: str) -> bytes:
    """A wheel whose compiler is a shell script; `$1` is `clang`."""
    return wheel(version, {**FILES, "ziglang/zig": f"#!/bin/sh\n{script}\n".encode()})
