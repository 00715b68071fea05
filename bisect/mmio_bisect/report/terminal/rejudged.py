"""What judging again changed, for people and as a document."""

from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.report.documents.json_text import JSON, document
from mmio_bisect.report.terminal.tables import columns
from mmio_bisect.workflow.history.rejudge import Flip, Rejudged, kinds_of


def rejudged_text(done: Rejudged) -> str:
    """Counts in one sentence, then a line for each verdict that flipped."""
    counts = (
        f"{done.judged} of {done.pending} pairs of object and expectation judged as {done.profile}, "
        f"rules {done.rules}: {len(done.flips)} verdicts flipped, {done.changed} have other defects, "
        f"{done.fresh} are new.\n"
    )
    said = [counts]
    if done.flips:
        said.append("\n" + columns([_row(flip) for flip in done.flips]) + "\n")
    said += [f"\nNot judged: {each.recipe}.{each.language}: {each.problem}\n" for each in done.unreadable]
    return "".join(said)


def rejudged_document(done: Rejudged) -> JSON:
    return document(
        "history rejudge",
        profile=done.profile,
        rules=done.rules,
        pending=done.pending,
        judged=done.judged,
        new=done.fresh,
        other_defects=done.changed,
        flips=[_member(flip) for flip in done.flips],
        unreadable=[
            {"recipe": each.recipe, "language": each.language, "problem": each.problem} for each in done.unreadable
        ],
    )


def _row(flip: Flip) -> tuple[str, ...]:
    now, earlier = flip.judged.judgement, flip.earlier
    first = flip.cells[0] if flip.cells else None
    more = f" and {len(flip.cells) - 1} more" if len(flip.cells) > 1 else ""
    kinds = sorted({kind for _, kind in kinds_of(now) | earlier.kinds})
    return (
        f"{earlier.verdict} → {now.verdict}",
        f"{flip.judged.recipe}.{flip.judged.language}",
        f"{first.point} {first.target} -O{first.opt}{more}" if first else flip.judged.pending.object_digest[:19],
        ", ".join(kinds),
    )


def _member(flip: Flip) -> JSON:
    now, earlier = flip.judged.judgement, flip.earlier
    return {
        "object": flip.judged.pending.object_digest,
        "recipe": flip.judged.recipe,
        "language": flip.judged.language,
        "before": _side(earlier.verdict, earlier.rules, earlier.kinds),
        "after": _side(now.verdict, now.rules, kinds_of(now)),
        "cells": [{"point": cell.point, "target": cell.target, "opt": cell.opt} for cell in flip.cells],
    }


def _side(verdict: Verdict, rules: int, kinds: frozenset[tuple[str, str]]) -> JSON:
    defects = [{"function": function, "kind": kind} for function, kind in sorted(kinds)]
    return {"verdict": verdict.value, "rules": rules, "defects": defects}
