"""mmio-bisect as a user runs it: a process of its own, in a home where nothing else is.

Nothing of this machine's configuration reaches it: no database, store, listing or pip settings but those given here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs

from mmio_bisect.adapters.fetch.listing_cache import CachedVersions, ListingCache

# Nobody listens on the discard port: whoever asks the network unasked is refused at once.
NO_INDEX = "http://127.0.0.1:9/simple"
_REPOSITORY = Path(__file__).parents[2]
# Without compiled modules every start would take a third longer than a user's.
_FOREIGN = ("PIP_", "MMIO_BISECT_", "XDG_", "GIT_", "PYTEST_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Runs commands below `root`: its home, temporary folder, database, and its store unless that is elsewhere."""

    root: Path
    index: str = NO_INDEX
    elsewhere: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.home, self.temporary, self.folder):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def folder(self) -> Path:
        """Where commands run."""
        return self.root / "here"

    @property
    def store(self) -> Path:
        return self.elsewhere or self.root / "store"

    @property
    def database(self) -> Path:
        return self.root / "results" / "history.db"

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_FOREIGN) and not name.lower().endswith("_proxy")
        }
        return kept | {
            "PATH": os.defpath,  # pip asks whatever `rustc` it finds for its version, and rustup's writes into HOME
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "MMIO_BISECT_STORE": str(self.store),
            "MMIO_BISECT_DATABASE": f"sqlite:///{self.database}",
            # Of wheels that hand the words on to a real compiler, and the pipes that some wait at.
            "MMIO_BISECT_VISIBLE": f"{platformdirs.user_cache_path('mmio-bisect')}:{self.root.parent}:{_REPOSITORY}",
            "DOCKER_HOST": f"unix://{self.root}/no-docker",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index,
            "PIP_RETRIES": "0",
            "NO_COLOR": "1",
            "COLUMNS": "160",
            **self.extra,
        }

    def lists(self, series: str, versions: Sequence[str]) -> None:
        """Have the tool think that it asked just now, and was told of these versions."""
        cache = ListingCache(
            self.home / ".cache" / "mmio-bisect" / "listings",
            series,
            max_age=timedelta(hours=24),
            warn=print,
            subject=series,
        )
        cache.save(CachedVersions(versions=tuple(versions), asked_at=datetime.now(UTC)))

    def __call__(self, *words: str, before: Sequence[str] = (), timeout: float = 120) -> Said:
        """Run one command to its end; `before` are the words of a program that is to run it."""
        ended = subprocess.run(
            [*before, *_COMMAND, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            env=self.environment,
            cwd=self.folder,
        )
        return Said(status=ended.returncode, out=ended.stdout, err=ended.stderr)

    def start(self, *words: str, program: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Begin a command; `program` takes the place of the tool's own."""
        return subprocess.Popen(
            [*(program or _COMMAND), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            env=self.environment,
            cwd=self.folder,
        )

    def processes(self) -> list[str]:
        """What is running of this tool, by its command line: no descendant can be rid of its environment's paths."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):  # it ended while we looked
                if entry.name.isdigit() and os.fsencode(self.root) in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found

    def files(self) -> set[str]:
        """Everything there is below the root, folders that are empty included; of toolchains only the folders."""
        found = set()
        for path in self.root.rglob("*"):
            inside = path.relative_to(self.root)
            if inside.parts[:2] == ("store", "entries"):
                inside = Path(*inside.parts[:2])
            elif path.is_dir() and any(path.iterdir()):
                continue
            found.add(str(inside))
        return found


_COMMAND = (sys.executable, "-m", "mmio_bisect")
