"""Real compilers for the tests: fetched once, kept between test runs, shared by all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_index import Index, serving
from real_zigs import PUBLISHED, RealZigs, fetch_zigs
from tool_process import Tool


@pytest.fixture(scope="session")
def zigs(tmp_path_factory: pytest.TempPathFactory) -> RealZigs:
    return fetch_zigs(tmp_path_factory.mktemp("listing"))


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
