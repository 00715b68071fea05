"""Unpacks the wanted part of a wheel, checked against the wheel's own RECORD while it is written.

The archive's format: https://packaging.python.org/specifications/binary-distribution-format/; RECORD has a line
`path,sha256=<urlsafe base64 without padding>,size` a file.
"""

import base64
import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from mmio_bisect.errors import CorruptArtefactError

_CHUNK: Final = 1 << 20


def unpack_wheel(wheel: Path, folder: Path, wanted: Callable[[str], bool], stop: Callable[[], None]) -> None:
    """Write the wanted members below `folder`; `stop` is called now and then and may raise.

    Raises `CorruptArtefactError`, whatever is wrong with the archive.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            names = [_safe(member.filename, wheel) for member in members]
            if len(set(names)) != len(names):
                raise CorruptArtefactError(f"{wheel.name} has two files of one name: fetch it again")
            record = _record_of(archive, names)
            for member, name in zip(members, names, strict=True):
                if wanted(name):
                    stop()
                    _unpack(archive, member, folder / name, record.get(name), stop)
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, NotImplementedError, csv.Error) as error:
        raise CorruptArtefactError(f"{wheel.name} is damaged ({error}): fetch it again") from error


def digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _safe(name: str, wheel: Path) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or str(path) != name:
        raise CorruptArtefactError(f"{wheel.name} would write outside its folder ({name!r}): it is not unpacked")
    return name


def _record_of(archive: zipfile.ZipFile, names: list[str]) -> dict[str, str]:
    """File name to its hash as RECORD writes it."""
    found = [name for name in names if name.count("/") == 1 and name.endswith(".dist-info/RECORD")]
    if len(found) != 1:
        raise zipfile.BadZipFile("it has no RECORD")
    rows = csv.reader(io.StringIO(archive.read(found[0]).decode()))
    return {row[0]: row[1] for row in rows if len(row) >= 2 and row[1]}


def _unpack(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, recorded: str | None, stop: Callable[[], None]
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(member) as source, target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
            stop()
    actual = "sha256=" + base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
    if actual != recorded:
        raise zipfile.BadZipFile(f"{member.filename} is not what its RECORD says")
