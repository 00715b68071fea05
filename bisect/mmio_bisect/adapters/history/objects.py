"""Object files, each kept once under its digest."""

import zlib
from collections.abc import Iterable

from sqlalchemy import Connection, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_new
from mmio_bisect.domain.recipe import digest_of


def keep(connection: Connection, found: Iterable[bytes]) -> None:
    by_digest = {digest_of(data): data for data in found}
    rows = {digest: {"size": len(data), "data": zlib.compress(data)} for digest, data in by_digest.items()}
    insert_new(connection, schema.objects, "digest", rows)


def stored(connection: Connection, digest: str) -> bytes:
    """As the row has them; see `read`."""
    return bytes(connection.scalars(select(schema.objects.c.data).where(schema.objects.c.digest == digest)).one())


def read(digest: str, stored: bytes) -> bytes:
    """Raises `ValueError` when the bytes are not those that were kept."""
    data = zlib.decompress(stored)
    if digest_of(data) != digest:
        raise ValueError(f"the object {digest} has other bytes than were kept")
    return data
