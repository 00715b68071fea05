"""What `doctor` found, for people and as a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mmio_bisect.report.documents.json_text import JSON, document
from mmio_bisect.report.terminal.tables import columns


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str


def findings_text(findings: Sequence[Finding]) -> str:
    return columns([(finding.state.value, finding.name, finding.detail) for finding in findings]) + "\n"


def findings_document(findings: Sequence[Finding]) -> JSON:
    members = [{"name": finding.name, "state": finding.state.value, "detail": finding.detail} for finding in findings]
    return document("doctor", findings=members)
