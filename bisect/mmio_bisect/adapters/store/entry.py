"""One entry of the store: what is written beside a toolchain's files, and read of it again."""

import dataclasses
import json
import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from mmio_bisect.adapters.foreign_input import MALFORMED
from mmio_bisect.adapters.store.file_records import FileRecord, record, seal
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.errors import BrokenToolchainError
from mmio_bisect.workflow.ports.store import Filled

_SCHEMA: Final = 1
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A readable entry: `size` in bytes of all its files, and of its image; `sealed` if it was made with a seal."""

    folder: Path
    toolchain: Toolchain
    size: int
    image: str | None
    sealed: bool

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def record(self) -> Path:
        return self.folder / "toolchain.json"

    @property
    def seal(self) -> Path:
        return self.folder / "seal.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What an entry was when it was made: its files by their paths below `root`, and what docker calls its image."""

    files: dict[str, FileRecord]
    image: str | None


def name_of(point: Point) -> str:
    name = quote(f"{point.series}@{point.version}", safe="@+~!")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def write_entry(work: Path, point: Point, filled: Filled, *, image_size: int, image: str | None) -> None:
    """Seal what was put into `work / "root"`, record it, and flush it. `image` is what docker calls the filled one.

    Raises `BrokenToolchainError` where the tool is missing.
    """
    toolchain = filled.toolchain
    if not _DIGEST.fullmatch(toolchain.digest):
        raise ValueError(f"not a digest: {toolchain.digest!r}")
    tool = work / "root" / toolchain.tool[0]
    if filled.image is None and not tool.is_file():
        raise BrokenToolchainError(f"{point} was fetched, but lacks {toolchain.tool[0]}")
    files = [path for path in (work / "root").rglob("*") if path.is_file() and not path.is_symlink()]
    entry = {
        "schema": _SCHEMA,
        "size": sum(path.stat().st_size for path in files) + image_size,
        "tool_size": tool.stat().st_size if filled.image is None else None,
        "image": filled.image,
        "sealed": True,
        "toolchain": dataclasses.asdict(toolchain)
        | {"released": toolchain.released and toolchain.released.isoformat()},
    }
    (work / "toolchain.json").write_text(json.dumps(entry, indent=1))
    (work / "points").mkdir()
    (work / "points" / f"{name_of(point)}.json").write_text(json.dumps(dataclasses.asdict(point)))
    (work / "seal.json").write_text(sealed(work / "root", image))
    # An entry that is there must be whole even after a power cut: nobody would look into it again.
    for path in [
        *files,
        work / "toolchain.json",
        work / "seal.json",
        *(work / "points").iterdir(),
        work / "points",
        work,
    ]:
        flush(path)


def sealed(root: Path, image: str | None) -> str:
    """Make the files read-only, and take what is there for what shall be there: the text of `seal.json`."""
    seal(root)
    files = {name: dataclasses.astuple(each) for name, each in record(root).items()}
    return json.dumps({"schema": _SCHEMA, "image": image, "files": files})


def read_seal(entry: Entry) -> Seal | None:
    """None for an entry from before there were seals. Raises ValueError for one that is damaged, or was taken away."""
    try:
        found = json.loads(entry.seal.read_bytes())
        files = {
            name: FileRecord(size=size, modified=modified, changed=changed, content=content)
            for name, (size, modified, changed, content) in found["files"].items()
        }
        return Seal(files=files, image=found["image"])
    except FileNotFoundError:
        if entry.sealed:
            raise ValueError("seal.json is gone") from None
        return None
    except MALFORMED as error:
        raise ValueError("seal.json is damaged") from error


def flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_entry(folder: Path) -> Entry | None:
    """The entry in that folder; None if it is damaged or gone."""
    try:
        record = json.loads((folder / "toolchain.json").read_bytes())
        if record["schema"] != _SCHEMA:
            return None
        toolchain = _toolchain_from(record["toolchain"])
        image = record.get("image")  # missing in stores from before toolchains came in images
        tool = folder / "root" / toolchain.tool[0]
        intact = image is not None or tool.stat().st_size == record["tool_size"]
        if not intact or toolchain.digest != f"sha256:{folder.name}":
            return None
        return Entry(
            folder=folder,
            toolchain=toolchain,
            size=int(record["size"]),
            image=image,
            sealed=record.get("sealed", False),
        )
    except (FileNotFoundError, NotADirectoryError, *MALFORMED):
        return None


def _toolchain_from(fields: dict[str, Any]) -> Toolchain:
    released = fields["released"]
    return Toolchain(
        digest=fields["digest"],
        family=CompilerFamily(fields["family"]),
        tool=tuple(fields["tool"]),
        arguments=tuple(fields["arguments"]),
        version_text=fields["version_text"],
        compiler_version=fields["compiler_version"],
        llvm_version=fields["llvm_version"],
        commit=fields["commit"],
        released=None if released is None else date.fromisoformat(released),
    )


def read_point(path: Path) -> Point | None:
    try:
        return Point(**json.loads(path.read_bytes()))
    except MALFORMED:
        return None
