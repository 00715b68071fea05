"""`report RUN`: Markdown that stands on its own, from compilers that do as a script says."""

import base64
import json
import re
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pytest
from scripted_wiring import Script, scripted

from mmio_bisect.cli.app import main

SCRIPT = Script({"16.0.1": "good", "17.0.6": "good", "17.0.7": "rejected", "18.1.6": "bad", "19.1.0": "bad"})


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("MMIO_BISECT_DATABASE", f"sqlite:///{tmp_path / 'history.db'}")
    monkeypatch.setenv("MMIO_BISECT_STORE", str(tmp_path / "store"))
    assert main(("run", "store_then_step", "zig:..", "--opt", "2", "-q"), wire=partial(scripted, SCRIPT)) == 3
    capsys.readouterr()
    assert main(("report", "1"), wire=partial(scripted, SCRIPT)) == 0
    return capsys.readouterr().out


def test_says_what_since_when_and_what_was_not_testable(told: str) -> None:
    assert told.startswith("# `str w9, [x0], #8` for a volatile access in `store_then_step`, since clang 18.1.6\n")
    assert "introduced after clang 17.0.6 (`zig@17.0.6`) and in clang 18.1.6 (`zig@18.1.6`) at the latest" in told
    assert "* `zig@17.0.7` -O2: " in told
    assert "▶    8  str     w9, [x0], #8" in told


def test_links_to_compiler_explorer_with_its_state_in_the_address(told: str) -> None:
    found = re.search(r"https://godbolt\.org/clientstate/([^)]+)", told)
    assert found is not None
    assert "/" not in found[1]
    (session,) = json.loads(base64.b64decode(unquote(found[1])))["sessions"]
    assert session["language"] == "c"
    assert "store_then_step" in session["source"]
    assert [pane["id"] for pane in session["compilers"]] == ["cclang1701", "cclang1810"]
    assert all("-O2" in pane["options"] and "-S" not in pane["options"].split() for pane in session["compilers"])


def test_has_a_test_in_the_dialect_of_llvm(told: str) -> None:
    assert "// RUN: %clang --target=aarch64-unknown-linux-gnu -O2 -S -o - %s | FileCheck %s\n" in told
    assert (
        "// CHECK-LABEL: store_then_step:\n// CHECK-NOT: {{(ld|st)[a-z]*[[:space:]].*\\], *#}}\n// CHECK: .size\n"
        in told
    )
    assert "mmio:" not in told.partition("## Regression test")[2].partition("## ")[0]


def test_reproduces_without_this_tool_and_tells_nothing_of_this_machine(told: str, tmp_path: Path) -> None:
    commands = told.partition("## To reproduce")[2].partition("```sh\n")[2].partition("```")[0]
    assert "python3 -m pip install ziglang==18.1.6\n" in commands
    assert "--target=aarch64-unknown-linux-gnu -O2" in commands
    assert "mmio" not in commands
    assert str(tmp_path) not in told


def test_names_hypervisors_and_digests(told: str) -> None:
    assert re.search(r"\| arm-isv: .* \| `str w9, \[x0\], #8` \| KVM returns -ENOSYS", told)
    assert len(re.findall(r"object `sha256:[0-9a-f]{64}`", told)) == 2


def test_a_run_that_is_not_there_is_said(told: str, capsys: pytest.CaptureFixture[str]) -> None:
    del told
    assert main(("report", "9"), wire=partial(scripted, SCRIPT)) == 27
    assert "no run 9" in capsys.readouterr().err
