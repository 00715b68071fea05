"""What is handed over between two compilers, and in which form: with compilers that are a table."""

from collections.abc import Iterator

import pytest
from table_compiler import place

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Outcome
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.workflow.attribution import layer_commands
from mmio_bisect.workflow.attribution.mixing import Refused, read_handed


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
