"""Downloads from a server that misbehaves in every way that is known: what passes, what does not, and what is said."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loopback_dist import DistServer, Fault, serving_dist
from signalling import Noted

from mmio_bisect.adapters.fetch.answers import NotThereError, _retry_after
from mmio_bisect.adapters.fetch.download import Downloads
from mmio_bisect.adapters.fetch.http_transfer import HttpFile
from mmio_bisect.errors import CancelledError, CorruptArtefactError, DownloadError

FILE = "/dist/file.tar.xz"
BODY = os.urandom(3_000_000)


@pytest.fixture
def server() -> Iterator[DistServer]:
    with serving_dist() as server:
        server.put(FILE, BODY)
        yield server


def downloads(*, tries: int = 3, silence_seconds: float = 20) -> Downloads:
    return Downloads(connect=HttpFile, waits=(0.01,) * (tries - 1), silence_seconds=silence_seconds)


def read(server: DistServer, path: str = FILE, **options: float) -> bytes:
    return b"".join(downloads(**options).stream(server.url + path, Noted()))  # type: ignore[arg-type]


def test_a_file_arrives_whole_and_its_length_is_known_beforehand(server: DistServer) -> None:
    assert read(server) == BODY
    assert downloads().length(server.url + FILE, Noted()) == len(BODY)


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.BUSY, Fault.BROKEN, Fault.TRUNCATED_WITHOUT_RANGES])
def test_what_may_pass_is_tried_again(server: DistServer, fault: Fault) -> None:
    server.befall(FILE, fault, fault)
    assert read(server) == BODY
    assert server.count(FILE) == 3


def test_a_stalled_connection_is_given_up_and_the_file_taken_up_where_it_stopped(server: DistServer) -> None:
    server.befall(FILE, Fault.STALLED)
    assert read(server, silence_seconds=0.2) == BODY
    assert [asked.begin for asked in server.asked] == [0, len(BODY) // 2]


def test_a_broken_transfer_is_taken_up_where_it_broke_off(server: DistServer) -> None:
    server.befall(FILE, Fault.TRUNCATED, Fault.TRUNCATED)
    assert read(server) == BODY
    assert server.sent == len(BODY)
    assert [asked.begin for asked in server.asked] == [0, len(BODY) // 2, len(BODY) * 3 // 4]


def test_a_server_without_ranges_sends_it_all_again_and_nothing_is_taken_twice(server: DistServer) -> None:
    server.befall(FILE, Fault.TRUNCATED, Fault.TRUNCATED_WITHOUT_RANGES, Fault.TRUNCATED_WITHOUT_RANGES)
    assert read(server, tries=5) == BODY


def test_a_file_that_changes_under_our_hands_is_not_pieced_together(server: DistServer) -> None:
    server.befall(FILE, Fault.TRUNCATED)
    arriving = downloads().stream(server.url + FILE, Noted())
    next(arriving)
    server.put(FILE, os.urandom(len(BODY)))
    with pytest.raises(CorruptArtefactError, match=r"changed while it was fetched: run the same command again"):
        list(arriving)


def test_any_progress_begins_the_count_of_tries_anew(server: DistServer) -> None:
    server.befall(FILE, *[Fault.TRUNCATED] * 8)
    assert read(server, tries=2) == BODY


def test_a_file_that_is_not_there_is_asked_for_once(server: DistServer) -> None:
    with pytest.raises(NotThereError):
        read(server, "/dist/other")
    server.befall(FILE, Fault.GONE)
    with pytest.raises(NotThereError):
        read(server)
    assert len(server.asked) == 2


def test_a_refusal_is_final_and_says_what_was_answered(server: DistServer) -> None:
    server.befall(FILE, Fault.FORBIDDEN)
    with pytest.raises(DownloadError, match=r"is refused \(403 Forbidden\)"):
        read(server)


def test_the_last_try_ends_in_a_sentence(server: DistServer) -> None:
    server.befall(FILE, *[Fault.BROKEN] * 3)
    with pytest.raises(DownloadError, match=r"last of 3 tries \(500 Internal Server Error\): check the network"):
        read(server)


def test_a_server_that_wants_to_be_left_alone_for_long_is(server: DistServer) -> None:
    server.retry_after = "3600"
    server.befall(FILE, Fault.BUSY)
    with pytest.raises(DownloadError, match=r"left alone for 3600 s \(429 Too Many Requests\)"):
        read(server)
    assert server.count(FILE) == 1


def test_nobody_listening_is_a_download_error() -> None:
    with pytest.raises(DownloadError, match="could not be fetched"):
        downloads(tries=2).read("http://127.0.0.1:9/file")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/file", "http://[::1/file"])
def test_an_address_that_is_none_is_not_tried_again(url: str) -> None:
    with pytest.raises(DownloadError):
        downloads().read(url)


def test_a_stalled_transfer_is_cancelled_at_once(server: DistServer) -> None:
    server.befall(FILE, Fault.STALLED)
    signals = Noted()

    def stop_when_stalled() -> None:
        server.stalled.wait(30)
        signals.stop.set()

    threading.Thread(target=stop_when_stalled).start()
    with pytest.raises(CancelledError):
        list(Downloads(connect=HttpFile, silence_seconds=60).stream(server.url + FILE, signals))
    assert not _connected(server.port)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_never_says_a_word_is_given_up_at_once(scheme: str) -> None:
    signals = Noted()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        threading.Timer(0.2, signals.stop.set).start()
        begun = time.monotonic()
        with pytest.raises(CancelledError):
            list(Downloads(connect=HttpFile, silence_seconds=60).stream(f"{scheme}://127.0.0.1:{port}/file", signals))
        assert time.monotonic() - begun < 10
        assert not _connected(port)


def test_a_pause_between_tries_is_cancelled_at_once(server: DistServer) -> None:
    server.retry_after = "100"
    server.befall(FILE, Fault.BUSY)
    signals = Noted()
    threading.Timer(0.2, signals.stop.set).start()
    with pytest.raises(CancelledError):
        list(Downloads(connect=HttpFile).stream(server.url + FILE, signals))


def test_whoever_wants_no_more_leaves_no_transfer_behind(server: DistServer) -> None:
    server.befall(FILE, Fault.STALLED)
    arriving = downloads().stream(server.url + FILE, Noted())
    next(arriving)
    assert _connected(server.port)
    arriving.close()
    assert not _connected(server.port)


def test_a_small_file_may_not_be_large(server: DistServer) -> None:
    with pytest.raises(CorruptArtefactError, match="larger than 1 MiB"):
        downloads().read(server.url + FILE, limit=1 << 20)


def test_a_proxy_of_the_environment_is_used(server: DistServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.put("http://rust.invalid/dist/file", b"through the proxy")
    assert downloads().read("http://rust.invalid/dist/file") == b"through the proxy"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("Sun, 01 Nov 2026 00:01:30 GMT", 90),
        ("Sun, 01 Nov 2020 00:00:00 GMT", 0),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert _retry_after(header, lambda: datetime(2026, 11, 1, tzinfo=UTC)) == seconds


def _connected(port: int) -> list[str]:
    """Connections to that port of the loopback device that are still open (proc_pid_net(5): state 01)."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return [local for _, local, remote, state, *_ in rows if state == "01" and int(remote.split(":")[1], 16) == port]
