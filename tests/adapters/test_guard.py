"""The guard before docker's socket: what mmio-bisect asks for passes, and nothing that would be more than that."""

import contextlib
import http.client
import json
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from signalling import Uncancelled, eventually

from mmio_bisect.adapters.sandbox.docker import images
from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container import (
    OWNER_LABEL,
    Container,
    Owner,
    StoreVolume,
    configuration,
)
from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox
from mmio_bisect.adapters.sandbox.docker.images import DockerImages
from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.errors import SandboxError
from mmio_bisect.guard.rules import RefusedError, Request, check
from mmio_bisect.guard.server import guarding
from mmio_bisect.workflow.ports.sandbox import Command

VOLUME = StoreVolume(name="compilers", folder=Path("/compilers"))
IMAGE = "mmio-bisect-base:trixie"
NAME = "mmio-bisect-0123456789abcdef"
CREATE = f"/v1.41/containers/create?name={NAME}"


def sandbox() -> dict[str, Any]:
    return configuration(image=IMAGE, mount=VOLUME.mount, limits=Limits(memory_bytes=1 << 30, file_bytes=1 << 20))


def image_builder() -> dict[str, Any]:
    return {
        **images.image_builder_configuration(IMAGE),
        "Labels": {OWNER_LABEL: str(Owner.this_process())},
    }


def created(body: dict[str, Any] | str, target: str = CREATE) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    check(Request(method="POST", target=target, body=text.encode()), VOLUME)


def changed(path: str, value: object, body: dict[str, Any] | None = None) -> dict[str, Any]:
    made = deepcopy(sandbox() if body is None else body)
    inner, *keys = made, *path.split(".")
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return made


def test_sandboxes_and_the_making_of_images_pass() -> None:
    created(sandbox())
    created(image_builder())
    created({"Image": IMAGE, "Cmd": ["/bin/true"], "Labels": image_builder()["Labels"]})
    labels = {images.CACHE_LABEL: "tcc", images.STORE_LABEL: "/compilers/store"}
    limits = Limits(disk_bytes=1 << 30)
    cache = ("mmio-bisect-cache-01234567-tcc-0123456789ab", labels)
    created(configuration(image=IMAGE, mount=VOLUME.mount, limits=limits, cache=cache))
    for other in (("postgres", labels), ("mmio-bisect-cache-1", {"com.docker.compose.project": "other"})):
        with pytest.raises(RefusedError):
            created(configuration(image=IMAGE, mount=VOLUME.mount, limits=limits, cache=other))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("HostConfig.Privileged", True),
        ("HostConfig.Binds", ["/:/host"]),
        ("HostConfig.Mounts", [{"Type": "bind", "Source": "/", "Target": "/toolchain", "ReadOnly": True}]),
        ("HostConfig.Mounts", [{**VOLUME.mount, "Source": "postgres"}]),
        ("HostConfig.Mounts", [{**VOLUME.mount, "ReadOnly": False}]),
        ("HostConfig.CapDrop", []),
        ("HostConfig.CapAdd", ["SYS_ADMIN"]),
        ("HostConfig.SecurityOpt", ["seccomp=unconfined"]),
        ("HostConfig.NetworkMode", "host"),
        ("HostConfig.PidMode", "host"),
        ("HostConfig.ReadonlyRootfs", False),
        ("HostConfig.Devices", [{"PathOnHost": "/dev/vda"}]),
        ("HostConfig.Memory", 0),
        ("HostConfig.PidsLimit", -1),
        ("HostConfig.NanoCpus", True),
        ("HostConfig.Tmpfs", {"/": "rw"}),
        ("hostconfig", {"Privileged": True}),
        ("Entrypoint", ["/bin/sh"]),
        ("Env", ["LD_PRELOAD=/toolchain/evil.so"]),
        ("User", "root"),
        ("Image", "postgres:17"),
        ("Image", "mmio-bisect-toolchain/../postgres:17"),
        ("Labels", {}),
        ("Labels", {OWNER_LABEL: "", "com.docker.compose.project": "other"}),
    ],
)
def test_a_sandbox_that_may_more_is_refused(path: str, value: object) -> None:
    with pytest.raises(RefusedError):
        created(changed(path, value))


def test_a_sandbox_is_started_as_it_was_made() -> None:
    for version in ("", "/v1.41", "/v1.51"):
        assert check(Request(method="POST", target=f"{version}/containers/{NAME}/start"), VOLUME).container == NAME


