"""How much disk a command has used, looked at while it runs: file systems of ordinary users know no quota of a folder.

`container_init.pl` counts in the same way, in containers.
"""

import os
import sys
import time
from pathlib import Path
from typing import Final

_FIRST_SECONDS: Final = 0.5
_SHARE: Final = 40  # of the time, one part is spent on looking
_BLOCK: Final = 512
_ENTRY: Final = 4096  # so that files with nothing in them have an end, too


class Meter:
    """Of one folder and `most` bytes in it."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._due = time.monotonic() + _FIRST_SECONDS

    def exceeded(self) -> bool:
        """Looked up only when it is due again."""
        begun = time.monotonic()
        if begun < self._due:
            return False
        used = used_bytes(self._folder)
        ended = time.monotonic()
        self._due = ended + max(_FIRST_SECONDS, _SHARE * (ended - begun))
        return used > self._most


def used_bytes(folder: Path) -> int:
    """Of everything below it; more than any limit where a part of it is closed to us, since anything may be there."""
    waiting, seen, total = [os.fspath(folder)], set(), 0
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    total += _ENTRY
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif found.st_nlink > 1 and found.st_ino in seen:
                        continue
                    else:
                        seen.add(found.st_ino)
                    total += _BLOCK * found.st_blocks
        except (FileNotFoundError, NotADirectoryError):  # it went while we looked
            continue
        except OSError:
            return sys.maxsize
    return total
