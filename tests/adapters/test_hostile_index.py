"""A package index that wants to run something here, to fill the disk or the memory, or to keep us waiting."""

import hashlib
import io
import os
import tarfile
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hostile_repository import marking_program
from loopback_index import Index, answer, head, wheel
from signalling import Noted

from mmio_bisect.adapters.fetch import pip_process
from mmio_bisect.adapters.series.zig import ZigSeries
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CorruptArtefactError, DownloadError, MmioBisectError

POINT = Point(series="zig", version="0.13.0", sort_key="0")


@pytest.fixture
def series(tmp_path: Path) -> ZigSeries:
    return ZigSeries(tmp_path / "cache", retries=0, silence_seconds=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "toolchain"
    folder.mkdir()
    return folder


def source_archive(program: Path) -> bytes:
    """What pip would build, by running its setup.py."""
    script = f"import subprocess; subprocess.run(['{program}'])\n".encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in {"setup.py": script, "PKG-INFO": b"Name: ziglang\nVersion: 0.13.0\n"}.items():
            member = tarfile.TarInfo(f"ziglang-0.13.0/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def page(*links: str) -> bytes:
    return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()


def test_nothing_of_a_source_archive_or_another_address_is_run(
    index: Index, series: ZigSeries, folder: Path, tmp_path: Path
) -> None:
    program, mark = marking_program(tmp_path)
    name, archive = "ziglang-0.13.0.tar.gz", source_archive(program)
    index.wheels[name], index.promised[name] = archive, hashlib.sha256(archive).hexdigest()
    links = [
        f'<a href="/files/{name}">{name}</a>',
        f'<a href="git+ext::{program}#egg=ziglang-0.13.0">ziglang-0.13.0-py3-none-any.whl</a>',
        f'<a href="file://{program}#egg=ziglang-0.13.0">ziglang-0.13.0</a>',
    ]
    index.serve_page = lambda request, _: answer(request, page(*links), kind="text/html")
    with pytest.raises(DownloadError):
        series.listing()
    with pytest.raises(DownloadError, match="does not offer"):
        series.fetch(POINT, folder, Noted())
    assert not mark.exists()
    assert not any(path.startswith("/files/") for path in index.asked)
    assert list(folder.iterdir()) == []


def test_a_name_that_leads_elsewhere_is_not_followed(index: Index, series: ZigSeries, folder: Path) -> None:
    index.add("0.13.0")

    def serve(request: BaseHTTPRequestHandler, content: bytes) -> None:
        request.send_response(200)
        request.send_header("Content-Disposition", 'attachment; filename="../../../evil-0.13.0-py3-none-any.whl"')
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    index.serve_wheel = serve
    series.fetch(POINT, folder, Noted())
    assert {path.name for path in folder.iterdir()} == {"ziglang"}
    assert not list(folder.parent.glob("*.whl"))


def test_a_redirection_to_a_file_of_ours_is_not_a_wheel(
    index: Index, series: ZigSeries, folder: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"what is ours")
    links = '<a href="/files/ziglang-0.13.0-py3-none-any.whl">ziglang-0.13.0-py3-none-any.whl</a>'
    index.add("0.13.0")
    index.serve_page = lambda request, _: answer(request, page(links), kind="text/html")

    def serve(request: BaseHTTPRequestHandler, _content: bytes) -> None:
        request.send_response(302)
        request.send_header("Location", f"file://{secret}")
        request.end_headers()

    index.serve_wheel = serve
    with pytest.raises(MmioBisectError) as refused:
        series.fetch(POINT, folder, Noted())
    assert "what is ours" not in str(refused.value)
    assert list(folder.iterdir()) == []


def drip(request: BaseHTTPRequestHandler, content: bytes) -> None:
    """Byte by byte: never silent, never done."""
    head(request, len(content) + (50 << 20))
    for number in range(10_000):
        request.wfile.write(content[number : number + 1] or b"x")
        request.wfile.flush()
        time.sleep(0.02)


def flood(request: BaseHTTPRequestHandler, _content: bytes, kind: str = "application/octet-stream") -> None:
    """Without end, and without saying how much it is."""
    request.send_response(200)
    request.send_header("Content-Type", kind)
    request.end_headers()
    while True:
        request.wfile.write(bytes(1 << 20))


def test_a_wheel_that_drips_is_given_up(index: Index, tmp_path: Path, folder: Path) -> None:
    series = ZigSeries(tmp_path / "cache", retries=0, silence_seconds=8)
    index.add("0.13.0", wheel("0.13.0", {"ziglang/zig": os.urandom(300_000)}))
    index.serve_wheel = drip
    begun = time.monotonic()
    with pytest.raises(DownloadError, match="next to nothing"):
        series.fetch(POINT, folder, Noted())
    assert time.monotonic() - begun < 60
    assert list(folder.iterdir()) == []


def test_a_wheel_without_end_does_not_fill_the_disk(
    index: Index, series: ZigSeries, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pip_process, "_FILE_BYTES", 8 << 20)
    index.add("0.13.0")
    index.serve_wheel = flood
    with pytest.raises(CorruptArtefactError, match=r"sends more than ziglang 0\.13\.0 can be"):
        series.fetch(POINT, folder, Noted())
    assert list(folder.iterdir()) == []


def test_a_page_without_end_does_not_fill_the_memory(
    index: Index, series: ZigSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pip_process, "_MEMORY_BYTES", 256 << 20)
    index.serve_page = lambda request, content: flood(request, content, kind="text/html")
    with pytest.raises((CorruptArtefactError, DownloadError)):
        series.listing()


def test_versions_and_reasons_of_its_own_are_left_out_or_neutral(index: Index, series: ZigSeries) -> None:
    names = ["ziglang-0.13.0-py3-none-any.whl", "ziglang-1\x1b[2J-py3-none-any.whl", "ziglang-9\u202e-py3-none-any.whl"]
    links = [f'<a href="/files/{name}" data-yanked="\x1b]0;evil\x07">{name}</a>' for name in names]
    index.serve_page = lambda request, _: answer(request, page(*links, links[0]), kind="text/html; charset=utf-8")
    try:
        versions = [point.version for point in series.listing().points]
    except DownloadError:
        versions = []
    assert set(versions) <= {"0.13.0"}
