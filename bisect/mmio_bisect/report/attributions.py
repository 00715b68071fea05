"""What `attribute` found, for people and as a document: the layer, the passes, and the code before and after them."""

import difflib
import shlex
from collections.abc import Sequence
from typing import assert_never

from rich.text import Text

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.attribution import (
    Attribution,
    Confidence,
    Divergence,
    Explanation,
    Layer,
    LimitSearch,
    NothingToAttribute,
    PassChange,
    PassFindings,
    PassName,
    Side,
    Snapshot,
    Trial,
)
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.report.documents import JSON, compiler_name, document
from mmio_bisect.report.tables import columns, counted
from mmio_bisect.workflow.dumps import same_pass

_STYLES = {Verdict.GOOD: "green", Verdict.BAD: "bold red", Verdict.UNTESTABLE: "yellow"}
_CONTEXT = 3


def attribution_text(findings: Sequence[Attribution | NothingToAttribute], *, argv: Sequence[str]) -> Text:
    text = Text()
    for found in findings:
        if text:
            text.append("\n")
        match found:
            case NothingToAttribute():
                text.append(f"{_level(found.older)}: ", style="bold")
                text.append(f"nothing to attribute between {_named(found.older)} and {_named(found.newer)}: ")
                text.append(f"{found.reason}.\n")
            case Attribution():
                text.append_text(_attributed(found))
            case _:
                assert_never(found)
    text.append(f"\nTo repeat: {shlex.join(argv)}\n")
    return text


def _attributed(found: Attribution) -> Text:
    text = Text()
    text.append(f"{_level(found.bad)}: ", style="bold")
    text.append(f"{_claim(found)}\n")
    text.append(f"    {_what_changed(found)}\n    {found.conclusion.confidence}: {found.conclusion.why}.\n")
    text.append("\nEach layer from one toolchain or the other\n", style="bold")
    text.append_text(_trials(found))
    for search in found.searches:
        text.append_text(_searched(search))
    for findings in found.findings:
        text.append_text(_passes(found, findings))
    for note in found.notes:
        text.append(f"\nnote: {note}.\n")
    text.append(f"\n{counted(found.compiles, 'compile')} in {found.seconds:.1f} s.\n", style="dim")
    return text


def _level(side: Side) -> str:
    return f"{side.request.target.name} -O{side.request.opt}"


def _named(side: Side) -> str:
    return f"{side.point} ({compiler_name(side.toolchain)})"


def _claim(found: Attribution) -> str:
    explanations = found.conclusion.explanations
    if not explanations:
        return "no layer can be named"
    if found.conclusion.confidence is Confidence.OPEN:
        return "one of: " + "; ".join(explanation_text(one) for one in explanations[:4])
    return explanation_text(explanations[0])


def _what_changed(found: Attribution) -> str:
    kinds = ", ".join(sorted({kind for _, _, kind in found.telling}))
    match found.change:
        case Change.INTRODUCED:
            return f"{kinds} in {_named(found.bad)}, not yet in {_named(found.good)}"
        case Change.FIXED:
            return f"{kinds} in {_named(found.bad)}, no longer in {_named(found.good)}"


def explanation_text(explanation: Explanation) -> str:
    """`the back end`, `the middle end and the back end together`, `the front end or the back end, each by itself`."""
    order = list(Layer)
    sets = sorted((sorted(enough, key=order.index) for enough in explanation.enough), key=lambda one: (len(one), one))
    words = [" and ".join(f"the {layer}" for layer in one) + (" together" if len(one) > 1 else "") for one in sets]
    return words[0] if len(words) == 1 else " or ".join(words) + ", each by itself"


def _trials(found: Attribution) -> Text:
    text = Text()
    names = {True: found.bad.point.version, False: found.good.point.version}
    sides = [
        [names[layer in trial.mix.bad_layers] for layer in Layer] + [trial.verdict.value, trial.reason or ""]
        for trial in found.trials
    ]
    table = columns(sides, head=[*(layer.value for layer in Layer), "verdict", ""]).splitlines()
    styles = ["bold", *(_STYLES[trial.verdict] for trial in found.trials)]
    for line, style in zip(table, styles, strict=True):
        text.append(f"  {line}\n", style="bold" if style == "bold" else "")
    return text


def _searched(search: LimitSearch) -> Text:
    head = f"\nPasses of the {search.layer} switched off{search.then} ({counted(search.compiles, 'compile')}): "
    text = Text(head, style="bold")
    if search.name is None:
        text.append(f"{search.note}.\n")
    else:
        text.append(
            f"good with {(search.number or 0) - 1} of {search.passes} passes, bad with {search.name.title} "
            f"(-mllvm -opt-bisect-limit={search.number})\n"
        )
    return text


