"""The second witness: what a function does to the window, by the compiler's word of which accesses are volatile.

It is asked where the data flow lost sight of the window. It knows no addresses, so it tells the forms of accesses only
where all that is volatile in the function is what the source asks for, in its order on every path.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from mmio_bisect.classify.dataflow.findings import Flow, WindowTouch
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import FunctionCode
from mmio_bisect.classify.machine.operations import CallRegister, Skip, Touch
from mmio_bisect.classify.word.matching import MatchedFunction, MatchedInstruction, Unread, match_word
from mmio_bisect.classify.word.values import Word

_Places = Mapping[tuple[str, int], MatchedInstruction]
"""By the name under which the code was followed, and the position in it."""


def flow_of_word(image: CodeImage, flow: Flow, word: Word) -> Flow | str:
    """The same ways through the function, touched wherever the compiler says volatile; or why its word does not help.

    What the function keeps on its stack is not the window. The touches have no region and no offset.
    """
    volatile = _volatile(image, flow, word)
    if isinstance(volatile, str):
        return volatile
    for touch in flow.touches:
        if touch.certain and (touch.code, touch.instruction.position) not in volatile:
            return f"“{touch.instruction.text}” touches the window, and the compiler does not say that it is volatile"
    passed = {(node[1], node[2]) for node in flow.edges}
    seen = {(touch.code, touch.instruction.position) for touch in flow.touches}
    for place, found in volatile.items():
        if found.said is not None and found.said.variable and place not in seen:
            return f"“{found.instruction.text}” accesses a volatile variable, which need not be the window"
        if place not in passed:
            return f"“{found.instruction.text}” is volatile, and on no way through the function that was followed"
    return replace(flow, touches=tuple(_touches(image, flow, volatile)), escapes=())


def _volatile(image: CodeImage, flow: Flow, word: Word) -> _Places | str:
    """What is volatile in the code that was followed, which must be all that may run."""
    found: dict[tuple[str, int], MatchedInstruction] = {}
    names = {code.name for code in flow.followed}
    if len(names) < len(flow.followed):
        return "two functions of one name are called"
    for code in flow.followed:
        there = _volatile_in(image, code, word)
        if isinstance(there, str):
            return there
        found.update(((code.name, position), one) for position, one in there.items())
    if _calls_the_unknown(image, flow):
        for code in image.functions:
            if code.name not in names and (there := _volatile_in(image, code, word)):
                return f"{code.name} may be called by a pointer, and may access what is volatile"
    return found


def _volatile_in(image: CodeImage, code: FunctionCode, word: Word) -> Mapping[int, MatchedInstruction] | str:
    match match_word(image.isa, code, word.get(code.name)):
        case Unread(why=why):
            return why
        case MatchedFunction(instructions=instructions):
            assembly = next((one for one in instructions.values() if one.said is None), None)
            if assembly is not None:
                return f"“{assembly.instruction.text}” is inline assembly, of which the compiler knows nothing"
            return {position: one for position, one in instructions.items() if one.volatile}


def _calls_the_unknown(image: CodeImage, flow: Flow) -> bool:
    """Whether code is called, or jumped to, by a pointer that may be to any function of the object."""
    lost = {(escape.code, escape.instruction.position) for escape in flow.escapes if escape.instruction is not None}
    return any(
        isinstance(operation, CallRegister) and (not operation.tail or (code.name, instruction.position) in lost)
        for code in flow.followed
        for instruction in code.instructions
        for operation in image.isa.lift(instruction, code)
    )


def _touches(image: CodeImage, flow: Flow, volatile: _Places) -> Iterator[WindowTouch]:
    codes = {code.name: code for code in flow.followed}
    for node in flow.edges:
        one = volatile.get((node[1], node[2]))
        if one is None:
            continue
        for operation in image.isa.lift(one.instruction, codes[node[1]]):
            match operation:
                case Skip(unless=condition) if node[3] != condition:
                    break  # it is carried out at another node, where the condition holds
                case Touch(transfer=transfer):
                    instruction = one.instruction
                    yield WindowTouch(node=node, instruction=instruction, transfer=transfer, region="", offset=None)
