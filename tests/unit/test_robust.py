"""No input, however malformed, crashes what reads and judges: declared errors, whole judgements, the same each time.

Longer searches are `make fuzz`; what one finds is put into `fixtures/corpus`, where it is tried for good.
"""

import random
from pathlib import Path

import pytest
from damage import any_recipe, any_stream, damaged_object
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_whole import judge_file, judge_stream, read_recipe
from listed_code import RawFunction, listed_object

from mmio_bisect.classify.isa.aarch64.words import read_word
from mmio_bisect.classify.machine.instructions import Relocation
from mmio_bisect.domain.outcome import Judgement, Verdict
from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.target import Architecture
from mmio_bisect.workflow.probing.objects import RawObject

FIXTURES = Path(__file__).parents[1] / "fixtures"
OBJECTS = [path.read_bytes() for path in sorted((FIXTURES / "objects").glob("*.o"))]
CORPUS = sorted((FIXTURES / "corpus").glob("*.*"))

seeds = st.integers(0, 1 << 32)


def whole(judgements: list[Judgement]) -> bool:
    """Bad exactly when there are defects, else good only where all was seen; every access lies in the listing."""
    return all(
        (judgement.verdict is Verdict.BAD) == bool(judgement.defects)
        and (judgement.verdict is Verdict.UNTESTABLE) == (judgement.reason is not None)
        and (judgement.verdict is not Verdict.GOOD or not any(function.unseen for function in judgement.functions))
        and all(
            access.instruction in {line.text for line in function.listing}
            for function in judgement.functions
            for access in function.accesses
        )
        for judgement in judgements
    )


@given(seeds)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_damaged_object_is_judged_or_refused(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  hypothesis' own seed
    assert whole(judge_file(damaged_object(draw.choice(OBJECTS), draw)))


@given(seeds)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_instructions_are_judged_and_equally_each_time(seed: int) -> None:
    raw = any_stream(random.Random(seed))  # noqa: S311  as above
    judgements = judge_stream(raw)
    assert whole(judgements)
    assert judgements == judge_stream(raw)


@given(seeds, st.sampled_from(Language))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_recipe_is_read_or_refused_with_its_place(seed: int, language: Language) -> None:
    read_recipe(any_recipe(random.Random(seed)), language)  # noqa: S311  as above


@given(st.integers(0, (1 << 32) - 1))
@settings(derandomize=True)
def test_any_word_has_a_form_and_a_text(word: int) -> None:
    found = read_word(word, None)
    assert found.form
    assert found.text
    assert (found.valid is None) == (
        found.form in {"prefetch", "address translation", "instruction-cache maintenance"}
        or found.form in {"no memory access", "not an instruction"}
    )


def one_function(*words: int, relocations: tuple[tuple[int, Relocation], ...] = ()) -> RawObject:
    code = b"".join(word.to_bytes(4, "little") for word in words)
    function = RawFunction(name="f", section=1, address=0, size=len(code), code=code, relocations=relocations)
    return listed_object(Architecture.AARCH64, [function])


def test_a_circle_that_a_relocation_closes_is_followed_once() -> None:
    back = Relocation(kind="R_AARCH64_JUMP26", symbol=".text", addend=4, section=1, address=4)
    raw = one_function(0xAA0403E0, 0xAA0403E0, 0x14000008, relocations=((8, back),))  # mov, mov, b .text+4
    assert whole(judge_stream(raw))


def test_a_shift_beyond_the_register_is_no_shift() -> None:
    assert whole(judge_stream(one_function(0x53289C00, 0xD65F03C0)))  # ubfm w0, w0, #40, #39: not allocated


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus_stays_harmless(path: Path) -> None:
    data = path.read_bytes()
    match path.suffix:
        case ".o":
            assert whole(judge_file(data))
        case ".seed":
            assert whole(judge_stream(any_stream(random.Random(int(data)))))  # noqa: S311  as above
        case _:
            for language in Language:
                read_recipe(data, language)
