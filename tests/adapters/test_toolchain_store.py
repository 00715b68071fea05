"""What the toolchain store promises to threads, to processes, and to whoever comes after a kill -9."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from mmio_bisect.adapters.store import file_records
from mmio_bisect.adapters.store.toolchain_store import FolderToolchainStore
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.errors import (
    BrokenToolchainError,
    CancelledError,
    DiskFullError,
    DownloadError,
    SandboxError,
    StoreError,
)
from mmio_bisect.workflow.ports.store import Filled


def point(version: str) -> Point:
    return Point(series="zig", version=version, sort_key=version)


def toolchain(content: str) -> Toolchain:
    return Toolchain(
        digest=f"sha256:{hashlib.sha256(content.encode()).hexdigest()}",
        family=CompilerFamily.CLANG,
        tool=("bin/cc", "clang"),
        arguments=("-isystem", "{toolchain}/include"),
        version_text=f"cc {content}",
        compiler_version="18.1.6",
        llvm_version=None,
        commit=None,
        released=date(2026, 11, 1),
    )


def filling(content: str, *, then: Callable[[], None] = lambda: None) -> Callable[[Path], Filled]:
    def fill(folder: Path) -> Filled:
        assert list(folder.iterdir()) == []
        (folder / "bin").mkdir()
        (folder / "bin" / "cc").write_text(content)
        then()
        return Filled(toolchain=toolchain(content))

    return fill


def refuse(_folder: Path) -> Filled:
    raise AssertionError("it was to be in the store")


def put(store: FolderToolchainStore, version: str, content: str, *, used: float | None = None) -> Path:
    """Returns the entry's folder."""
    with store.lease(point(version), filling(content)) as lease:
        entry = lease.root.parent
    if used is not None:
        os.utime(entry / "toolchain.json", (used, used))
    return entry


def left_over(root: Path) -> list[Path]:
    """Everything in the store that belongs to no finished entry."""
    work = list((root / "work").iterdir()) if (root / "work").exists() else []
    known = {"toolchain.json", "seal.json", "root", "points"}
    entries = root / "entries"
    strays = [path for entry in entries.iterdir() for path in entry.iterdir() if path.name not in known]
    return [*work, *strays, *(path for path in root.iterdir() if path.name not in {"entries", "work"})]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderToolchainStore:
    return FolderToolchainStore(root)


def test_a_point_is_filled_once_and_then_found(store: FolderToolchainStore, root: Path) -> None:
    assert store.known(point("1")) is None
    with store.lease(point("1"), filling("one")) as first:
        assert first.fetched
        assert (first.root / "bin" / "cc").read_text() == "one"
    with FolderToolchainStore(root).lease(point("1"), refuse) as second:
        assert not second.fetched
        assert second.toolchain == toolchain("one")
    assert store.known(point("1")) == toolchain("one")
    assert left_over(root) == []


def test_asking_what_is_known_makes_no_folder(store: FolderToolchainStore, root: Path) -> None:
    assert store.known(point("1")) is None
    assert store.entries() == ()
    assert not root.exists()


def test_two_points_of_equal_content_share_an_entry(store: FolderToolchainStore, root: Path) -> None:
    put(store, "1", "same")
    put(store, "1.post1", "same")
    (entry,) = store.entries()
    assert entry.points == (point("1"), point("1.post1"))
    assert store.known(point("1.post1")) == toolchain("same")
    assert left_over(root) == []


@pytest.mark.parametrize("version", ["24~++20261025103442+7e3c57157096", "../../up", "a/b", ".", "1.0+local"])
def test_any_version_text_is_a_name_in_the_store(store: FolderToolchainStore, root: Path, version: str) -> None:
    put(store, version, "one")
    assert store.known(point(version)) == toolchain("one")
    assert store.entries()[0].points == (point(version),)
    assert left_over(root) == []
    assert [path.name for path in root.parent.iterdir()] == ["store"]


def test_a_failed_fill_leaves_nothing_and_can_be_tried_again(store: FolderToolchainStore, root: Path) -> None:
    def fail() -> None:
        raise DownloadError("broke off")

    with pytest.raises(DownloadError), store.lease(point("1"), filling("one", then=fail)):
        pass
    assert list((root / "work").iterdir()) == []
    assert store.known(point("1")) is None
    put(store, "1", "one")


