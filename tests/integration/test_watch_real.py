"""Simulated days with real compilers in docker: Debian's rustc 1.63 (LLVM 14) and 1.85 (LLVM 19), as Rust's nightlies.

The bug comes with the second; and it is fixed as distributions fix such things first, by going back. A mailbox and a
webhook on the loopback device take what is told: one introduction and one fix, whatever else happens in these nights.
"""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from loopback_dist import DistServer, Fault, serving_dist
from notice_receivers import Received, mailbox, webhook
from rust_artefacts import HOST, TRIPLE, Compiler, debian, publish_nightly
from tool_process import NO_INDEX, Said, Tool

pytestmark = [pytest.mark.rust_archives, pytest.mark.compiler, pytest.mark.docker]

CONFIG = """
sandbox = "docker"

[watch]
recipes = ["store_then_step.rs"]
opt = ["2"]
patience = 2
pauses = []
points_per_tick = 2
jobs = 1
disk = "1GiB"

[watch.series.rust-nightly]
from = "2024-02-01"
to = "2024-02-{day:02}"

[notify.mail]
url_env = "MAIL"

[notify.hook]
url_file = "hook.url"
"""
OUTAGE = NO_INDEX.removesuffix("/simple")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A tool, the mirror that it looks at, and those who are told."""

    tool: Tool
    server: DistServer
    mail: Received
    hook: Received

    def publish(self, day: int, compiler: Compiler) -> None:
        publish_nightly(self.server, f"2024-02-{day:02}", compiler.named(f"nightly {day}"))

    def configure(self, day: int) -> None:
        (self.tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(day=day))

    def night(self, day: int) -> Said:
        self.configure(day)
        return self.tool("watch", "--once", "--json", timeout=300)

    def without_network(self, day: int) -> Said:
        extra = {**self.tool.extra, "MMIO_BISECT_RUST_DIST": OUTAGE}
        return replace(self, tool=replace(self.tool, extra=extra)).night(day)

    def killed_in_the_middle(self, day: int, of: str) -> None:
        """While that file is half there."""
        self.configure(day)
        self.server.befall(of, Fault.STALLED)
        killed = replace(self.tool, extra={**self.tool.extra, "MMIO_BISECT_SILENCE": "60"}).start("watch", "--once")
        assert self.server.stalled.wait(300)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        self.server.let_go.set()
        assert not any(self.server.faults.values())

    def status(self) -> dict[str, Any]:
        (series,) = self.tool("watch", "status", "--json").document["series"]
        return dict(series)

    @property
    def titles(self) -> tuple[list[str], list[str]]:
        return self.mail.subjects, [json.loads(body)["title"] for body in self.hook.bodies]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving_dist() as server, mailbox() as mail, webhook() as hook:
        extra = {"MMIO_BISECT_RUST_DIST": server.url, "DOCKER_HOST": "", "MAIL": mail.url}
        tool = Tool(root=tmp_path, extra=extra)
        (tool.folder / "hook.url").write_text(hook.url)
        yield World(tool=tool, server=server, mail=mail, hook=hook)


def archive_of(day: int, component: str = "rustc", triple: str = HOST) -> str:
    return f"/dist/2024-02-{day:02}/{component}-nightly-{triple}.tar.xz"


def nights_without_news(world: World, older: Compiler) -> None:
    """A clean one, a day without a nightly, an outage of the network, and a damaged archive."""
    world.publish(1, older)
    assert world.night(1).status == 0
    assert world.night(2).status == 0  # nothing was published
    world.publish(3, older)
    assert world.night(3).status == 0
    assert world.without_network(4).status == 17
    assert "rust-nightly: newest 2024-02-03" in world.tool("watch", "status").out
    world.publish(4, older)
    world.publish(5, older)
    world.server.befall(archive_of(5, "rust-std", TRIPLE), Fault.CORRUPT)
    damaged = world.night(5)
    assert damaged.status == 0, damaged.err
    assert "rust-nightly@2024-02-05: rust-std-nightly-aarch64-unknown-linux-gnu.tar.xz is damaged" in damaged.err
    assert world.status()["newest"] == "2024-02-04"
    assert world.titles == ([], [])


def test_of_nine_nights_one_introduction_and_one_fix_are_told(world: World) -> None:
    older, newer = debian("bookworm"), debian("trixie")
    nights_without_news(world, older)

    world.publish(6, newer)
    world.publish(7, newer)
    world.killed_in_the_middle(7, archive_of(6))  # of the bisection between 5 and 7
    assert world.titles == ([], [])
    introduced = "store_then_step.rs regressed: rust-nightly@2024-02-06 (before it: 2024-02-05)"
    bisected = world.night(7)
    assert bisected.status == 1, bisected.err
    assert world.titles == ([introduced], [introduced])
    assert "writeback-post of store32+0 in store_then_step" in world.mail.bodies[0]
    assert "rustc 1.85.1" in world.mail.bodies[0]
    (open_now,) = world.status()["regressions"]
    assert (open_now["defect"], open_now["since"]) == ("writeback-post", "2024-02-06")

    world.publish(8, newer)
    assert world.night(8).status == 0  # what was told is told
    world.publish(9, older)
    fixed = world.night(9)
    assert fixed.status == 0, fixed.err
    closing = "store_then_step.rs fixed: rust-nightly@2024-02-09 (before it: 2024-02-08)"
    assert world.titles == ([introduced, closing], [introduced, closing])
    assert "This closes the regression of 2024-02-06." in world.mail.bodies[1]
    assert (world.status()["regressions"], world.status()["trouble"]) == ([], None)
    assert world.night(9).status == 0
    assert len(world.mail.subjects) == len(world.hook.bodies) == 2
    assert world.tool("watch", "status", "--json").document["disk"]["used"] < 1 << 30
