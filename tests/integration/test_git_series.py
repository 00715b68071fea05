"""A series of commits, end to end: TinyCC from a repository with a known history, built commit by commit."""

import os
import signal
import struct
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from requirements import fixture_path
from signalling import eventually
from tcc_repository import CULPRIT, TccRepository, make
from tool_process import Tool

from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container import OWNER_LABEL
from mmio_bisect.adapters.sandbox.docker.images import STORE_LABEL
from mmio_bisect.adapters.store.entry import sealed

pytestmark = [pytest.mark.tcc, pytest.mark.compiler]

RECIPE = Path(__file__).parents[2] / "recipes" / "store_then_step.c"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> TccRepository:
    """Of Debian's source of tcc."""
    return make(fixture_path("test-tcc/tcc"), tmp_path_factory.mktemp("tcc") / "tcc.git")


def words(repository: TccRepository, first: int = 0, last: int = -1) -> tuple[str, ...]:
    commits = repository.commits
    return (
        *("run", "store_then_step", f"tcc:{commits[first]}..{commits[last]}", "--opt", "2", "--json"),
        *("--repository", str(repository.folder), "--sandbox", "local"),
    )


@pytest.fixture(scope="module")
def bisected(repository: TccRepository, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tool, Any]:
    """The whole history, bisected once."""
    tool = Tool(root=tmp_path_factory.mktemp("bisected"))
    said = tool(*words(repository))
    assert said.status == 0, said.err
    return tool, said.document


def point(repository: TccRepository, number: int) -> str:
    return f"tcc@{repository.commits[number][:12]}"


