"""docker-compose.yml as a user brings it up, from a base image of this machine's: by Debian's 1.29, and by 2.26."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from composed import IMAGE, Composed, bridge, composed, docker, program, settings
from loopback_dist import DistServer, Fault, serving_dist
from rust_artefacts import HOST, debian, publish_nightly, scripted
from signalling import eventually

pytestmark = [pytest.mark.docker, pytest.mark.compose, pytest.mark.network]

# The first two are good; only the last is looked at besides the first, so that a bisection has to find the second.
CONFIG = """
[watch]
recipes = ["store_then_step.rs"]
opt = ["2"]
points_per_tick = 2
pauses = []

[watch.series.rust-nightly]
from = "2024-02-01"
to = "2024-02-03"
"""
SOON = {"interval": "1s", "start_period": "60s"}
REGRESSED = "store_then_step.rs regressed: rust-nightly@2024-02-03 (before it: 2024-02-02)"
REPORTED = "store_then_step.rs regressed: `rust-nightly@2024-02-03` (before it: 2024-02-02)"


@pytest.fixture
def server(docker_host: str) -> Iterator[DistServer]:
    assert docker_host
    with serving_dist(bridge()) as server:
        yield server


def configured(made: Composed, server: DistServer, docker_host: str, **more: str) -> None:
    (made.folder / "mmio-bisect.toml").write_text(CONFIG)
    mirror = {"MMIO_BISECT_RUST_DIST": server.url, "MMIO_BISECT_SILENCE": "60"}
    services: dict[str, Any] = {
        "watch": {"environment": mirror, "healthcheck": SOON},
        "report": {"healthcheck": SOON},
    }
    made.configure({**settings(made, docker_host), **more}, services)


@pytest.fixture(params=[1, 2])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Composed]:
    with composed(program(request.param), tmp_path) as made:
        yield made


def test_no_service_may_more_than_it_needs(either: Composed, server: DistServer, docker_host: str) -> None:
    configured(either, server, docker_host)
    said = either("--profile", "postgres", "--profile", "run", "config")
    assert "obsolete" not in said.stderr
    services = yaml.safe_load(said.stdout)["services"]
    assert set(services) == {"watch", "report", "guard", "postgres", "mmio-bisect"}
    for name, service in services.items():
        assert (service["read_only"], service["cap_drop"], service["init"]) == (True, ["ALL"], True)
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert ("/var/run/docker.sock" in json.dumps(service["volumes"])) == (name == "guard")


@pytest.mark.rust_archives
@pytest.mark.compiler
def test_a_night_in_containers(tmp_path: Path, server: DistServer, docker_host: str) -> None:
    good, bad = debian("bookworm"), debian("trixie")
    publish_nightly(server, "2024-02-01", good)
    publish_nightly(server, "2024-02-02", good.named("another good one"))
    publish_nightly(server, "2024-02-03", bad)
    server.befall(f"/dist/2024-02-02/rustc-nightly-{HOST}.tar.xz", Fault.STALLED)
    with composed(program(1), tmp_path) as made:
        configured(made, server, docker_host)
        made("up", "--detach", "--build", "watch", "report")
        stopped_in_the_middle_of_a_bisection(made, server)
        made("start", "watch")
        assert eventually(lambda: "done, code 1" in messages(made), 60), "\n".join(made.log("watch"))
        assert f"regression: {REGRESSED}" in messages(made)
        assert eventually(lambda: made.health("watch", "report", "guard") == ["healthy"] * 3, 60)
        what_is_served(made)
        status = made.tool("watch", "status")
        assert (status["last"]["code"], status["series"][0]["newest"]) == (1, "2024-02-03")
        asked = "SELECT DISTINCT sandbox FROM outcomes WHERE sandbox <> ''"
        assert made.tool("history", "sql", asked)["rows"] == [["docker"]]
        assert made.inspect("watch")["Config"]["User"] == "10001:10001"
        assert json.loads(docker("image", "inspect", IMAGE))[0]["Size"] < 320_000_000
        assert "Traceback" not in made("logs").stdout
        made("down", "--volumes")
        assert made.left() == []


def stopped_in_the_middle_of_a_bisection(made: Composed, server: DistServer) -> None:
    assert server.stalled.wait(120), made("logs", check=False).stdout
    assert messages(made)[-1] == "rust-nightly@2024-02-02: probing"
    made("stop", "watch")
    state = made.inspect("watch")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (130, False)  # 137 after a grace of 15 seconds
    assert made.sandboxes() == []
    server.let_go.set()


def what_is_served(made: Composed) -> None:
    status, page = made.page("")
    assert (status, "rust-nightly" in page, "2024-02-03" in page) == (200, True, True)
    status, listing = made.page("reports/")
    (name,) = [line.split('"')[1] for line in listing.splitlines() if ".md" in line]
    assert made.page(f"reports/{name}")[1].startswith(f"**{REPORTED}**")


def messages(made: Composed) -> list[str]:
    return [json.loads(line)["message"] for line in made.log("watch")]


def test_a_night_with_postgresql(tmp_path: Path, server: DistServer, docker_host: str) -> None:
    for day, is_bad in ((1, False), (2, False), (3, True)):
        publish_nightly(server, f"2024-02-0{day}", scripted(str(day), bad=is_bad))
    with composed(program(2), tmp_path) as made:
        url = "postgresql+psycopg:///mmio?host=/run/postgresql"
        configured(made, server, docker_host, MMIO_BISECT_DATABASE=url, MMIO_BISECT_LOG="text")
        made("--profile", "postgres", "up", "--detach", "--build", "--wait", "watch", "report", "postgres")
        assert eventually(lambda: any("done, code 1" in line for line in made.log("watch")), 60), made.log("watch")
        assert any(line.endswith(f"Z regression: {REGRESSED}") or REGRESSED in line for line in made.log("watch"))
        made("restart", "postgres", "watch")
        assert eventually(lambda: made.health("watch", "postgres") == ["healthy"] * 2, 60)
        status = made.tool("watch", "status")
        assert (status["last"]["code"], len(status["series"][0]["regressions"])) == (1, 1)
        made("--profile", "postgres", "down", "--volumes")
        assert made.left() == []
