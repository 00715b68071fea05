"""Archives that are unpacked while they arrive: what is wanted and no more, and nothing that a hostile one wants."""

import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from rust_artefacts import archive

from mmio_bisect.adapters.fetch.tar_stream import unpack_tar
from mmio_bisect.errors import CorruptArtefactError

FILES = {"bin/rustc": b"program" * 1000, "lib/libstd.so": b"library", "share/doc/rust": b"words"}


def pieces(data: bytes, size: int = 100) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def keep_all(member: PurePosixPath) -> PurePosixPath | None:
    return PurePosixPath(*member.parts[1:])


def unpack(data: bytes, folder: Path, *, gzipped: bool = False, most: int = 1 << 30, size: int = 100) -> None:
    unpack_tar(pieces(data, size), folder, keep_all, name="it.tar.xz", gzip=gzipped, most_bytes=most)


def tar_of(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))
    return lzma.compress(out.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_everything_wanted_is_there_however_it_arrives(tmp_path: Path, size: int) -> None:
    unpack(archive("top", FILES), tmp_path, size=size)
    assert {
        str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    } == FILES
    assert (tmp_path / "bin/rustc").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "lib/libstd.so").stat().st_mode & 0o777 == 0o644


def test_gzip_is_read_too(tmp_path: Path) -> None:
    unpack(gzip.compress(lzma.decompress(archive("top", FILES))), tmp_path, gzipped=True)
    assert (tmp_path / "bin/rustc").read_bytes() == FILES["bin/rustc"]


def test_only_what_is_wanted_is_written(tmp_path: Path) -> None:
    def wanted(name: PurePosixPath) -> PurePosixPath | None:
        return PurePosixPath("here") if name.name == "rustc" else None

    unpack_tar(pieces(archive("top", FILES)), tmp_path, wanted, name="it.tar.xz")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_several_streams_make_one_archive_with_padding_between(tmp_path: Path) -> None:
    parts = archive("top", {"a": b"first"}, ends=False), archive("top", {"b": b"second"})
    unpack(parts[0] + bytes(8) + parts[1] + bytes(4), tmp_path, size=3)
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"first", b"second"]


def test_the_whole_file_is_read_even_behind_the_archive(tmp_path: Path) -> None:
    arriving = pieces(archive("top", FILES) + bytes(4000))
    unpack_tar(arriving, tmp_path, keep_all, name="it.tar.xz")
    assert next(arriving, None) is None


def test_a_link_inside_is_kept(tmp_path: Path) -> None:
    unpack(archive("top", {"lib/libLLVM.so.1": b"llvm", "lib/libLLVM.so": "libLLVM.so.1"}), tmp_path)
    assert (tmp_path / "lib/libLLVM.so").read_bytes() == b"llvm"


@pytest.mark.parametrize(
    "hostile",
    [
        tar_of(member("top/../../out"), content=b"x"),
        tar_of(member("top/link", tarfile.SYMTYPE, "../../etc/passwd")),
        tar_of(member("top/link", tarfile.SYMTYPE, "/etc/passwd")),
        tar_of(member("top/inside", tarfile.SYMTYPE, "."), member("top/inside/../../out"), content=b"x"),
        tar_of(member("top/hard", tarfile.LNKTYPE, "/etc/passwd")),
        tar_of(member("top/device", tarfile.CHRTYPE)),
        tar_of(member("top/pipe", tarfile.FIFOTYPE)),
    ],
    ids=["dots", "link out", "absolute link", "through a link", "hard link", "device", "pipe"],
)
def test_nothing_leads_out_of_the_folder(tmp_path: Path, hostile: bytes) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(CorruptArtefactError, match=r"it\.tar\.xz would write outside its folder"):
        unpack(hostile, inside)
    assert list(tmp_path.iterdir()) == [inside]


def test_what_unpacks_to_too_much_is_stopped(tmp_path: Path) -> None:
    bomb = archive("top", {"lib/zeroes.so": bytes(4 << 20)})
    assert len(bomb) < 100_000
    with pytest.raises(CorruptArtefactError, match=r"unpacks to more than 1 MiB"):
        unpack(bomb, tmp_path, most=1 << 20)


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    ],
)
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = kind, 1 << 30
    with pytest.raises(CorruptArtefactError, match="a header of 1073741824 bytes"):
        unpack(lzma.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20)), tmp_path)


WHOLE = archive("top", FILES)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        b"<html>",
        WHOLE[:50] + b"?" + WHOLE[51:],
        lzma.compress(b"no tar" * 99),
    ],
    ids=["empty", "short by one byte", "half", "a page", "a flipped byte", "no tar"],
)
def test_what_is_damaged_is_said_to_be(tmp_path: Path, damaged: bytes) -> None:
    with pytest.raises(CorruptArtefactError, match=r"it\.tar\.xz is damaged .*: fetch it again"):
        unpack(damaged, tmp_path)