def _passes(found: Attribution, findings: PassFindings) -> Text:
    text = Text()
    if findings.diverging is not None:
        text.append(f"\n{findings.function}: first diverging pass: ", style="bold")
        text.append_text(_divergence(found, findings.diverging))
    if findings.forming is not None:
        text.append(f"\n{findings.function}: the access takes its form in ", style="bold")
        confirmed = any(search.name and same_pass(search.name, findings.forming.name) for search in found.searches)
        text.append(f"{_full(findings.forming.name)} of {found.bad.point}")
        text.append("; switched off, it is good\n" if confirmed else "\n")
        text.append_text(_change(findings.forming))
    return text


def _divergence(found: Attribution, divergence: Divergence) -> Text:
    text = Text()
    for side, change in ((found.bad, divergence.bad), (found.good, divergence.good)):
        name = "nothing further" if change is None else _full(change.name)
        text.append(f"{name} of {side.point}" + (" / " if side is found.bad else ""))
    if divergence.common is None:
        text.append("; they are never the same\n")
    else:
        text.append(f"; the same after {_full(divergence.common.after)}")
        text.append(", and not always before\n" if divergence.earlier else "\n")
    if divergence.bad is not None:
        text.append_text(_change(divergence.bad))
    return text


def _full(name: PassName) -> str:
    return f"{name.title} ({name.argument})" if name.argument and name.argument != name.title else name.title


def _change(change: PassChange) -> Text:
    """A unified difference, or the whole where there is nothing before."""
    text = Text()
    after = change.after.text.splitlines()
    if change.before is None or change.before.machine is not change.after.machine:
        before: list[str] = [] if change.before is None else change.before.text.splitlines()
        for mark, lines in (("-", before), ("+", after)):
            for line in lines:
                text.append(f"  {mark} {line}\n", style="red" if mark == "-" else "green")
        return text
    for line in list(difflib.unified_diff(change.before.text.splitlines(), after, n=_CONTEXT, lineterm=""))[2:]:
        style = {"-": "red", "+": "green", "@": "dim"}.get(line[0], "")
        text.append(f"  {line[0]} {line[1:]}\n" if line[0] != "@" else f"  {line}\n", style=style)
    return text


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
                **_request(older),
                "kind": "nothing-to-attribute",
                "older": _side(older),
                "newer": _side(newer),
                "reason": reason,
            }
        case Attribution():
            return {
                **_request(found.bad),
                "kind": "attribution",
                "change": found.change.value,
                "good": _side(found.good),
                "bad": _side(found.bad),
                "defects": [
                    {"function": function, "access": access, "kind": kind}
                    for function, access, kind in sorted(found.telling, key=str)
                ],
                "confidence": found.conclusion.confidence.value,
                "why": found.conclusion.why,
                "explanations": [_explanation(one) for one in found.conclusion.explanations],
                "trials": [_trial(trial) for trial in found.trials],
                "searches": [_search(search) for search in found.searches],
                "functions": [_findings(one) for one in found.findings],
                "notes": list(found.notes),
                "cost": {"compiles": found.compiles, "seconds": round(found.seconds, 3)},
            }
        case _:
            assert_never(found)


def _request(side: Side) -> JSON:
    return {"target": side.request.target.name, "opt": side.request.opt.value}


def _side(side: Side) -> JSON:
    return {
        "toolchain": str(side.point),
        "compiler": compiler_name(side.toolchain),
        "llvm": side.toolchain.llvm_version,
        "verdict": side.judgement.verdict.value,
    }


def _explanation(explanation: Explanation) -> list[list[str]]:
    return sorted([layer.value for layer in Layer if layer in enough] for enough in explanation.enough)


def _trial(trial: Trial) -> JSON:
    mix = {layer.value: "bad" if layer in trial.mix.bad_layers else "good" for layer in Layer}
    return {"layers": mix, "verdict": trial.verdict.value, "reason": trial.reason}


def _search(search: LimitSearch) -> JSON:
    return {
        "layer": search.layer.value,
        "then": search.then.removeprefix(", then ") or None,
        "pass": _name(search.name),
        "limit": search.number,
        "passes": search.passes,
        "compiles": search.compiles,
        "note": search.note,
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
        },
    }


def _name(name: PassName | None) -> JSON | None:
    return None if name is None else {"title": name.title, "argument": name.argument}


def _snapshot(snapshot: Snapshot | None) -> JSON | None:
    if snapshot is None:
        return None
    return {"after": _name(snapshot.after), "form": "mir" if snapshot.machine else "ir", "text": snapshot.text}


def _pass_change(change: PassChange | None) -> JSON | None:
    if change is None:
        return None
    return {"pass": _name(change.name), "before": _snapshot(change.before), "after": _snapshot(change.after)}
