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

from mmio_bisect.adapters.fetch.tar_stream import MOST_BYTES, MOST_MEMBERS
from mmio_bisect.adapters.foreign_input import refusing
from mmio_bisect.errors import CorruptArtefactError

_CHUNK: Final = 1 << 20
_LONGEST_RECORD: Final = 64 << 20


def unpack_wheel(wheel: Path, folder: Path, wanted: Callable[[str], bool], stop: Callable[[], None]) -> None:
    """Write the wanted members below `folder`; `stop` is called now and then and may raise.

    Raises `CorruptArtefactError`, whatever is wrong with the archive.
    """

    def refusal(why: str) -> CorruptArtefactError:
        return CorruptArtefactError(f"{wheel.name} is damaged ({why}): fetch it again")

    with refusing(refusal, zipfile.BadZipFile, zlib.error, csv.Error), zipfile.ZipFile(wheel) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MOST_MEMBERS:
            raise zipfile.BadZipFile(f"it has more than {MOST_MEMBERS} members")
        names = [_safe(member.filename, wheel) for member in members]
        if len(set(names)) != len(names):
            raise CorruptArtefactError(f"{wheel.name} has two files of one name: fetch it again")
        record = _record_of(archive, names)
        chosen = [(member, name) for member, name in zip(members, names, strict=True) if wanted(name)]
        # No more than that is read of a member, whatever its stream would unpack to.
        if sum(member.file_size for member, _ in chosen) > MOST_BYTES:
            raise CorruptArtefactError(
                f"{wheel.name} unpacks to more than {MOST_BYTES >> 20} MiB, which no compiler does: it is not unpacked"
            )
        for member, name in chosen:
            stop()
            _unpack(archive, member, folder / name, record.get(name), stop)


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
    if archive.getinfo(found[0]).file_size > _LONGEST_RECORD:
        raise zipfile.BadZipFile(f"its RECORD is longer than {_LONGEST_RECORD >> 20} MiB")
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
