"""Exit codes: what answers and errors become, and the text of `--help` that lists them.

`check` is made for `git bisect run`, which takes 1 to 127 (but 125) as “bad” and stops at 128 and above: so every
error of `check`, wrong usage included, is moved up by 128.
"""

import re
from collections.abc import Iterable, Iterator
from typing import assert_never

from mmio_bisect.domain.answer import Answer, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.attribution import Attribution, Confidence, NothingToAttribute
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.errors import CancelledError, MmioBisectError, NothingTestableError, UsageError

ANSWERED = 0
SUSPECTS_ONLY = 3
CONTRADICTED = 4
INTERRUPTED = CancelledError.exit_code

CHECK_OFFSET = 128
# A crash of this tool must not look like a bad commit, nor like any error that has a number of its own.
CHECK_CRASHED = 255


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


def of_findings(findings: Iterable[Attribution | NothingToAttribute]) -> int:
    """The most severe, which is the highest."""
    return max((_of_finding(found) for found in findings), default=ANSWERED)


def _of_finding(found: Attribution | NothingToAttribute) -> int:
    match found:
        case NothingToAttribute(older=older, newer=newer):
            untestable = Verdict.UNTESTABLE in {older.judgement.verdict, newer.judgement.verdict}
            return NothingTestableError.exit_code if untestable else ANSWERED
        case Attribution():
            return SUSPECTS_ONLY if found.conclusion.confidence is Confidence.OPEN else ANSWERED
        case _:
            assert_never(found)


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


def in_check(code: int) -> int:
    """An error's code, moved to where `git bisect run` stops."""
    return code if code >= CHECK_OFFSET else code + CHECK_OFFSET


def error_classes() -> Iterator[type[MmioBisectError]]:
    """Every class of errors, the base included."""
    waiting: list[type[MmioBisectError]] = [MmioBisectError]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.__subclasses__())


def help_text() -> str:
    """The paragraph that `--help` ends with."""
    codes = {found.exit_code: _words(found) for found in error_classes()}
    codes |= {
        ANSWERED: "answered",
        UsageError.exit_code: "wrong usage",
        SUSPECTS_ONLY: "suspects only",
        CONTRADICTED: "contradiction",
        MmioBisectError.exit_code: "other trouble",
        INTERRUPTED: "interrupted",
    }
    listed = ", ".join(f"{code} {codes[code]}" for code in sorted(codes))
    return (
        f"Exit codes: {listed}. `check` exits with 0 good, 1 bad, 125 untestable, and 128 + the code for every error, "
        "as `git bisect run` wants it."
    )


def _words(found: type[MmioBisectError]) -> str:
    """`UnknownRecipeError` → `unknown recipe`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found.__name__.removesuffix("Error")).lower()
