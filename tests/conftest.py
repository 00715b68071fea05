"""What holds for every test: docker is for those that are marked, and its base image is there for them."""

import os
import signal

import pytest

from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox

# The last one's hooks run first: it adds markers that the other reads.
pytest_plugins = ["scheduling", "requirements"]

_HOST = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")

# GitPython must be importable, and tests collected, where git is not on PATH.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

# Whoever starts the tests in the background may have interrupts ignored, and so would the programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _docker_for_the_marked_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for docker without the marker finds no daemon."""
    marked = request.node.get_closest_marker("docker") is not None
    monkeypatch.setenv("DOCKER_HOST", _HOST if marked else "unix:///nowhere/docker.sock")


@pytest.fixture(scope="session")
def docker_host() -> str:
    """What DOCKER_HOST is to be; the default base image is there from here on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", _HOST)
        DockerSandbox().prepare()
    return _HOST
