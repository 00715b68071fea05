"""Which layer the mixes of two toolchains leave: every pattern of trials, and what is said of it."""

from dataclasses import replace
from itertools import product

import pytest

from mmio_bisect.domain.attribution import Confidence, Explanation, Layer, LayerConclusion, Mix, Trial
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.report.terminal.attributions import explanation_text
from mmio_bisect.workflow.attribution.layers import conclude, mixes_of

FRONT, MIDDLE, BACK = Layer
ALL = tuple(Layer)
VERDICTS = {"g": Verdict.GOOD, "b": Verdict.BAD, "?": Verdict.UNTESTABLE}


def concluded(pattern: str, layers: tuple[Layer, ...] = ALL) -> LayerConclusion:
    """`pattern` has a letter for each mix, fewest bad layers first: none, F, M, B, FM, FB, MB, all."""
    mixes = mixes_of(layers)
    trials = [Trial(mix=mix, verdict=VERDICTS[letter]) for mix, letter in zip(mixes, pattern, strict=True)]
    return conclude(trials, layers)


def enough(*sets: set[Layer]) -> Explanation:
    return Explanation(enough=frozenset(frozenset(one) for one in sets))


@pytest.mark.parametrize(
    ("pattern", "explanation", "words"),
    [
        ("gbggbbgb", enough({FRONT}), "the front end"),
        ("ggbgbgbb", enough({MIDDLE}), "the middle end"),
        ("gggbgbbb", enough({BACK}), "the back end"),
        ("ggggggbb", enough({MIDDLE, BACK}), "the middle end and the back end together"),
        ("ggggbggb", enough({FRONT, MIDDLE}), "the front end and the middle end together"),
        ("ggbbbbbb", enough({MIDDLE}, {BACK}), "the back end or the middle end, each by itself"),
        ("gggggggb", enough({FRONT, MIDDLE, BACK}), "the front end and the middle end and the back end together"),
    ],
)
def test_when_every_mix_could_be_made_one_explanation_is_proven(
    pattern: str, explanation: Explanation, words: str
) -> None:
    found = concluded(pattern)
    assert found.explanations == (explanation,)
    assert found.confidence is Confidence.PROVEN
    assert explanation_text(explanation) == words


def test_a_newer_ir_that_cannot_be_read_leaves_the_likeliest_and_says_what_is_missing() -> None:
    found = concluded("gg?b?bbb")
    assert found.explanations == (enough({BACK}), enough({MIDDLE}, {BACK}), enough({BACK}, {FRONT, MIDDLE}))
    assert found.confidence is Confidence.LIKELY
    assert found.why == "2 of 8 mixes could not be made, and only they tell the explanations apart"


def test_missing_mixes_do_not_matter_where_the_others_settle_it() -> None:
    assert concluded("gggbg?bb").confidence is Confidence.PROVEN


def test_two_compilers_between_which_nothing_can_be_handed_leave_it_open() -> None:
    found = concluded("g??????b")
    assert found.confidence is Confidence.OPEN
    assert len(found.explanations) == 18, "all monotone functions of three layers that change at all"


def test_a_case_in_ir_has_two_layers() -> None:
    found = concluded("ggbb", (MIDDLE, BACK))
    assert (found.explanations, found.confidence) == ((enough({BACK}),), Confidence.PROVEN)


def test_layers_that_make_up_for_one_another_are_not_given_a_name() -> None:
    found = concluded("gggbggbb")
    assert (found.explanations, found.confidence) == ((), Confidence.OPEN)
    assert "against one another" in found.why


@pytest.mark.parametrize("pattern", ["bggbgbbb", "gggbgbbg"])
def test_a_toolchain_that_does_otherwise_when_taken_apart_proves_nothing(pattern: str) -> None:
    assert "taken apart" in concluded(pattern).why


def test_an_explanation_is_never_one_that_a_trial_refutes() -> None:
    for letters in product("gb?", repeat=6):
        pattern = "g" + "".join(letters) + "b"
        for explanation in concluded(pattern).explanations:
            for mix, letter in zip(mixes_of(ALL), pattern, strict=True):
                predicted = any(one <= mix.bad_layers for one in explanation.enough)
                assert letter == "?" or predicted is (letter == "b")


def test_what_stand_ins_show_is_likely_at_most() -> None:
    mixes = mixes_of(ALL)
    own = [Trial(mix=mix, verdict=VERDICTS[letter]) for mix, letter in zip(mixes, "gggbgbbb", strict=True)]
    lent = [replace(trial, stand_ins=frozenset({BACK})) if 0 < place < 7 else trial for place, trial in enumerate(own)]
    assert conclude(own, ALL).confidence is Confidence.PROVEN
    found = conclude(lent, ALL)
    assert (found.explanations, found.confidence) == ((enough({BACK}),), Confidence.LIKELY)
    assert found.why == "every mix was tried, 6 of 8 with a stand-in"


def test_a_mix_reads_in_the_order_of_the_layers() -> None:
    assert str(Mix(bad_layers=frozenset({MIDDLE, BACK}))) == "good+bad+bad"
