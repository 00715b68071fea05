"""The versions that a source listed, kept for a while: asking takes a second, and needs the network.

A cache is never trouble: one that cannot be read is as good as none, and one that cannot be written is left alone.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.foreign_input import MALFORMED
from mmio_bisect.adapters.held_folder import held_work_folder
from mmio_bisect.errors import DownloadError, MissingToolchainError, SandboxError

_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedVersions:
    """Versions as the source wrote them, and when it was asked (UTC)."""

    versions: tuple[str, ...]
    asked_at: datetime

    def is_fresh(self, max_age: timedelta) -> bool:
        """One from the future is not: the clock was wrong then or is now."""
        return timedelta(0) <= datetime.now(UTC) - self.asked_at <= max_age


class ListingCache:
    """One file `<series>.json` in `folder`, which is made when first needed. `warn` is given sentences for the user."""

    def __init__(
        self, folder: Path, series: str, *, max_age: timedelta, warn: Callable[[str], None], subject: str
    ) -> None:
        self._path = folder / f"{series}.json"
        self._max_age = max_age
        self._warn = warn
        self._subject = subject

    def current(self, ask: Callable[[], CachedVersions], *, refresh: bool) -> CachedVersions:
        """What is kept, unless it is stale or `refresh`; an old answer, with a warning, where asking fails.

        Raises what `ask` raises where nothing is kept.
        """
        cached = self.load()
        if cached is not None and not refresh and cached.is_fresh(self._max_age):
            return cached
        try:
            asked = ask()
        except (DownloadError, SandboxError, MissingToolchainError) as error:
            if cached is None:
                raise
            self._warn(f"{self._subject} is of {cached.asked_at:%Y-%m-%d %H:%M} UTC: {error}")
            return cached
        self.save(asked)
        return asked

    def load(self) -> CachedVersions | None:
        """None where nothing readable is kept."""
        try:
            document = json.loads(self._path.read_bytes())
            versions, asked_at = document["versions"], datetime.fromisoformat(document["asked_at"])
            if document["schema"] != _SCHEMA or asked_at.tzinfo is None:
                return None
            if not versions or not all(isinstance(version, str) for version in versions):
                return None
            return CachedVersions(versions=tuple(versions), asked_at=asked_at)
        except (OSError, *MALFORMED):
            return None

    def save(self, cached: CachedVersions) -> None:
        document = {
            "schema": _SCHEMA,
            "asked_at": cached.asked_at.isoformat(),
            "versions": list(cached.versions),
        }
        with contextlib.suppress(OSError), held_work_folder(self._path.parent / "work") as aside:
            (aside / self._path.name).write_text(json.dumps(document))
            (aside / self._path.name).replace(self._path)
