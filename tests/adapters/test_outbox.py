"""The outbox in both databases: what is to be told is there with what it follows from, once, until it is delivered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mmio_bisect.adapters.history.outbox import SqlOutbox
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.errors import MmioBisectError, UndeliveredError
from mmio_bisect.workflow.watch.news import SeriesState
from mmio_bisect.workflow.watch.notices import Notice, NoticeKind, Tick, deliver, notice_key

CHANNELS = ("chat", "mail")


def notice(number: int, *, run: int | None = None) -> Notice:
    return Notice(
        key=notice_key("rust-nightly", str(number)),
        kind=NoticeKind.REGRESSION,
        series="rust-nightly",
        title=f"store_then_step.rs regressed ({number})",
        plain="str w9, [x0], #4",
        markdown="**store_then_step.rs** — “writeback-post”, ISV = 0 ▶ 😀",
        run=run,
    )


def state(newest: str) -> SeriesState:
    return SeriesState(newest=newest)


class Post:
    """Takes notices, but for channels that refuse."""

    def __init__(self, *refusing: str) -> None:
        self.refusing = set(refusing)
        self.taken: list[tuple[str, str]] = []
        self.configured = set(CHANNELS)

    def knows(self, channel: str) -> bool:
        return channel in self.configured

    def send(self, channel: str, notice: Notice) -> None:
        if channel in self.refusing:
            raise UndeliveredError(f"The channel {channel} took no notice.")
        self.taken.append((channel, notice.key))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql")())
    address = f"sqlite:///{tmp_path / 'history.db'}"
    SqlHistory(open_history_database(address)).close()
    return address


@pytest.fixture
def outbox(url: str) -> Iterator[SqlOutbox]:
    with SqlOutbox(open_history_database(url)) as outbox:
        yield outbox


def test_a_state_is_kept_by_series_and_profile(outbox: SqlOutbox) -> None:
    assert outbox.state("zig", "arm-isv") == SeriesState()
    outbox.keep("zig", "arm-isv", state("one"), (), CHANNELS)
    outbox.keep("zig", "xen-arm", state("other"), (), CHANNELS)
    outbox.keep("zig", "arm-isv", state("two"), (), CHANNELS)
    assert (outbox.state("zig", "arm-isv"), outbox.state("zig", "xen-arm")) == (state("two"), state("other"))


def test_a_notice_waits_for_each_channel_until_that_takes_it(outbox: SqlOutbox) -> None:
    told = (notice(1), notice(2))
    assert outbox.keep("rust-nightly", "arm-isv", state("state"), told, CHANNELS) == told
    assert [(one.notice, one.channel, one.attempts) for one in outbox.pending()] == [
        (each, channel, 0) for each in told for channel in CHANNELS
    ]
    post = Post("mail")
    assert len(deliver(outbox, post).failed) == 2
    assert post.taken == [("chat", notice(1).key), ("chat", notice(2).key)]
    deliver(outbox, post)
    assert [(one.channel, one.attempts, one.error) for one in outbox.pending()] == [
        ("mail", 2, "The channel mail took no notice.")
    ] * 2
    post.refusing.clear()
    deliver(outbox, post)
    assert (len(post.taken), outbox.pending()) == (4, ())


def test_a_channel_that_was_taken_out_is_no_trouble_and_is_told_when_it_comes_back(outbox: SqlOutbox) -> None:
    outbox.keep("rust-nightly", "arm-isv", state("state"), (notice(1),), CHANNELS)
    post = Post()
    post.configured.discard("mail")
    gone = deliver(outbox, post)
    assert ([one.channel for one in gone.sent], gone.failed) == (["chat"], ())
    assert [(one.channel, one.attempts) for one in outbox.pending()] == [("mail", 0)]
    post.configured.add("mail")
    assert [one.channel for one in deliver(outbox, post).sent] == ["mail"]


def test_what_was_told_once_is_not_told_again(outbox: SqlOutbox) -> None:
    outbox.keep("rust-nightly", "arm-isv", state("one"), (notice(1),), CHANNELS)
    deliver(outbox, Post())
    assert outbox.keep("rust-nightly", "arm-isv", state("two"), (notice(1), notice(2)), CHANNELS) == (notice(2),)
    assert {one.notice for one in outbox.pending()} == {notice(2)}


def test_a_state_and_its_notices_are_kept_together_or_not_at_all(outbox: SqlOutbox) -> None:
    outbox.keep("rust-nightly", "arm-isv", state("before"), (), CHANNELS)
    impossible = replace(notice(2), title=None)  # type: ignore[arg-type]
    with suppress(MmioBisectError):
        outbox.keep("rust-nightly", "arm-isv", state("after"), (notice(1), impossible), CHANNELS)
        pytest.fail("a notice without a title was taken")
    assert (outbox.state("rust-nightly", "arm-isv"), outbox.pending()) == (state("before"), ())


def test_of_several_watches_at_once_one_tells(url: str) -> None:
    def keep(number: int) -> tuple[Notice, ...]:
        with SqlOutbox(open_history_database(url)) as own:
            return own.keep("rust-nightly", "arm-isv", state(f"state {number}"), (notice(1),), CHANNELS)

    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(keep, range(4)))
    assert sorted(map(len, new)) == [0, 0, 0, 1]
    with SqlOutbox(open_history_database(url)) as outbox:
        assert len(outbox.pending()) == len(CHANNELS)


def test_ticks_are_told_newest_first_and_one_that_was_broken_off_has_no_end(outbox: SqlOutbox) -> None:
    first = outbox.begin_tick()
    outbox.finish_tick(first, 1, '{"code": 1}')
    outbox.begin_tick()
    broken, whole = outbox.ticks(limit=2)
    assert (broken.finished, broken.code, broken.summary) == (None, None, None)
    assert whole == Tick(started=whole.started, finished=whole.finished, code=1, summary='{"code": 1}')
    assert whole.finished is not None
    assert whole.started <= whole.finished <= broken.started
    assert outbox.ticks(limit=1) == (broken,)


def test_what_one_process_keeps_another_delivers(url: str) -> None:
    with SqlOutbox(open_history_database(url)) as one:
        keep = partial(one.keep, "rust-nightly", "arm-isv", state("state"), channels=("mail",))
        keep(notices=(notice(1, run=7),))
    with SqlOutbox(open_history_database(url)) as other:
        (waiting,) = other.pending()
        assert waiting.notice == notice(1, run=7)
        deliver(other, Post())
    with SqlOutbox(open_history_database(url)) as one:
        assert one.pending() == ()
