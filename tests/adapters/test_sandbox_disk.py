"""Commands that write to disk: as much as they may, in a place that goes with them, but for a cache that stays."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from signalling import Uncancelled, eventually

from mmio_bisect.adapters.sandbox.disk_usage import used_bytes
from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container import CACHE, OWNER_LABEL, WORK
from mmio_bisect.adapters.sandbox.docker.engine import DEFAULT_SUITE, DockerSandbox
from mmio_bisect.adapters.sandbox.docker.images import CACHE_LABEL, DockerImages
from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.adapters.sandbox.local import subprocess_local
from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox
from mmio_bisect.workflow.ports.sandbox import Command, Finished, LimitHit, Sandbox

MIB = 1 << 20
LIMITS = Limits(memory_bytes=64 * MIB, wall_seconds=20, disk_bytes=200 * MIB, cache_bytes=4 * MIB, processes=32)

HELD = """
import sys
from pathlib import Path
from signalling import Uncancelled
from test_sandbox_disk import LIMITS
from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox
from mmio_bisect.workflow.ports.sandbox import Command

root, image = sys.argv[1:]
with DockerSandbox(LIMITS).session(Path(root), image) as session:
    session.run(Command(argv=("/bin/sh", "-c", "echo begun > it; sleep 1000")), Uncancelled())
