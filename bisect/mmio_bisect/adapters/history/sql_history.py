"""The `History` of the workflow over a database: the stores, each call in one transaction."""

import re
from collections.abc import Iterator, Sequence

from mmio_bisect.adapters.history import cases, judgements, outcomes, runs, toolchains
from mmio_bisect.adapters.history.runs import SqlRuns
from mmio_bisect.adapters.history.timeline import standings
from mmio_bisect.domain.outcome import Cell, Judgement, Outcome
from mmio_bisect.domain.toolchain import Point, Toolchain
from mmio_bisect.errors import UnknownRunError
from mmio_bisect.workflow.ports.history import OutcomeRecord

_KEY_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})", re.IGNORECASE)


class SqlHistory(SqlRuns):
    """Usable from several threads."""

    def toolchain_of(self, point: Point) -> Toolchain | None:
        with self.database.reading() as connection:
            return toolchains.of_point(connection, point)

    def remembered(self, series: str) -> frozenset[str]:
        with self.database.reading() as connection:
            return toolchains.versions_of(connection, series)

    def remember_toolchain(self, point: Point, toolchain: Toolchain) -> None:
        with self.database.writing() as connection:
            toolchains.remember(connection, point, toolchain)

    def outcomes_of(self, cells: Sequence[Cell]) -> dict[str, Outcome]:
        """By key, those that are known."""
        with self.database.reading() as connection:
            return outcomes.load(connection, [cell.key for cell in cells])

    def record(
        self, found: Sequence[tuple[Cell, Outcome]], judged: Sequence[tuple[Cell, Outcome, Judgement]] = ()
    ) -> None:
        """Outcomes, then judgements, in one transaction: a sweep writes many, and each commit waits for the disk."""
        with self.database.writing() as connection:
            cells = outcomes.keep(connection, found)
            cases.keep(connection, [cell.request.case for cell, _, _ in judged])
            of_objects = [
                (outcome.object_digest, cell.request.case.expectation_digest, judgement)
                for cell, outcome, judgement in judged
                if outcome.object_digest is not None  # without an object there is nothing to keep
            ]
            standings.after_written(connection, cells=cells, judgements=judgements.keep(connection, of_objects))

    def judgement_of(self, cell: Cell, outcome: Outcome, profile: str, rules: int) -> Judgement | None:
        """Equal objects are judged once, whichever cells they come from."""
        digest = outcome.object_digest
        if digest is None:
            return None
        with self.database.reading() as connection:
            return judgements.load(connection, digest, cell.request.case.expectation_digest, profile, rules)

    def outcomes(self, *, run: int | None = None) -> Iterator[OutcomeRecord]:
        """Newest first. No transaction is open while the caller works on a record, so that it may write."""
        with self.database.reading() as connection:
            if run is not None:
                runs.load(connection, run)
            keys = outcomes.keys(connection, run=run)
        return map(self._record, keys)

    def outcome(self, cell_key: str) -> OutcomeRecord:
        prefix = _KEY_PREFIX.fullmatch(cell_key)
        if prefix is None:
            raise UnknownRunError(f"'{cell_key}' is not the beginning of an outcome's key: give hexadecimal digits.")
        with self.database.reading() as connection:
            key, count = outcomes.keys_beginning(connection, f"sha256:{prefix[1].lower()}")
            if key is None:
                raise UnknownRunError(
                    f"History has no outcome {cell_key}: `mmio-bisect history list` shows those that it has."
                )
            if count > 1:
                raise UnknownRunError(f"{count} outcomes in history begin with {cell_key}: give more digits.")
            return outcomes.record(connection, key)

    def _record(self, cell_key: str) -> OutcomeRecord:
        with self.database.reading() as connection:
            return outcomes.record(connection, cell_key)
