"""Whatever a parser of foreign input is given, it reads it or raises one of `errors.py`'s classes.

Each parser is a row: its name, what drives it, and a whole sample to damage. `malformed.ladder` has the inputs. What
takes longer than it should runs into the suite's limit.
"""

import base64
import gzip
import hashlib
import io
import json
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from filled_history import STORE, cell_of, measure
from history_values import a_toolchain
from judged_whole import judge_file
from loopback_index import wheel
from malformed import RUNGS, ladder
from rust_artefacts import archive

from mmio_bisect.adapters.config.configuration_file import load
from mmio_bisect.adapters.fetch.answers import NotThereError, Opened, PassingError
from mmio_bisect.adapters.fetch.listing_cache import ListingCache
from mmio_bisect.adapters.fetch.tar_stream import unpack_tar
from mmio_bisect.adapters.fetch.wheel import unpack_wheel
from mmio_bisect.adapters.foreign_input import inflated, read_toml
from mmio_bisect.adapters.history import transfer
from mmio_bisect.adapters.history.outbox import decode_state, encode_state
from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.adapters.history.upkeep import SqlUpkeep
from mmio_bisect.adapters.recipes.recipe_directives import parse_case, parse_function, parse_windows
from mmio_bisect.adapters.sandbox.docker.container import StoreVolume
from mmio_bisect.adapters.series.debian_index import parsed
from mmio_bisect.adapters.series.rust_manifest import read_manifest
from mmio_bisect.adapters.series.user_files import catalogue_with
from mmio_bisect.adapters.series.zig import read_versions
from mmio_bisect.adapters.word.reader import read_lines
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.families import CompilerFamily, family_of
from mmio_bisect.domain.llvm import LlvmVersion
from mmio_bisect.domain.merge import rolled_up
from mmio_bisect.domain.recipe import Language, OptLevel
from mmio_bisect.errors import CorruptArtefactError, InvalidExportError, MmioBisectError
from mmio_bisect.guard import rules
from mmio_bisect.workflow.attribution.dumps import read_bisected, read_snapshots
from mmio_bisect.workflow.ports.series import Fetched
from mmio_bisect.workflow.probing.identity import identified
from mmio_bisect.workflow.watch.news import SeriesState

FIXTURES = Path(__file__).parents[1] / "fixtures"
DECLARED = (MmioBisectError, NotThereError, PassingError, rules.RefusedError)