"""


@pytest.fixture
def toolchain(tmp_path: Path) -> Path:
    root = tmp_path / "toolchain"
    root.mkdir(mode=0o755)
    return root


@pytest.fixture
def engine(docker_host: str) -> Iterator[Engine]:
    assert docker_host
    with closing(Engine(seconds=30)) as engine:
        yield engine


@pytest.fixture
def image(tmp_path: Path, engine: Engine) -> Iterator[str]:
    """The base with the folders that an image to build in has."""
    name, _ = DockerImages(tmp_path).build(
        DEFAULT_SUITE, "true", f"mkdir -m 1777 {WORK} {CACHE}", lambda _: tmp_path.name, Uncancelled()
    )
    yield name
    engine.remove_image(name)


@pytest.fixture
def cache(tmp_path: Path, engine: Engine, image: str) -> Iterator[tuple[str, dict[str, str]]]:
    volume = DockerImages(tmp_path).cache("some-series", image)
    yield volume
    engine.remove_volume(volume[0])


def run(sandbox: Sandbox, toolchain: Path, script: str, image: str | None = None) -> Finished:
    with sandbox.session(toolchain, image) as session:
        return session.run(Command(argv=("/bin/sh", "-c", script)), Uncancelled())


def megabytes(count: int, name: str) -> str:
    return f"head -c {count * MIB} /dev/zero > {name}; "


# --- in containers


@pytest.mark.docker
def test_what_is_written_is_no_memory(toolchain: Path, image: str) -> None:
    finished = run(DockerSandbox(LIMITS), toolchain, megabytes(150, "it") + "sync; wc -c < it", image)
    assert (finished.status, finished.limit, finished.output) == (0, None, f"{150 * MIB}\n")


@pytest.mark.docker
@pytest.mark.parametrize(
    "script",
    [
        megabytes(120, "one") + megabytes(120, "two") + "sleep 10",
        "mkdir closed; echo more > closed/it; chmod 0 closed; sleep 10",
    ],
    ids=["in several files", "where nobody can look"],
)
def test_more_than_the_limit_ends_the_command(toolchain: Path, image: str, script: str) -> None:
    sandbox = DockerSandbox(LIMITS)
    finished = run(sandbox, toolchain, script, image)
    assert finished.limit is LimitHit.DISK
    with sandbox.session(toolchain, image) as session:
        session.run(Command(argv=("/bin/sh", "-c", script)), Uncancelled())
        after = session.run(Command(argv=("/bin/sh", "-c", "ls -A ..; ls -A")), Uncancelled())
    assert after.output == "home\ntmp\nwork\n", "what it wrote is gone"


@pytest.mark.docker
def test_links_are_counted_once(toolchain: Path, image: str) -> None:
    script = megabytes(60, "it") + "for name in a b c d e; do ln it $name; done; sleep 2"
    assert run(DockerSandbox(LIMITS), toolchain, script, image).limit is None


@pytest.mark.docker
def test_kill_9_leaves_neither_container_nor_volume(toolchain: Path, image: str, engine: Engine) -> None:
    owner = subprocess.Popen([sys.executable, "-c", HELD, str(toolchain), image], env=_with_tests())

    def ours(*states: str) -> list[str]:
        found = [one for one in engine.labelled(OWNER_LABEL) if f"/{owner.pid}/" in one["Labels"][OWNER_LABEL]]
        here = [one for one in found if not states or one["State"] in states]
        return [mount["Name"] for one in here for mount in one["Mounts"] if mount["Type"] == "volume"]

    # Killed before it is started, it would be the next start's to remove.
    assert eventually(lambda: len(ours("running")) == 1, seconds=30)
    (volume,) = ours()
    owner.kill()
    owner.wait()
    assert eventually(lambda: not ours() and volume not in engine.volumes(), seconds=30)


def _with_tests() -> dict[str, str]:
    tests = Path(__file__).parents[1]
    return os.environ | {"PYTHONPATH": f"{tests / 'fakes'}:{tests / 'adapters'}"}


@pytest.mark.docker
def test_a_cache_outlasts_the_container_and_is_its_own_alone(
    toolchain: Path, image: str, cache: tuple[str, dict[str, str]], tmp_path: Path, engine: Engine
) -> None:
    sandbox = DockerSandbox(LIMITS, cache=cache)
    write = Command(argv=("/bin/sh", "-c", 'echo kept > "$0/it"', "{cache}"))
    with sandbox.session(toolchain, image) as session:
        assert session.run(write, Uncancelled()).status == 0
    assert run(sandbox, toolchain, f"cat {CACHE}/it; id -u", image).output == "kept\n65534\n"
    assert DockerImages(tmp_path).cache("some-series", image) == cache
    assert DockerImages(tmp_path).cache("another", image)[0] != cache[0]
    assert DockerImages(tmp_path / "elsewhere").cache("some-series", image)[0] != cache[0]
    without = run(DockerSandbox(), toolchain, f"ls -A {CACHE}; touch {CACHE}/it", image)
    assert without.status != 0, "what no build is cannot reach it"
    assert "kept" not in without.output
    with engine_of_another_content(tmp_path, engine) as other:
        DockerImages(tmp_path).cache("some-series", other)
        assert engine.volumes(f"{CACHE_LABEL}=some-series") == (), "nobody reads it any more"


def engine_of_another_content(tmp_path: Path, engine: Engine) -> "_Image":
    name, _ = DockerImages(tmp_path).build(
        DEFAULT_SUITE, "true", f"mkdir -m 1777 {WORK}", lambda _: f"{tmp_path.name}-other", Uncancelled()
    )
    return _Image(engine, name)


class _Image:
    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def __enter__(self) -> str:
        return self._name

    def __exit__(self, *_: object) -> None:
        self._engine.remove_image(self._name)


@pytest.mark.docker
def test_a_cache_that_outgrows_its_limit_is_emptied(
    toolchain: Path, image: str, cache: tuple[str, dict[str, str]]
) -> None:
    sandbox = DockerSandbox(LIMITS, cache=cache)
    finished = run(sandbox, toolchain, megabytes(9, f"{CACHE}/it") + "sleep 10", image)
    assert finished.limit is LimitHit.DISK
    assert run(sandbox, toolchain, f"ls -A {CACHE}", image).output == ""
    made = Command(argv=("/bin/sh", "-c", f"echo made > it; {megabytes(9, f'{CACHE}/it')}"), product="it")
    with sandbox.session(toolchain, image) as session:
        quick = session.run(made, Uncancelled())
    assert (quick.status, quick.limit, quick.product) == (0, None, b"made\n"), "it was over before anybody looked"
    assert run(sandbox, toolchain, f"ls -A {CACHE}", image).output == ""


# --- on this machine


@pytest.fixture
def local(tmp_path: Path) -> LocalSandbox:
    cache = tmp_path / "cache"
    cache.mkdir()
    return LocalSandbox(replace(LIMITS, memory_bytes=1 << 30), base=tmp_path / "work", cache=cache)


def test_more_than_the_limit_ends_a_local_command(local: LocalSandbox, toolchain: Path, tmp_path: Path) -> None:
    finished = run(local, toolchain, megabytes(120, "one") + megabytes(120, "two") + "sleep 10")
    assert finished.limit is LimitHit.DISK
    assert list((tmp_path / "work").iterdir()) == []


def test_a_local_cache_outlasts_the_session_until_it_outgrows_its_limit(
    local: LocalSandbox, toolchain: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert run(local, toolchain, f"echo kept > {cache}/it").status == 0
    assert run(local, toolchain, f"cat {cache}/it").output == "kept\n"
    assert run(local, toolchain, megabytes(9, f"{cache}/it") + "sleep 10").limit is LimitHit.DISK
    assert list(cache.iterdir()) == []


def test_a_local_cache_that_goes_while_it_is_emptied_costs_no_result(
    local: LocalSandbox, toolchain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    emptied = subprocess_local._empty

    def twice(folder: Path) -> None:
        emptied(folder)
        if folder == cache:
            raise FileNotFoundError(2, "another session was quicker")

    monkeypatch.setattr(subprocess_local, "_empty", twice)
    finished = run(local, toolchain, megabytes(9, f"{cache}/it"))
    assert (finished.status, finished.limit) == (0, None)
    assert list(cache.iterdir()) == []


def test_disk_is_counted_by_blocks_and_entries(tmp_path: Path) -> None:
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 40)
    (tmp_path / "full").write_bytes(b"x" * MIB)
    os.link(tmp_path / "full", tmp_path / "again")
    assert MIB < used_bytes(tmp_path) < 2 * MIB
    before = used_bytes(tmp_path)
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert used_bytes(tmp_path) == before + 100 * 4096