def writes_back(repository: TccRepository, number: int, folder: Path) -> bool | None:
    """What the compiler of a commit does, built and read without the tool; None if it does not build."""
    tree = folder / str(number)
    tree.mkdir()
    packed = subprocess.run(
        ["git", "-C", repository.folder, "archive", repository.commits[number]], stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "--extract", "--directory", tree], input=packed.stdout, check=True)
    built = subprocess.run(
        ["sh", "-c", "./configure --extra-cflags=-O0 && make arm64-tcc"], cwd=tree, capture_output=True, check=False
    )
    if built.returncode != 0:
        return None
    made = tree / "case.o"
    subprocess.run([tree / "arm64-tcc", "-c", RECIPE, "-o", made], check=True)
    code = made.read_bytes()
    words = struct.unpack(f"<{len(code) // 4}I", code[: len(code) // 4 * 4])
    return any(word & 0xFFE0_0C00 == 0xB800_0400 for word in words)


def test_the_commit_is_found_among_hundreds_of_which_some_do_not_build(
    bisected: tuple[Tool, Any], repository: TccRepository
) -> None:
    _, document = bisected
    (answer,) = document["answers"]
    assert (answer["kind"], answer["change"]) == ("culprit", "introduced")
    assert (answer["last"], answer["first"]) == (point(repository, CULPRIT - 1), point(repository, CULPRIT))
    untestable = [probe for probe in document["probes"] if probe["verdict"] == "untestable"]
    assert untestable, "the history was made so that a bisection meets broken commits"
    broken = {point(repository, number) for number in repository.broken}
    assert {probe["toolchain"] for probe in untestable} <= broken
    assert len(document["probes"]) <= 30
    (verification,) = document["verifications"]
    assert (verification["confirmed"], verification["builds"]) == (True, 2)
    assert verification["why"].startswith("both neighbours were built and compiled again: the same two objects")


def test_brute_force_over_the_neighbours_says_the_same(repository: TccRepository, tmp_path: Path) -> None:
    around = range(CULPRIT - 2, CULPRIT + 2)
    assert [writes_back(repository, number, tmp_path) for number in around] == [False, False, True, True]
    assert writes_back(repository, min(repository.broken), tmp_path) is None


def test_the_culprit_is_told_of(bisected: tuple[Tool, Any], repository: TccRepository) -> None:
    tool, document = bisected
    (commit,) = document["commits"]
    assert commit["toolchain"] == point(repository, CULPRIT)
    assert commit["commit"] == repository.commits[CULPRIT]
    assert commit["author"] == "A. Programmer <a@example.org>"
    assert commit["title"] == "arm64: post-index stores where the offset is nothing"
    assert commit["paths"] == ["arm64-gen.c"]
    assert commit["link"].endswith(repository.commits[CULPRIT])
    shown = tool(*(word for word in words(repository) if word != "--json")).out
    assert "arm64: post-index stores where the offset is nothing" in shown


def test_a_commit_is_built_once_ever(bisected: tuple[Tool, Any], repository: TccRepository) -> None:
    tool, document = bisected
    again = tool(*words(repository))
    assert again.document["answers"] == document["answers"]
    assert again.document["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}
    other = tool("run", "u64_register", *words(repository)[2:], "--no-verify-build")
    assert other.status == 0, other.err
    assert len(other.document["probes"]) > 1
    assert other.document["cost"]["toolchains_fetched"] == 0, "built for the first, if only ahead of a probe"


def test_a_failed_build_keeps_its_log_and_gives_its_reason(bisected: tuple[Tool, Any]) -> None:
    tool, document = bisected
    failed = next(probe for probe in document["probes"] if probe["verdict"] == "untestable")
    assert "does not build: arm64-gen.c:" in failed["reason"]
    assert "#error half way through a change" in failed["reason"]
    log = Path(failed["reason"].partition("(log: ")[2].rstrip(")"))
    assert log.is_relative_to(tool.root)
    assert "make: ***" in log.read_text()


def test_killed_and_resumed_it_builds_nothing_twice(repository: TccRepository, tmp_path: Path) -> None:
    tool = Tool(root=tmp_path)
    low, high = CULPRIT - 24, CULPRIT + 20
    process = tool.start(*words(repository, low, high), "--jobs", "1", "--no-verify-build")
    deadline = time.monotonic() + 60
    while len(built(tool)) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = built(tool)
    resumed = tool(*words(repository, low, high), "--jobs", "1", "--no-verify-build")
    assert resumed.status == 0, resumed.err
    (answer,) = resumed.document["answers"]
    assert answer["first"] == point(repository, CULPRIT)
    assert built(tool) > before
    assert resumed.document["cost"]["toolchains_fetched"] == len(built(tool) - before)
    assert not (tool.store / "work").is_dir() or not any((tool.store / "work").iterdir())


def built(tool: Tool) -> set[str]:
    """The points whose toolchains are in the store."""
    return {path.name for path in (tool.store / "entries").glob("*/points/*.json")}


def neighbours(repository: TccRepository) -> int:
    """The number of a commit that builds, like the next one, which touches no source."""
    return next(
        number
        for number in range(len(repository.commits) - 1)
        if (number + 1) % 3 and not {number - 1, number, number + 1} & repository.broken
    )


def ccache_line(tool: Tool, repository: TccRepository, number: int) -> str:
    return (tool.root / "builds" / "logs" / f"{point(repository, number)}.log").read_text().splitlines()[0]


@pytest.mark.ccache
def test_what_one_commit_compiled_is_there_for_the_next(repository: TccRepository, tmp_path: Path) -> None:
    tool, number = Tool(root=tmp_path), neighbours(repository)
    said = tool(*words(repository, number, number + 1), "--jobs", "1")
    assert said.status == 0, said.err
    assert ccache_line(tool, repository, number) == "ccache: 0 files were there, 1 were not"
    assert ccache_line(tool, repository, number + 1) == "ccache: 1 files were there, 0 were not"
    (cache,) = (tool.root / "builds" / "caches").iterdir()
    counted = subprocess.run(
        ["ccache", "--print-stats"],
        env={"PATH": os.defpath, "CCACHE_DIR": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    statistics = dict(line.split("\t") for line in counted.stdout.splitlines())
    hits = int(statistics["direct_cache_hit"]) + int(statistics["preprocessed_cache_hit"])
    assert (hits, statistics["cache_miss"]) == (1, "1")


@pytest.mark.docker
def test_in_docker_the_cache_is_a_volume_and_work_leaves_none(
    repository: TccRepository, tmp_path: Path, docker_host: str
) -> None:
    tool, number = Tool(root=tmp_path, extra={"DOCKER_HOST": docker_host}), neighbours(repository)
    with closing(Engine(seconds=30)) as engine:
        said = tool(*words(repository, number, number + 1)[:-1], "docker", "--jobs", "1")
        assert said.status == 0, said.err
        assert ccache_line(tool, repository, number + 1) == "ccache: 1 files were there, 0 were not"
        (cache,) = engine.volumes(f"{STORE_LABEL}={tool.store}")
        assert cache.startswith("mmio-bisect-cache-")
        assert eventually(lambda: not [one for one in engine.labelled(OWNER_LABEL) if uses(one, cache)])
        engine.remove_volume(cache)


def uses(container: Mapping[str, Any], volume: str) -> bool:
    return any(mount.get("Name") == volume for mount in container["Mounts"])


def test_a_product_that_was_damaged_in_the_store_is_refuted_by_building_it_again(
    repository: TccRepository, tmp_path: Path
) -> None:
    tool, sides = Tool(root=tmp_path), words(repository, CULPRIT - 1, CULPRIT)
    assert tool(*sides, "--no-verify").status == 0
    tool.database.unlink()
    good, bad = (tool.store / "entries").glob("*/root/arm64-tcc")
    for made, other in ((good, bad.read_bytes()), (bad, good.read_bytes())):
        made.chmod(0o755)
        made.write_bytes(other)
        (made.parents[1] / "seal.json").write_text(sealed(made.parent, None))  # as had it been so from the beginning
    believed = tool(*sides, "--no-verify-build")
    assert (believed.status, believed.document["answers"][0]["change"]) == (0, "fixed"), "the wrong way round"
    assert believed.document["verifications"][0]["builds"] == 0
    said = tool(*sides, "--verify-build")
    assert said.status == 4, said.err
    (verification,) = said.document["verifications"]
    assert (verification["confirmed"], verification["builds"]) == (False, 2)
    assert verification["why"].startswith(
        f"{point(repository, CULPRIT - 1)} was bad, and is good when it is built and compiled again"
    )
    assert not list((tool.root / "builds" / "again").iterdir())


CACHE_THAT_DECEIVES = """[series.deceived]
kind = "git"
family = "tcc"
summary = "the first build leaves something in the cache that makes the second a bad one"
url = "unused"
in_tree = true
build = [
    "./configure --extra-cflags='-O1 -g0'",
    "if [ -e ${CCACHE_DIR:-/nowhere}/left ]; then sed -i 's/0x39000000/0x38000400/' arm64-gen.c; fi",
    "if [ -d ${CCACHE_DIR:-/nowhere} ]; then touch $CCACHE_DIR/left; fi",
    "make arm64-tcc",
]
products = ["arm64-tcc"]
tool = "arm64-tcc"
seconds = 3
memory = "1GiB"
minutes = 1
disk = "100MiB"
ccache = "10MiB"
"""


def test_what_a_build_left_in_the_cache_for_another_is_seen_through(repository: TccRepository, tmp_path: Path) -> None:
    tool, number = Tool(root=tmp_path), neighbours(repository)
    series = tool.folder / "own.toml"
    series.write_text(CACHE_THAT_DECEIVES)
    ends = "..".join(repository.commits[number : number + 2])
    command = ("run", "store_then_step", f"deceived:{ends}", *words(repository)[3:], "--series-file", str(series))
    said = tool(*command, "--jobs", "1")
    assert said.status == 4, said.err
    (verification,) = said.document["verifications"]
    assert not verification["confirmed"]
    assert verification["why"].endswith("built and compiled again, make the same object")
    first, second = (probe["verdict"] for probe in said.document["probes"])
    assert (first, second) == ("good", "bad"), "without building again it would have been a culprit"


def test_a_commit_is_named_by_tag_abbreviation_or_day(repository: TccRepository, tmp_path: Path) -> None:
    tool = Tool(root=tmp_path)
    git = ("git", "-C", str(repository.folder))
    subprocess.run([*git, "tag", "--force", "release", repository.commits[CULPRIT]], check=True)
    said = tool(
        *("run", "store_then_step", f"tcc:{repository.commits[CULPRIT - 1][:8]}..release", "--opt", "2", "--json"),
        *("--repository", str(repository.folder), "--sandbox", "local", "--no-verify-build"),
    )
    assert said.status == 0, said.err
    assert said.document["answers"][0]["kind"] == "culprit"
    listed = tool("series", "show", "tcc", "--json", "--repository", str(repository.folder))
    assert len(listed.document["points"]) == len(repository.commits)
    wrong = tool(*words(repository)[:2], "tcc:2020-01-01..release", *words(repository)[3:])
    assert (wrong.status, wrong.out) == (14, "")


def test_what_is_no_clone_is_refused_in_a_sentence(tmp_path: Path) -> None:
    tool = Tool(root=tmp_path)
    said = tool("run", "store_then_step", "tcc:..", "--repository", str(tmp_path), "--sandbox", "local")
    assert (said.status, said.out) == (2, "")
    assert said.err == f"error: {tmp_path} is not a git repository: give a clone of the compiler's with --repository.\n"


def test_the_users_clone_is_never_written(bisected: tuple[Tool, Any], repository: TccRepository) -> None:
    _tool, _document = bisected
    status = subprocess.run(
        ["git", "-C", repository.folder, "worktree", "list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert len(status.splitlines()) == 1
    assert not (repository.folder / "index").exists()
    assert not list(repository.folder.glob("*.lock"))


def test_series_of_ones_own_are_data(repository: TccRepository, tmp_path: Path) -> None:
    tool = Tool(root=tmp_path)
    own = tmp_path / "own.toml"
    own.write_text(
        f"""[series.mine]
kind = "git"
family = "tcc"
summary = "my own"
url = "{repository.folder}"
build = ["./configure --extra-cflags=-O0", "make arm64-tcc", "exit 7"]
in_tree = true
products = ["arm64-tcc"]
tool = "arm64-tcc"
seconds = 3
memory = "1GiB"
minutes = 1
disk = "100MiB"
"""
    )
    last = repository.commits[-1]
    said = tool(
        *("run", "store_then_step", f"mine:{repository.commits[-2]}..{last}", "--series-file", str(own)),
        *("--sandbox", "local", "--opt", "2"),
    )
    assert said.status == 16, "every build fails, so nothing can be tested"
    assert f"mine@{last[:12]}" in said.err
    assert "does not build" in said.err
    own.write_text(own.read_text().replace('tool = "arm64-tcc"', 'tool = "bin/tcc"'))
    wrong = tool("series", "list", "--series-file", str(own))
    assert "the tool bin/tcc is not among the products" in wrong.err


TAGGED = """[series.tcc-releases]
kind = "git"
family = "tcc"
summary = "what has a tag"
url = "unused"
tagged = "v*"
in_tree = true
build = ["./configure --extra-cflags='-O1 -g0'", "make arm64-tcc"]
products = ["arm64-tcc"]
tool = "arm64-tcc"
seconds = 3
memory = "1GiB"
minutes = 1
disk = "100MiB"

[series.tcc-releases.finer]
series = "tcc"
by = "commit"
usually = 50
"""


def tagged(repository: TccRepository, folder: Path) -> Path:
    """A series of releases, each some commits after the one before; its file."""
    numbers = [number for number in range(0, len(repository.commits), 45) if number not in repository.broken]
    for place, number in enumerate(numbers):
        tag = ("tag", "--force", f"v{place}", repository.commits[number])
        subprocess.run(["git", "-C", repository.folder, *tag], check=True, stdout=subprocess.DEVNULL)
    file = folder / "releases.toml"
    file.write_text(TAGGED)
    return file


def test_a_transition_between_releases_is_followed_to_its_commit(repository: TccRepository, tmp_path: Path) -> None:
    tool, series = Tool(root=tmp_path), tagged(repository, tmp_path)
    command = (
        *("run", "store_then_step", "tcc-releases:..", "--series-file", str(series), "--opt", "2"),
        *("--repository", str(repository.folder), "--sandbox", "local", "--no-verify-build"),
    )
    planned = tool(*command, "--descend", "--dry-run", "--json")
    assert planned.status == 0, planned.err
    releases, commits = planned.document["plan"]
    assert (releases["series"], releases["exact"], releases["builds"]) == ("tcc-releases", True, releases["probes"])
    assert (commits["series"], commits["points"], commits["exact"]) == ("tcc", 50, False)
    assert not (tool.store / "entries").exists(), "a plan builds nothing"

    said = tool(*command, "--descend", "--json")
    assert said.status == 0, said.err
    assert "Plan:" in said.err
    (coarse,) = said.document["answers"]
    (level,) = said.document["descent"]
    (fine,) = level["run"]["answers"]
    assert coarse["first"].startswith("tcc-releases@v")
    assert (level["series"], level["same_transition"], level["stopped"]) == ("tcc", True, None)
    assert (fine["last"], fine["first"]) == (point(repository, CULPRIT - 1), point(repository, CULPRIT))
    assert level["run"]["commits"][0]["commit"] == repository.commits[CULPRIT]
    # The ends that were handed down are probed like any other; built once, they are one toolchain in both series.
    assert {probe["toolchain"] for probe in level["run"]["probes"]} >= {
        level["run"]["range"][end] for end in ("first", "last")
    }

    shown = tool(*command, "--descend")
    assert "Into tcc" in shown.out
    assert "arm64: post-index stores where the offset is nothing" in shown.out


def test_without_a_finer_series_the_answer_stands(repository: TccRepository, tmp_path: Path) -> None:
    tool = Tool(root=tmp_path)
    said = tool(*words(repository, CULPRIT - 1, CULPRIT), "--descend", "--no-verify-build")
    assert said.status == 0, said.err
    assert said.document["answers"][0]["kind"] == "culprit"
    assert "descent" not in said.document
