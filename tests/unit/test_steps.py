"""What an analysis costs: steps an instruction, whatever the shape of the code, and nothing that is lost by it."""

import pytest
from deep_code import SHAPES, nested

from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.dataflow.entry import entry_state
from mmio_bisect.classify.dataflow.findings import Flow
from mmio_bisect.classify.dataflow.flow import follow
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.paths import orders, repeated
from mmio_bisect.classify.verdict.profiles import default_profile
from mmio_bisect.domain.outcome import FunctionJudgement

MOST_STEPS_EACH = 45
ASKED = "f(mmio,_)"


def flow_of(image: CodeImage) -> Flow:
    code = image.function("f")
    assert code is not None
    return follow(image, code, entry_state(parse_function(ASKED), (), image))


def judged(image: CodeImage, expectation: str = ASKED) -> FunctionJudgement:
    return judge_image(image, [parse_function(expectation)], (), default_profile(image.architecture)).functions[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_steps_are_bounded_by_the_codes_size(shape: str) -> None:
    flow = flow_of(SHAPES[shape])
    size = sum(len(code.instructions) for code in SHAPES[shape].functions)
    assert {code.name for code in flow.followed} == {code.name for code in SHAPES[shape].functions}
    assert len(flow.edges) <= flow.steps <= MOST_STEPS_EACH * size
    assert not flow.escapes


@pytest.mark.parametrize("shape", SHAPES)
def test_each_access_is_found(shape: str) -> None:
    stores = {
        (code.name, line.position)
        for code in SHAPES[shape].functions
        for line in code.instructions
        if line.text.startswith(("str w", "strne", "ldreq")) and "sp" not in line.text
    }
    found = {(access.code, access.position) for access in judged(SHAPES[shape]).accesses}
    assert stores == found
    assert stores


def test_helpers_that_do_not_multiply_are_told_apart() -> None:
    image = nested(2, calls=2, step=4)
    assert not flow_of(image).shared
    assert judged(image, "f(mmio,_) accesses=store32+0,store32+4,store32+4,store32+8").defects == ()


def test_where_helpers_multiply_forms_are_told_and_orders_are_not() -> None:
    image = nested(12)
    flow = flow_of(image)
    assert flow.shared
    assert orders(flow) is None
    assert judged(image, "f(mmio,_) each=store32").unseen == ()
    for asked in ("accesses=store32+0", "covers=store+0..4", "each=store32*"):
        (unseen,) = judged(image, f"f(mmio,_) {asked}").unseen
        assert unseen.why.startswith("calls that multiply are followed together")


def test_nothing_is_in_a_loop_of_straight_code() -> None:
    assert repeated(flow_of(SHAPES["5,000 instructions"])) == frozenset()
    assert len(repeated(flow_of(SHAPES["loops, 6 deep"]))) == 1