def test_a_fill_that_leaves_no_tool_is_a_broken_toolchain(store: FolderToolchainStore) -> None:
    with (
        pytest.raises(BrokenToolchainError, match="lacks bin/cc"),
        store.lease(point("1"), lambda _folder: Filled(toolchain=toolchain("one"))),
    ):
        pass


def test_an_error_in_the_body_of_a_lease_is_passed_on_as_it_is(store: FolderToolchainStore) -> None:
    with pytest.raises(PermissionError), store.lease(point("1"), filling("one")):
        raise PermissionError(errno.EACCES, "somebody else's")


@pytest.mark.parametrize(("code", "expected"), [(errno.ENOSPC, DiskFullError), (errno.EACCES, StoreError)])
def test_what_the_disk_refuses_is_said_with_a_way_out(
    store: FolderToolchainStore, root: Path, code: int, expected: type[Exception]
) -> None:
    def fail() -> None:
        raise OSError(code, os.strerror(code), str(root / "x"))

    with pytest.raises(expected, match="--store DIR"), store.lease(point("1"), filling("one", then=fail)):
        pass


def test_a_store_below_a_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FolderToolchainStore(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match="a part of its path is not a folder"), store.lease(point("1"), filling("one")):
        pass


def test_threads_that_want_the_same_point_have_it_filled_once(store: FolderToolchainStore) -> None:
    fills = []

    def use(_number: int) -> bool:
        def slow() -> None:
            fills.append(1)
            time.sleep(0.1)

        with store.lease(point("1"), filling("one", then=slow)) as lease:
            return lease.fetched

    with ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(use, range(8)))
    assert len(fills) == 1
    assert sorted(fetched) == [False] * 7 + [True]


def test_different_points_are_filled_at_the_same_time(store: FolderToolchainStore) -> None:
    together = threading.Barrier(2, timeout=5)

    def use(version: str) -> None:
        with store.lease(point(version), filling(version, then=lambda: (together.wait(), None)[1])):
            pass

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(use, ["1", "2"]))


def test_points_of_equal_content_may_be_filled_at_the_same_time(store: FolderToolchainStore, root: Path) -> None:
    together = threading.Barrier(2, timeout=5)

    def use(version: str) -> None:
        with store.lease(point(version), filling("same", then=lambda: (together.wait(), None)[1])):
            pass

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(use, ["1", "2"]))
    (entry,) = store.entries()
    assert entry.points == (point("1"), point("2"))
    assert left_over(root) == []


def test_the_wait_for_another_filler_can_be_cancelled(store: FolderToolchainStore) -> None:
    filling_begun, cancelled = threading.Event(), threading.Event()

    def hold() -> None:
        filling_begun.set()
        assert cancelled.wait(5)

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(put, store, "1", "one")
        holder.result()
        filler = pool.submit(lambda: store.lease(point("2"), filling("two", then=hold)).__enter__())
        assert filling_begun.wait(5)
        with pytest.raises(CancelledError), store.lease(point("2"), refuse, cancelled=lambda: True):
            pass
        cancelled.set()
        filler.result()


PROCESS = """
import hashlib, sys, time
from pathlib import Path
from mmio_bisect.adapters.store import file_records
from mmio_bisect.adapters.store.toolchain_store import FolderToolchainStore
from mmio_bisect.domain.toolchain import CompilerFamily, Point, Toolchain
from mmio_bisect.workflow.ports.store import Filled

root, version, log, seconds = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])

def fill(folder):
    (folder / "bin").mkdir()
    (folder / "bin" / "cc").write_text(version)
    with log.open("a") as file:
        file.write("filled\\n")
    time.sleep(seconds)
    return Filled(toolchain=Toolchain(digest="sha256:" + hashlib.sha256(version.encode()).hexdigest(),
                  family=CompilerFamily.CLANG, tool=("bin/cc",), version_text="", compiler_version="1",
                  llvm_version=None, commit=None, released=None))

with FolderToolchainStore(root).lease(Point(series="zig", version=version, sort_key=version), fill) as lease:
    print("leased", lease.fetched, flush=True)
    sys.stdin.read()
"""


