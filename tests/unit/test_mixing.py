"""What is handed over between two compilers, and in which form: with compilers that are a table."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from history_values import a_judgement, an_object
from table_compiler import place

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.attribution import NothingToAttribute, Side
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Outcome, Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.attribution import layer_commands
from mmio_bisect.workflow.attribution.attribute import attribute_pair
from mmio_bisect.workflow.attribution.mixing import Comparison, Refused, read_handed


@pytest.mark.parametrize(
    ("writer", "asked_for", "read"),
    [("11.0", [False, True], True), ("22.1.8", [False], False), ("19.1.6", [False], False)],
)
def test_an_older_llvms_bitcode_is_read_where_its_text_is_not(writer: str, asked_for: list[bool], read: bool) -> None:
    asked: list[bool] = []

    def written(*, bitcode: bool) -> bytes:
        asked.append(bitcode)
        return b"bitcode" if bitcode else b"text"

    point = Point(series="clang", version="19.1.7", sort_key="1")
    reader = place(point, CompilerFamily.CLANG, {(b"bitcode", False): b"object"})
    found = read_handed(reader, place(point, CompilerFamily.CLANG, {}, writer), written, layer_commands.back)
    assert asked == asked_for
    assert isinstance(found, Outcome) is read
    if isinstance(found, Refused):
        assert (found.readable, f"does not read IR of LLVM {writer}" in found.reason) == (False, True)


def test_a_mix_in_which_the_function_escapes_is_untestable_and_not_good_by_another_ones_defect() -> None:
    at = place(Point(series="clang", version="19.1.7", sort_key="1"), CompilerFamily.CLANG, {})
    seen = a_judgement(Verdict.BAD)
    function, telling = seen.functions[0], seen.functions[0].defects[0]
    escaped = replace(telling, kind=DefectKind.ESCAPES, access=None, why="it is handed to sink")
    other = replace(function, function="other", defects=(replace(telling, function="other"),))
    in_part = seen.of_functions([replace(function, defects=(), unseen=(escaped,)), other])
    elsewhere = seen.of_functions([function, replace(other, defects=(), unseen=(replace(escaped, function="other"),))])
    for judgement, verdict in ((seen, "bad"), (in_part, "untestable"), (elsewhere, "bad")):
        comparison = Comparison(
            good=at,
            bad=at,
            telling=frozenset({telling.mark}),
            profile=ARM_ISV,
            judge_object=lambda *_, it=judgement: it,
        )
        assert comparison.judge(an_object(), at)[0] == verdict
    sides = [
        Side(point=at.point, toolchain=at.cell.toolchain, request=at.cell.request, judgement=each)
        for each in (in_part, seen.of_functions([function, other]))
    ]
    found = attribute_pair(None, None, (sides[0], sides[1]), None)  # type: ignore[arg-type] # nothing is opened
    assert isinstance(found, NothingToAttribute)
    assert found.reason == "where they differ, one of them did not show it all"


def test_what_is_read_is_not_asked_for_twice() -> None:
    asked = iter([b"text"])

    def written(*, bitcode: bool, given: Iterator[bytes] = asked) -> bytes:
        assert not bitcode
        return next(given)

    point = Point(series="clang", version="19.1.7", sort_key="1")
    reader = place(point, CompilerFamily.CLANG, {(b"text", False): b"object"})
    found = read_handed(reader, place(point, CompilerFamily.CLANG, {}, "11.0"), written, layer_commands.back)
    assert isinstance(found, Outcome)
    assert found.object_code == b"object"
