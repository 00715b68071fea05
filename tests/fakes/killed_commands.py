"""Commands that write, killed with SIGKILL at a random moment and begun again: what is lost, done twice or left behind.

Each round copies a world, starts one command in it, and kills it. The same words, run again, must then end as they do
undisturbed. Compilers are shell scripts out of small wheels, which take no time.
"""

import base64
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loopback_index import FILES, Index, wheel
from tool_process import Tool

from mmio_bisect.adapters.held_folder import remove_tree
from mmio_bisect.adapters.sandbox.docker.container import OWNER_LABEL

OBJECTS = Path(__file__).parents[1] / "fixtures" / "objects"
VERSIONS = ("0.9.1", "0.12.1", "0.13.0", "0.14.0")
SOON = 1.0  # seconds within which no process may be left
CONTAINERS_SOON = 10.0  # the daemon's own pace
SWEEP = ("sweep", "store_then_step", "fill_loop", "zig", "--opt", "1,2", "--sandbox", "local")
WATCH = """
sandbox = "local"

[watch]
recipes = ["store_then_step.c", "fill_loop.c"]
opt = ["2"]
patience = 1
pauses = []
page = "page/index.html"

[watch.series.zig]
from = "0.9.1"

[retention]
toolchains = "1MiB"
"""
# What a killed run leaves beside the one that resumes it: that it was begun.
_BEGUN = frozenset({"runs", "run_probes", "ticks"})
_STAMP = re.compile(r"'?\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.+]*Z?'?")
_OWN = frozenset({"id", "seconds", "argv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`makes` is a file that is whole or absent, and that the command refuses to overwrite."""

    words: tuple[str, ...]
    world: str = "fetched"
    docker: bool = False
    makes: str | None = None


SCENARIOS = {
    "run": Scenario(words=("run", "store_then_step", "zig:..", "--opt", "2", "--sandbox", "local")),
    "run in docker": Scenario(
        words=("run", "store_then_step", "zig:..", "--opt", "2", "--sandbox", "docker"), docker=True
    ),
    "sweep": Scenario(words=SWEEP),
    "watch": Scenario(words=("watch", "--once")),
    "fetch": Scenario(words=("toolchains", "fetch", "zig:.."), world="empty"),
    "prune": Scenario(words=("toolchains", "prune", "--keep", "0B"), world="full"),
    "verify": Scenario(words=("toolchains", "verify"), world="full"),
    "import": Scenario(words=("history", "import", "../export.jsonl"), world="exported"),
    "export": Scenario(words=("history", "export", "--output", "out.jsonl"), world="full"),
    "rejudge": Scenario(words=("history", "rejudge", "--jobs", "2"), world="old rules"),
    "backup": Scenario(words=("history", "backup", "copy.db"), world="full", makes="copy.db"),
    "page": Scenario(words=("history", "report", "--html", "page.html"), world="full"),
    "doctor": Scenario(words=("doctor",), world="empty"),
}


def compilers(index: Index) -> None:
    """Two kinds of objects: the change is at 0.13.0."""
    for place, version in enumerate(VERSIONS):
        made = OBJECTS / ("plain.o" if version in {"0.9.1", "0.12.1"} else "post_indexed.o")
        text = base64.b64encode(made.read_bytes()).decode()
        script = (
            f'#!/bin/sh\ncase "$*" in *--version*) echo "clang version {place}.0.0"; exit 0;; esac\n'
            f"echo {text} | base64 -d > case.o\n"
        )
        index.add(version, wheel(version, {**FILES, "ziglang/zig": script.encode()}))


@dataclass(slots=True, kw_only=True)
class Kills:
    """Rounds below `root`; `docker_host` is where the scenario in docker finds it, None: it is left out."""

    root: Path
    index: Index
    chance: random.Random
    docker_host: str | None = None
    figures: dict[str, list[float]] = field(default_factory=dict)
    early: int = 0
    _expected: dict[str, tuple[dict[str, Any], float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        full = self._tool("full")
        self._well(full, *SWEEP)
        self._copy("full", "exported")
        exported = self._tool("exported")
        self._well(exported, "history", "export", "--output", "../export.jsonl")
        exported.database.unlink()
        self._copy("exported", "fetched")  # all but one, which the bisection needs
        for entry in self._tool("fetched").store.glob("entries/*"):
            if (entry / "points" / "zig@0.13.0.json").exists():
                remove_tree(entry)
        self._copy("full", "old rules")
        with closing(sqlite3.connect(self._tool("old rules").database)) as connection, connection:
            connection.execute("UPDATE judgements SET rules = rules - 1")
        self._tool("empty")

    @property
    def scenarios(self) -> list[str]:
        return [name for name, each in SCENARIOS.items() if self.docker_host is not None or not each.docker]

    def round(self, name: str) -> None:
        """One kill of that scenario between its start and its end. Raises AssertionError for what is wrong."""
        scenario = SCENARIOS[name]
        expected, took = self._undisturbed(name)
        tool = self._begin(name, scenario)
        process = tool.start(*scenario.words)
        time.sleep(self.chance.uniform(0.05, took))
        process.kill()
        killed = time.monotonic()
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            self.early += 1  # it was over before
        _eventually(lambda: not tool.processes(), SOON * _patience(), lambda: f"processes: {tool.processes()}")
        self.figures.setdefault(name, []).append(time.monotonic() - killed)
        if scenario.docker:
            _eventually(lambda: not _containers_of(process.pid), CONTAINERS_SOON * _patience(), lambda: "a container")
        _whole(tool.database)
        before = _rows(tool.database).get("outcomes", [])
        made = scenario.makes and (tool.folder / scenario.makes)
        if made and made.exists():
            _whole(made)
            made.unlink()
        self._well(tool, *scenario.words)
        after = _state(tool)
        assert after == expected, _difference(after, expected)
        assert all(row in after["rows"].get("outcomes", []) for row in before), "an outcome was lost"
        assert tool.processes() == []
        assert not scenario.docker or _containers_of(process.pid) == []
        remove_tree(tool.root)

    def _undisturbed(self, name: str) -> tuple[dict[str, Any], float]:
        if name not in self._expected:
            tool = self._begin(name, SCENARIOS[name])
            begun = time.monotonic()
            self._well(tool, *SCENARIOS[name].words)
            self._expected[name] = _state(tool), time.monotonic() - begun
        return self._expected[name]

    def _begin(self, name: str, scenario: Scenario) -> Tool:
        folder = f"{name}-{self.chance.getrandbits(32):08x}".replace(" ", "-")
        self._copy(scenario.world, folder)
        tool = self._tool(folder)
        if name == "watch":
            (tool.folder / "mmio-bisect.toml").write_text(WATCH)
        if name == "import":
            shutil.copy(self.root / "exported" / "export.jsonl", tool.root)
        return replace(tool, extra={"DOCKER_HOST": self.docker_host}) if scenario.docker and self.docker_host else tool

    def _copy(self, world: str, folder: str) -> None:
        shutil.copytree(self.root / world, self.root / folder, symlinks=True)

    def _tool(self, folder: str) -> Tool:
        return Tool(root=self.root / folder, index=self.index.url)

    def _well(self, tool: Tool, *words: str) -> None:
        said = tool(*words, timeout=300)
        assert said.status == 0, f"{' '.join(words)}: {said.status} {said.err or said.out}"


def _patience() -> float:
    """Processes of a machine that does much else at the same time are given their share of it later."""
    return max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


def _eventually(holds: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"left after {seconds:.1f} s: {what()}"
        time.sleep(0.01)


def _containers_of(pid: int) -> list[str]:
    """The label ends with the owner's number and when it started."""
    words = ("docker", "ps", "--all", "--format", f'{{{{.ID}}}} {{{{.Label "{OWNER_LABEL}"}}}}')
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if line.split("/")[-2:-1] == [str(pid)]]


def _whole(database: Path) -> None:
    if database.exists():
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def _rows(database: Path) -> dict[str, list[str]]:
    """All that a history holds, but for numbers, and for when and how long."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: _rows_of(connection, table) for table in tables if table not in _BEGUN}


def _rows_of(connection: sqlite3.Connection, table: str) -> list[str]:
    found = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - its own tables
    columns = [column[0] for column in found.description]
    rows = (
        [(name, value) for name, value in zip(columns, row, strict=True) if name not in _OWN and name[-3:] != "_id"]
        for row in found
    )
    return sorted(_STAMP.sub("then", repr(row)) for row in rows)


def _state(tool: Tool) -> dict[str, Any]:
    points = {path.stem for path in tool.store.glob("entries/*/points/*.json")}
    left = list(tool.store.glob("work/*")) + list(tool.temporary.glob("*/*"))
    return {"rows": _rows(tool.database), "points": points, "files": tool.files(), "left": left}


def _difference(after: dict[str, Any], expected: dict[str, Any]) -> str:
    for key, wanted in expected.items():
        if after[key] != wanted and isinstance(wanted, dict):
            return _difference(after[key], wanted)
        if after[key] != wanted:
            missing, more = Counter(wanted) - Counter(after[key]), Counter(after[key]) - Counter(wanted)
            return f"{key}: missing {[*missing][:3]}, more {[*more][:3]}"
    return "more tables"
