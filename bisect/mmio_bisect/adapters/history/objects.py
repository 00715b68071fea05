"""Object files, each kept once under its digest."""

import zlib

from sqlalchemy import Connection, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_if_new
from mmio_bisect.domain.recipe import digest_of


def keep(connection: Connection, data: bytes) -> str:
    """Gives the digest."""
    digest = digest_of(data)
    insert_if_new(
        connection,
        schema.objects,
        key={"digest": digest},
        values={"size": len(data), "data": zlib.compress(data)},
    )
    return digest


def load(connection: Connection, digest: str) -> bytes:
    """Raises `ValueError` when the bytes are not those that were kept."""
    stored = connection.scalars(select(schema.objects.c.data).where(schema.objects.c.digest == digest)).one()
    data = zlib.decompress(stored)
    if digest_of(data) != digest:
        raise ValueError(f"the object {digest} has other bytes than were kept")
    return data
