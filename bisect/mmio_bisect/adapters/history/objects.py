"""Object files, each kept once under its digest."""

import hashlib
import zlib
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, select

from mmio_bisect.adapters.foreign_input import inflated
from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_new
from mmio_bisect.domain.recipe import digest_of

MOST_BYTES: Final = 1 << 30
"""Of one object: four times what a compile may write unless `--object` says otherwise."""


def keep(connection: Connection, found: Iterable[bytes]) -> None:
    by_digest = {digest_of(data): data for data in found}
    rows = {digest: {"size": len(data), "data": zlib.compress(data)} for digest, data in by_digest.items()}
    insert_new(connection, schema.objects, "digest", rows)


def stored(connection: Connection, digest: str) -> bytes:
    """As the row has them; see `read`."""
    return bytes(connection.scalars(select(schema.objects.c.data).where(schema.objects.c.digest == digest)).one())


def read(digest: str, stored: bytes) -> bytes:
    """Raises `ValueError` when the bytes are not those that were kept, or more than an object's, and `zlib.error`."""
    data = b"".join(inflated(stored, MOST_BYTES))
    if digest_of(data) != digest:
        raise ValueError(f"the object {digest} has other bytes than were kept")
    return data


def check(digest: str, stored: bytes) -> int:
    """The size of an object from elsewhere, which is never whole in memory. Raises as `read`."""
    found, size = hashlib.sha256(), 0
    for piece in inflated(stored, MOST_BYTES):
        found.update(piece)
        size += len(piece)
    if f"sha256:{found.hexdigest()}" != digest:
        raise ValueError(f"the object {digest} has other bytes than its digest says")
    return size
