"""Words to put before a command so that it, and nobody else, sees a folder as a small disk or as read-only.

A mount namespace of its own does that, for root as well, whom permissions do not stop. It goes away with the command.
Other users get one together with a user namespace, where the kernel grants it.
"""

import os
from pathlib import Path

_UNSHARE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")


def small_disk(folder: Path, size: str) -> tuple[str, ...]:
    """The folder is an empty disk of that size (`64k`); it must exist, and what is written to it is lost."""
    folder.mkdir(parents=True, exist_ok=True)
    return (*_UNSHARE, "sh", "-ec", 'mount -t tmpfs -o "size=$1" none "$0"; shift; exec "$@"', str(folder), size)


def read_only(folder: Path) -> tuple[str, ...]:
    mounting = 'mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"; exec "$@"'
    return (*_UNSHARE, "sh", "-ec", mounting, str(folder))
