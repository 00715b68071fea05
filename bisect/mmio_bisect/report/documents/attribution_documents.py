"""What `attribute` found, as a document: the layer, the passes, and the code before and after them."""

from collections.abc import Sequence
from typing import assert_never

from mmio_bisect.domain.attribution import (
    Attribution,
    DecidingPass,
    Explanation,
    Layer,
    LimitSearch,
    NoDecidingPass,
    NothingToAttribute,
    PassChange,
    PassFindings,
    PassName,
    Side,
    Snapshot,
    StandIn,
    Trial,
)
from mmio_bisect.domain.records import record_of
from mmio_bisect.report.documents.documents import compiler_members, level_members
from mmio_bisect.report.documents.json_text import JSON, document


def attribution_document(
    findings: Sequence[Attribution | NothingToAttribute], *, case: str, argv: Sequence[str]
) -> JSON:
    return document(
        "attribute",
        case=case,
        attributions=[_member(found) for found in findings],
        argv=list(argv),
    )


def _member(found: Attribution | NothingToAttribute) -> JSON:
    match found:
        case NothingToAttribute(older=older, newer=newer, reason=reason):
            return {
                **level_members(older.request),
                "kind": "nothing-to-attribute",
                "older": _side(older),
                "newer": _side(newer),
                "reason": reason,
            }
        case Attribution():
            return {
                **level_members(found.bad.request),
                "kind": "attribution",
                "change": found.change.value,
                "good": _side(found.good),
                "bad": _side(found.bad),
                "defects": [
                    {"function": mark.function, "access": mark.access, "kind": mark.kind.value}
                    for mark in sorted(found.telling, key=lambda mark: (mark.function, mark.access or "", mark.kind))
                ],
                "confidence": found.conclusion.confidence.value,
                "why": found.conclusion.why,
                "explanations": [_explanation(one) for one in found.conclusion.explanations],
                "stand_ins": [_stand_in(one) for one in found.stand_ins],
                "trials": [_trial(trial) for trial in found.trials],
                "searches": [_search(search) for search in found.searches],
                "functions": [_findings(one) for one in found.findings],
                "notes": list(found.notes),
                "cost": {"compiles": found.compiles, "seconds": round(found.seconds, 3)},
            }
        case _:
            assert_never(found)


def _side(side: Side) -> JSON:
    return {
        "toolchain": str(side.point),
        "case": side.request.case.file_name,
        **compiler_members(side.toolchain),
        "verdict": side.judgement.verdict.value,
    }


def _explanation(explanation: Explanation) -> list[list[str]]:
    return sorted([layer.value for layer in Layer if layer in enough] for enough in explanation.enough)


def _trial(trial: Trial) -> JSON:
    mix = {layer.value: "bad" if layer in trial.mix.bad_layers else "good" for layer in Layer}
    return {
        "layers": mix,
        "verdict": trial.verdict.value,
        "reason": trial.reason,
        "readable": trial.readable,
        "stand_ins": [layer.value for layer in Layer if layer in trial.stand_ins],
    }


def _stand_in(one: StandIn) -> JSON:
    return {
        "toolchain": str(one.point),
        **compiler_members(one.toolchain),
        "stands_for": str(one.stands_for),
        "makes": {"middle end": one.middle.value, "back end": one.back.value},
    }


def _search(search: LimitSearch) -> JSON:
    found = search.answer if isinstance(search.answer, DecidingPass) else None
    return {
        "layer": search.layer.value,
        "then": search.then.removeprefix(", then ") or None,
        "pass": _name(None if found is None else found.name),
        "limit": found and found.number,
        "option": found and found.option,
        "passes": search.passes,
        "passes_before": search.before,
        "compiles": search.compiles,
        "note": search.answer.why if isinstance(search.answer, NoDecidingPass) else None,
    }


def _findings(findings: PassFindings) -> JSON:
    diverging = findings.diverging
    return {
        "function": findings.function,
        "forming": _pass_change(findings.forming),
        "diverging": diverging
        and {
            "common": _snapshot(diverging.common),
            "good": _pass_change(diverging.good),
            "bad": _pass_change(diverging.bad),
            "differed_before": diverging.earlier,
            "given": findings.given,
        },
    }


def _name(name: PassName | None) -> JSON | None:
    return None if name is None else record_of(name)


def _snapshot(snapshot: Snapshot | None) -> JSON | None:
    if snapshot is None:
        return None
    return {"after": _name(snapshot.after), "form": "mir" if snapshot.machine else "ir", "text": snapshot.text}


def _pass_change(change: PassChange | None) -> JSON | None:
    if change is None:
        return None
    return {"pass": _name(change.name), "before": _snapshot(change.before), "after": _snapshot(change.after)}
