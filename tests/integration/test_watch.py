"""The watch over simulated days: a loopback mirror publishes a nightly a day, and only what is news is told, once."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loopback_dist import DistServer, Fault, serving_dist
from notice_receivers import Received, mailbox, webhook
from rust_artefacts import HOST, publish_nightly, scripted
from tool_process import Said, Tool

CONFIG = """
[watch]
recipes = ["store_then_step.rs"]
opt = ["2"]
patience = 3
pauses = []
page = "page/index.html"

[watch.series.rust-nightly]
from = "2024-02-01"
to = "2024-02-{day:02}"

[notify.mail]
url_env = "MAIL"

[notify.hook]
url_file = "hook.url"
"""


@dataclass(slots=True)
class World:
    """A tool, the mirror that it looks at, and those who are told."""

    tool: Tool
    server: DistServer
    mail: Received
    hook: Received

    def publish(self, day: int, *, bad: bool) -> None:
        publish_nightly(self.server, f"2024-02-{day:02}", scripted(str(day), bad=bad))

    def configure(self, day: int) -> None:
        (self.tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(day=day))
        (self.tool.folder / "hook.url").write_text(self.hook.url)

    def night(self, day: int) -> Said:
        """One tick, the day after."""
        self.configure(day)
        return self.tool("watch", "--once", "--json")

    def status(self) -> dict[str, Any]:
        (series,) = self.tool("watch", "status", "--json").document["series"]
        return dict(series)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serving_dist() as server, mailbox() as mail, webhook() as hook:
        extra = {"MMIO_BISECT_RUST_DIST": server.url, "MMIO_BISECT_SILENCE": "2", "MAIL": mail.url}
        yield World(tool=Tool(root=tmp_path, extra=extra), server=server, mail=mail, hook=hook)


def rustc_of(day: int) -> str:
    return f"/dist/2024-02-{day:02}/rustc-nightly-{HOST}.tar.xz"


def nights_without_news(world: World) -> None:
    """Clean ones, a day without a nightly, one that is damaged, and one on which nobody answers."""
    world.publish(1, bad=False)
    world.publish(2, bad=False)
    assert world.night(2).status == 0
    assert world.night(3).status == 0
    world.publish(4, bad=False)
    assert world.night(4).status == 0
    world.publish(5, bad=False)
    world.server.befall(rustc_of(5), *[Fault.CORRUPT] * 9)
    assert world.night(5).status == 18
    world.publish(6, bad=False)
    assert world.night(6).status == 0
    for name in ("channel-rust-nightly.toml", "channel-rust-nightly.toml.sha256"):
        world.server.befall(f"/dist/2024-02-07/{name}", *[Fault.BROKEN] * 20)
    assert world.night(7).status == 17
    world.server.faults.clear()


def killed_in_the_middle(world: World, day: int) -> None:
    world.configure(day)
    world.server.befall(rustc_of(day), Fault.STALLED)
    killed = world.tool.start("watch", "--once")
    assert world.server.stalled.wait(30)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    world.server.let_go.set()
    world.server.faults.clear()


def test_a_fortnight_of_nights_is_told_in_two_notices(world: World) -> None:
    nights_without_news(world)
    assert (world.mail.subjects, world.hook.bodies) == ([], [])

    world.publish(7, bad=False)
    world.publish(8, bad=True)
    killed_in_the_middle(world, 8)
    tick = world.night(8)
    assert tick.status == 1, tick.err
    (notice,) = tick.document["series"][0]["notices"]
    assert notice["title"] == "store_then_step.rs regressed: rust-nightly@2024-02-08 (before it: 2024-02-07)"
    assert world.mail.subjects == [notice["title"]]
    assert "writeback-post" in world.mail.bodies[0]
    (report,) = (world.tool.folder / "watch-reports").iterdir()
    assert report.read_text().startswith("**store_then_step.rs regressed")
    (regression,) = world.status()["regressions"]
    assert (regression["defect"], regression["since"]) == ("writeback-post", "2024-02-08")

    again = world.night(8)
    assert (again.status, again.document["series"][0]["notices"]) == (0, [])
    world.publish(9, bad=True)
    world.publish(10, bad=True)
    assert world.night(10).status == 0
    world.publish(11, bad=False)
    fixed = world.night(11)
    assert fixed.status == 0, fixed.err
    assert world.mail.subjects[1:] == ["store_then_step.rs fixed: rust-nightly@2024-02-11 (before it: 2024-02-10)"]
    assert "This closes the regression of 2024-02-08." in world.mail.bodies[1]
    assert world.status()["regressions"] == []
    world.publish(12, bad=False)
    assert world.night(12).status == 0
    assert (len(world.mail.subjects), len(world.hook.bodies)) == (2, 2)
    assert "store_then_step" in (world.tool.folder / "page" / "index.html").read_text()


def test_a_notice_that_nobody_takes_is_kept_until_someone_does(world: World) -> None:
    world.publish(1, bad=False)
    world.publish(2, bad=True)
    world.mail.refuses = True
    assert world.night(2).status == 1
    assert (world.mail.subjects, len(world.hook.bodies)) == ([], 1)
    refused = world.night(2)
    assert refused.status == 52
    assert "The channel mail (address in $MAIL) took no notice" in refused.err
    assert world.mail.url not in refused.err
    (waiting,) = world.tool("watch", "--dry-run", "--json").document["waiting"]
    assert waiting["channel"] == "mail"
    world.mail.refuses = False
    assert world.night(2).status == 0
    assert (len(world.mail.subjects), len(world.hook.bodies)) == (1, 1)


# Both stores with post-index, and the first alone: `mov w9, #1`, `mov w10, #2`, the two stores, `ret`.
FIRST_BAD = (0x52800029, 0x5280004A, 0xB8004409, 0xB900000A, 0xD65F03C0)
BOTH_BAD = (0x52800029, 0x5280004A, 0xB8004409, 0xB800440A, 0xD65F03C0)


def test_a_further_defect_of_a_kind_that_was_there_is_told_with_its_culprit(world: World) -> None:
    for day in (1, 2, 3):
        compiler = scripted(str(day), bad=True, code=FIRST_BAD if day < 3 else BOTH_BAD)
        publish_nightly(world.server, f"2024-02-{day:02}", compiler)
    tick = world.night(3)
    assert tick.status == 1, tick.err
    (notice,) = tick.document["series"][0]["notices"]
    assert notice["title"] == "store_then_step.rs regressed: rust-nightly@2024-02-03 (before it: 2024-02-02)"
    assert "writeback-post of store32+4 in store_then_step" in world.mail.bodies[0]
    assert "of store32+0" not in world.mail.bodies[0]
    shown = world.tool("history", "show", str(notice["run"]))
    assert "introduced" in shown.out, shown.err
    argv = next(line for line in shown.out.splitlines() if "--only" in line)
    assert "--only writeback-post:store_then_step:store32+4" in argv
    words = ("run", "store_then_step.rs", "rust-nightly:2024-02-01..2024-02-03", "--opt", "2", "--json")
    same = world.tool(*words)
    assert same.document["answers"][0]["kind"] == "no-change"
    only = world.tool(*words, "--only", "writeback-post:store_then_step:store32+4")
    assert only.document["answers"][0]["first"] == "rust-nightly@2024-02-03"


def test_a_watch_is_alone_and_ends_when_told_to(world: World) -> None:
    world.publish(1, bad=False)
    world.configure(1)
    world.server.befall(rustc_of(1), Fault.STALLED)
    tool = Tool(root=world.tool.root, extra={**world.tool.extra, "MMIO_BISECT_SILENCE": "60"})
    running = tool.start("watch", "--once")
    assert world.server.stalled.wait(30)
    second = tool("watch", "--once")
    assert second.status == 51
    assert "Another watch is at work" in second.err
    running.terminate()
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    scheduled = tool.start("watch", "--log", "json")
    assert scheduled.stdout is not None
    assert '"message": "next run: ' in scheduled.stdout.readline()
    scheduled.terminate()
    scheduled.communicate(timeout=30)
    assert scheduled.returncode == 130


def test_nothing_to_watch_is_said(world: World) -> None:
    said = world.tool("watch", "--once")
    assert said.status == 50
    assert "`mmio-bisect config init` writes an example" in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--json", "status"), "Write --json after `status`: before it, it is of `watch` itself."),
        (("--ask-again",), "--ask-again is for one tick: write `mmio-bisect watch --once --ask-again`."),
    ],
)
def test_options_that_would_be_ignored_are_refused(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    said = Tool(root=tmp_path)("watch", *words)
    assert (said.status, said.err.strip()) == (2, f"error: {sentence}")
