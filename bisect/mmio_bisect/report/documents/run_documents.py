"""The document of a run, as `run --json` prints it and history keeps it, and the run read back from it.

So that `history show RUN` prints the answer again with the very code that printed it first. What was claimed comes
from the document; code, defects and command lines come from the outcomes in history.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

from mmio_bisect.classify.isa.targets import target_named
from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.answer import Answer, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.commit import Commit
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.recipe import Case, Language, OptLevel
from mmio_bisect.domain.records import point_of, record_of, value_of
from mmio_bisect.domain.run import CellAnswer, Cost, FinishedRun, Probe, RunHead, Verification
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CorruptDatabaseError
from mmio_bisect.report.documents.documents import (
    level_members,
    probe_member,
    untestable_members,
    untestable_reason,
)
from mmio_bisect.report.documents.json_text import JSON, document, text_of
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord
from mmio_bisect.workflow.probing.judge import restrict
from mmio_bisect.workflow.probing.requests import profiles_by_target


def run_text(head: RunHead, run: int, answers: Sequence[CellAnswer], cost: Cost) -> str:
    """The document as history keeps it."""
    return text_of(run_document(head, run=run, answers=answers, cost=cost))


def run_document(head: RunHead, *, run: int, answers: Sequence[CellAnswer], cost: Cost) -> JSON:
    """`run`: the answers, one a target and level, and every probe that bears on one."""
    return document(
        "run",
        recipe=head.case.recipe,
        case=head.case.file_name,
        series=head.series,
        range={"first": str(head.first), "last": str(head.last), "reversed": head.reversed},
        profile=head.profile,
        profiles=profiles_by_target(PROFILES[head.profile], [answer.request for answer in answers]),
        defects=None if head.defects is None else sorted(head.defects),
        only=[
            {**level_members(request), **record_of(mark)}
            for request, marks in head.only.items()
            for mark in sorted(marks, key=str)
        ],
        changed=head.changed,
        run=run,
        answers=[answer_member(answer) for answer in answers],
        commits=[commit_member(point, commit) for answer in answers for point, commit in answer.commits],
        verifications=[
            {**level_members(answer.request), **record_of(answer.verification)}
            for answer in answers
            if answer.verification is not None
        ],
        probes=[probe_member(probe) for answer in answers for probe in answer.probes],
        cost=record_of(cost),
        argv=list(head.argv),
    )


def commit_member(point: Point, commit: Commit) -> JSON:
    return {"toolchain": str(point), **record_of(commit), "pull_request": commit.pull_request}


def answer_member(cell: CellAnswer) -> JSON:
    reasons = {probe.point: untestable_reason(probe.judgement, probe.outcome) for probe in cell.probes}
    return {**level_members(cell.request), **_claim(cell.answer, reasons)}


def _claim(answer: Answer, reasons: Mapping[Point, str | None]) -> JSON:
    match answer:
        case Culprit(first=first):
            return {"kind": "culprit", **record_of(answer), "suspects": [str(first)]}
        case Suspects(first=first, suspects=suspects):
            untestable = untestable_members({point: reasons.get(point) for point in suspects if point != first})
            return {"kind": "suspects", **record_of(answer), "untestable": untestable}
        case NoChange():
            untestable = untestable_members({point: reason for point, reason in reasons.items() if reason})
            return {"kind": "no-change", **record_of(answer), "untestable": untestable}
        case Contradiction(witnesses=witnesses):
            seen = [{"toolchain": str(point), "verdict": verdict.value} for point, verdict in witnesses]
            return {"kind": "contradiction", "witnesses": seen}
        case NothingTestable():
            return {"kind": "nothing-testable", **record_of(answer), "untestable": untestable_members(reasons)}
        case _:
            assert_never(answer)


def replay(record: RunRecord, outcomes: Iterable[OutcomeRecord]) -> FinishedRun | None:
    """None for a run that did not finish. Raises `CorruptDatabaseError` for a document that cannot be read."""
    if record.document is None:
        return None
    try:
        return _replay(json.loads(record.document), record, {found.cell_key: found for found in outcomes})
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptDatabaseError(
            f"The document of run {record.id} cannot be read ({type(error).__name__}: {error}); repeat the run."
        ) from error


def _replay(members: Mapping[str, Any], record: RunRecord, outcomes: Mapping[str, OutcomeRecord]) -> FinishedRun:
    kinds = None if members["defects"] is None else frozenset(map(DefectKind, members["defects"]))
    probes = [
        _probe(member, outcomes[member["cell"]], profile=record.profile, kinds=kinds, marks=_marks(members, member))
        for member in members["probes"]
        if member["cell"] in outcomes
    ]
    return FinishedRun(
        answers=tuple(
            replace(answer, verification=_verification(members, answer), commits=_commits(members, answer))
            for answer in (_cell_answer(member, probes, record, outcomes) for member in members["answers"])
        ),
        cost=Cost(**members["cost"]),
        changed=members["changed"],
        argv=record.argv,
        only=frozenset(value_of(Mark, member) for member in members.get("only", ())) or None,
    )


def _cell_answer(
    member: Mapping[str, Any], probes: list[Probe], record: RunRecord, outcomes: Mapping[str, OutcomeRecord]
) -> CellAnswer:
    target, opt = member["target"], member["opt"]
    own = tuple(probe for probe in probes if (probe.request.target.name, probe.request.opt.value) == (target, opt))
    text = next((found.case_text for found in outcomes.values()), b"")
    language = record.case.rpartition(".")[2]
    request = own[0].request if own else _request(record.recipe, language, text, target, opt)
    return CellAnswer(request=request, answer=_answer(member), probes=own)


def _commits(members: Mapping[str, Any], answer: CellAnswer) -> tuple[tuple[Point, Commit], ...]:
    """Each once, whichever levels it is the answer of."""
    match answer.answer:
        case Culprit(first=first):
            named = {str(first)}
        case Suspects(suspects=suspects):
            named = set(map(str, suspects))
        case _:
            named = set()
    member = (found for found in members.get("commits", ()) if found["toolchain"] in named)
    return tuple({point_of(found["toolchain"]): value_of(Commit, found) for found in member}.items())


def _verification(members: Mapping[str, Any], answer: CellAnswer) -> Verification | None:
    """Runs of before there were verifications have none."""
    found = next(_of_level(members.get("verifications", ()), level_members(answer.request)), None)
    return None if found is None else value_of(Verification, found)


def _of_level(members: Iterable[Mapping[str, Any]], level: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (member for member in members if (member["target"], member["opt"]) == (level["target"], level["opt"]))


_ANSWERS = {"culprit": Culprit, "suspects": Suspects, "no-change": NoChange, "nothing-testable": NothingTestable}


def _answer(member: Mapping[str, Any]) -> Answer:
    if member["kind"] == "contradiction":
        witnesses = ((point_of(seen["toolchain"]), Verdict(seen["verdict"])) for seen in member["witnesses"])
        return Contradiction(witnesses=tuple(witnesses))
    answer: Answer = value_of(_ANSWERS[member["kind"]], member)
    return answer


def _marks(members: Mapping[str, Any], probe: Mapping[str, Any]) -> frozenset[Mark] | None:
    """What alone counted at the probe's target and level; None where all did."""
    return frozenset(value_of(Mark, member) for member in _of_level(members.get("only", ()), probe)) or None


