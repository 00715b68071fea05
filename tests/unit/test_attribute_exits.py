"""What `attribute` exits with where there is no layer to name, and which compilers it refuses unfetched."""

import pytest
from report_values import request, toolchain

from mmio_bisect.cli.attribute import EXAMPLES, exit_code_of
from mmio_bisect.domain.attribution import NothingToAttribute, Side
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Judgement, Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import NothingTestableError, UsageError
from mmio_bisect.workflow.attribution.plan import refuse_without_llvm


def side(version: str, verdict: Verdict) -> Side:
    return Side(
        point=Point(series="zig", version=version, sort_key=version),
        toolchain=toolchain("19.1.7"),
        request=request(),
        judgement=Judgement(verdict=verdict, profile="arm-isv", rules=1),
    )


@pytest.mark.parametrize(("newer", "code"), [(Verdict.GOOD, 0), (Verdict.UNTESTABLE, NothingTestableError.exit_code)])
def test_two_alike_are_an_answer_and_one_that_makes_nothing_is_none(newer: Verdict, code: int) -> None:
    found = NothingToAttribute(older=side("1", Verdict.GOOD), newer=side("2", newer), reason="as it is")
    assert exit_code_of(found) == code
    assert f"{NothingTestableError.exit_code} when\none of the two makes nothing" in EXAMPLES


def test_a_compiler_without_llvm_is_refused_before_it_is_fetched() -> None:
    points = [Point(series=series, version="1", sort_key="1") for series in ("clang", "gcc")]
    with pytest.raises(UsageError, match="gcc@1 is a gcc, which has no LLVM inside"):
        refuse_without_llvm(points, [CompilerFamily.CLANG, CompilerFamily.GCC])
