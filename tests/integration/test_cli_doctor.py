"""`doctor`: what works, what is missing, and that one fault does not hide the rest."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scripted_wiring import Script, ScriptedWiring, scripted

from mmio_bisect.adapters.history.schema import HEAD
from mmio_bisect.cli.app import main
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.errors import DownloadError
from mmio_bisect.workflow.ports.series import SeriesSource
from mmio_bisect.workflow.ports.wiring import Wiring

SCRIPT = Script({"1": "good", "2": "bad"})


class _Offline(ScriptedWiring):
    def source(self, series: str) -> SeriesSource:
        raise DownloadError(f"the source of {series} does not answer")


def examine(tmp_path: Path, capsys: pytest.CaptureFixture[str], *, wire: Any = None, database: str = "") -> Any:
    words = ["doctor", "--json", "--store", str(tmp_path / "store")]
    url = f"sqlite:///{database or tmp_path / 'history.db'}"
    code = main([*words, "--database", url], wire=wire or partial(scripted, SCRIPT))
    findings = json.loads(capsys.readouterr().out)["findings"]
    return code, {finding["name"]: (finding["state"], finding["detail"]) for finding in findings}


def test_everything_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = examine(tmp_path, capsys)
    assert code == 0
    assert set(found) == {
        "mmio-bisect",
        "pip",
        "capstone",
        "git",
        "recipes",
        "local sandbox",
        "docker sandbox",
        "toolchain store",
        "history",
        "series zig",
        "series installed-clang",
        "series installed-gcc",
        "series installed-llc",
        "series installed-rustc",
        "series rust",
        "series rust-nightly",
    }
    assert found["series zig"] == ("ok", "2 points, zig@1 to zig@2; asked 2026-11-01 00:00 UTC")
    assert found["history"][1].endswith(f"history.db, revision {HEAD}, no runs yet")
    assert found["toolchain store"][1].startswith(f"{tmp_path / 'store'}: 0 toolchains, 0 B; ")


def test_no_network_is_a_warning_and_the_rest_is_still_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def offline(settings: Settings) -> Wiring:
        return _Offline(settings, SCRIPT)

    code, found = examine(tmp_path, capsys, wire=offline)
    assert (code, found["series zig"]) == (0, ("warn", "the source of zig does not answer"))


def test_a_database_that_is_none_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is not a database at all" * 100)
    code, found = examine(tmp_path, capsys, database=str(damaged))
    assert code == 10
    assert found["history"][0] == "fail"
    assert found["series zig"][0] == "ok"


def test_the_text_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["doctor", "--store", str(tmp_path / "store"), "--database", f"sqlite:///{tmp_path / 'history.db'}"]
    main(words, wire=partial(scripted, SCRIPT))
    lines = capsys.readouterr().out.splitlines()
    assert all(line.split()[0] in {"ok", "warn", "fail"} for line in lines)
    assert len({line.index(line.split()[1]) for line in lines}) == 1
