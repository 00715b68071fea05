"""Which targets a command asks for, and under which profile each is judged."""

import pytest

from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.profiles import PROFILES, profile_for
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.recipe import Case, Language, OptLevel
from mmio_bisect.errors import UsageError
from mmio_bisect.workflow.probing.requests import requests_of, select_profile
from mmio_bisect.workflow.probing.selection import read_targets

CASE = Case(
    recipe="r",
    language=Language.C,
    text=b"",
    functions=(),
    targets=("aarch64", "thumb", "x86_64"),
    opt_levels=(OptLevel.O2,),
)


def asked(*words: str) -> list[str]:
    return [request.target.name for request in requests_of(CASE, CompilerFamily.CLANG, read_targets(words))]


def judged(profile: str, *words: str) -> str:
    requests = requests_of(CASE, CompilerFamily.CLANG, read_targets(words))
    return select_profile(PROFILES[profile], requests).name


def test_without_a_word_it_is_the_first_target_that_the_recipe_names() -> None:
    assert asked() == ["aarch64"]


def test_all_are_those_that_the_recipe_names_and_a_name_may_be_any() -> None:
    assert asked("all") == ["aarch64", "thumb", "x86_64"]
    assert asked("riscv32,i386") == ["riscv32", "i386"]


def test_what_is_no_target_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"there are aarch64, arm, thumb, .*, and all"):
        read_targets(["sparc"])


def test_a_target_is_judged_by_its_own_profile_unless_another_is_named() -> None:
    assert judged("arm-isv") == "arm-isv"
    assert judged("arm-isv", "thumb") == "arm32-isv"
    assert judged("arm-isv", "x86_64") == "kvm-x86"
    assert judged("sev-es", "x86_64") == "sev-es"
    assert profile_for(PROFILES["sev-es"], "riscv64").name == "kvm-riscv"


def test_a_profile_that_runs_none_of_the_targets_is_refused() -> None:
    with pytest.raises(UsageError, match="kvm-riscv is for riscv64 and riscv32, not for x86_64"):
        judged("kvm-riscv", "x86_64")


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_target_has_a_triple_for_each_family_and_a_profile_of_its_own(target: object) -> None:
    assert target in TARGETS.values()
    name = next(known for known, one in TARGETS.items() if one is target)
    assert all(family.descriptor.triple(TARGETS[name]) for family in CompilerFamily)
    assert TARGETS[name].architecture in profile_for(PROFILES["arm-isv"], TARGETS[name].architecture).architectures