@dataclass(frozen=True, slots=True)
class Parser:
    """`sample` gives a whole input; `drive` parses bytes, with a folder of its own for what needs files."""

    name: str
    sample: Callable[[], bytes]
    drive: Callable[[bytes, Path], object]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _of_file(read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def drive(data: bytes, folder: Path) -> object:
        (folder / "input").write_bytes(data)
        return read(folder / "input")

    return drive


def _identify(data: bytes, _folder: Path) -> None:
    fetched = Fetched(digest="sha256:0", tool=("x",), arguments=())
    family_of(_text(data))
    LlvmVersion.from_text(_text(data))
    for family in CompilerFamily:
        try:
            found = identified(family, fetched, _text(data))
        except MmioBisectError:
            continue
        if family.descriptor.explorer is not None:
            family.descriptor.explorer(found.compiler_version, found.version_text)


def _recipe(data: bytes, _folder: Path) -> None:
    for language in set(Language) - {Language.C}:
        with suppress(MmioBisectError):
            parse_case(data, path="any", recipe="any", language=language, shipped=False)
    for parse in (parse_function, parse_windows):
        with suppress(MmioBisectError):
            parse(_text(data))
    parse_case(data, path="any", recipe="any", language=Language.C, shipped=False)


def _answer(data: bytes, _folder: Path) -> None:
    value = data.decode("latin-1")
    headers = dict.fromkeys(("Content-Length", "Retry-After", "ETag", "Content-Range", "Last-Modified"), value)
    for status in (200, 206, 304, 404, 416, 429, 503):
        for begin in (0, 10):
            try:
                Opened.from_head(status, value, headers, url="http://x/", begin=begin)
            except DECLARED as error:
                assert str(error) is not None  # noqa: PT017 - each of these is an answer


def _guard(data: bytes, _folder: Path) -> None:
    volume = StoreVolume(name="store", folder=Path("/store"))
    for target in ("/v1.41/containers/create?name=mmio-bisect-1", data.decode("latin-1")):
        rules.check(rules.Request(method="POST", target=target, body=data), volume)


@cache
def _upkeep() -> SqlUpkeep:
    return SqlUpkeep(open_history_database("sqlite://"))


def _import(data: bytes, _folder: Path) -> None:
    _upkeep().take_in(io.StringIO(_text(data)))


@cache
def _exported() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/full.db"
        with SqlHistory(open_history_database(url)) as history:
            measure(history, cell_of(STORE, OptLevel.O2, a_toolchain("zig 0.9.0")), "zig", "0.9.0")
        with SqlUpkeep(open_history_database(url)) as upkeep:
            return "".join(upkeep.export()).encode()


def _cached(data: bytes, folder: Path) -> None:
    (folder / "it.json").write_bytes(data)
    ListingCache(folder, "it", max_age=timedelta(days=1), warn=print, subject="it").load()


def _unpack(data: bytes, folder: Path, *, gzipped: bool) -> None:
    unpack_tar(iter([data]), folder, lambda name: name, name="it", gzip=gzipped, most_bytes=1 << 26)


def _manifest(*packages: str) -> bytes:
    """The head of a real one, and these packages for two targets."""
    text = lzma.decompress((FIXTURES / "rust/channel-rust-nightly.toml.xz").read_bytes()).decode()
    head, *tables = text.split("\n[")
    targets = ("x86_64-unknown-linux-gnu]", "aarch64-unknown-linux-gnu]")
    wanted = tuple(f"{package}{rest}" for package in packages for rest in ("]", *(f".target.{one}" for one in targets)))
    return "\n[".join([head, *(table for table in tables if table.startswith(wanted))]).encode()


PARSERS = (
    Parser(
        "a manifest of Rust's",
        lambda: _manifest("pkg.rustc", "pkg.rust-std"),
        lambda data, _: read_manifest(data, url="it"),
    ),
    Parser(
        "a file of series",
        lambda: (
            b'[series.x]\nkind = "image"\nfamily = "gcc"\nsummary = "x"\nimages = ["x:{9..12}"]\ntool = "/bin/gcc"\n'
        ),
        _of_file(lambda path: catalogue_with((path,))),
    ),
    Parser(
        "the configuration",
        lambda: b'database = "x"\n[retention]\ntoolchains = "30d"\n',
        _of_file(lambda path: load(path, {})),
    ),
    Parser("an export of a history", _exported, _import),
    Parser("a recipe", (FIXTURES.parents[1] / "recipes/store_then_step.c").read_bytes, _recipe),
    Parser(
        "pip's list of versions",
        lambda: b'{"name": "ziglang", "versions": ["0.13.0", "0.8.0"]}',
        lambda data, _: read_versions(_text(data)),
    ),
    Parser("Debian's packages", (FIXTURES / "debian_index/sid.txt").read_bytes, lambda data, _: parsed(_text(data))),
    Parser(
        "a tar archive, xz",
        lambda: archive("top", {"bin/x": b"x"}),
        lambda data, folder: _unpack(data, folder, gzipped=False),
    ),
    Parser(
        "a tar archive, gzip",
        lambda: gzip.compress(lzma.decompress(archive("top", {"bin/x": b"x"}))),
        lambda data, folder: _unpack(data, folder, gzipped=True),
    ),
    Parser(
        "a wheel",
        lambda: wheel("0.13.0"),
        _of_file(lambda path: unpack_wheel(path, path.parent / "out", lambda name: "RECORD" not in name, lambda: None)),
    ),
    Parser("an object", (FIXTURES / "objects/shapes.o").read_bytes, lambda data, _: judge_file(data)),
    Parser("a server's answer", lambda: b"120", _answer),
    Parser("what a compiler says it is", lambda: b"clang version 18.0.0 (++20240101+0123456789ab)", _identify),
    Parser("a request to the guard", lambda: b'{"Image": "x", "HostConfig": {"Binds": ["a:b"]}}', _guard),
    Parser(
        "the watch's state", lambda: encode_state(SeriesState()).encode(), lambda data, _: decode_state(_text(data))
    ),
    Parser(
        "a kept listing",
        lambda: b'{"schema": 1, "asked_at": "2024-01-01T00:00:00+00:00", "versions": ["1"]}',
        _cached,
    ),
    Parser(
        "LLVM's dumps",
        lambda: (FIXTURES / "dumps/changed-17.txt").read_bytes()[:20_000],
        lambda data, _: (read_snapshots(_text(data), "f"), read_bisected(_text(data))),
    ),
    Parser(
        "the compiler's word",
        lambda: (FIXTURES / "dumps/changed-17.txt").read_bytes()[:20_000],
        lambda data, _: [read_lines(family, _text(data).split("\n")) for family in CompilerFamily],
    ),
    Parser(
        "a merge's message",
        lambda: b"Rollup merge of #1 - a:b, r=c\n\n - #2 (title)\n",
        lambda data, _: rolled_up(_text(data), ["x"]),
    ),
)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_a_parser_reads_its_input_or_refuses_it_with_an_error_of_ours(parser: Parser, tmp_path: Path) -> None:
    for number, data in enumerate(ladder(parser.sample())):
        folder = tmp_path / str(number)
        folder.mkdir()
        with suppress(*DECLARED):
            parser.drive(data, folder)


@pytest.mark.parametrize(
    "parser",
    [parser for parser in PARSERS if parser.name != "a request to the guard"],  # that makes no container of ours
    ids=lambda parser: parser.name,
)
def test_its_whole_sample_is_read(parser: Parser, tmp_path: Path) -> None:
    parser.drive(parser.sample(), tmp_path)


# --- archives


def tar_of(*members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return out.getvalue()


def header(name: str, kind: bytes, size: int = 0) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def sparse(count: int) -> bytes:
    """A GNU sparse file whose header goes on `count` times."""
    head = bytearray(header("sparse", tarfile.GNUTYPE_SPARSE, 512))
    head[482] = 1
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:512]))
    return bytes(head) + (bytes(504) + b"\1" + bytes(7)) * count + bytes(2048)