def test_what_the_daemon_would_read_otherwise_is_refused() -> None:
    with pytest.raises(RefusedError, match="not JSON"):
        created("[" * 200_000)
    text = json.dumps(sandbox())
    with pytest.raises(RefusedError, match="twice"):
        created(text.replace('"HostConfig": {', '"HostConfig": {"Privileged": true}, "HostConfig": {', 1))
    with pytest.raises(RefusedError, match="twice"):
        created(sandbox(), f"{CREATE}&name=other")
    with pytest.raises(RefusedError):
        created(sandbox(), f"{CREATE}&platform=linux")
    with pytest.raises(RefusedError):
        created(changed("HostConfig.Binds", ["/:/host"], image_builder()))


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/containers/json", {}),
        ("GET", f"/containers/json?filters={quote(json.dumps({'label': ['other']}))}", {}),
        ("GET", f"/containers/{NAME}/json", {}),
        ("GET", f"/containers/{NAME}/archive?path=/", {}),
        ("PUT", f"/containers/{NAME}/archive?path=/", {}),
        ("POST", "/containers/mmio-bisect_postgres_1/exec", {}),
        ("DELETE", "/containers/mmio-bisect_postgres_1", {}),
        ("POST", f"/containers/{NAME}/exec", {"Cmd": ["id"], "Privileged": True}),
        ("POST", f"/containers/{NAME}/exec", {"Cmd": ["id"], "privileged": True}),
        ("POST", f"/commit?container={NAME}&repo=debian&tag=trixie-slim", {}),
        ("POST", "/commit?container=other&repo=mmio-bisect-toolchain&tag=1", {}),
        ("POST", f"/commit?container={NAME}&repo=mmio-bisect-toolchain&tag=1&changes=VOLUME%20/", {}),
        ("POST", f"/commit?container={NAME}&repo=mmio-bisect-toolchain&tag=1&changes=LABEL%20a=1&changes=USER%200", {}),
        ("POST", f"/commit?container={NAME}&repo=mmio-bisect-toolchain&tag=1", {"Env": ["LD_PRELOAD=/evil.so"]}),
        ("POST", "/images/create?fromImage=evil&tag=latest", {}),
        ("POST", "/images/create?fromSrc=-&repo=debian&tag=trixie-slim", {}),
        ("POST", "/build", {}),
        ("DELETE", "/images/postgres:17", {}),
        ("GET", "/volumes", {}),
        ("DELETE", "/volumes/postgres", {}),
        ("POST", "/volumes/create", {"DriverOpts": {"device": "/"}}),
        ("POST", "/plugins/pull", {}),
        ("POST", f"/containers/{NAME}/start", {"Binds": ["/:/host"], "Privileged": True}),
        ("POST", f"/v1.20/containers/{NAME}/start", {}),
        ("POST", f"/v1.40/containers/{NAME}/start", {}),
        ("POST", f"/containers/{NAME}/start?checkpoint=1&checkpoint-dir=/etc", {}),
        ("GET", f"/containers/json?all=1;filters=&filters={quote(json.dumps({'label': [OWNER_LABEL]}))}", {}),
        ("GET", "/v1.41/secrets", {}),
        ("GET", f"/containers/v1.41/json?filters={quote(json.dumps({'label': [OWNER_LABEL]}))}", {}),
        ("DELETE", "/images/v1.41/mmio-bisect-build:1", {}),
    ],
)
def test_everything_else_is_refused(method: str, target: str, body: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        check(Request(method=method, target=target, body=json.dumps(body).encode()), VOLUME)


def test_many_that_come_at_once_are_all_let_in(tmp_path: Path) -> None:
    path, daemon = tmp_path / "docker.sock", tmp_path / "daemon.sock"
    with (
        _speaking(daemon, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"),
        guarding(path, f"unix://{daemon}", VOLUME, print),
        contextlib.ExitStack() as stack,
    ):
        for _ in range(64):  # nobody accepts them yet
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            client.connect(str(path))


def test_a_guard_that_was_killed_is_not_healthy(tmp_path: Path) -> None:
    services = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())["services"]
    path, daemon = tmp_path / "docker.sock", tmp_path / "daemon.sock"
    there = "/run/mmio-bisect/docker.sock"
    _, _, *words = (word.replace(there, str(path)) for word in services["guard"]["healthcheck"]["test"])

    def healthy() -> bool:
        return subprocess.run([sys.executable, *words], capture_output=True, check=False).returncode == 0

    with (
        _speaking(daemon, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"),
        guarding(path, f"unix://{daemon}", VOLUME, print),
    ):
        assert healthy()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    assert path.is_socket()
    assert not healthy()


def test_a_daemon_that_talks_nonsense_is_said_not_to_answer(tmp_path: Path) -> None:
    path, daemon = tmp_path / "docker.sock", tmp_path / "daemon.sock"
    said = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", b"nonsense\r\n\r\n"]
    with _speaking(daemon, *said), guarding(path, f"unix://{daemon}", VOLUME, print) as serve:
        threading.Thread(target=serve, daemon=True).start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert (answer.status, b"does not answer" in answer.read()) == (502, True)


@contextlib.contextmanager
def _speaking(path: Path, *answers: bytes) -> Iterator[None]:
    """A daemon that gives these answers, one a connection."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


_PROGRAM = """\
mkdir -p /v/entries/1/root
cd /v/entries/1/root
printf '#!/bin/sh\\ncat in.c; ls /toolchain\\n' >cc
chmod 755 cc
"""


@pytest.fixture
def volume(docker_host: str) -> Iterator[StoreVolume]:
    """A volume with a program in it."""
    name = f"mmio-bisect-test-{secrets.token_hex(4)}"
    assert docker_host
    image = DockerSandbox().prepare()
    with closing(Engine(seconds=30)) as engine:
        api = engine._api
        api.create_volume(name)
        try:
            binds = api.create_host_config(binds=[f"{name}:/v"])
            filling = api.create_container(image, ["/bin/sh", "-ec", _PROGRAM], host_config=binds)
            api.start(filling)
            api.wait(filling)
            api.remove_container(filling)
            yield StoreVolume(name=name, folder=Path("/compilers"))
        finally:
            api.remove_volume(name)


@pytest.fixture
def guarded(
    docker_host: str, volume: StoreVolume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """DOCKER_HOST is a guard's; what it says."""
    said: list[str] = []
    path = tmp_path / "docker.sock"
    with guarding(path, docker_host, volume, said.append) as serve:
        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield said


@pytest.mark.docker
def test_a_program_of_the_volume_runs_by_way_of_the_guard(
    guarded: list[str], volume: StoreVolume, tmp_path: Path
) -> None:
    root = volume.folder / "entries" / "1" / "root"
    beside = StoreVolume(name=volume.name, folder=tmp_path / "compilers")
    here = beside.folder / root.relative_to(volume.folder)
    here.mkdir(parents=True)
    with DockerSandbox(volume=beside).session(here) as session:
        command = Command(argv=("{toolchain}/cc",), inputs=(("in.c", b"int x;\n"),))
        finished = session.run(command, Uncancelled())
    assert (finished.status, finished.output) == (0, "int x;\nentries\n")
    assert guarded == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(SandboxError, match="lies outside"), DockerSandbox(volume=beside).session(elsewhere):
        pass


@pytest.mark.docker
def test_a_suite_is_asked_by_way_of_the_guard(guarded: list[str], tmp_path: Path) -> None:
    assert DockerImages(tmp_path).ask("trixie", "echo asked", Uncancelled()) == "asked\n"
    assert guarded == []


@pytest.mark.docker
def test_an_image_is_made_named_and_removed_by_way_of_the_guard(guarded: list[str], tmp_path: Path) -> None:
    images, other = DockerImages(tmp_path / "store"), DockerImages(tmp_path / "other")
    tag = f"guard-{secrets.token_hex(4)}"
    made, said = images.build("trixie", "echo planned", "touch /made", lambda _: tag, Uncancelled())
    derived, _ = other.build("trixie", "true", "exit 1", lambda _: tag, Uncancelled())
    try:
        assert (said, images.has(made), images.has(derived)) == ("planned\n", True, True)
        assert images.size(made) >= 0
    finally:
        images.remove(made)
        other.remove(derived)
    assert not images.has(made)
    assert guarded == []


@pytest.mark.docker
def test_a_sandbox_whose_owner_vanishes_goes_by_way_of_the_guard(guarded: list[str], volume: StoreVolume) -> None:
    with closing(Engine(seconds=30)) as engine:
        settings = configuration(image=DockerSandbox().prepare(), mount=volume.mount, limits=Limits())
        sandbox = Container.start(engine, settings, patience=30, cancelled=lambda: False)
        assert [found["Names"] for found in _ours(engine, sandbox)] == [[f"/{sandbox._name}"]]
        sandbox._wire.close()
        assert eventually(lambda: not _ours(engine, sandbox))
    assert guarded == []


def _ours(engine: Engine, sandbox: Container) -> list[Any]:
    return [found for found in engine.labelled(OWNER_LABEL) if f"/{sandbox._name}" in found["Names"]]


@pytest.mark.docker
def test_a_folder_of_the_host_is_refused_by_way_of_the_guard(guarded: list[str], tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with (
        pytest.raises(SandboxError, match="does not make containers like this"),
        DockerSandbox().session(tmp_path / "root") as session,
    ):
        session.run(Command(argv=("/bin/true",)), Uncancelled())
    assert guarded[0].startswith("refused: POST /v1.")


@pytest.mark.docker
def test_a_second_request_of_a_connection_is_not_passed_on(guarded: list[str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "docker.sock"))
        client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /containers/json HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = client.makefile("rb").read()
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b"OK")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "docker.sock"))
        client.sendall(b"POST /_ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        refused = http.client.HTTPResponse(client)
        refused.begin()
        assert refused.status == 403
    assert len(guarded) == 1
