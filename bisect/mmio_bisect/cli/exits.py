"""Exit codes of answers: one each, of several the most severe."""

from collections.abc import Iterable
from typing import assert_never

from mmio_bisect.cli.codes import ANSWERED, CONTRADICTED, SUSPECTS_ONLY
from mmio_bisect.domain.answer import Answer, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.errors import NothingTestableError


def of_answers(answers: Iterable[Answer]) -> int:
    """The most severe, which is the highest."""
    return max((_of_answer(answer) for answer in answers), default=ANSWERED)


def _of_answer(answer: Answer) -> int:
    match answer:
        case Culprit() | NoChange():
            return ANSWERED
        case Suspects():
            return SUSPECTS_ONLY
        case Contradiction():
            return CONTRADICTED
        case NothingTestable():
            return NothingTestableError.exit_code
        case _:
            assert_never(answer)


def of_verdict(verdict: Verdict) -> int:
    """As `git bisect run` wants it."""
    match verdict:
        case Verdict.GOOD:
            return 0
        case Verdict.BAD:
            return 1
        case Verdict.UNTESTABLE:
            return 125
        case _:
            assert_never(verdict)
