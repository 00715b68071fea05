"""The `Outbox` of the workflow, in the history's database, which keeps the state of each series whole, as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from mmio_bisect.adapters.foreign_input import MALFORMED
from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.database import OverDatabase
from mmio_bisect.adapters.history.rows import insert_if_new, insert_numbered, now
from mmio_bisect.domain.access import Mark
from mmio_bisect.domain.records import record_of, value_of
from mmio_bisect.errors import CorruptDatabaseError
from mmio_bisect.workflow.watch.news import Line, LineState, MarkState, SeriesState
from mmio_bisect.workflow.watch.notices import Delivery, Notice, Tick

_OF_FORMAT_1 = {"told": "reported", "cut": "deferred", "pursuits": "descents"}

_watched, _notices, _deliveries, _ticks = schema.watched, schema.notices, schema.deliveries, schema.ticks


def encode_state(state: SeriesState) -> str:
    lines = [
        {
            **record_of(line),
            "version": known.version,
            "unseen": dict(known.unseen),
            "marks": [{**record_of(mark), **record_of(at)} for mark, at in known.marks.items()],
        }
        for line, known in state.lines.items()
    ]
    return json.dumps({"format": 2, **record_of(state), "lines": lines}, ensure_ascii=False)


def decode_state(text: str | None) -> SeriesState:
    """None is a series that was never watched. Raises `CorruptDatabaseError`."""
    if text is None:
        return SeriesState()
    try:
        members = _members(text)
        lines = {value_of(Line, each): _line_state(each) for each in members["lines"]}
        return value_of(SeriesState, members, lines=lines)
    except MALFORMED as error:
        raise CorruptDatabaseError(
            f"What the watch keeps of a series cannot be read ({type(error).__name__}: {error}): restore a backup."
        ) from error


def _members(text: str) -> dict[str, Any]:
    members = json.loads(text, object_hook=lambda each: {_OF_FORMAT_1.get(key, key): each[key] for key in each})
    if members["format"] not in {1, 2}:
        raise ValueError(f"format {members['format']}")
    return dict(members)


def _line_state(members: dict[str, Any]) -> LineState:
    marks = {value_of(Mark, each): value_of(MarkState, each) for each in members["marks"]}
    return LineState(version=members["version"], marks=marks, unseen=members.get("unseen", {}))


class SqlOutbox(OverDatabase):
    """Close it, or use it in a `with`."""

    def state(self, series: str, profile: str) -> SeriesState:
        wanted = select(_watched.c.state).where(_watched.c.series == series, _watched.c.profile == profile)
        with self.database.reading() as connection:
            return decode_state(connection.scalar(wanted))

    def keep(
        self, series: str, profile: str, state: SeriesState, notices: Sequence[Notice], channels: Sequence[str]
    ) -> tuple[Notice, ...]:
        key = {"series": series, "profile": profile}
        values = {"state": encode_state(state), "updated": now()}
        with self.database.writing() as connection:
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
        with self.database.reading() as connection:
            return tuple(map(_delivery, connection.execute(wanted).mappings()))

    def delivered(self, key: str, channel: str) -> None:
        self._tried(key, channel, error=None, delivered=now())

    def failed(self, key: str, channel: str, error: str) -> None:
        self._tried(key, channel, error=error, delivered=None)

    def _tried(self, key: str, channel: str, **values: str | None) -> None:
        notice = select(_notices.c.id).where(_notices.c.key == key).scalar_subquery()
        with self.database.writing() as connection:
            connection.execute(
                update(_deliveries)
                .where(_deliveries.c.notice_id == notice, _deliveries.c.channel == channel)
                .values(attempts=_deliveries.c.attempts + 1, **values)
            )

    def begin_tick(self) -> int:
        with self.database.writing() as connection:
            return insert_numbered(connection, _ticks, {"started": now()})

    def finish_tick(self, tick: int, code: int, summary: str) -> None:
        with self.database.writing() as connection:
            done = {"finished": now(), "code": code, "summary": summary}
            connection.execute(update(_ticks).where(_ticks.c.id == tick).values(**done))

    def ticks(self, *, limit: int) -> tuple[Tick, ...]:
        with self.database.reading() as connection:
            rows = connection.execute(select(_ticks).order_by(_ticks.c.id.desc()).limit(limit)).mappings()
            return tuple(value_of(Tick, row) for row in rows)


def _queue(connection: Connection, notice: Notice, channels: Sequence[str]) -> bool:
    """Whether nobody was told before."""
    values = {**record_of(notice, without={"key", "run"}), "run_id": notice.run, "recorded": now()}
    made = insert_if_new(connection, _notices, key={"key": notice.key}, values=values)
    if made is None:
        return False
    for channel in channels:
        connection.execute(insert(_deliveries).values(notice_id=made[0], channel=channel, attempts=0))
    return True


def _delivery(row: RowMapping) -> Delivery:
    return value_of(Delivery, row, notice=value_of(Notice, row, run=row["run_id"]))