ARCHIVES = {
    "names nested 3,000 deep": lambda: tar_of(tarfile.TarInfo("top/" + "a/" * 3000 + "x")),
    "a name of 100,000 letters": lambda: tar_of(tarfile.TarInfo("top/" + "a" * 100_000)),
    "long names of long names": lambda: (
        (header("././@LongLink", b"L", 2) + b"a".ljust(512, b"\0")) * 5000 + bytes(1024)
    ),
    "a chain of GNU sparse headers": lambda: sparse(20_000),
    "a time beyond all clocks": lambda: tar_of(_timed(1 << 60)),
    "a folder in a file's place": lambda: tar_of(tarfile.TarInfo("top/a"), tarfile.TarInfo("top/a/b")),
}


def _timed(seconds: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo("top/x")
    member.mtime = seconds
    return member


@pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES.keys())
def test_an_odd_tar_is_unpacked_or_refused(make: Callable[[], bytes], tmp_path: Path) -> None:
    with suppress(CorruptArtefactError):
        _unpack(lzma.compress(make()), tmp_path, gzipped=False)


ENDLESS = {
    "xz streams of nothing": (lzma.compress(b""), False),
    "gzip streams of nothing": (gzip.compress(b""), True),
    "zeroes between streams": (bytes(1 << 16), False),
    "blocks of nothing": (b"\0\0\0\xff\xff" * 10_000, True),
}


