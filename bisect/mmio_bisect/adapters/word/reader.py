"""What a compiler of any family printed, to its word."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from mmio_bisect.adapters.word.machine_ir import read_machine_ir
from mmio_bisect.adapters.word.rtl import read_rtl
from mmio_bisect.classify.word.values import FunctionWord, Word
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.workflow.ports.judge import PrintedWord


def read_word(printed: PrintedWord) -> Word:
    return read_lines(printed.family, printed.text.splitlines(keepends=True))


def read_lines(family: CompilerFamily, lines: Iterable[str]) -> Word:
    """Of several dumps of a function the last is of its final instructions."""
    return {function.name: function for function in _functions(family, lines)}


def _functions(family: CompilerFamily, lines: Iterable[str]) -> Iterator[FunctionWord]:
    match family:
        case CompilerFamily.CLANG | CompilerFamily.LLC | CompilerFamily.RUSTC:
            return read_machine_ir(lines)
        case CompilerFamily.GCC:
            return read_rtl(lines)
        case CompilerFamily.TCC:
            return iter(())
        case _:
            assert_never(family)
