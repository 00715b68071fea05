"""Which real compilers the tests have at hand, and wheels of other versions that pass them on."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from loopback_index import FILES, wheel
from tool_process import Tool

# What the package index has from 0.8 on (2026-11), and what the tests need of it.
PUBLISHED = (
    "0.8.0", "0.8.1", "0.9.0", "0.9.1", "0.10.0", "0.10.0.post1", "0.10.1.post1", "0.11.0", "0.12.0", "0.12.1",
    "0.13.0", "0.13.0.post1", "0.14.0", "0.14.1", "0.15.1", "0.15.2", "0.16.0", "0.17.0", "0.17.0.post0", "0.17.1",
)  # fmt: skip
STORED = ("0.8.0", "0.9.1", "0.12.1", "0.13.0", "0.13.0.post1", "0.15.1", "0.17.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealZigs:
    """The store that the tests share; `programs` are the paths of its compilers, by version."""

    store: Path
    programs: Mapping[str, Path]


def fetch_zigs(folder: Path, versions: Sequence[str] = STORED) -> RealZigs:
    """Filled by pip as it is configured here. The tool's own locks keep test runs at the same time apart."""
    kept = os.environ.get("MMIO_BISECT_TEST_STORE")
    store = Path(kept) if kept else platformdirs.user_cache_path("mmio-bisect") / "test-toolchains"
    listed = Tool(root=folder)
    listed.lists("zig", PUBLISHED)
    environment = os.environ | {
        "MMIO_BISECT_STORE": str(store),
        "XDG_CACHE_HOME": str(listed.home / ".cache"),
    }
    words = ("toolchains", "fetch", *(f"zig@{version}" for version in versions), "--json")
    fetched = subprocess.run(
        [sys.executable, "-m", "mmio_bisect", *words],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env=environment,
    )
    digests = {member["point"]: member["digest"] for member in json.loads(fetched.stdout)["toolchains"]}
    programs = {
        version: store / "entries" / digests[f"zig@{version}"].removeprefix("sha256:") / "root" / "ziglang" / "zig"
        for version in versions
    }
    return RealZigs(store=store, programs=programs)


def forwarding_wheel(version: str, program: Path) -> bytes:
    """A wheel of a few bytes whose compiler is the real one at `program`."""
    return scripted_wheel(version, f'exec {program} "$@"')


def scripted_wheel(version: str, script: str) -> bytes:
    """A wheel whose compiler is a shell script; `$1` is `clang`."""
    return wheel(version, {**FILES, "ziglang/zig": f"#!/bin/sh\n{script}\n".encode()})
