"""What compilers printed of their own instructions, a cell each where they were asked."""

import zlib
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import among, insert_new, select_in
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.workflow.ports.judge import PrintedWord

_words, _outcomes, _toolchains = schema.words, schema.outcomes, schema.toolchains
_OF_OBJECTS = (
    select(_outcomes.c.object_digest, _toolchains.c.family, _words.c.data)
    .join(_words, _words.c.cell_key == _outcomes.c.cell_key)
    .join(_toolchains, _toolchains.c.digest == _outcomes.c.toolchain_digest)
    .where(among(_outcomes.c.object_digest, "objects"))
    .order_by(_outcomes.c.cell_key)
)


def keep(connection: Connection, printed: Mapping[str, str]) -> None:
    """By the keys of cells whose outcomes are there."""
    rows = {key: {"data": zlib.compress(text.encode())} for key, text in printed.items()}
    insert_new(connection, _words, "cell_key", rows)


def read(stored: bytes | None) -> str | None:
    return None if stored is None else zlib.decompress(stored).decode()


def of_objects(connection: Connection, digests: Collection[str]) -> dict[str, PrintedWord]:
    """By the object's digest, of one of the cells that it came from."""
    found: dict[str, PrintedWord] = {}
    for row in select_in(connection, _OF_OBJECTS, "objects", digests):
        if row.object_digest not in found:
            text = zlib.decompress(row.data).decode()
            found[row.object_digest] = PrintedWord(family=CompilerFamily(row.family), text=text)
    return found
