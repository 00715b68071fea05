"""What a hunt says while it runs, and what `--keep` leaves."""

import io
import json
import re
from pathlib import Path

import pytest
from report_values import BAD, BROKEN, CASE, FIRST_BAD, LAST_GOOD, point, request
from rich.console import Console

from mmio_bisect.composition import load_bars
from mmio_bisect.domain.run import Probe
from mmio_bisect.errors import UsageError
from mmio_bisect.report.documents.keep import keep_cell, keep_probe
from mmio_bisect.report.terminal.judgements import probe_line
from mmio_bisect.report.terminal.progress import expected_probes, watching


def console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, soft_wrap=True)


def said(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", where.file.getvalue())


def test_a_probe_is_one_line_with_its_verdict_and_why() -> None:
    assert probe_line(LAST_GOOD).plain == "zig@0.12.1  clang 17.0.6  -O2  good"
    assert probe_line(FIRST_BAD).plain == "zig@0.13.0  clang 18.1.6  -O2  bad  writeback-post in store_then_step"
    assert probe_line(BROKEN).plain == ("zig@0.12.9  clang 17.0.9  -O2  untestable  crashed: error: unable to execute")


def test_when_changes_are_looked_for_the_line_speaks_of_code() -> None:
    assert probe_line(FIRST_BAD, changed=True).plain == "zig@0.13.0  clang 18.1.6  -O2  other code"


def test_in_a_pipe_each_download_and_probe_is_a_plain_line() -> None:
    where = console()
    with watching(where, load_bars, expected=4) as events:
        download = events.fetching(point("0.13.0"))
        for done in (0, 1024, 2048, 2048):
            download.progress(done, 2048)
        events.probed(FIRST_BAD)
    lines = said(where).splitlines()
    assert lines[0] == "zig@0.13.0  fetching 2.0 KiB"
    assert lines[1].startswith("zig@0.13.0  fetched in ")
    assert lines[2:] == ["zig@0.13.0  clang 18.1.6  -O2  bad  writeback-post in store_then_step"]


def test_a_toolchain_that_is_in_the_store_is_not_said_to_be_fetched() -> None:
    where = console()
    with watching(where, load_bars, expected=4) as events:
        events.fetching(point("0.13.0"))
        events.probed(FIRST_BAD)
    assert "fetch" not in said(where)


def test_on_a_terminal_verdicts_stand_above_the_bars() -> None:
    where = console(terminal=True)
    with watching(where, load_bars, expected=4) as events:
        events.fetching(point("0.12.1")).progress(1024, 4096)
        events.probed(LAST_GOOD)
        events.dropped(point("0.14.0"))
    assert "zig@0.12.1  clang 17.0.6  -O2  good" in said(where)


def test_quiet_says_nothing_but_counts_and_hands_on() -> None:
    where = console()
    seen: list[Probe] = []
    with watching(where, load_bars, expected=4, quiet=True, sink=seen.append) as events:
        events.fetching(point("0.13.0")).progress(1, 2)
        events.probed(FIRST_BAD)
    assert (said(where), events.count, seen) == ("", 1, [FIRST_BAD])


@pytest.mark.parametrize(("points", "probes"), [(2, 2), (3, 3), (8, 5), (20, 7)])
def test_the_bar_expects_what_a_search_takes_at_most(points: int, probes: int) -> None:
    assert expected_probes(points, 1) == probes
    assert expected_probes(points, 3) == 3 * probes


def test_everything_of_a_probe_is_kept_as_files(tmp_path: Path) -> None:
    place = keep_probe(tmp_path, FIRST_BAD)
    assert place == tmp_path / "zig@0.13.0" / "store_then_step.c-aarch64-O2"
    assert {path.name for path in place.iterdir()} == {
        "command.txt",
        "judgement.json",
        "output.txt",
        "store_then_step.c",
        "store_then_step.o",
    }
    assert (place / "store_then_step.c").read_bytes() == CASE.source
    assert (place / "store_then_step.o").read_bytes() == b"0.13.0"
    assert (place / "command.txt").read_text() == "/store/0.13.0/zig clang -O2 -c store_then_step.c\n"
    assert json.loads((place / "judgement.json").read_text())["verdict"] == "bad"


def test_without_an_object_the_rest_is_kept(tmp_path: Path) -> None:
    assert not (keep_probe(tmp_path, BROKEN) / "store_then_step.o").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    with pytest.raises(UsageError, match=r"file cannot be written \(a part of its path is not a folder\): give"):
        keep_cell(occupied, "clang", request(), FIRST_BAD.outcome, BAD)
