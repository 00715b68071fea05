"""The whole tool with its compilers in docker: the same answers as without, and walls around hostile source.

Hostile recipes are real source for a real clang; where a compiler itself must be hostile, it is a script in a wheel.
"""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback_index import Index
from real_zigs import STORED, scripted_wheel
from signalling import eventually, processes_with
from tool_process import Said, Tool

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container import OWNER_LABEL
from mmio_bisect.composition.history_database import open_history_database

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.compiler]

POINT = "zig:0.17.1..0.17.1"
VERSIONS = ("0.9.1", "0.12.1", "0.13.0")
RECIPES = Path(__file__).parents[2] / "recipes"
# Small enough that what meets a limit meets it soon.
BOUNDS = ("--memory", "512M", "--time", "3")


@pytest.fixture
def tool(tool: Tool, docker_host: str) -> Iterator[Tool]:
    """The real compilers at hand, and docker; no container is left afterwards."""
    tool = replace(tool, extra={"DOCKER_HOST": docker_host})
    yield tool
    assert eventually(lambda: not containers(tool)), containers(tool)


@pytest.fixture
def served(served: Tool, docker_host: str) -> Iterator[Tool]:
    """Nothing at hand but an index on the loopback device, and docker."""
    served = replace(served, extra={"DOCKER_HOST": docker_host})
    yield served
    assert eventually(lambda: not containers(served)), containers(served)


def containers(tool: Tool) -> list[str]:
    """Those that have a toolchain of this tool's mounted."""
    with closing(Engine(seconds=30)) as engine:
        found = engine.labelled(OWNER_LABEL)
    return [one["Id"] for one in found if any(str(tool.root) in mount["Source"] for mount in one["Mounts"])]


# --- the same as without


