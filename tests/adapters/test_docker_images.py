"""Images that toolchains run in, on a real daemon: made, kept, adopted, and never left behind. No network is needed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from signalling import CancelledWhen, Uncancelled, eventually

from mmio_bisect.adapters.sandbox.docker.api import Engine, split_reference
from mmio_bisect.adapters.sandbox.docker.container import OWNER_LABEL
from mmio_bisect.adapters.sandbox.docker.engine import DEFAULT_SUITE, DockerSandbox
from mmio_bisect.adapters.sandbox.docker.images import STORE_LABEL, DockerImages
from mmio_bisect.errors import CancelledError, DownloadError, MissingToolchainError, SandboxError
from mmio_bisect.workflow.ports.sandbox import Command

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_host")]

MAKE = "printf '#!/bin/sh\\necho it runs\\n' > /usr/bin/compiler; chmod 755 /usr/bin/compiler"

BUILD = """
import sys
from pathlib import Path
from signalling import Uncancelled
from mmio_bisect.adapters.sandbox.docker.images import DockerImages

DockerImages(Path(sys.argv[1])).build("trixie", "true", "touch /started; sleep 1000", str, Uncancelled())
"""


@pytest.fixture
def engine(docker_host: str) -> Iterator[Engine]:
    assert docker_host
    with closing(Engine(seconds=30)) as engine:
        yield engine


@pytest.fixture
def images(tmp_path: Path, engine: Engine) -> Iterator[DockerImages]:
    yield DockerImages(tmp_path)
    for name, _ in engine.labelled_images(f"{STORE_LABEL}={tmp_path}"):
        engine.remove_image(name)


def names(engine: Engine, store: Path) -> set[str]:
    return {name for name, _ in engine.labelled_images(f"{STORE_LABEL}={store}")}


def ours(engine: Engine, pid: int) -> int:
    """How many containers that process has."""
    return sum(f"/{pid}/" in found["Labels"][OWNER_LABEL] for found in engine.labelled(OWNER_LABEL))


def test_what_a_script_prints_is_the_answer_and_the_container_goes(images: DockerImages, engine: Engine) -> None:
    assert images.ask(DEFAULT_SUITE, "echo out; echo err >&2; id -u", Uncancelled()) == "out\n0\n"
    assert eventually(lambda: ours(engine, os.getpid()) == 0)


def test_a_built_image_holds_what_was_done_and_runs_in_the_sandbox(
    images: DockerImages, engine: Engine, tmp_path: Path
) -> None:
    image, said = images.build(DEFAULT_SUITE, "echo a plan", MAKE, lambda said: f"clang 1~+{said}", Uncancelled())
    assert re.fullmatch(r"mmio-bisect-toolchain/[0-9a-f]{8}:clang-1-a-plan-", image)
    assert said == "a plan\n"
    assert names(engine, tmp_path) == {image}
    assert images.has(image)
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    with DockerSandbox().session(root, image) as session:
        finished = session.run(Command(argv=("/usr/bin/compiler",)), Uncancelled())
    assert (finished.argv, finished.output) == (("/usr/bin/compiler",), "it runs\n")
    images.remove(image)
    images.remove(image)
    assert not images.has(image)


def test_an_image_is_as_large_as_what_its_base_has_not(images: DockerImages) -> None:
    work = "head -c 3000000 /dev/urandom > /big"
    image, _ = images.build(DEFAULT_SUITE, "true", work, lambda _: "size", Uncancelled())
    assert 3_000_000 <= images.size(image) < 4_000_000


def test_two_stores_share_what_is_in_images_and_nothing_else(
    images: DockerImages, engine: Engine, tmp_path: Path
) -> None:
    first, _ = images.build(DEFAULT_SUITE, "echo same", MAKE, lambda said: f"shared-{said}", Uncancelled())
    other = DockerImages(tmp_path / "other")
    second, _ = other.build(DEFAULT_SUITE, "echo same", "exit 1", lambda said: f"shared-{said}", Uncancelled())
    try:
        assert first != second
        assert engine.content(first) == engine.content(second)
        images.remove(first)
        assert other.has(second)
    finally:
        other.remove(second)


def test_an_image_that_is_there_is_not_made_again(images: DockerImages) -> None:
    first = images.build(DEFAULT_SUITE, "echo same", "true", lambda said: said, Uncancelled())
    assert images.build(DEFAULT_SUITE, "echo same", "exit 1", lambda said: said, Uncancelled()) == first


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("echo 'E: no such package' >&2; exit 3", MissingToolchainError, "no such package"),
        ("echo 'E: broke off' >&2; exit 4", DownloadError, "broke off"),
        ("echo 'E: a cause' >&2; echo trailing >&2; exit 7", SandboxError, r"status 7: a cause"),
    ],
)
def test_how_a_script_ends_says_whose_fault_it_is(
    images: DockerImages, engine: Engine, tmp_path: Path, script: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        images.build(DEFAULT_SUITE, "true", script, lambda _: "failed", Uncancelled())
    assert names(engine, tmp_path) == set()


def test_progress_is_what_apt_says_of_sizes(images: DockerImages) -> None:
    told: list[tuple[int, int | None]] = []

    class Listening(Uncancelled):
        def progress(self, done: int, total: int | None) -> None:
            told.append((done, total))

    script = (
        "echo 'Need to get 3,000 kB of archives.' >&2;"
        "echo 'Get:1 http://a trixie/main amd64 x amd64 1 [1,000 kB]' >&2;"
        "echo 'Get:2 http://a trixie/main amd64 y amd64 1 [2,000 kB]' >&2"
    )
    images.ask(DEFAULT_SUITE, script, Listening())
    assert told == [(1_000_000, 3_000_000), (3_000_000, 3_000_000)]


def test_a_cancelled_build_leaves_nothing(images: DockerImages, engine: Engine, tmp_path: Path) -> None:
    begun: list[int] = []

    def soon() -> bool:
        begun.append(1)
        return len(begun) > 4

    with pytest.raises(CancelledError):
        images.build(DEFAULT_SUITE, "true", "sleep 1000", lambda _: "cancelled", CancelledWhen(soon))
    assert eventually(lambda: ours(engine, os.getpid()) == 0)
    assert names(engine, tmp_path) == set()


def test_a_killed_build_leaves_nothing_behind_the_next(images: DockerImages, engine: Engine, tmp_path: Path) -> None:
    """A started container ends with its owner; one that was not yet started, the next build removes."""
    child = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(tmp_path)], env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    )
    with child:
        assert eventually(lambda: ours(engine, child.pid) == 1, 30)
        child.kill()
        child.wait()
    images.ask(DEFAULT_SUITE, "true", Uncancelled())
    assert eventually(lambda: ours(engine, child.pid) == 0, 30)
    assert names(engine, tmp_path) == set()


def test_an_image_whose_maker_died_before_its_entry_was_there_is_swept(
    images: DockerImages, engine: Engine, tmp_path: Path
) -> None:
    script = BUILD.replace("touch /started; sleep 1000", "true").replace(", str,", ", lambda _: 'orphan',")
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=True)
    kept, _ = images.build(DEFAULT_SUITE, "true", "true", lambda _: "kept", Uncancelled())
    living, _ = images.build(DEFAULT_SUITE, "true", "true", lambda _: "living", Uncancelled())
    orphan = kept.replace("kept", "orphan")
    assert names(engine, tmp_path) == {orphan, kept, living}
    images.sweep({kept})
    assert names(engine, tmp_path) == {kept, living}, "its maker lives, and may yet put it into the store"


def test_an_image_that_is_here_becomes_a_toolchains_under_a_name_of_its_own(
    images: DockerImages, engine: Engine, tmp_path: Path
) -> None:
    made, _ = images.build(DEFAULT_SUITE, "true", MAKE, lambda _: "vendor-1.0", Uncancelled())
    image, content = images.obtain(made, lambda content: f"ours-{content[7:19]}", Uncancelled())
    assert image == made.replace("vendor-1.0", f"ours-{content[7:19]}")
    assert engine.content(image) == content
    images.remove(image)
    assert images.has(made), "it is somebody else's"
    assert names(engine, tmp_path) == {made}


def test_an_image_that_no_registry_has_is_refused(images: DockerImages) -> None:
    with pytest.raises((DownloadError, MissingToolchainError), match="localhost:9/none:1"):
        images.obtain("localhost:9/none:1", lambda _: "none", Uncancelled())


def test_a_container_of_a_users_from_our_image_is_let_be(images: DockerImages, engine: Engine) -> None:
    image, _ = images.build(DEFAULT_SUITE, "true", "true", lambda _: "users", Uncancelled())
    engine.create("mmio-bisect-a-users-own", {"Image": image, "Cmd": ["/bin/true"]})
    try:
        images.ask(DEFAULT_SUITE, "true", Uncancelled())
        engine.remove("mmio-bisect-a-users-own")
    finally:
        with suppress(SandboxError):
            engine.remove("mmio-bisect-a-users-own")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("gcc:9", ("gcc", "9")),
        ("registry:5000/gcc:9", ("registry:5000/gcc", "9")),
        ("registry:5000/gcc", ("registry:5000/gcc", "latest")),
    ],
)  # fmt: skip
def test_a_reference_is_a_name_and_a_tag(reference: str, expected: tuple[str, str]) -> None:
    assert split_reference(reference) == expected
