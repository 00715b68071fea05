"""docker-compose.yml brought up as a user does, with a project, volumes, port and settings of the test's own."""

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from requirements import fixture_path

from mmio_bisect.adapters.sandbox.docker.engine import DockerSandbox

ROOT = Path(__file__).parents[2]
# Built anew by each test, from layers that are there: they are what takes long.
IMAGE = "mmio-bisect-compose-test"
_CERTIFICATES = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One project; `program` is a docker-compose, of either major version."""

    program: Path
    project: str
    folder: Path
    port: int

    @property
    def volume(self) -> str:
        return f"{self.project}-compilers"

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(self.folder / "override.json"))
        command = (str(self.program), *files, "-p", self.project, "--env-file", str(self.folder / "env"), *words)
        ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert not check or ended.returncode == 0, f"{words}: {ended.stdout}{ended.stderr}"
        return ended

    def configure(self, settings: Mapping[str, str], services: Mapping[str, Any]) -> None:
        """What stands in `.env`, and what a second file adds to the services."""
        (self.folder / "env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (self.folder / "override.json").write_text(json.dumps({"services": services}))

    def tool(self, *words: str) -> dict[str, Any]:
        """A command of mmio-bisect's in the watch's container; its document."""
        found: dict[str, Any] = json.loads(self("exec", "-T", "watch", "mmio-bisect", *words, "--json").stdout)
        return found

    def inspect(self, service: str) -> dict[str, Any]:
        (container,) = self("ps", "--all", "-q", service).stdout.split()
        ((found),) = json.loads(docker("inspect", container))
        return dict(found)

    def health(self, *services: str) -> list[str]:
        return [self.inspect(service)["State"]["Health"]["Status"] for service in services]

    def log(self, service: str) -> list[str]:
        """What it wrote to its standard output, and that alone."""
        container = self.inspect(service)["Id"]
        return docker("logs", container, stderr=subprocess.DEVNULL).splitlines()

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of what the report's service has there; 0: nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def left(self) -> list[str]:
        """Containers, volumes and networks of this project, and sandboxes that see its compilers."""
        label = f"label=com.docker.compose.project={self.project}"
        found = [*self.sandboxes(), *docker("ps", "-aq", "--filter", label).split()]
        found += docker("volume", "ls", "-q", "--filter", f"name={self.project}").split()
        return found + docker("network", "ls", "-q", "--filter", f"name={self.project}").split()

    def sandboxes(self) -> list[str]:
        """Containers that see its compilers, and are no service of it."""
        lines = docker("ps", "-a", "--filter", f"volume={self.volume}", "--format", "{{.Names}}").split()
        return [name for name in lines if not name.startswith(self.project)]


def docker(*words: str, stderr: int | None = None) -> str:
    return subprocess.run(("docker", *words), stdout=subprocess.PIPE, stderr=stderr, text=True, check=True).stdout


@contextmanager
def composed(program: Path, folder: Path) -> Iterator[Composed]:
    """Nothing of it is left, however the test ends."""
    project = f"mmiotest{uuid.uuid4().hex[:8]}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Composed(program=program, project=project, folder=folder, port=port)
    try:
        yield made
    finally:
        made("--profile", "postgres", "down", "--volumes", "--timeout", "5", check=False)


def settings(made: Composed, docker_host: str) -> dict[str, str]:
    path = docker_host.removeprefix("unix://")
    return {
        "MMIO_BISECT_BASE": base(made.folder),
        "MMIO_BISECT_IMAGE": IMAGE,
        "MMIO_BISECT_PORT": str(made.port),
        "MMIO_BISECT_TOML": str(made.folder / "mmio-bisect.toml"),
        "MMIO_BISECT_VOLUME": made.volume,
        "DOCKER_SOCKET": path,
        "DOCKER_GID": str(Path(path).stat().st_gid),
    }


def base(folder: Path) -> str:
    """The image that sandboxes start from, with the certificates that this machine trusts."""
    image = DockerSandbox().prepare()
    context = folder / "base"
    context.mkdir()
    lines = [f"FROM {image}"]
    if _CERTIFICATES.is_file():
        shutil.copyfile(_CERTIFICATES, context / "host.crt")
        lines.append("COPY host.crt /usr/local/share/ca-certificates/host.crt")
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    docker("build", "--quiet", "--tag", f"{IMAGE}-base", str(context), stderr=subprocess.DEVNULL)
    return f"{IMAGE}-base"


def bridge() -> str:
    """This machine's address on docker's bridge, which containers of any network reach."""
    (network,) = json.loads(docker("network", "inspect", "bridge"))
    config = network["IPAM"]["Config"][0]
    # A daemon tells the gateway from its second start on (docker 20.10); it gives itself the subnet's first address.
    return str(config.get("Gateway") or next(ip_network(config["Subnet"]).hosts()))


def program(version: int) -> Path:
    """The docker-compose that this machine has, or Debian trixie's."""
    if version == 1:
        return Path(str(shutil.which("docker-compose")))
    return fixture_path("test-compose/docker-compose")
