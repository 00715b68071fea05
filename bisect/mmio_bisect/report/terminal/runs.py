"""A run from history for people: when and what, and its answer again in full."""

import shlex
from collections.abc import Iterable

from rich.text import Text

from mmio_bisect.report.documents.run_documents import replay
from mmio_bisect.report.terminal.answers import answer_text
from mmio_bisect.report.terminal.tables import columns, counted, moment_text
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord


def run_text(record: RunRecord, outcomes: Iterable[OutcomeRecord], *, width: int) -> Text:
    rows = [
        ("run", str(record.id)),
        ("case", record.case),
        ("range", f"{record.series}:{record.first}..{record.last}"),
        ("profile", record.profile),
        ("started", moment_text(record.started)),
        ("finished", moment_text(record.finished) if record.finished else "no"),
    ]
    text = Text(columns(rows) + "\n\n")
    found = list(outcomes)
    told = replay(record, found)
    if told is None:
        text.append(f"Not finished; {counted(len(found), 'outcome')} kept. To resume: {shlex.join(record.argv)}\n")
    else:
        text.append_text(answer_text(told.answers, argv=told.argv, cost=told.cost, width=width, changed=told.changed))
    return text
