"""Every command that writes, killed once and begun again; `tests/fuzzing/kills.py` does it as often as one likes."""

import random
from collections.abc import Iterator

import pytest
from killed_commands import SCENARIOS, Kills, compilers
from loopback_index import serving

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kills]:
    chance = random.Random(14)  # noqa: S311 - the same moments each time
    with serving() as index:
        compilers(index)
        yield Kills(root=tmp_path_factory.mktemp("kills"), index=index, chance=chance)


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if not each.docker])
def test_a_killed_command_loses_nothing_does_nothing_twice_and_leaves_nothing(kills: Kills, name: str) -> None:
    kills.round(name)
