"""How long judging takes: code that a careless analysis takes long for, in seconds of processor time and steps.

Prints a line a shape; 1 if one takes more than half a second. `differential.py` says the same of its slowest function.

    PYTHONPATH=tests/fakes python tests/benchmarks/judging_time.py
"""

import sys
import time

from deep_code import SHAPES

from mmio_bisect.adapters.recipes.recipe_directives import parse_function
from mmio_bisect.classify.dataflow.entry import entry_state
from mmio_bisect.classify.dataflow.flow import follow
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.profiles import default_profile

MOST_SECONDS = 0.5


def main() -> int:
    function, slowest = parse_function("f(mmio,_)"), 0.0
    for shape, image in SHAPES.items():
        codes = image.functions  # disassembled before the clock starts
        size = sum(len(code.instructions) for code in codes)
        flow = follow(image, codes[0], entry_state(function, (), image))
        before = time.process_time()
        judge_image(image, [function], (), default_profile(image.architecture))
        seconds = time.process_time() - before
        slowest = max(slowest, seconds)
        each = flow.steps / size
        print(f"{seconds:6.2f} s {flow.steps:>6} steps, {each:4.1f} an instruction: {shape}, {size} instructions")
    return 1 if slowest > MOST_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