@pytest.mark.parametrize(("piece", "gzipped"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_never_ends_and_gives_nothing_is_given_up(piece: bytes, gzipped: bool, tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield b"\x1f\x8b\x08\0\0\0\0\0\0\xff" if piece.startswith(b"\0\0\0\xff") else lzma.compress(b"")
        while True:
            yield piece

    with pytest.raises(CorruptArtefactError):
        unpack_tar(endless(), tmp_path, lambda name: name, name="it", gzip=gzipped, most_bytes=1 << 24)


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return out.getvalue()


def encrypted() -> bytes:
    data = bytearray(wheel("0.13.0"))
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def claiming(size: int) -> bytes:
    """A wheel whose first member says that it is so large."""
    data = bytearray(wheel("0.13.0"))
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = size.to_bytes(4, "little")
    return bytes(data)


WHEELS = {
    "encrypted": (encrypted, "encrypted"),
    "a RECORD of 65 MiB": (lambda: zipped({"x-1.dist-info/RECORD": bytes(65 << 20)}), "RECORD is longer"),
    "names nested 3,000 deep": (lambda: wheel("0.13.0", {"a/" * 3000 + "x": b""}), "a name in it"),
    "a name of 10,000 letters": (lambda: wheel("0.13.0", {"a" * 10_000: b""}), "a name in it"),
    "more than it holds": (lambda: claiming(0xF0000000), "damaged"),
}


@pytest.mark.parametrize(("make", "says"), WHEELS.values(), ids=WHEELS.keys())
def test_an_odd_wheel_is_refused(make: Callable[[], bytes], says: str, tmp_path: Path) -> None:
    (tmp_path / "it.whl").write_bytes(make())
    with pytest.raises(CorruptArtefactError, match=says):
        unpack_wheel(tmp_path / "it.whl", tmp_path / "out", lambda _: True, lambda: None)


# --- exports


def imported(**changed: object) -> None:
    """An export's objects, with these members changed in one of them."""
    head, *lines = _exported().decode().splitlines()
    rows = [json.loads(line) for line in lines]
    row = next(row for row in rows if row["row"] == "objects")
    with SqlUpkeep(open_history_database("sqlite://")) as upkeep:
        upkeep.take_in([head, json.dumps({**row, **changed})])


def packed(data: bytes) -> dict[str, object]:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return {"digest": digest, "size": len(data), "data": base64.b64encode(zlib.compress(data)).decode()}


def test_an_object_is_taken_in_if_it_is_what_its_digest_says() -> None:
    imported()
    imported(**packed(b"another"))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"digest": "sha256:" + "0" * 64}, "other bytes than its digest says"),
        ({"size": 1}, "bytes and not 1"),
        ({"size": "1"}, "size is str and not int"),
        ({"data": base64.b64encode(zlib.compress(b"other")).decode()}, "other bytes"),
        ({"data": base64.b64encode(zlib.compress(b"x")[:-4]).decode()}, "breaks off"),
        ({"data": base64.b64encode(b"no stream").decode()}, "incorrect header"),
        ({"size": 10**30}, "and not 1"),
    ],
)
def test_an_object_that_is_not_what_its_row_says_is_refused(changed: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidExportError, match=says):
        imported(**changed)


def test_objects_that_unpack_to_a_thousand_times_their_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_MOST_UNPACKED", 1 << 20)
    with pytest.raises(InvalidExportError, match="more than 100 times"):
        imported(**packed(bytes(2 << 20)))


def test_a_stream_is_unpacked_no_further_than_it_may() -> None:
    bomb = zlib.compress(bytes(64 << 20))
    assert len(bomb) < 1 << 17
    with pytest.raises(ValueError, match="more than 1 MiB"):
        list(inflated(bomb, 1 << 20))


def test_a_key_of_many_parts_is_refused_and_a_list_of_many_versions_is_not() -> None:
    with pytest.raises(ValueError, match=r"more than 64 parts \(at line 2\)"):
        read_toml("a = 1\n" + ".".join("b" * 66) + " = 1")
    assert len(read_toml("a = [" + ", ".join(['"1.2.3"'] * 100) + "]")["a"]) == 100


def test_the_rungs_are_many() -> None:
    assert len(set(RUNGS)) == len(RUNGS) > 40
