"""Toolchains by their digests, and which of them each point of a series became."""

from collections.abc import Iterable

from sqlalchemy import Connection, RowMapping, select, update

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.rows import insert_if_new, insert_new, later_than, now
from mmio_bisect.adapters.history.timeline import standings
from mmio_bisect.domain.records import record_of, value_of
from mmio_bisect.domain.toolchain import Point, Toolchain

_toolchains, _points = schema.toolchains, schema.points


def keep(connection: Connection, found: Iterable[Toolchain]) -> None:
    rows = {toolchain.digest: record_of(toolchain, without={"digest"}) for toolchain in found}
    insert_new(connection, _toolchains, "digest", rows)


def of_digest(connection: Connection, digest: str) -> Toolchain:
    stored = select(_toolchains).where(_toolchains.c.digest == digest)
    return value_of(Toolchain, connection.execute(stored).mappings().one())


def of_point(connection: Connection, point: Point) -> Toolchain | None:
    """What the point became when it was last remembered."""
    row = _newest(connection, point)
    return None if row is None else value_of(Toolchain, row)


def _newest(connection: Connection, point: Point) -> RowMapping | None:
    newest = (
        select(_toolchains, _points.c.sort_key, _points.c.remembered)
        .join(_points)
        .where(_points.c.series == point.series, _points.c.version == point.version)
        .order_by(_points.c.remembered.desc())
        .limit(1)
    )
    return connection.execute(newest).mappings().one_or_none()


def versions_of(connection: Connection, series: str) -> frozenset[str]:
    return frozenset(connection.scalars(select(_points.c.version).where(_points.c.series == series).distinct()))


def remember(connection: Connection, point: Point, toolchain: Toolchain) -> None:
    """From now on the point is this toolchain; which others it was before stays known."""
    keep(connection, [toolchain])
    newest = _newest(connection, point)
    if newest is not None and (newest["digest"], newest["sort_key"]) == (toolchain.digest, point.sort_key):
        return
    moment = now() if newest is None else later_than(newest["remembered"])
    key = {"series": point.series, "version": point.version, "toolchain_digest": toolchain.digest}
    insert_if_new(connection, _points, key=key, values={"sort_key": point.sort_key, "remembered": moment})
    of_the_point = update(_points).where(_points.c.series == point.series, _points.c.version == point.version)
    connection.execute(of_the_point.values(sort_key=point.sort_key))
    connection.execute(of_the_point.where(_points.c.toolchain_digest == toolchain.digest).values(remembered=moment))
    standings.after_remembered(connection, point.series, point.version)


def points_of(connection: Connection, digest: str) -> tuple[Point, ...]:
    became = select(_points).where(_points.c.toolchain_digest == digest).order_by(_points.c.series, _points.c.sort_key)
    return tuple(value_of(Point, row) for row in connection.execute(became).mappings())
