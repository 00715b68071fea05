"""A finished run read back: from its stored document and the outcomes in history to the values that `run` printed.

So that `history show RUN` prints the answer again with the very code that printed it first. What was claimed comes
from the document; code, defects and command lines come from the outcomes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.commit import Commit, PullRequest
from mmio_bisect.domain.outcome import CellRequest, Judgement, Verdict
from mmio_bisect.domain.recipe import Case, Language, OptLevel
from mmio_bisect.domain.run import CellAnswer, Cost, Probe, Verification
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CorruptDatabaseError
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord
from mmio_bisect.workflow.probing.judge import restrict


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What `report.answers` needs to print the run again. `only` is what alone counted, None: everything."""

    answers: tuple[CellAnswer, ...]
    cost: Cost
    changed: bool
    argv: tuple[str, ...]
    only: frozenset[Mark] | None = None


def replay(record: RunRecord, outcomes: Iterable[OutcomeRecord]) -> Replay | None:
    """None for a run that did not finish. Raises `CorruptDatabaseError` for a document that cannot be read."""
    if record.document is None:
        return None
    try:
        return _replay(json.loads(record.document), record, {found.cell_key: found for found in outcomes})
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptDatabaseError(
            f"The document of run {record.id} cannot be read ({type(error).__name__}: {error}); repeat the run."
        ) from error


def _replay(members: Mapping[str, Any], record: RunRecord, outcomes: Mapping[str, OutcomeRecord]) -> Replay:
    kinds = None if members["defects"] is None else frozenset(map(DefectKind, members["defects"]))
    probes = [
        _probe(told, outcomes[told["cell"]], profile=record.profile, kinds=kinds, marks=_marks(members, told))
        for told in members["probes"]
        if told["cell"] in outcomes
    ]
    return Replay(
        answers=tuple(
            replace(answer, verification=_verification(members, answer), commits=_commits(members, answer))
            for answer in (_cell_answer(told, probes, record, outcomes) for told in members["answers"])
        ),
        cost=Cost(**members["cost"]),
        changed=members["changed"],
        argv=record.argv,
        only=frozenset(map(_mark, members.get("only", ()))) or None,
    )


def _cell_answer(
    told: Mapping[str, Any], probes: list[Probe], record: RunRecord, outcomes: Mapping[str, OutcomeRecord]
) -> CellAnswer:
    target, opt = told["target"], told["opt"]
    own = tuple(probe for probe in probes if (probe.request.target.name, probe.request.opt.value) == (target, opt))
    text = next((found.case_text for found in outcomes.values()), b"")
    language = record.case.rpartition(".")[2]
    request = own[0].request if own else _request(record.recipe, language, text, target, opt)
    return CellAnswer(request=request, answer=_answer(told), probes=own)


def _commits(members: Mapping[str, Any], answer: CellAnswer) -> tuple[tuple[Point, Commit], ...]:
    match answer.answer:
        case Culprit(first=first):
            named = {str(first)}
        case Suspects(suspects=suspects):
            named = set(map(str, suspects))
        case _:
            named = set()
    found = {}
    for told in members.get("commits", ()):
        if told["toolchain"] in named:  # once for each level that it is the answer of
            found[_point(told["toolchain"])] = Commit(
                commit=told["commit"],
                author=told["author"],
                committed=told["committed"],
                title=told["title"],
                paths=tuple(told["paths"]),
                link=told["link"],
                rolled_up=tuple(PullRequest(**pull) for pull in told.get("rolled_up", ())),
            )
    return tuple(found.items())


def _verification(members: Mapping[str, Any], answer: CellAnswer) -> Verification | None:
    """Runs of before there were verifications have none."""
    level = (answer.request.target.name, answer.request.opt.value)
    for told in members.get("verifications", ()):
        if (told["target"], told["opt"]) == level:
            builds = told.get("builds", 0)
            return Verification(confirmed=told["confirmed"], why=told["why"], compiles=told["compiles"], builds=builds)
    return None


def _answer(told: Mapping[str, Any]) -> Answer:
    match told["kind"]:
        case "culprit":
            return Culprit(change=Change(told["change"]), last=_point(told["last"]), first=_point(told["first"]))
        case "suspects":
            return Suspects(
                change=Change(told["change"]),
                last=_point(told["last"]),
                first=_point(told["first"]),
                suspects=tuple(map(_point, told["suspects"])),
            )
        case "no-change":
            return NoChange(
                verdict=Verdict(told["verdict"]),
                oldest=_point(told["oldest"]),
                newest=_point(told["newest"]),
                unprobed=told["unprobed"],
            )
        case "contradiction":
            witnesses = ((_point(seen["toolchain"]), Verdict(seen["verdict"])) for seen in told["witnesses"])
            return Contradiction(witnesses=tuple(witnesses))
        case "nothing-testable":
            return NothingTestable(probed=told["probed"], unprobed=told["unprobed"])
        case other:
            raise ValueError(f"no kind of answer: {other}")


def _marks(members: Mapping[str, Any], probe: Mapping[str, Any]) -> frozenset[Mark] | None:
    """What alone counted at the probe's target and level; None where all did."""
    level = (probe["target"], probe["opt"])
    found = (told for told in members.get("only", ()) if (told["target"], told["opt"]) == level)
    return frozenset(map(_mark, found)) or None


def _mark(told: Mapping[str, Any]) -> Mark:
    return Mark(function=told["function"], access=told["access"], kind=DefectKind(told["kind"]))


def _probe(
    told: Mapping[str, Any],
    found: OutcomeRecord,
    *,
    profile: str,
    kinds: frozenset[DefectKind] | None,
    marks: frozenset[Mark] | None,
) -> Probe:
    verdict = Verdict(told["verdict"])
    stored = [judgement for judgement in found.judgements if judgement.profile == profile]
    if stored:
        latest = max(stored, key=lambda judgement: judgement.rules)
        judgement = replace(restrict(latest, kinds, marks), verdict=verdict)
    else:
        judgement = Judgement(verdict=verdict, profile=profile, rules=0, reason=told["reason"])
    return Probe(
        point=_point(told["toolchain"]),
        toolchain=found.toolchain,
        request=_request(found.recipe, found.language, found.case_text, told["target"], told["opt"]),
        cell_key=found.cell_key,
        outcome=found.outcome,
        judgement=judgement,
        from_history=told["from_history"],
        seconds=told["seconds"],
    )


def _request(recipe: str, language: str, text: bytes, target: str, opt: str) -> CellRequest:
    """The case without its expectation, which printing does not need."""
    case = Case(recipe=recipe, language=Language(language), text=text, functions=(), targets=(), opt_levels=())
    return CellRequest(case=case, target=TARGETS[target], opt=OptLevel(opt))


def _point(text: str) -> Point:
    series, _, version = text.partition("@")
    return Point(series=series, version=version, sort_key="")
