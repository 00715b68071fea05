"""What the search proposes and what it concludes, by example: a history is a word, oldest point first.

`g` is good, `B` bad, `-` untestable.
"""

from collections.abc import Sequence

import pytest

from mmio_bisect.domain.answer import Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.search import Session
from mmio_bisect.search.line import gaps, spread

LETTERS = {"g": Verdict.GOOD, "B": Verdict.BAD, "-": Verdict.UNTESTABLE}


def points(count: int) -> tuple[Point, ...]:
    return tuple(Point(series="toy", version=str(number), sort_key=f"{number:06}") for number in range(count))


def session_knowing(known: str) -> Session:
    """A session whose points are the letters; a dot is a point not known yet."""
    line = points(len(known))
    session = Session(line)
    for point, letter in zip(line, known, strict=True):
        if letter != ".":
            session.record(point, LETTERS[letter])
    return session


def probed_alone(session: Session, history: str) -> list[int]:
    """Run the search to its end with one worker; the positions in the order they were probed."""
    order = []
    while not session.done:
        (point,) = session.propose((), 1)
        position = int(point.version)
        session.record(point, LETTERS[history[position]])
        order.append(position)
    return order


def numbers(chosen: Sequence[Point]) -> list[int]:
    return [int(point.version) for point in chosen]


def test_both_ends_are_proposed_before_anything_else() -> None:
    assert numbers(Session(points(9)).propose((), 8)) == [0, 8]


def test_with_one_worker_the_oldest_end_comes_first() -> None:
    assert numbers(Session(points(9)).propose((), 1)) == [0]


def test_an_end_in_flight_is_not_proposed_again() -> None:
    line = points(9)
    assert numbers(Session(line).propose((line[0],), 8)) == [8]


def test_an_end_that_history_knows_is_not_proposed() -> None:
    assert numbers(session_knowing("g........").propose((), 8)) == [8]


def test_a_change_is_bisected_to_its_neighbours() -> None:
    session = Session(points(9))
    order = probed_alone(session, "gggggBBBB")
    assert order == [0, 8, 4, 6, 5]
    assert session.answer() == Culprit(change=Change.INTRODUCED, last=points(9)[4], first=points(9)[5])


def test_a_change_from_bad_to_good_is_a_fix() -> None:
    session = session_knowing("Bg")
    assert session.answer() == Culprit(change=Change.FIXED, last=points(2)[0], first=points(2)[1])


def test_equal_ends_are_said_with_what_was_not_probed_between() -> None:
    line = points(9)
    session = session_knowing("B..B-...B")
    assert session.done
    assert session.answer() == NoChange(verdict=Verdict.BAD, oldest=line[0], newest=line[8], unprobed=5)


def test_equal_ends_end_the_search_at_once() -> None:
    session = Session(points(100))
    assert probed_alone(session, "g" * 100) == [0, 99]


def test_untestable_points_beside_the_change_are_suspects_with_the_first_different_one() -> None:
    line = points(6)
    session = Session(line)
    probed_alone(session, "gg--BB")
    assert session.answer() == Suspects(change=Change.INTRODUCED, last=line[1], first=line[4], suspects=line[2:5])


def test_an_untestable_point_elsewhere_does_not_blur_the_answer() -> None:
    line = points(9)
    session = Session(line)
    probed_alone(session, "ggg-gggBB")
    assert session.answer() == Culprit(change=Change.INTRODUCED, last=line[6], first=line[7])


def test_after_an_untestable_middle_the_longer_side_is_halved() -> None:
    assert numbers(session_knowing("g...-......B").propose((), 1)) == [7]


def test_a_different_verdict_between_equal_ends_is_a_contradiction_with_three_witnesses() -> None:
    line = points(5)
    session = session_knowing("g.B.g")
    assert session.answer() == Contradiction(
        witnesses=((line[0], Verdict.GOOD), (line[2], Verdict.BAD), (line[4], Verdict.GOOD)),
    )


def test_two_changes_are_a_contradiction_even_while_the_ends_are_unknown() -> None:
    session = session_knowing(".gB.g.")
    assert session.done
    assert isinstance(session.answer(), Contradiction)


def test_a_contradiction_names_three_witnesses_however_often_the_verdict_changes() -> None:
    answer = session_knowing("gBgBgBgB").answer()
    assert isinstance(answer, Contradiction)
    assert [verdict for _, verdict in answer.witnesses] == [Verdict.GOOD, Verdict.BAD, Verdict.GOOD]


def test_a_change_known_from_history_is_no_answer_before_the_ends_are_probed() -> None:
    session = session_knowing("..gB..")
    assert not session.done
    assert numbers(session.propose((), 4)) == [0, 5]


def test_behind_an_untestable_end_the_outermost_testable_point_is_found_by_bisection() -> None:
    line = points(17)
    session = Session(line)
    order = probed_alone(session, "-----gggggggggggg")
    assert order == [0, 16, 8, 4, 6, 5]
    assert session.answer() == NoChange(verdict=Verdict.GOOD, oldest=line[5], newest=line[16], unprobed=8)


