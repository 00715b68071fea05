"""Where a call or a jump through a register may lead."""

from mmio_bisect.classify.dataflow.program import Program, Target
from mmio_bisect.classify.dataflow.tables import ImageData
from mmio_bisect.classify.machine.algebra import Algebra
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.machine.values import Value, choices_of


def functions_at(value: Value, program: Program, data: ImageData) -> list[Target] | None:
    """One function, one of several, or of those in a table; None if not known."""
    choices = [choice for choice in choices_of(value) for choice in data.functions_in(choice) or (choice,)]
    targets = [program.pointed_to(choice) for choice in choices]
    return None if not targets or None in targets else list(dict.fromkeys(targets))


def jump_targets(value: Value, name: str, program: Program, data: ImageData, algebra: Algebra) -> list[tuple[str, int]]:
    """Functions and offsets to which a jump in the function of that name may lead, by a table; none if not known.

    Beside a table may lie addresses of the window, which holds no code.
    """
    code, ways = program.codes[name], list[tuple[FunctionCode, int]]()
    for choice in (one for one in choices_of(value) if not algebra.derived(one)):
        target = program.pointed_to(choice)
        if isinstance(target, tuple) and target[0] == code:
            ways.append(target)
            continue
        along = [(code, position) for position in program.branches_at(choice, name)]
        found = data.jump_targets(choice, code) or along
        if not found:
            return []
        ways.extend(found)
    return list(dict.fromkeys((program.name(to), position) for to, position in ways))
