"""From a recipe's name and the options to the cells that are asked for."""

from collections.abc import Iterable, Sequence

from mmio_bisect.classify.isa.targets import TARGETS, target_named
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE, profile_for
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import CellRequest
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import Case, Language, OptLevel, Recipe
from mmio_bisect.errors import UnknownRecipeError, UsageError
from mmio_bisect.workflow.probing.selection import ALL_TARGETS, TargetChoice


def choose_case(recipe: Recipe, name: str, family: CompilerFamily, *, compilers: str) -> Case:
    """The case that a file name means, or else the first language that the compilers prefer.

    `compilers` is how the error calls them. Raises `UnknownRecipeError`.
    """
    ending = name.rpartition(".")[2] if "." in name else ""
    named = [case for case in recipe.cases if case.language.value == ending]
    for language in family.descriptor.languages:
        for case in named or recipe.cases:
            if case.language is language:
                return case
    has = _listed([case.language for case in named] or recipe.languages)
    raise UnknownRecipeError(
        f"{compilers} compiles {_listed(family.descriptor.languages)}, but {name} is there in {has} only: "
        "choose another recipe, or compilers for that language."
    )


def requests_of(
    case: Case, family: CompilerFamily, targets: TargetChoice = (), opts: Sequence[OptLevel] = ()
) -> tuple[CellRequest, ...]:
    """One for each target and level, as far as the compilers have the levels.

    Without `targets` for the first that the case names, without `opts` at the case's own levels. Raises `UsageError`
    for levels of which the compilers have none.
    """
    own = [target for target in map(target_named, case.targets) if target is not None]
    chosen = own if targets == ALL_TARGETS else targets or own[:1]
    only, known = family.descriptor.only_target, family.descriptor.opt_levels
    if only is not None:
        if targets and targets != ALL_TARGETS and any(target.name != only for target in targets):
            raise UsageError(f"The compilers of the family {family} are built for {only} alone.")
        chosen = [TARGETS[only]]
    levels = [opt for opt in (opts or case.opt_levels) if opt in known]
    if not levels or (opts and len(levels) < len(opts)):
        raise UsageError(f"No such level is known to {family}: give --opt one of {', '.join(known)}.")
    return tuple(CellRequest(case=case, target=target, opt=opt) for target in chosen for opt in levels)


def select_profile(profile: Profile, requests: Sequence[CellRequest]) -> Profile:
    """The profile, or if none was chosen that of the target's architecture (each target its own, where several are).

    Raises `UsageError` for one that can run none of the targets.
    """
    architectures = {request.target.architecture for request in requests}
    if profile is DEFAULT_PROFILE:
        return profile_for(profile, *architectures) if len(architectures) == 1 else profile
    if not architectures & set(profile.architectures):
        raise UsageError(
            f"The profile {profile.name} is for {' and '.join(profile.architectures)}, not for "
            f"{', '.join(sorted(architectures))}: choose another, or other targets with --target."
        )
    return profile


def profiles_by_target(profile: Profile, requests: Iterable[CellRequest]) -> dict[str, str]:
    """The name of the profile that each target is judged by."""
    return {request.target.name: profile_for(profile, request.target.architecture).name for request in requests}


def _listed(languages: Sequence[Language]) -> str:
    return " and ".join(f".{language.value}" for language in languages) or "no language"
