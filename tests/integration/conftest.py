"""Real compilers for the tests: fetched once, kept between test runs, shared by all."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from loopback_index import Index, serving
from real_zigs import PUBLISHED, STORED, RealZigs
from tool_process import Tool


@pytest.fixture(scope="session")
def zigs(tmp_path_factory: pytest.TempPathFactory) -> RealZigs:
    """Filled by pip as it is configured here. The tool's own locks keep test runs at the same time apart."""
    kept = os.environ.get("MMIO_BISECT_TEST_STORE")
    store = Path(kept) if kept else platformdirs.user_cache_path("mmio-bisect") / "test-toolchains"
    listed = Tool(root=tmp_path_factory.mktemp("listing"))
    listed.lists("zig", PUBLISHED)
    environment = os.environ | {
        "MMIO_BISECT_STORE": str(store),
        "XDG_CACHE_HOME": str(listed.home / ".cache"),
    }
    words = ("toolchains", "fetch", *(f"zig@{version}" for version in STORED), "--json")
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
        for version in STORED
    }
    return RealZigs(store=store, programs=programs)


@pytest.fixture
def tool(tmp_path: Path, zigs: RealZigs) -> Tool:
    """The tool with the real compilers at hand, and no network."""
    tool = Tool(root=tmp_path, elsewhere=zigs.store)
    tool.lists("zig", PUBLISHED)
    return tool


@pytest.fixture
def index() -> Iterator[Index]:
    with serving() as index:
        yield index


@pytest.fixture
def served(tmp_path: Path, index: Index) -> Tool:
    """The tool with nothing at hand but an index on the loopback device."""
    return Tool(root=tmp_path, index=index.url)
