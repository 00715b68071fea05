"""The accesses of one path against what the source asks for: marks, alternatives, and the names of what is wrong."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.verdict.each import match_each
from mmio_bisect.classify.verdict.matching import Match, Unit, Wanted, match_covered, match_exact, wanted
from mmio_bisect.domain.recipe import CoveredBytes, Direction, EachAccess, ExactAccesses


def unit(touch: int, text: str) -> Unit:
    shape, _, offset = text.removeprefix("may-").partition("+")
    direction = Direction.LOAD if shape.startswith("load") else Direction.STORE
    place = None if offset == "?" else int(offset)
    return Unit(
        touch=touch,
        direction=direction,
        width=int(shape.removeprefix(direction)),
        region="mmio",
        offset=place,
        certain=not text.startswith("may-"),
    )


def units(text: str) -> list[Unit]:
    return [unit(touch, word) for touch, word in enumerate(text.split())]


def region(label: str | None) -> str:
    return f"mmio {label or ''}".strip()


def exact(accesses: str) -> list[Wanted]:
    expectation = parse_function(f"f(mmio) accesses={accesses}").expectation
    assert isinstance(expectation, ExactAccesses)
    return [wanted(access, region) for access in expectation.accesses]


def found(match: Match) -> list[str]:
    return [f"{finding.kind} {finding.item or '-'} {finding.touch}" for finding in match.findings]


@pytest.mark.parametrize(
    ("accesses", "done", "wrong"),
    [
        ("load32+0,store32+4?", "load32+0 store32+4", []),
        ("load32+0,store32+4?", "load32+0", []),
        ("load32+0,store32+4?", "store32+4", ["missing load32+0 None"]),
        ("load32+0?,store32+4?", "store32+4 load32+0", ["reordered load32+0 1"]),
        ("store64+0?", "store32+4 store32+0", ["torn store64+0 0", "torn store64+0 1"]),
        ("store32+0|store32+4", "store32+4", []),
        ("store32+0|store32+4", "", ["missing store32+0|store32+4 None"]),
        ("store32+0|store32+4", "store16+4", ["narrowed store32+4 0"]),
        ("store32+0|store32+4", "store32+0 store32+4", ["doubled store32+0 1"]),
        ("load8+5*,store8+0", "load8+5 store8+0", []),
        ("load8+5*,store8+0", "load8+5 load8+5 load8+5 store8+0", []),
        ("load8+5*,store8+0", "load8+5 store8+0 load8+5", ["doubled load8+5 2"]),
        ("load8+5*,store8+0", "store8+0", ["missing load8+5 None"]),
        ("load8+5*?,store8+0", "store8+0", []),
        ("load8+5*,load8+6*,store8+0", "load8+5 load8+6 load8+5 load8+6 store8+0", []),
        ("store64+0,store64+0", "store32+0 store32+4 store32+0 store32+4", [f"torn store64+0 {n}" for n in range(4)]),
        (
            "store64+0,store64+0",
            "store32+4 store32+4 store32+0 store32+0",
            [f"torn store64+0 {n}" for n in (0, 2, 1, 3)],
        ),
        ("store64+0", "store32+0", ["narrowed store64+0 0"]),
        ("store32+0", "store32+0 store32+?", ["extra - 1"]),
        ("store32+0,store32+4", "store32+0 store32+?", ["missing store32+4 None", "escapes - 1"]),
        ("store32+0*", "store32+0 store32+?", ["escapes - 1"]),
        ("store32+0", "store32+0 store64+?", ["extra - 1"]),
        ("store32+0", "may-store32+0", []),
        ("store32+0", "store32+0 may-store32+0", []),
        ("store32+0", "store32+0 may-store32+4", ["escapes - 1"]),
        ("store32+0", "may-store64+0", ["missing store32+0 None", "escapes - 0"]),
    ],
)
def test_a_path_is_held_against_its_items(accesses: str, done: str, wrong: list[str]) -> None:
    match = match_exact(exact(accesses), units(done), frozenset(), whole=True)
    assert found(match) == wrong


@pytest.mark.parametrize(
    ("done", "why"),
    [
        ("store16+0 store8+2 store8+3", "store32+0 is done as 3 accesses of 16, 8 and 8 bits"),
        ("store16+0 store16+2", "store32+0 is done as 2 accesses of 16 bits"),
    ],
)
def test_the_widths_of_the_parts_are_named(done: str, why: str) -> None:
    match = match_exact(exact("store32+0"), units(done), frozenset(), whole=True)
    assert {finding.why for finding in match.findings} == {why}


def each(items: str, done: Sequence[Unit]) -> Match:
    expectation = parse_function(f"f(a:mmio,b:mmio) each={items}").expectation
    assert isinstance(expectation, EachAccess)
    wants = [wanted(item, lambda label: label and region(label)) for item in expectation.items]
    return match_each(expectation, wants, done, frozenset(), instructions=len(done))


def test_in_a_loop_a_wider_access_does_what_several_did() -> None:
    expectation = parse_function("f(mmio) each=store32").expectation
    assert isinstance(expectation, EachAccess)
    wants = [wanted(item, lambda label: label) for item in expectation.items]
    done = units("store32+0 store128+?")
    match = match_each(expectation, wants, done, frozenset(), instructions=2, again=frozenset({1}))
    assert found(match) == ["widened store32 1"]


@pytest.mark.parametrize(
    ("items", "done", "wrong"),
    [
        ("load32", "load8+3", ["narrowed load32 0"]),
        ("load32", "load8+?", ["narrowed load32 0"]),
        ("load32", "load16+0 load16+2", ["torn load32 0", "torn load32 1"]),
        ("load32", "load16+4 load8+6 load8+7", ["torn load32 0", "torn load32 1", "torn load32 2"]),
        ("load32", "load16+0 load16+8", ["narrowed load32 0", "narrowed load32 1"]),
        ("load32", "load16+0 store16+2", ["narrowed load32 0", "extra - 1"]),
        ("load32", "load16+? load16+?", ["torn load32 0", "torn load32 1"]),
        ("load32,load8", "load16+0", ["narrowed load32 0"]),
        ("load32+24,store32+40", "load32+24 store32+40", []),
        ("load32+24,store32+40", "load32+24 store32+28", ["extra - 1"]),
        ("load32+24", "load64+24", ["widened load32+24 0"]),
        ("store32", "store64+8", ["widened store32 0"]),
        ("store32", "store32+4 store64+8", ["extra - 1"]),
        ("store32", "store32+4 store64+?", ["extra - 1"]),
        ("store32", "store32+4 store16+8", ["narrowed store32 1"]),
        ("load32+24", "load16+24 load16+26", ["torn load32+24 0", "torn load32+24 1"]),
        ("load32+24", "load32+?", ["escapes - 0"]),
        ("load32+24,load32", "load32+?", []),
        ("a.load32+0", "load32+0", ["extra - 0"]),
        ("load32", "may-load32+0 may-store32+?", ["escapes - 1"]),
    ],
)
def test_each_access_is_one_of_the_items(items: str, done: str, wrong: list[str]) -> None:
    assert found(each(items, units(done))) == wrong


@pytest.mark.parametrize(
    ("done", "whole", "wrong"),
    [
        ("store32+0 store32+4", True, []),
        ("store8+7 store16+0 store32+2 store8+6", True, []),
        ("store32+0", True, ["missing store+0..8 None: 4 of 8 bytes are not touched on some path, the first at +4"]),
        ("store32+4", True, ["missing store+0..8 None: 4 of 8 bytes are not touched on some path, the first at +0"]),
        ("store32+0", False, []),
        ("store64+4", False, ["widened store+0..8 0: bytes outside store+0..8 are touched"]),
        ("store32+0 store64+0", True, ["doubled store+0..8 1: a byte is touched a second time"]),
        ("store64+0 load32+0", True, ["extra - 1: the source asks for no load here"]),
        ("store32+?", True, ["escapes store+0..8 0: which bytes of the window it touches is not followed"]),
        ("may-store32+0", True, []),
        ("store8+8", False, ["widened store+0..8 0: bytes outside store+0..8 are touched"]),
    ],
)
def test_covered_bytes_are_touched_once_each(done: str, whole: bool, wrong: list[str]) -> None:
    covers = CoveredBytes(direction=Direction.STORE, low=0, high=8)
    match = match_covered(covers, "mmio", units(done), frozenset(), whole=whole)
    findings = [f"{one.kind} {one.item or '-'} {one.touch}: {one.why}" for one in match.findings]
    assert findings == wrong
    assert match.fulfils == {touch: [covers.item] for touch in range(len(done.split()))}


def test_bytes_of_another_window_are_not_those_that_are_covered_and_a_call_may_do_any() -> None:
    covers = CoveredBytes(direction=Direction.STORE, low=0, high=8)
    assert found(match_covered(covers, "other", units("store64+0"), frozenset(), whole=False)) == ["extra - 0"]
    assert found(match_covered(covers, "mmio", units("load64+0"), frozenset({0}), whole=True)) == []


@pytest.mark.parametrize(
    ("accesses", "done", "wrong"),
    [
        ("store32+0,store32+4", "store32+0", []),
        ("store32+0,store32+4,store32+8", "store32+4", ["missing store32+0 None"]),
        ("store32+0,store32+4", "store32+0 store16+4", ["narrowed store32+4 1"]),
        ("store32+0", "", []),
    ],
)
def test_of_a_path_that_does_not_return_nothing_is_asked_for_after_its_last_access(
    accesses: str, done: str, wrong: list[str]
) -> None:
    assert found(match_exact(exact(accesses), units(done), frozenset(), whole=False)) == wrong


@pytest.mark.parametrize(
    ("done", "fulfils", "wrong"),
    [
        ("store8+0", ["store32+0", "store32+4"], ["missing load32+8 None"]),
        ("load8+0", ["load32+8"], ["missing store32+0 None", "missing store32+4 None"]),
    ],
)
def test_a_library_call_does_what_is_left_of_its_direction(done: str, fulfils: list[str], wrong: list[str]) -> None:
    match = match_exact(exact("store32+0,store32+4,load32+8"), units(done), frozenset({0}), whole=True)
    assert (match.fulfils, found(match)) == ({0: fulfils}, wrong)


@pytest.mark.parametrize(
    ("accesses", "done", "why"),
    [
        ("store32+0", "store32+4 store32+0", "the source asks for no store32+4"),
        ("store32+0,store32+4", "store64+0", "store32+0, store32+4 are done as one access of 64 bits"),
        ("store32+0", "store64+0", "store32+0 is done with 64 bits"),
        ("store32+0", "store16+0", "store32+0 is done with 16 bits"),
        ("store32+0", "store32+0 store32+0", "store32+0 is done once more than the source asks"),
        ("store32+0,store32+4", "store32+4 store32+0", "store32+0 is there, but in another place of the order"),
        ("store32+0", "", "no instruction on some path does store32+0"),
        ("store32+0", "store32+0 may-load8+1", "load8+1 may be to the window, and is not asked for"),
        ("store32+0,store32+4", "store32+0 store32+?", "a store32+? whose place in the window is not followed"),
    ],
)
def test_what_is_wrong_is_said_in_words(accesses: str, done: str, why: str) -> None:
    match = match_exact(exact(accesses), units(done), frozenset(), whole=True)
    assert why in {finding.why for finding in match.findings}


@pytest.mark.parametrize(
    ("instructions", "wrong"),
    [
        (1, ["missing load32 None: 1 instructions touch the window; the source asks for at least 2"]),
        (2, []),
        (3, []),
        (4, ["extra - None: 4 instructions touch the window; the source asks for at most 3"]),
    ],
)
def test_so_many_instructions_as_the_source_asks_for_touch_the_window(instructions: int, wrong: list[str]) -> None:
    expectation = parse_function("f(mmio) each=load32").expectation
    assert isinstance(expectation, EachAccess)
    bounded = replace(expectation, minimum=2, maximum=3)
    wants = [wanted(item, lambda label: label) for item in expectation.items]
    match = match_each(bounded, wants, units("load32+0"), frozenset(), instructions=instructions)
    assert [f"{one.kind} {one.item or '-'} {one.touch}: {one.why}" for one in match.findings] == wrong
