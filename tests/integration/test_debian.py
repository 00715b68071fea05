"""Debian's own compilers, from its suites into images and through docker: the real ones, and what they really do.

The rungs here are those beside each boundary; `make ladders` climbs the whole of it.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from tool_process import Tool

from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.images import REPOSITORY

pytestmark = [pytest.mark.docker, pytest.mark.network, pytest.mark.compiler]

VENDOR = """
[series.vendor]
kind = "image"
family = "clang"
summary = "a vendor's clang"
images = ["vendor/clang:1.{0..1}"]
tool = "/usr/bin/clang-18"
"""


@pytest.fixture(scope="module")
def store() -> Path:
    """Kept between test runs, as a user's is: images take a quarter of a minute each to make."""
    return platformdirs.user_cache_path("mmio-bisect") / "test-images"


@pytest.fixture
def debian(tmp_path: Path, docker_host: str, store: Path) -> Tool:
    """The tool with docker and one suite, whose base is the sandbox's own; what it asked is kept beside the store."""
    series = tmp_path / "trixie.toml"
    series.write_text('[series.clang]\nsuites = ["trixie"]\n')
    extra = {
        "DOCKER_HOST": docker_host,
        "XDG_CACHE_HOME": str(store.parent / "test-images-cache"),
        "MMIO_BISECT_SERIES_FILE": str(series),
    }
    return Tool(root=tmp_path, elsewhere=store, extra=extra)


@pytest.fixture
def engine(docker_host: str) -> Iterator[Engine]:
    assert docker_host
    with closing(Engine(seconds=30)) as engine:
        yield engine


def answer(tool: Tool, recipe: str, extent: str, *more: str) -> dict[str, Any]:
    said = tool("run", recipe, extent, "--opt", "2", "--json", *more, timeout=600)
    assert said.status == 0, said.err
    (found,) = said.document["answers"]
    return {
        "kind": found["kind"],
        "change": found.get("change"),
        "last": found.get("last"),
        "first": found.get("first"),
    }


def test_debians_clang_18_introduced_it_and_its_back_end_did(debian: Tool) -> None:
    introduced = {"kind": "culprit", "change": "introduced"}
    clangs = {"last": "clang@17.0.6+trixie", "first": "clang@18.1.8+trixie"}
    assert answer(debian, "store_then_step", "clang:17..18") == introduced | clangs
    assert answer(debian, "store_then_step.ll", "clang:17..18") == introduced | clangs


def test_a_second_run_needs_neither_docker_nor_the_images(debian: Tool, tmp_path: Path) -> None:
    before = answer(debian, "store_then_step", "clang:17..18")
    alone = Tool(root=tmp_path, extra=dict(debian.extra) | {"DOCKER_HOST": "unix:///nowhere"})
    assert answer(alone, "store_then_step", "clang:17..18") == before


def test_a_vendors_images_are_a_series_without_code(debian: Tool, engine: Engine) -> None:
    """No registry is needed for images that are here: these are copies of Debian's, under a vendor's name."""
    assert debian("toolchains", "fetch", "clang@18.1.8+trixie", timeout=600).status == 0
    stored = debian("toolchains", "list", "--json").document["toolchains"]
    (image,) = {entry["image"] for entry in stored if entry["image"] and "clang-18" in entry["image"]}
    assert image.startswith(REPOSITORY)
    assert ":clang-18.1.8-trixie-" in image
    (debian.folder / "vendor.toml").write_text(VENDOR)
    own = Tool(root=debian.root, extra=debian.extra)
    for tag in ("1.0", "1.1"):
        engine.tag(image, f"vendor/clang:{tag}")
    try:
        said = own("sweep", "store_then_step", "vendor:..", "--opt", "2", "--series-file", "vendor.toml", "--json")
        assert said.status == 0, said.err
        assert [cell["verdict"] for cell in said.document["cells"]] == ["bad", "bad"]
        assert own("toolchains", "prune", "--keep", "0").status == 0
        assert engine.has_image("vendor/clang:1.0"), "what was here before is not the tool's to remove"
    finally:
        for tag in ("1.0", "1.1"):
            engine.remove_image(f"vendor/clang:{tag}")


def test_a_suite_that_is_gone_is_an_error_in_a_sentence(debian: Tool) -> None:
    (debian.folder / "gone.toml").write_text('[series.clang]\nsuites = ["nosuch"]\n')
    said = debian("series", "show", "clang", "--series-file", "gone.toml")
    assert said.status == 20
    assert "ebootstrap cannot build Debian nosuch" in said.err
    assert "look at the suite's name" in said.err
    assert "Traceback" not in said.err
