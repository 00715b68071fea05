"""A clock that goes back or forward by years loses nothing and hides nothing; `test_watch_schedule` has its waits."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mmio_bisect.adapters.fetch.answers import NotThereError, Opened
from mmio_bisect.adapters.fetch.listing_cache import CachedVersions
from mmio_bisect.adapters.git.clones import Clone
from mmio_bisect.adapters.history import rows
from mmio_bisect.adapters.store.toolchain_store import FolderToolchainStore
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.report.terminal.tables import age_text, moment_text
from mmio_bisect.workflow.ports.store import Filled
from mmio_bisect.workflow.watch.notices import Tick
from mmio_bisect.workflow.watch.tick import _time_for_ages

YEARS = timedelta(days=3650)
NOW = datetime(2026, 11, 28, 6, 30, tzinfo=UTC)


def tick(began: datetime) -> tuple[Tick, ...]:
    return (Tick(started=began.isoformat(), finished=None, code=None, summary=None),)


def test_nothing_is_let_go_of_for_its_age_in_the_first_tick_of_a_clock_that_is_years_ahead() -> None:
    yesterday = NOW - timedelta(days=1)
    assert _time_for_ages(tick(yesterday), NOW) == NOW
    assert _time_for_ages(tick(yesterday), NOW + YEARS) == yesterday
    assert _time_for_ages(tick(NOW + YEARS), NOW) == NOW, "it was corrected"
    assert _time_for_ages((), NOW) == NOW


def test_rows_are_dated_after_one_that_a_clock_ahead_dated(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = "2036-01-01T00:00:00.999999+00:00"
    after = rows.later_than(ahead)
    assert after > ahead
    assert after == "2036-01-01T00:00:01.000000+00:00"
    assert len(after) == len(rows.now())
    monkeypatch.setattr(rows, "now", lambda: "2040-01-01T00:00:00.000000+00:00")
    assert rows.later_than(ahead) == "2040-01-01T00:00:00.000000+00:00"


@pytest.mark.parametrize(("age", "stale"), [(-YEARS, True), (timedelta(0), False), (timedelta(hours=25), True)])
def test_a_clone_or_listing_of_the_future_is_asked_for_again(tmp_path: Path, age: timedelta, stale: bool) -> None:
    heard = tmp_path / "mmio-bisect-fetched"
    heard.touch()
    then = time.time() - age.total_seconds() - 1
    os.utime(heard, (then, then))
    assert Clone(own=tmp_path, url="")._is_stale() == stale
    listed = CachedVersions(versions=("1",), asked_at=datetime.now(UTC) - age)
    assert listed.is_fresh(timedelta(hours=24)) != stale


@pytest.mark.parametrize(
    ("said", "earlier"),
    [
        ("Sat, 28 Nov 2026 06:29:00 GMT", datetime(2026, 11, 28, 6, 29, tzinfo=UTC)),
        ("Fri, 28 Nov 2036 06:29:00 GMT", NOW),
        ("Sat, 99 Nov 2026 06:29:00 GMT", NOW),
        ("yesterday", NOW),
        (None, NOW),
    ],
)
def test_what_is_not_there_is_dated_by_the_clock_that_is_behind(said: str | None, earlier: datetime) -> None:
    headers = {} if said is None else {"Date": said}
    with pytest.raises(NotThereError) as missing:
        Opened.from_head(404, "Not Found", headers, url="https://mirror/a", begin=0)
    assert missing.value.earlier(NOW) == earlier


def test_a_toolchain_that_was_used_in_the_future_was_used_now_and_can_grow_old(tmp_path: Path) -> None:
    store = FolderToolchainStore(tmp_path / "store")
    toolchain = Toolchain(
        digest="sha256:" + "0" * 64, family=CompilerFamily.CLANG, tool=("cc",), arguments=(), version_text="clang 1",
        compiler_version="1", llvm_version=None, commit=None, released=None,
    )  # fmt: skip

    def fill(folder: Path) -> Filled:
        (folder / "cc").touch()
        return Filled(toolchain=toolchain, image=None)

    with store.lease(Point(series="zig", version="1", sort_key="1"), fill):
        pass
    ahead = time.time() + YEARS.total_seconds()
    for record in (tmp_path / "store").rglob("*.json"):
        os.utime(record, (ahead, ahead))
    (entry,) = store.entries()
    assert entry.last_used <= time.time()
    assert age_text(time.time() - entry.last_used) == "just now"


def test_times_of_the_future_are_shown_as_they_are() -> None:
    assert age_text(-YEARS.total_seconds()) == "just now"
    assert moment_text("2036-01-01T06:30:00.000000+00:00") == "2036-01-01 06:30:00 UTC"