def process(root: Path, version: str, log: Path, *, seconds: float = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(root), version, str(log), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_processes_that_want_the_same_point_have_it_filled_once(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    running = [process(root, "1", log, seconds=0.3) for _ in range(4)]
    said = sorted(child.communicate("")[0] for child in running)
    assert said == ["leased False\n"] * 3 + ["leased True\n"]
    assert log.read_text() == "filled\n"


def test_after_kill_9_in_the_middle_of_a_fill_the_next_opening_leaves_nothing_of_it(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(root, "1", log, seconds=1000) as child:
        wait_for(log.exists)
        FolderToolchainStore(root)
        assert (root / "work" / "zig@1" / "root" / "bin" / "cc").exists(), "a live one is left alone"
        child.kill()
        child.wait()
    store = FolderToolchainStore(root)
    assert list((root / "work").iterdir()) == []
    assert store.known(point("1")) is None


def test_after_kill_9_a_waiting_process_takes_over(store: FolderToolchainStore, root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(root, "1", log, seconds=1000) as child, ThreadPoolExecutor(1) as pool:
        wait_for(log.exists)
        waiting = pool.submit(put, store, "1", "one")
        child.kill()
        child.wait()
        waiting.result(timeout=5)
    assert store.known(point("1")) == toolchain("one")
    assert left_over(root) == []


def test_pruning_removes_the_least_recently_used_until_the_rest_fit(store: FolderToolchainStore, root: Path) -> None:
    put(store, "1", "a" * 100, used=3000)
    put(store, "2", "b" * 100, used=1000)
    put(store, "3", "c" * 100, used=2000)
    assert [entry.points[0].version for entry in store.entries()] == ["1", "3", "2"]
    removed = store.prune(keep_bytes=250)
    assert [entry.points[0].version for entry in removed] == ["2"]
    assert [entry.points[0].version for entry in store.prune(keep_bytes=0)] == ["3", "1"]
    assert store.entries() == ()
    assert store.known(point("1")) is None
    assert left_over(root) == []


def test_pruning_removes_what_is_too_old_and_what_is_too_many(store: FolderToolchainStore) -> None:
    for version, used in (("1", 3000), ("2", 1000), ("3", 2000), ("4", 4000)):
        put(store, version, version * 100, used=used)
    assert store.prune(keep_bytes=1 << 20, keep_count=4) == ()
    assert [entry.points[0].version for entry in store.prune(used_since=2000)] == ["2"]
    assert [entry.points[0].version for entry in store.prune(keep_count=2, used_since=1000)] == ["3"]
    assert [entry.points[0].version for entry in store.entries()] == ["4", "1"]


def test_a_lease_is_a_use(store: FolderToolchainStore) -> None:
    put(store, "1", "one", used=1000)
    put(store, "2", "two", used=2000)
    with store.lease(point("1"), refuse):
        pass
    assert [entry.points[0].version for entry in store.entries()] == ["1", "2"]


def test_what_a_thread_has_leased_is_not_pruned(store: FolderToolchainStore) -> None:
    put(store, "2", "two")
    with store.lease(point("1"), filling("one")) as lease, store.lease(point("1"), refuse):
        assert {entry.points[0].version: entry.in_use for entry in store.entries()} == {"1": True, "2": False}
        assert [entry.points[0].version for entry in store.prune(keep_bytes=0)] == ["2"]
        assert (lease.root / "bin" / "cc").exists()
    assert [entry.points[0].version for entry in store.prune(keep_bytes=0)] == ["1"]


def test_what_another_process_has_leased_is_not_pruned_until_it_is_killed(
    store: FolderToolchainStore, root: Path, tmp_path: Path
) -> None:
    with process(root, "1", tmp_path / "log") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "leased True\n"
        assert store.entries()[0].in_use
        assert store.prune(keep_bytes=0) == ()
        child.kill()
        child.wait()
    assert len(store.prune(keep_bytes=0)) == 1


def unlocked(file: Path) -> Path:
    """A stored file, and its folder, as whoever damages them makes them: to be written."""
    file.parent.chmod(0o755)
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "toolchain.json").unlink(),
        lambda entry: (entry / "toolchain.json").write_text("{"),
        lambda entry: (entry / "toolchain.json").write_text("[]"),
        lambda entry: (entry / "toolchain.json").write_text(json.dumps({"schema": 1, "toolchain": {}})),
        lambda entry: unlocked(entry / "root" / "bin" / "cc").unlink(),
        lambda entry: unlocked(entry / "root" / "bin" / "cc").write_text("short"),
    ],
    ids=["no record", "half a record", "a list", "no fields", "no tool", "a truncated tool"],
)
def test_a_damaged_entry_counts_as_absent_and_is_fetched_again(
    store: FolderToolchainStore, root: Path, damage: Callable[[Path], None]
) -> None:
    damage(put(store, "1", "whole content"))
    assert store.known(point("1")) is None
    assert store.entries() == ()
    with store.lease(point("1"), filling("whole content")) as lease:
        assert lease.fetched
        assert (lease.root / "bin" / "cc").read_text() == "whole content"
    assert left_over(root) == []


def test_pruning_removes_damaged_entries_whatever_their_size(store: FolderToolchainStore, root: Path) -> None:
    (put(store, "1", "one") / "toolchain.json").unlink()
    assert store.prune(keep_bytes=1 << 40) == ()
    assert list((root / "entries").iterdir()) == []


def test_a_toolchain_survives_the_store_field_by_field(store: FolderToolchainStore) -> None:
    whole = replace(toolchain("one"), llvm_version="18.1.6", commit="98bc6bf", released=None)

    def fill(folder: Path) -> Filled:
        filling("one")(folder)
        return Filled(toolchain=whole)

    with store.lease(point("1"), fill):
        pass
    assert store.known(point("1")) == whole


def test_a_read_only_store_can_be_leased_from(
    store: FolderToolchainStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "1", "one")

    def read_only(path: object, *_words: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "utime", read_only)
    monkeypatch.setattr(Path, "mkdir", read_only)
    with FolderToolchainStore(root).lease(point("1"), refuse) as lease:
        assert lease.toolchain == toolchain("one")


# --- toolchains that were changed


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def telling(root: Path, told: list[str]) -> FolderToolchainStore:
    return FolderToolchainStore(root, say=told.append)


def overwrite(entry: Path) -> None:
    """Bytes, and nothing else: neither the size nor the time of the last change of contents."""
    tool = entry / "root" / "bin" / "cc"
    before = tool.stat()
    tool.chmod(0o644)
    tool.write_text("twO")
    tool.chmod(0o444)
    os.utime(tool, ns=(before.st_atime_ns, before.st_mtime_ns))


def add(entry: Path) -> None:
    (entry / "root" / "bin").chmod(0o755)
    (entry / "root" / "bin" / "as").write_text("")


def take_away(entry: Path) -> None:
    (entry / "root" / "bin").chmod(0o755)
    (entry / "root" / "bin" / "lib").unlink()


def lead_elsewhere(entry: Path) -> None:
    take_away(entry)
    (entry / "root" / "bin" / "lib").symlink_to("/nowhere")


def unseal(entry: Path) -> None:
    (entry / "seal.json").unlink()


def damage_seal(entry: Path) -> None:
    (entry / "seal.json").write_text('{"files": {}')


CHANGES = [overwrite, add, take_away, lead_elsewhere, unseal, damage_seal]


def two(folder: Path) -> Filled:
    filled = filling("two")(folder)
    (folder / "bin" / "lib").symlink_to("cc")
    return filled


@pytest.mark.parametrize("change", CHANGES)
def test_a_toolchain_that_was_changed_is_thrown_out_and_fetched_again(
    telling: FolderToolchainStore, root: Path, told: list[str], change: Callable[[Path], None]
) -> None:
    with telling.lease(point("2"), two) as lease:
        entry = lease.root.parent
    change(entry)
    with telling.lease(point("2"), two) as lease:
        assert lease.fetched
        assert (lease.root / "bin" / "cc").read_text() == "two"
        assert os.listdir(lease.root / "bin") in (["cc", "lib"], ["lib", "cc"])  # noqa: PTH208 - names are wanted
    (sentence,) = told
    assert sentence.startswith("warning: zig@2 is not as it was stored (")
    assert left_over(root) == []


@pytest.mark.parametrize("change", CHANGES)
def test_verify_throws_out_what_was_changed_and_nothing_else(
    telling: FolderToolchainStore, change: Callable[[Path], None]
) -> None:
    put(telling, "1", "one")
    with telling.lease(point("2"), two) as lease:
        entry = lease.root.parent
    change(entry)
    found = {str(verified.stored.points[0]): verified.change for verified in telling.verify()}
    assert found["zig@1"] is None
    assert found["zig@2"] is not None
    assert [stored.points for stored in telling.entries()] == [(point("1"),)]


def test_verify_reads_what_no_time_tells_of(telling: FolderToolchainStore, told: list[str]) -> None:
    """As where a disk changed a byte: times and sizes are as they were."""
    entry = put(telling, "1", "one")
    seal = json.loads((entry / "seal.json").read_text())
    (size, modified, changed, _), *_ = seal["files"].values()
    other = hashlib.sha256(b"onE").hexdigest()
    (entry / "seal.json").write_text(json.dumps(seal | {"files": {"bin/cc": [size, modified, changed, other]}}))
    with telling.lease(point("1"), refuse):
        pass
    assert told == []
    assert [verified.change for verified in telling.verify()] == ["bin/cc was changed"]


def test_files_and_folders_of_a_toolchain_are_read_only(store: FolderToolchainStore) -> None:
    entry = put(store, "1", "one")
    for path in (entry / "root", *(entry / "root").rglob("*")):
        assert path.stat().st_mode & 0o222 == 0


def test_a_toolchain_whose_times_alone_differ_is_taken_and_not_read_again(
    telling: FolderToolchainStore, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = put(telling, "1", "one")
    os.utime(entry / "root" / "bin" / "cc", (1, 1))
    for _ in range(2):
        with telling.lease(point("1"), refuse):
            pass
    monkeypatch.setattr(file_records, "_content", lambda *_: pytest.fail("it was read"))
    with telling.lease(point("1"), refuse):
        pass
    assert told == []


def test_a_toolchain_from_before_there_were_seals_is_sealed_when_it_is_used(
    telling: FolderToolchainStore, told: list[str]
) -> None:
    entry = put(telling, "1", "one")
    record = json.loads((entry / "toolchain.json").read_text())
    del record["sealed"]
    (entry / "toolchain.json").write_text(json.dumps(record))
    (entry / "seal.json").unlink()
    (entry / "root" / "bin" / "cc").chmod(0o755)
    with telling.lease(point("1"), refuse):
        pass
    assert told == []
    assert (entry / "root" / "bin" / "cc").stat().st_mode & 0o777 == 0o555
    overwrite(entry)
    with telling.lease(point("1"), filling("one")) as lease:
        assert lease.fetched


def test_one_in_use_that_was_changed_is_thrown_out_as_well(telling: FolderToolchainStore, root: Path) -> None:
    with telling.lease(point("2"), two) as first:
        overwrite(first.root.parent)
        with telling.lease(point("2"), two) as second:
            assert second.fetched
    FolderToolchainStore(root)
    assert left_over(root) == []


def test_comparing_a_large_toolchain_takes_little(tmp_path: Path) -> None:
    """As many files as a zig has that is unpacked whole."""
    for number in range(200):
        (tmp_path / str(number)).mkdir()
        for name in range(100):
            (tmp_path / str(number) / str(name)).touch()
    records = file_records.record(tmp_path)
    assert len(records) == 20_000
    begun = time.process_time()
    assert file_records.compare(tmp_path, records) == file_records.Comparison(changed=None)
    assert time.process_time() - begun < 2


# --- toolchains in images


class Images:
    """An `ImageKeeper` in memory: names to sizes."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes
        self.swept: list[set[str]] = []
        self.made = dict.fromkeys(sizes, 1)

    def has(self, image: str) -> bool:
        return image in self.sizes

    def identity(self, image: str) -> str | None:
        return f"sha256:{image}{self.made.get(image, 1)}" if image in self.sizes else None

    def size(self, image: str) -> int:
        return self.sizes[image]

    def remove(self, image: str) -> None:
        self.sizes.pop(image, None)

    def sweep(self, keep: Collection[str]) -> None:
        self.swept.append(set(keep))


def in_image(content: str, image: str) -> Callable[[Path], Filled]:
    return lambda _folder: Filled(toolchain=replace(toolchain(content), tool=("/usr/bin/cc",)), image=image)


@pytest.fixture
def images() -> Images:
    return Images(first=100, second=200)


@pytest.fixture
def with_images(root: Path, images: Images) -> FolderToolchainStore:
    return FolderToolchainStore(root, images)


def test_a_toolchain_in_an_image_is_kept_with_its_name_and_counted_with_its_size(
    with_images: FolderToolchainStore, root: Path, images: Images
) -> None:
    with with_images.lease(point("1"), in_image("one", "first")) as lease:
        assert (lease.image, lease.fetched) == ("first", True)
    with FolderToolchainStore(root, images).lease(point("1"), refuse) as again:
        assert (again.image, again.fetched) == ("first", False)
    (entry,) = with_images.entries()
    assert (entry.image, entry.size) == ("first", 100)


def test_an_entry_whose_image_is_gone_is_absent_and_filled_again(
    with_images: FolderToolchainStore, root: Path, images: Images
) -> None:
    with with_images.lease(point("1"), in_image("one", "first")):
        pass
    images.remove("first")
    assert with_images.known(point("1")) is None

    def fill(folder: Path) -> Filled:
        images.sizes["first"] = 100
        return in_image("one", "first")(folder)

    with with_images.lease(point("1"), fill) as lease:
        assert lease.fetched
    assert images.has("first"), "the new image has the name of the old one"
    assert left_over(root) == []


def test_pruning_removes_the_image_with_the_entry_and_looks_for_others_left_behind(
    with_images: FolderToolchainStore, images: Images
) -> None:
    for version, image in (("1", "first"), ("2", "second")):
        with with_images.lease(point(version), in_image(version, image)) as lease:
            entry = lease.root.parent
        os.utime(entry / "toolchain.json", (int(version), int(version)))
    (removed,) = with_images.prune(keep_bytes=250)
    assert (removed.image, set(images.sizes)) == ("first", {"second"})
    assert images.swept == [{"second"}]


def test_two_points_of_equal_content_share_an_image(with_images: FolderToolchainStore, images: Images) -> None:
    for version, image in (("1", "first"), ("2", "second")):
        with with_images.lease(point(version), in_image("same", image)) as lease:
            assert lease.image == "first"
    assert set(images.sizes) == {"first"}
    assert len(with_images.entries()) == 1


def test_an_image_in_use_stays(with_images: FolderToolchainStore, images: Images) -> None:
    with with_images.lease(point("1"), in_image("one", "first")):
        assert with_images.prune(keep_bytes=0) == ()
    assert images.has("first")


def test_without_docker_what_is_in_images_is_listed_but_not_known(
    with_images: FolderToolchainStore, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    with with_images.lease(point("1"), in_image("one", "first")):
        pass

    def unreachable(_image: str) -> bool:
        raise SandboxError("Cannot reach the docker daemon")

    monkeypatch.setattr(images, "has", unreachable)
    assert len(with_images.entries()) == 1
    assert with_images.known(point("1")) is None
    with pytest.raises(SandboxError), with_images.lease(point("1"), refuse):
        pass


def test_an_image_of_the_same_name_is_not_the_one_that_was_stored(
    with_images: FolderToolchainStore, images: Images
) -> None:
    with with_images.lease(point("1"), in_image("one", "first")):
        pass
    with with_images.lease(point("1"), refuse):
        pass
    images.made["first"] = 2

    def again(folder: Path) -> Filled:
        images.sizes["first"] = 100
        return in_image("one", "first")(folder)

    with with_images.lease(point("1"), again) as lease:
        assert lease.fetched
