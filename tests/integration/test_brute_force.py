"""`run` says of generated functions what running every version's code says: culprits, fixes, and that nothing changed.

`make brute-force` asks of more functions over all versions of zig.
"""

from pathlib import Path

import pytest
from executed_verdicts import Agreement, compare, question
from real_zigs import RealZigs

pytestmark = pytest.mark.compiler

INTRODUCED_0_12_1 = "'introduced', 'last': 'zig@0.9.1', 'first': 'zig@0.12.1'"
INTRODUCED_0_13_0 = "'introduced', 'last': 'zig@0.12.1', 'first': 'zig@0.13.0'"
FIXED_0_12_1 = "'fixed', 'last': 'zig@0.9.1', 'first': 'zig@0.12.1'"
GOOD, BAD = "'no-change', 'verdict': 'good'", "'no-change', 'verdict': 'bad'"
ANSWERS = {
    2: INTRODUCED_0_13_0,
    4: INTRODUCED_0_12_1,
    5: BAD,
    7: BAD,
    11: GOOD,
    12: GOOD,
    14: INTRODUCED_0_13_0,
    18: GOOD,
    25: INTRODUCED_0_12_1,
    49: FIXED_0_12_1,
}
"""By the question's number: ten in which nothing is lost from sight. 5 and 11 are A32's."""


@pytest.mark.parametrize("number", ANSWERS)
def test_the_answer_is_the_one_that_executions_give(zigs: RealZigs, tmp_path: Path, number: int) -> None:
    compared = compare(question(number), zigs, tmp_path)
    assert compared.agreement is Agreement.RIGHT, compared
    assert ANSWERS[number] in compared.said
