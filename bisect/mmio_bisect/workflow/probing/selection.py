"""What is selected of a recipe, read from the words that name it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self, TypeVar

from mmio_bisect.classify.isa.targets import TARGETS, target_named
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE, PROFILES
from mmio_bisect.domain.access import DefectKind, Mark
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import OptLevel
from mmio_bisect.domain.target import Target
from mmio_bisect.errors import UsageError

Member = TypeVar("Member", bound=StrEnum)

_MARK = re.compile(r"(?P<kind>[a-z0-9-]+):(?P<function>.+?)(?::(?P<access>(?:[\w-]+\.)?(?:load|store)[^:]*))?")

ALL_TARGETS: Literal["all"] = "all"

TargetChoice = tuple[Target, ...] | Literal["all"]
"""These targets, or all that a case names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of a recipe is judged, and by what.

    No targets: the first that the case names; no levels: the case's own; `defects` None: every kind counts.
    """

    targets: TargetChoice = ()
    opts: tuple[OptLevel, ...] = ()
    defects: frozenset[DefectKind] | None = None
    profile: Profile = DEFAULT_PROFILE

    @classmethod
    def of(
        cls,
        targets: Iterable[str] | None = None,
        opts: Iterable[str] | None = None,
        defects: Iterable[str] | None = None,
        profile: str = DEFAULT_PROFILE.name,
    ) -> Self:
        """From their names, single or with commas. Raises `UsageError` with those that there are."""
        return cls(
            targets=read_targets(targets),
            opts=read_opts(opts),
            defects=read_defects(defects),
            profile=read_profile(profile),
        )


def read_opts(typed: Iterable[str] | None) -> tuple[OptLevel, ...]:
    return read_members(OptLevel, typed, "an optimisation level")


def read_defects(typed: Iterable[str] | None) -> frozenset[DefectKind] | None:
    """None: all. Raises `UsageError`."""
    found = read_members(DefectKind, typed, "a defect kind")
    for kind in found:
        _refuse_unseen(kind)
    return frozenset(found) or None


def read_marks(typed: Iterable[str] | None) -> frozenset[Mark] | None:
    """None: all. Raises `UsageError`."""
    found = [_mark(word) for word in typed or ()]
    return frozenset(found) or None


def _mark(word: str) -> Mark:
    read = _MARK.fullmatch(word)
    if read is None or read["kind"] not in set(DefectKind):
        raise UsageError(
            f"“{word}” is not a defect of a function: write KIND:FUNCTION or KIND:FUNCTION:ACCESS, as in "
            "writeback-post:store_then_step:store32+0; `mmio-bisect explain` lists the kinds."
        )
    kind = DefectKind(read["kind"])
    _refuse_unseen(kind)
    return Mark(function=read["function"], access=read["access"], kind=kind)


def _refuse_unseen(kind: DefectKind) -> None:
    if kind.unseen:
        raise UsageError(
            f"“{kind}” can match nothing: it says that something was not seen, which makes a function untestable, not "
            "bad; choose another of the kinds that `mmio-bisect explain` lists."
        )


def read_targets(typed: Iterable[str] | None) -> TargetChoice:
    """Empty: the recipe's first one."""
    found = []
    for word in split_words(typed):
        if word == ALL_TARGETS:
            return ALL_TARGETS
        target = target_named(word)
        if target is None:
            raise UsageError(
                f"“{word}” is not a target; there are {', '.join(TARGETS)}, triples of these as rustc and clang spell "
                "them, and all."
            )
        found.append(target)
    return tuple(dict.fromkeys(found))


def read_profile(name: str) -> Profile:
    if name not in PROFILES:
        raise UsageError(f"“{name}” is not a profile; there are {', '.join(PROFILES)}.")
    return PROFILES[name]


def read_members(kind: type[Member], typed: Iterable[str] | None, noun: str) -> tuple[Member, ...]:
    """Raises `UsageError` for any other word."""
    allowed = {member.value: member for member in kind}
    found = []
    for word in split_words(typed):
        if word not in allowed:
            raise UsageError(f"“{word}” is not {noun}; there are {', '.join(allowed)}.")
        found.append(allowed[word])
    return tuple(dict.fromkeys(found))


def split_words(typed: Iterable[str] | None) -> tuple[str, ...]:
    """What was repeated or given with commas, each once."""
    return tuple(dict.fromkeys(part.strip() for word in typed or () for part in word.split(",") if part.strip()))
