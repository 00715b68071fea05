"""Where Rust's compilers come from, as options and environment say."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mmio_bisect.errors import UsageError

if TYPE_CHECKING:
    from mmio_bisect.adapters.fetch.http_transfer import HttpFile
    from mmio_bisect.adapters.git.merge_log import MergeLog
    from mmio_bisect.adapters.series.rust_endpoints import Manifest, RustEndpoints

DIST = "MMIO_BISECT_RUST_DIST"
CI = "MMIO_BISECT_RUST_CI"
SILENCE = "MMIO_BISECT_SILENCE"


def rust_endpoints(repositories: Path, given: Path | None, say: Callable[[str], None]) -> "RustEndpoints":
    """`given` is a clone of Rust's repository to use in place of one of our own below `repositories`."""
    from mmio_bisect.adapters.fetch.download import Downloads  # noqa: PLC0415 - imported on demand
    from mmio_bisect.adapters.series.rust_endpoints import RustEndpoints  # noqa: PLC0415 - imported on demand

    return RustEndpoints(
        releases=_url(DIST),
        builds=_url(CI),
        downloads=Downloads(connect=_connect, silence_seconds=_seconds(SILENCE, 30.0)),
        read_manifest=_read_manifest,
        log=lambda address: _merge_log(address, repositories, given, say),
    )


def _connect(url: str, cancelled: Callable[[], bool], silence_seconds: float) -> "HttpFile":
    from mmio_bisect.adapters.fetch.http_transfer import HttpFile  # noqa: PLC0415 - loads httpx

    return HttpFile(url, cancelled, silence_seconds)


def _read_manifest(text: bytes, *, url: str, base_url: str) -> "Manifest":
    from mmio_bisect.adapters.series.rust_manifest import read_manifest  # noqa: PLC0415 - loads pydantic

    return read_manifest(text, url=url, base_url=base_url)


@cache
def _merge_log(address: str, repositories: Path, given: Path | None, say: Callable[[str], None]) -> "MergeLog":
    """One for all that ask: reading 70,000 merges takes seconds."""
    try:
        from mmio_bisect.adapters.git.merge_log import MergeLog  # noqa: PLC0415 - heavy, and seldom needed
    except ImportError as error:  # gitpython looks for git when it is loaded
        raise UsageError("git is not found, and commits of Rust are read with it: install git.") from error
    own = repositories / address.rstrip("/").rpartition("/")[2]
    return MergeLog(own=own, url=address, given=given, say=say)


def _url(variable: str) -> str | None:
    url = (os.environ.get(variable) or "").rstrip("/")
    if url and not url.startswith(("http://", "https://")):
        raise UsageError(
            f"{variable} is {url!r}, which is not an address: write it with https:// or http:// before it."
        )
    return url or None


def _seconds(variable: str, default: float) -> float:
    text = os.environ.get(variable)
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise UsageError(f"{variable} is {text!r}: write a number of seconds from 0.1 to 3600.")
    return seconds
