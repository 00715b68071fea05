"""The `Outbox` of the workflow, in the history's database."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Row, insert, select, update

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.database import Database, open_database
from mmio_bisect.adapters.history.rows import insert_if_new, now
from mmio_bisect.workflow.watch.notices import Delivery, Notice, NoticeKind, Tick

_watched, _notices, _deliveries, _ticks = schema.watched, schema.notices, schema.deliveries, schema.ticks


class SqlOutbox:
    """Close it, or use it in a `with`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str) -> Self:
        return cls(open_database(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def state(self, series: str, profile: str) -> str | None:
        wanted = select(_watched.c.state).where(_watched.c.series == series, _watched.c.profile == profile)
        with self._database.reading() as connection:
            found = connection.scalar(wanted)
        return None if found is None else str(found)

    def keep(
        self, series: str, profile: str, state: str, notices: Sequence[Notice], channels: Sequence[str]
    ) -> tuple[Notice, ...]:
        key = {"series": series, "profile": profile}
        values = {"state": state, "updated": now()}
        with self._database.writing() as connection:
            if insert_if_new(connection, _watched, key=key, values=values) is None:
                there = (_watched.c.series == series, _watched.c.profile == profile)
                connection.execute(update(_watched).where(*there).values(**values))
            return tuple(notice for notice in notices if _queue(connection, notice, channels))

    def pending(self) -> tuple[Delivery, ...]:
        wanted = (
            select(_notices, _deliveries.c.channel, _deliveries.c.attempts, _deliveries.c.error)
            .join(_deliveries, _deliveries.c.notice_id == _notices.c.id)
            .where(_deliveries.c.delivered.is_(None))
            .order_by(_notices.c.id, _deliveries.c.channel)
        )
        with self._database.reading() as connection:
            return tuple(map(_delivery, connection.execute(wanted).all()))

    def delivered(self, key: str, channel: str) -> None:
        self._tried(key, channel, error=None, delivered=now())

    def failed(self, key: str, channel: str, error: str) -> None:
        self._tried(key, channel, error=error, delivered=None)

    def _tried(self, key: str, channel: str, **values: str | None) -> None:
        notice = select(_notices.c.id).where(_notices.c.key == key).scalar_subquery()
        with self._database.writing() as connection:
            connection.execute(
                update(_deliveries)
                .where(_deliveries.c.notice_id == notice, _deliveries.c.channel == channel)
                .values(attempts=_deliveries.c.attempts + 1, **values)
            )

    def begin_tick(self) -> int:
        with self._database.writing() as connection:
            inserted = connection.execute(insert(_ticks).values(started=now()))
        return int((inserted.inserted_primary_key or (0,))[0])

    def finish_tick(self, tick: int, code: int, summary: str) -> None:
        with self._database.writing() as connection:
            done = {"finished": now(), "code": code, "summary": summary}
            connection.execute(update(_ticks).where(_ticks.c.id == tick).values(**done))

    def ticks(self, *, limit: int) -> tuple[Tick, ...]:
        with self._database.reading() as connection:
            rows = connection.execute(select(_ticks).order_by(_ticks.c.id.desc()).limit(limit)).all()
        return tuple(
            Tick(started=row.started, finished=row.finished, code=row.code, summary=row.summary) for row in rows
        )


def _queue(connection: Connection, notice: Notice, channels: Sequence[str]) -> bool:
    """Whether nobody was told before."""
    values = {
        "kind": notice.kind.value,
        "series": notice.series,
        "title": notice.title,
        "plain": notice.plain,
        "markdown": notice.markdown,
        "run_id": notice.run,
        "recorded": now(),
    }
    made = insert_if_new(connection, _notices, key={"key": notice.key}, values=values)
    if made is None:
        return False
    for channel in channels:
        connection.execute(insert(_deliveries).values(notice_id=made[0], channel=channel, attempts=0))
    return True


def _delivery(row: Row[Any]) -> Delivery:
    notice = Notice(
        key=row.key,
        kind=NoticeKind(row.kind),
        series=row.series,
        title=row.title,
        plain=row.plain,
        markdown=row.markdown,
        run=row.run_id,
    )
    return Delivery(notice=notice, channel=row.channel, attempts=row.attempts, error=row.error)
