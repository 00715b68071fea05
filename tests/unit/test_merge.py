"""What Rust's rollups hold, as their messages have told it over the years."""

import pytest

from mmio_bisect.domain.commit import PullRequest
from mmio_bisect.domain.merge import rolled_up

OF_2024 = """Auto merge of #131006 - matthiaskrgr:rollup-bo2tz6n, r=matthiaskrgr

Rollup of 3 pull requests

Successful merges:

 - #130595 (Initial std library support for NuttX)
 - #130836 (Fix two typos (and `(` itself))
 - #130990 (try to get rid of mir::Const::normalize)

Failed merges:

 - #130000 (Not this one)

r? `@ghost`
`@rustbot` modify labels: rollup
"""
OF_2025 = """Auto merge of #147140 - matthiaskrgr:rollup-1lyeqxo, r=matthiaskrgr

Rollup of 2 pull requests

Successful merges:

 - rust-lang/rust#146281 (Support trailing self in macros)
 - rust-lang/rust#146667 (Stabilise it)

r? @ghost
"""
OF_2017 = """Auto merge of #45261 - kennytm:rollup, r=kennytm

Rollup of 3 pull requests

- Successful merges: #44855, #45110, #45122
- Failed merges: #45133
"""
PLAIN = """Auto merge of #130157 - eduardosm:stabilize, r=RalfJung

Stabilize `const_maybe_uninit_as_mut_ptr`

 - #1 (is mentioned)
"""


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        (OF_2024, [130595, 130836, 130990]),
        (OF_2025, [146281, 146667]),
        (OF_2017, [44855, 45110, 45122]),
        (PLAIN, []),
        ("", []),
    ],
    ids=["2024", "2025", "2017", "no rollup", "nothing"],
)
def test_a_message_lists_what_was_merged_and_not_what_failed(message: str, numbers: list[int]) -> None:
    assert [pull.number for pull in rolled_up(message, [])] == numbers


def test_a_title_keeps_its_parentheses() -> None:
    assert rolled_up(OF_2024, [])[1] == PullRequest(number=130836, title="Fix two typos (and `(` itself)")


def test_the_merges_themselves_count_for_more_than_the_list() -> None:
    brought = [
        "Rollup merge of #130595 - no1wudi:x, r=someone\n\nInitial std library support for NuttX\n\nLong.",
        "Merge branch 'master' into fix",
        "Rollup merge of #131000 - a:b, r=c",
        "",
    ]
    assert rolled_up(OF_2024, brought) == (
        PullRequest(number=130595, title="Initial std library support for NuttX"),
        PullRequest(number=131000, title="Rollup merge of #131000 - a:b, r=c"),
    )
