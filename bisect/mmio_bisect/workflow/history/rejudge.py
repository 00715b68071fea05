"""Stored objects judged again: with the rules of today, or as another hypervisor would. No compiler is needed.

Equal objects are judged once for equal expectations, whichever cells they came from. Nothing is overwritten: a
judgement is kept under the version of its rules, and what differs from the one before is reported.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from mmio_bisect.domain.access import RULES
from mmio_bisect.domain.outcome import Judgement, Verdict
from mmio_bisect.domain.recipe import Case
from mmio_bisect.errors import InvalidRecipeError
from mmio_bisect.workflow.ports.judge import PrintedWord

_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What was judged before, under the same profile: `kinds` are functions and kinds of defects."""

    verdict: Verdict
    rules: int
    kinds: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An object and an expectation, by their digests, and the last judgement there is of the two."""

    object_digest: str
    expectation_digest: str
    earlier: Earlier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a judgement is made from. `case_text` is a case that has the expectation, in `language`.

    `printed` is what a compiler that made the object said of it.
    """

    pending: Pending
    object_code: bytes
    recipe: str
    language: str
    case_text: bytes
    printed: PrintedWord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    pending: Pending
    recipe: str
    language: str
    judgement: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """The stored text is not a case any more: `problem` says why."""

    recipe: str
    language: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCell:
    """A cell that a judgement is about, as people name it."""

    point: str
    target: str
    opt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A verdict that is another one now."""

    judged: Judged
    earlier: Earlier
    cells: tuple[StoredCell, ...]


@dataclass(slots=True, kw_only=True)
class Rejudged:
    """What came of it. `changed` have other defects but the same verdict, `fresh` had no judgement by other rules."""

    profile: str
    rules: int
    pending: int
    judged: int = 0
    fresh: int = 0
    changed: int = 0
    flips: list[Flip] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


class StoredJudgements(Protocol):
    """The part of history that judging again needs."""

    def pending(self, *, profile: str, rules: int, since: int) -> tuple[Pending, ...]:
        """Every object and expectation judged with rules `since` or later, but not yet so with `rules`."""

    def materials(self, pending: Sequence[Pending]) -> tuple[Material, ...]:
        """In the order given."""

    def keep(self, judged: Sequence[Judged]) -> None:
        """All in one transaction; what was judged meanwhile by another process stays."""

    def cells(self, pending: Pending) -> tuple[StoredCell, ...]:
        """The cells whose object it is, oldest toolchain first."""


JudgeAll = Callable[[Iterable[Material]], Iterator[Judged | Unreadable]]
"""Judges each, in any order; in other processes, perhaps."""


def rejudge(
    stored: StoredJudgements,
    judge_all: JudgeAll,
    *,
    profile: str,
    since: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Rejudged:
    """What is interrupted goes on where it was: every batch that was judged is kept."""
    pending = stored.pending(profile=profile, rules=RULES, since=since)
    done = Rejudged(profile=profile, rules=RULES, pending=len(pending))
    results = judge_all(_materials(stored, pending))
    while batch := list(islice(results, _BATCH)):
        stored.keep([judged for judged in batch if isinstance(judged, Judged)])
        for judged in batch:
            _count(stored, judged, done)
        progress(done.judged, len(pending))
    return done


def judge_material(
    material: Material,
    read_case: Callable[[Material], Case],
    judge: Callable[[Case, bytes, PrintedWord | None], Judgement],
) -> Judged | Unreadable:
    """One object; a text that an older version of the tool took for a case may be none now."""
    try:
        judgement = judge(read_case(material), material.object_code, material.printed)
    except InvalidRecipeError as error:
        return Unreadable(recipe=material.recipe, language=material.language, problem=str(error))
    return Judged(pending=material.pending, recipe=material.recipe, language=material.language, judgement=judgement)


def _materials(stored: StoredJudgements, pending: Sequence[Pending]) -> Iterator[Material]:
    """Read as they are needed: a history's objects do not fit into memory."""
    for start in range(0, len(pending), _BATCH):
        yield from stored.materials(pending[start : start + _BATCH])


def _count(stored: StoredJudgements, judged: Judged | Unreadable, done: Rejudged) -> None:
    done.judged += 1
    match judged:
        case Unreadable():
            done.unreadable.append(judged)
        case Judged(pending=Pending(earlier=None)):
            done.fresh += 1
        case Judged(pending=Pending(earlier=Earlier() as earlier), judgement=now) if earlier.verdict is not now.verdict:
            done.flips.append(Flip(judged=judged, earlier=earlier, cells=stored.cells(judged.pending)))
        case Judged(pending=Pending(earlier=Earlier() as earlier), judgement=now):
            done.changed += earlier.kinds != kinds_of(now)


def kinds_of(judgement: Judgement) -> frozenset[tuple[str, str]]:
    """Of each function the kinds of its defects, and of what was not seen in it."""
    return frozenset(
        (one.function, one.kind.value)
        for function in judgement.functions
        for one in (*function.defects, *function.unseen)
    )
