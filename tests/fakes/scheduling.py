"""What two workers (pytest-xdist, `--dist loadgroup`) share out between them, and in which order.

A module's tests stay together, because its fixtures are expensive; those of docker stay together, because they look at
what the one daemon has. What takes long begins first, so that no worker is left alone with it at the end.
"""

import pytest

# Half a minute or more each, the longest first.
SLOW = (
    "integration/test_git_series",
    "integration/test_bad_input",
    "integration/test_watch_nights",
    "integration/test_run_zig",
    "integration/test_killed",
    "integration/test_sweep_killed",
    "integration/test_watch",
    "integration/test_watch_descends",
    "integration/test_rust_dist",
    "integration/test_rust_ci",
    "integration/test_concurrent",
    "integration/test_cli_run",
    "integration/test_descend",
    "integration/test_rust",
    "integration/test_emulated",
    "integration/test_git_bisect",
)


def group(item: pytest.Item) -> str:
    if item.get_closest_marker("docker") is not None:
        return "docker"
    return f"{item.path.parent.name}/{item.path.stem}"


def _rank(item: pytest.Item) -> int:
    name = group(item)
    order = ("docker", *SLOW)
    return order.index(name) if name in order else len(order)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=_rank)
