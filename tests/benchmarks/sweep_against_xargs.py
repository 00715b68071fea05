"""A sweep, in both sandboxes, against `xargs -P2` running the same compile commands on the same toolchains, by turns.

`sweep zig`: all C recipes at all their levels on every zig toolchain of a store (MMIO_BISECT_STORE, or the default
one). Store and listing are warm, the database is empty each time. What the sweep does besides (start, sandbox, judging,
keeping) is what the ratio shows.

    PYTHONPATH=tests/fakes python tests/benchmarks/sweep_against_xargs.py [ROUNDS]
"""

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tool_process import Tool

from mmio_bisect.adapters.recipes.recipe_files import RecipeFolder, shipped_folder
from mmio_bisect.adapters.store.toolchain_store import FolderToolchainStore
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.composition.wiring import RealWiring, Settings
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.recipe import Case, Language
from mmio_bisect.workflow.probing.compile import cell_of, command_of

JOBS = 2


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    folder = RealWiring(Settings(store=_given_store())).store_folder().absolute()
    versions = _stored(folder)
    if len(versions) < 2:
        raise SystemExit(f"{folder} has fewer than two zig toolchains: mmio-bisect toolchains fetch zig@VERSION …")
    cases = _cases()
    took: dict[str, list[float]] = {"xargs": [], "local": [], "docker": []}
    with tempfile.TemporaryDirectory() as scratch:
        commands = _commands(folder, versions, cases, Path(scratch))
        cells = len(commands.read_text().splitlines())
        for count in range(rounds + 1):  # the first round only warms the page cache
            for who, times in took.items():
                tool = Path(scratch) / f"{who}-{count}"
                seconds = _time_xargs(commands) if who == "xargs" else _time_sweep(folder, versions, tool, sandbox=who)
                if count:
                    times.append(seconds)
    print(f"{len(cases)} cases × {len(versions)} toolchains = {cells} cells, {JOBS} at once, {rounds} rounds, median")
    for who, times in took.items():
        beside = [mine / plain for mine, plain in zip(times, took["xargs"], strict=True)]
        above = [(mine - plain) / len(versions) for mine, plain in zip(times, took["xargs"], strict=True)]
        print(
            f"{who:<7}{statistics.median(times):6.2f} s   {statistics.median(beside):5.2f} × xargs"
            f"   {statistics.median(above):+5.2f} s a toolchain"
        )


def _given_store() -> Path | None:
    given = os.environ.get("MMIO_BISECT_STORE")
    return Path(given) if given else None


def _stored(folder: Path) -> dict[str, Path]:
    """Version → root of its toolchain."""
    return {
        point.version: folder / "entries" / entry.toolchain.digest.removeprefix("sha256:") / "root"
        for entry in FolderToolchainStore(folder).entries()
        for point in entry.points
        if point.series == "zig"
    }


def _cases() -> list[Case]:
    book = RecipeFolder(path=shipped_folder(), shipped=True)
    return [case for name in book.names() for case in book.find(name).cases if case.language is Language.C]


def _commands(folder: Path, versions: dict[str, Path], cases: list[Case], scratch: Path) -> Path:
    """One command a line, as xargs reads them."""
    lines = []
    cells = [(case, opt) for case in cases for opt in case.opt_levels]
    toolchains = {entry.toolchain.digest: entry.toolchain for entry in FolderToolchainStore(folder).entries()}
    for version, root in versions.items():
        toolchain = toolchains[f"sha256:{root.parent.name}"]
        for case, opt in cells:
            work = scratch / version / case.recipe / opt.value
            work.mkdir(parents=True)
            cell = cell_of(CellRequest(case=case, target=TARGETS["aarch64"], opt=opt), toolchain)
            command = command_of(cell)
            for name, content in command.inputs:
                (work / name).write_bytes(content)
            *words, name, dash_o, product = (word.replace("{toolchain}", str(root)) for word in command.argv)
            words[0] = str(root / words[0])
            lines.append(shlex.join([*words, str(work / name), dash_o, str(work / product)]))
    file = scratch / "commands"
    file.write_text("\n".join(lines) + "\n")
    return file


def _time_xargs(commands: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(["xargs", "-P", str(JOBS), "-L", "1", "-a", str(commands), "env"], check=True)
    return time.perf_counter() - begun


def _time_sweep(store: Path, versions: dict[str, Path], root: Path, *, sandbox: str) -> float:
    daemon = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    tool = Tool(root=root, elsewhere=store, extra={"DOCKER_HOST": daemon})
    tool.lists("zig", tuple(versions))
    tool("history", "stats")  # makes the database, as is done once
    begun = time.perf_counter()
    said = tool("sweep", "zig", "--jobs", str(JOBS), "--sandbox", sandbox, "--json")
    took = time.perf_counter() - begun
    if said.status != 0 or said.document["cost"]["cells_compiled"] == 0:
        raise SystemExit(said.err)
    return took


if __name__ == "__main__":
    main()