def test_both_ends_may_be_untestable() -> None:
    line = points(9)
    session = Session(line)
    probed_alone(session, "--gggg---")
    assert session.answer() == NoChange(verdict=Verdict.GOOD, oldest=line[2], newest=line[5], unprobed=1)


def test_a_single_testable_point_is_both_the_oldest_and_the_newest() -> None:
    line = points(3)
    session = session_knowing("-g-")
    assert session.answer() == NoChange(verdict=Verdict.GOOD, oldest=line[1], newest=line[1], unprobed=0)


def test_once_a_change_is_known_the_points_behind_an_untestable_end_no_longer_matter() -> None:
    line = points(9)
    session = session_knowing("-...g...B")
    assert not session.useful(line[2])
    assert numbers(session.propose((), 1)) == [6]


def test_a_search_gives_up_after_as_many_untestable_points_as_a_bisection_would_take() -> None:
    session = Session(points(64))
    assert len(probed_alone(session, "-" * 64)) == 6 + 2
    assert session.answer() == NothingTestable(probed=8, unprobed=56)


def test_a_short_range_is_probed_whole_before_the_search_gives_up() -> None:
    session = Session(points(2))
    probed_alone(session, "--")
    assert session.answer() == NothingTestable(probed=2, unprobed=0)


def test_many_workers_do_not_outrun_the_patience_of_a_search_that_finds_nothing_testable() -> None:
    session = session_knowing("-" + "." * 62 + "-")
    assert len(session.propose((), 50)) == 6


def test_several_workers_split_the_bracket_evenly() -> None:
    assert numbers(session_knowing("g" + "." * 11 + "B").propose((), 3)) == [3, 6, 9]


def test_a_point_in_flight_parts_the_bracket_like_a_verdict_to_come() -> None:
    line = points(13)
    session = session_knowing("g" + "." * 11 + "B")
    assert numbers(session.propose((line[6],), 2)) == [3, 9]


def test_no_more_is_proposed_than_there_is_to_probe() -> None:
    assert numbers(session_knowing("g..B").propose((), 8)) == [1, 2]
    assert session_knowing("g..B").propose((), 0) == ()


def test_nothing_inside_is_probed_before_the_ends_differ() -> None:
    line = points(9)
    assert Session(line).propose((line[0], line[8]), 4) == ()


def test_a_probe_that_a_verdict_put_outside_the_bracket_is_of_no_use() -> None:
    line = points(9)
    session = session_knowing("g...B...B")
    assert [session.useful(point) for point in line] == [False, True, True, True] + [False] * 5


def test_a_point_that_is_known_is_of_no_use() -> None:
    assert [session_knowing("g.-.B").useful(point) for point in points(5)] == [False, True, False, True, False]


def test_nothing_is_of_use_once_the_search_is_done() -> None:
    session = session_knowing("g...g")
    assert not any(session.useful(point) for point in points(5))
    assert session.propose((), 4) == ()


def test_points_of_another_range_in_flight_are_passed_over() -> None:
    stranger = Point(series="other", version="1", sort_key="1")
    session = Session(points(3))
    assert numbers(session.propose((stranger,), 2)) == [0, 2]
    assert not session.useful(stranger)


def test_recording_the_same_verdict_twice_is_harmless() -> None:
    session = session_knowing("g..")
    session.record(points(3)[0], Verdict.GOOD)
    assert numbers(session.propose((), 2)) == [2]


def test_recording_another_verdict_for_a_point_is_refused_and_changes_nothing() -> None:
    session = session_knowing("g.g")
    with pytest.raises(ValueError, match="toy@0 was recorded as good and now as bad"):
        session.record(points(3)[0], Verdict.BAD)
    assert isinstance(session.answer(), NoChange)


def test_recording_a_point_outside_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="toy@7 is not in the range"):
        Session(points(3)).record(points(8)[7], Verdict.GOOD)


def test_a_verdict_after_the_end_of_the_search_is_evidence_too() -> None:
    session = session_knowing("g...g")
    session.record(points(5)[2], Verdict.BAD)
    assert isinstance(session.answer(), Contradiction)


def test_there_is_no_answer_before_the_search_is_done() -> None:
    with pytest.raises(RuntimeError):
        Session(points(3)).answer()


@pytest.mark.parametrize("line", [points(0), points(1), points(3) + points(1)])
def test_a_range_needs_two_distinct_points(line: tuple[Point, ...]) -> None:
    with pytest.raises(ValueError, match="a search needs"):
        Session(line)


def test_gaps_are_the_runs_between_separators() -> None:
    assert gaps(range(2, 9), {0, 4, 5, 8, 9}) == [range(2, 4), range(6, 8)]
    assert gaps(range(3, 3), ()) == []


def test_picks_go_to_the_gap_whose_parts_would_be_longest() -> None:
    assert spread([range(3), range(10, 19)], 1) == [14]
    assert spread([range(3), range(10, 19)], 3) == [1, 12, 15]
    assert spread([range(2), range(5, 6)], 9) == [0, 1, 5]
