"""What `attribute` found, for people: the layer, the passes, and the code before and after them."""

import difflib
from collections.abc import Sequence
from typing import assert_never

from rich.text import Text

from mmio_bisect.domain.answer import Change
from mmio_bisect.domain.attribution import (
    Attribution,
    Confidence,
    DecidingPass,
    Divergence,
    Explanation,
    Layer,
    Likeness,
    LimitSearch,
    NoDecidingPass,
    NothingToAttribute,
    PassChange,
    PassFindings,
    PassName,
    Side,
    StandIn,
    Trial,
)
from mmio_bisect.redaction import command_to_repeat
from mmio_bisect.report.documents.documents import compiler_name
from mmio_bisect.report.terminal.grid import VERDICT_STYLES
from mmio_bisect.report.terminal.tables import columns, counted
from mmio_bisect.workflow.attribution.dumps import same_pass

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
    text.append(f"\n{command_to_repeat('To repeat', argv)}\n")
    return text


def _attributed(found: Attribution) -> Text:
    text = Text()
    text.append(f"{_level(found.bad)}: ", style="bold")
    text.append(f"{_claim(found)}\n")
    text.append(f"    {_what_changed(found)}\n    {found.conclusion.confidence}: {found.conclusion.why}.\n")
    text.append("\nEach layer from one toolchain or the other\n", style="bold")
    text.append_text(_trials(found))
    for stand_in in found.stand_ins:
        text.append(f"  {_stood_in(stand_in)}.\n")
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
    kinds = ", ".join(sorted({mark.kind for mark in found.telling}))
    if found.bad.point.series != found.good.point.series:
        return f"{kinds} in {_named(found.bad)}, not in {_named(found.good)}"
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
    """A layer that a stand-in took has a star."""
    text = Text()
    names = {True: found.bad.point.version, False: found.good.point.version}
    if found.bad.point.series != found.good.point.series:
        names = {True: str(found.bad.point), False: str(found.good.point)}
    sides = [
        [names[layer in trial.mix.bad_layers] + "*" * (layer in trial.stand_ins) for layer in found.layers]
        + [_verdict(trial), trial.reason or ""]
        for trial in found.trials
    ]
    table = columns(sides, head=[*(layer.value for layer in found.layers), "verdict", ""]).splitlines()
    styles = ["bold", *(VERDICT_STYLES[trial.verdict] for trial in found.trials)]
    for line, style in zip(table, styles, strict=True):
        text.append(f"  {line}\n", style="bold" if style == "bold" else "")
    return text


def _verdict(trial: Trial) -> str:
    return trial.verdict.value if trial.readable else "not readable"


def _stood_in(one: StandIn) -> str:
    """How far it may be trusted, layer by layer."""
    middle = (
        f"of its front end's, middle and back end make {one.middle}"
        if one.middle is not Likeness.UNLIKE
        else "its middle end makes something else, and is not used"
    )
    return (
        f"* {one.point} ({compiler_name(one.toolchain)}) in place of {one.stands_for}, which reads no IR: "
        f"of the IR which that one optimised its back end makes {one.back}; {middle}"
    )


def _searched(search: LimitSearch) -> Text:
    head = f"\nPasses of the {search.layer} switched off{search.then} ({counted(search.compiles, 'compile')}): "
    text = Text(head, style="bold")
    match search.answer:
        case NoDecidingPass(why=why):
            text.append(f"{why}.\n")
        case DecidingPass(name=name, number=number, option=option):
            before = f", of which {search.before} are the middle end's" if search.before else ""
            text.append(f"good with {number - 1} of {search.passes} passes{before}, bad with {name.title} ({option})\n")
    return text


def _passes(found: Attribution, findings: PassFindings) -> Text:
    text = Text()
    if findings.diverging is not None:
        given = f" with {findings.given} in both" if findings.given else ""
        text.append(f"\n{findings.function}: first diverging pass{given}: ", style="bold")
        text.append_text(_divergence(found, findings.diverging))
    if findings.forming is not None:
        text.append(f"\n{findings.function}: the access takes its form in ", style="bold")
        deciding = (search.answer for search in found.searches if isinstance(search.answer, DecidingPass))
        confirmed = any(same_pass(one.name, findings.forming.name) for one in deciding)
        text.append(f"{_full(findings.forming.name)} of {found.bad.point}")
        text.append("; with it and what follows it switched off, it is good\n" if confirmed else "\n")
        text.append_text(_change(findings.forming))
    return text


def _divergence(found: Attribution, divergence: Divergence) -> Text:
    text = Text()
    for side, change in ((found.bad, divergence.bad), (found.good, divergence.good)):
        name = "nothing further" if change is None else _full(change.name)
        text.append(f"{name} of {side.point}" + (" / " if side is found.bad else ""))
    if divergence.common is None:
        text.append("; they are never the same\n")
        if divergence.bad is not None and divergence.good is not None:
            apart = PassChange(name=divergence.bad.name, before=divergence.good.after, after=divergence.bad.after)
            return text.append_text(_change(apart))
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