def test_auto_means_docker_where_a_daemon_answers_and_says_so(tool: Tool) -> None:
    said = tool("run", "store_then_step", "zig:0.8.0..0.17.1", "--opt", "2", "--jobs", "1", "--json")
    assert said.status == 0, said.err
    (answer,) = said.document["answers"]
    assert (answer["kind"], answer["last"], answer["first"]) == ("culprit", "zig@0.12.1", "zig@0.13.0")
    assert len(said.document["probes"]) <= 7
    assert "sandbox: docker " in said.err
    shown = tool("history", "show", said.document["probes"][0]["cell"], "--json").document
    assert shown["outcome"]["sandbox"] == "docker"

    again = tool("run", "store_then_step", "zig:0.8.0..0.17.1", "--opt", "2", "--jobs", "1", "--json")
    assert again.document["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}
    assert "sandbox:" not in again.err, "an answer from history needs none"


def outcomes(said: Said) -> dict[tuple[Any, ...], Any]:
    names = ("toolchain", "case", "target", "opt")
    return {
        tuple(cell[name] for name in names): (cell["verdict"], cell["cell"], cell["defects"])
        for cell in said.document["cells"]
    }


def test_both_sandboxes_give_the_same_outcomes(tool: Tool) -> None:
    tool.lists("zig", STORED)
    sweep = ("sweep", "zig", "--opt", "2", "--json")
    there = tool(*sweep, "--sandbox", "docker", "--database", f"sqlite:///{tool.root}/docker.db")
    here = tool(*sweep, "--sandbox", "local", "--database", f"sqlite:///{tool.root}/local.db")
    assert there.status == here.status == 0, there.err + here.err
    assert there.document["cost"]["cells_compiled"] == len(STORED) * len(list(RECIPES.glob("*.c")))
    assert outcomes(there) == outcomes(here)
    assert objects(f"sqlite:///{tool.root}/docker.db") == objects(f"sqlite:///{tool.root}/local.db")


def objects(url: str) -> dict[str, tuple[str, bytes | None]]:
    """Of each cell that history holds, how it ended and the object's bytes."""
    with SqlHistory(open_history_database(url)) as history:
        return {found.cell_key: (found.outcome.kind, found.outcome.object_code) for found in history.outcomes()}


def test_without_a_daemon_a_foreign_recipe_is_refused_and_a_shipped_one_runs_locally(tool: Tool) -> None:
    nowhere = replace(tool, extra={"DOCKER_HOST": f"unix://{tool.root}/none"})
    foreign = hostile(tool, "int x;")
    refused = nowhere("run", str(foreign), "zig:0.12.1..0.13.0")
    assert (refused.status, refused.out) == (20, "")
    assert "start docker, or pass --sandbox local if you trust it" in refused.err
    shipped = nowhere("run", "store_then_step", "zig:0.12.1..0.13.0", "--opt", "2")
    assert shipped.status == 0
    assert "sandbox: local (Cannot reach the docker daemon" in shipped.err


# --- hostile recipes


def hostile(tool: Tool, text: str, *, flags: str = "") -> Path:
    """A recipe of somebody else's."""
    recipe = tool.folder / "hostile.c"
    extra = f"//@ compile-flags: {flags}\n" if flags else ""
    recipe.write_text(
        f"{extra}//mmio: target=aarch64 opt=2\n//mmio: fn=f(mmio) accesses=store32+0\n{text}\n"
        "void f(volatile unsigned *p) { *p = 1; }\n"
    )
    return recipe


def cell_of(tool: Tool, recipe: Path, *bounds: str) -> dict[str, Any]:
    """What came of it, as history keeps it."""
    said = tool("sweep", str(recipe), POINT, *(bounds or BOUNDS), "--json")
    assert said.status == 0, said.err
    assert "sandbox: docker " in said.err
    (cell,) = said.document["cells"]
    return tool("history", "show", cell["cell"], "--json").document


@pytest.fixture
def secret(tool: Tool) -> Path:
    path = tool.root / "secret"
    path.write_text("hunter2 hunter2")
    return path


EMBEDDING = [
    '#include "{}"',
    'asm(".incbin \\"{}\\"");',
    "const unsigned char stolen[] = {{\n#embed <{}>\n}};",
    'asm(".include \\"{}\\"");',
]


@pytest.mark.parametrize("text", EMBEDDING)
def test_the_hosts_files_cannot_be_included_or_embedded(tool: Tool, secret: Path, text: str) -> None:
    cell = cell_of(tool, hostile(tool, text.format(secret)))
    assert cell["outcome"]["kind"] == "rejected"
    assert "hunter2" not in cell["outcome"]["output"]


def test_flags_of_a_recipe_read_and_write_nothing_outside(tool: Tool, secret: Path) -> None:
    before = secret.read_bytes()
    for flags in (f"-include {secret}", f"@{secret}", f"-MD -MF {secret}", "-MD -MF /toolchain/ziglang/evil"):
        cell = cell_of(tool, hostile(tool, "", flags=flags))
        assert cell["outcome"]["kind"] != "object", flags
        assert "hunter2" not in cell["outcome"]["output"]
    assert secret.read_bytes() == before


def test_a_recipe_that_never_stops_compiling_is_ended(tool: Tool) -> None:
    text = "#if __INCLUDE_LEVEL__ < 60\n#include __FILE__\n#include __FILE__\n#endif\n"
    assert cell_of(tool, hostile(tool, text))["outcome"]["kind"] == "timed-out"


def test_a_recipe_that_prints_without_end_is_ended_and_little_is_kept(tool: Tool) -> None:
    text = "#if __INCLUDE_LEVEL__ < 20\n#warning again\n#include __FILE__\n#include __FILE__\n#endif\n"
    outcome = cell_of(tool, hostile(tool, text, flags="-ferror-limit=0"), "--time", "100")["outcome"]
    assert outcome["kind"] == "output-limit"
    said, _, printed = outcome["output"].partition("\n")
    assert said == "error: the compiler used more than 1.0 MiB of output"
    assert len(printed) <= 1 << 20


def test_a_recipe_that_fills_the_disk_makes_no_object_and_no_full_disk(tool: Tool) -> None:
    free = os.statvfs(tool.root).f_bavail
    cell = cell_of(tool, hostile(tool, 'asm(".data; .fill 0x40000000, 4, 0x41414141; .text");'))
    assert cell["outcome"]["kind"] in {"rejected", "crashed", "out-of-memory", "timed-out"}
    assert os.statvfs(tool.root).f_bavail > free // 2


def test_a_recipe_that_eats_all_memory_is_ended(tool: Tool) -> None:
    doubling = "\n".join(f"#define S{n + 1} S{n} S{n}" for n in range(32))
    text = f'#define S0 "0123456789abcdef"\n{doubling}\nconst char s[] = S32;'
    assert cell_of(tool, hostile(tool, text))["outcome"]["kind"] in {"out-of-memory", "timed-out"}


# --- hostile compilers

MAKES_NOTHING = "echo 'error: not today'; exit 1"


def compiled_by(tool: Tool, index: Index, script: str) -> dict[str, Any]:
    """The outcome of a shipped recipe with a compiler that does this instead."""
    says = 'case "$*" in *--version*) echo "clang version 18.1.6"; exit 0;; esac'
    index.add("0.17.1", scripted_wheel("0.17.1", f"{says}\n{script}"))
    said = tool("sweep", "store_then_step", "zig", "--opt", "2", *BOUNDS, "--json")
    assert said.status == 0, said.err
    (cell,) = said.document["cells"]
    outcome: dict[str, Any] = tool("history", "show", cell["cell"], "--json").document["outcome"]
    return outcome


def test_a_compiler_reaches_no_network(served: Tool, index: Index) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:  # noqa: S104 - any way in would do
        port = listener.getsockname()[1]
        reach = (
            "perl -MSocket -e 'for (qw(127.0.0.1 172.17.0.1)) { socket my $s, PF_INET, SOCK_STREAM, 0;"
            f" print connect($s, sockaddr_in({port}, inet_aton($_))) ? qq(reached ) : qq($! ) }}'"
        )
        outcome = compiled_by(served, index, f"{reach}; {MAKES_NOTHING}")
        assert outcome["kind"] == "rejected"
        assert "reached" not in outcome["output"]
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_compiler_that_forks_without_end_is_ended(served: Tool, index: Index) -> None:
    marker = f"forks-{served.root.name}"
    outcome = compiled_by(served, index, f"exec perl -e 'fork while 1; # {marker}'")
    assert outcome["kind"] == "timed-out"
    assert processes_with(marker) == []


def test_a_compiler_keeps_no_process_behind(served: Tool, index: Index) -> None:
    marker = f"stays-{served.root.name}"
    outcome = compiled_by(served, index, f"setsid sh -c 'sleep 1000; : {marker}' & {MAKES_NOTHING}")
    assert outcome["kind"] == "rejected"
    assert processes_with(marker) == []


def test_a_compiler_writes_nowhere_but_in_its_folder(served: Tool, index: Index) -> None:
    places = '/ /etc /usr /tmp /var/tmp /dev "${0%/*}" /toolchain'
    outcome = compiled_by(served, index, f"for p in {places}; do : > $p/evil && echo wrote $p; done; {MAKES_NOTHING}")
    assert "wrote" not in outcome["output"]
    assert not list(served.root.rglob("evil"))


def test_a_compiler_that_is_killed_for_memory_is_out_of_memory(served: Tool, index: Index) -> None:
    outcome = compiled_by(served, index, "exec perl -e 'push @hoard, chr(65) x (16 << 20) while 1'")
    assert outcome["kind"] == "out-of-memory"


# --- interrupted and killed

RUN = ("run", "store_then_step", "zig:..", "--opt", "2", "--jobs", "1")
# A number of seconds that nobody else on this machine sleeps for.
SECONDS = f"1000{os.getpid()}"
SLOW = f'case "$*" in *--version*) echo "clang version 18.1.6"; exit 0;; esac; sleep {SECONDS}; : '


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_while_it_compiles_nothing_is_left(served: Tool, index: Index, number: signal.Signals) -> None:
    marker = f"slow-{served.root.name}"
    for version in VERSIONS:
        index.add(version, scripted_wheel(version, f"# {marker}\n{SLOW} {version}"))
    process = served.start(*RUN)
    assert eventually(lambda: len(containers(served)) == 1 and len(sleeping(served)) >= 1, seconds=60)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    if number is not signal.SIGKILL:
        assert process.returncode == 130
        assert "resume with: mmio-bisect run store_then_step" in err
    assert eventually(lambda: not containers(served))
    assert eventually(lambda: not sleeping(served))
    assert eventually(lambda: not served.processes())


def sleeping(tool: Tool) -> list[int]:
    """Processes of compilers in containers."""
    assert tool.root.exists()
    return processes_with(f"sleep\x00{SECONDS}")