def _probe(
    member: Mapping[str, Any],
    found: OutcomeRecord,
    *,
    profile: str,
    kinds: frozenset[DefectKind] | None,
    marks: frozenset[Mark] | None,
) -> Probe:
    verdict = Verdict(member["verdict"])
    stored = [judgement for judgement in found.judgements if judgement.profile == profile]
    if stored:
        latest = max(stored, key=lambda judgement: judgement.rules)
        judgement = replace(restrict(latest, kinds, marks), verdict=verdict)
    else:
        judgement = Judgement(verdict=verdict, profile=profile, rules=0, reason=member["reason"])
    return Probe(
        point=point_of(member["toolchain"]),
        toolchain=found.toolchain,
        request=_request(found.recipe, found.language, found.case_text, member["target"], member["opt"]),
        cell_key=found.cell_key,
        outcome=found.outcome,
        judgement=judgement,
        from_history=member["from_history"],
        seconds=member["seconds"],
    )


def _request(recipe: str, language: str, text: bytes, target: str, opt: str) -> CellRequest:
    """The case without its expectation, which printing does not need."""
    case = Case(recipe=recipe, language=Language(language), text=text, functions=(), targets=(), opt_levels=())
    named = target_named(target)
    assert named is not None, target  # noqa: S101  it was one when the run was kept
    return CellRequest(case=case, target=named, opt=OptLevel(opt))
