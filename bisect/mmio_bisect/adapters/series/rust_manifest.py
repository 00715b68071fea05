"""Channel manifests of static.rust-lang.org: which archives a Rust release consists of, and their hashes.

The format is rustup's, version 2 (rust-lang/rustup, `src/dist/manifest.rs`): TOML whose
`pkg.<component>.target.<triple>` has `available`, `url` and `hash` (tar.gz), and from 2017 on `xz_url` and `xz_hash`.
`pkg.rustc.version` reads `1.97.0-nightly (e50aa6fba 2026-05-19)`; `pkg.rustc.git_commit_hash` is not always there.
"""

import re
from datetime import date
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmio_bisect.adapters.foreign_input import MALFORMED, read_toml, why
from mmio_bisect.adapters.series.rust_endpoints import OFFICIAL, Archive, Manifest
from mmio_bisect.errors import CorruptArtefactError

_VERSION: Final = re.compile(
    r"(?P<version>\d+\.\d+\.\d+\S*)(?: \((?P<commit>[0-9a-f]{7,40}) (?P<date>\d{4}-\d{2}-\d{2})\))?"
)


class _Target(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    available: bool
    url: str | None = None
    hash: str | None = None
    xz_url: str | None = None
    xz_hash: str | None = None


class _Package(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    version: str = ""
    git_commit_hash: str | None = None
    target: dict[str, _Target] = Field(default_factory=dict)


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    manifest_version: str = Field(alias="manifest-version", pattern=r"^2$")
    date: date
    pkg: dict[str, _Package]


def read_manifest(text: bytes, *, url: str, base_url: str = OFFICIAL) -> Manifest:
    """Read it whole. Addresses on the official server are moved to `base_url`, a mirror.

    Raises `CorruptArtefactError`.
    """
    try:
        document = _Document.model_validate(read_toml(text.decode()))
        rustc = document.pkg["rustc"]
        archives = {
            (component, triple): archive
            for component, package in document.pkg.items()
            for triple, target in package.target.items()
            if (archive := _archive(component, target, base_url)) is not None
        }
    except KeyError as error:
        raise CorruptArtefactError(
            f"{url} is not a manifest of a Rust channel (it has no rustc): look at it"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CorruptArtefactError(
            f"{url} cannot be read as a manifest ({where}: {first['msg']}): look at it"
        ) from error
    except MALFORMED as error:
        raise CorruptArtefactError(f"{url} cannot be read as a manifest ({why(error)}): look at it") from error
    found = _VERSION.fullmatch(rustc.version)
    if found is None:
        raise CorruptArtefactError(f"{url} calls its rustc {rustc.version!r}, which is not a version: look at it")
    return Manifest(
        published=document.date,
        version=found["version"],
        commit=rustc.git_commit_hash or found["commit"],
        archives=archives,
    )


def _archive(component: str, target: _Target, base_url: str) -> Archive | None:
    if not target.available:
        return None
    if target.xz_url and target.xz_hash:
        return Archive(component=component, url=_moved(target.xz_url, base_url), sha256=_hash(target.xz_hash))
    if target.url and target.hash:
        return Archive(component=component, url=_moved(target.url, base_url), sha256=_hash(target.hash), gzip=True)
    return None


def _moved(url: str, base_url: str) -> str:
    return base_url + url.removeprefix(OFFICIAL) if url.startswith(f"{OFFICIAL}/") else url


def _hash(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError(f"{text!r} is not a SHA-256")
    return text
