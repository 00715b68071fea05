"""What several tests of adapters share."""

import itertools
import os
from collections.abc import Callable, Iterator

import pytest
from loopback_index import Index, serving
from postgres import create, postgres

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database

_names = (f"history_{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """Makes empty histories, each time it is called, and gives their URLs: copies of one that was migrated."""
    with postgres() as url:
        SqlHistory(open_history_database(create(url, "migrated"))).close()
        yield lambda: create(url, next(_names), like="migrated")


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The only place where pip looks: what this machine's configuration says does not count."""
    for name in list(os.environ):
        if name.upper().startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with serving() as index:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        yield index
