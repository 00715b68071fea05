"""LLVM's dump of machine instructions, as clang, llc and rustc print it after a pass, to what it says of memory.

Format: llvm/lib/CodeGen/MachineFunction.cpp, MachineInstr.cpp and MachineMemOperand.cpp (`print`), LLVM 12 to 22. Sizes
are bytes (`load 4 from`) until LLVM 12 and types (`load (s32) from`) since.

A function that is dumped after several passes is yielded as often, in their order.
"""

import re
from collections.abc import Iterable, Iterator

from mmio_bisect.adapters.word.limits import FunctionReader
from mmio_bisect.classify.word.values import FunctionWord, MemoryPart, SourcePlace, WordAssembly, WordInstruction
from mmio_bisect.domain.recipe import Direction

_HEAD = re.compile(r"# Machine code for function (?P<name>.+): [^:]*$")
_END = "# End machine code for function "
_STRING = re.compile(r'"[^"]*"')
_INSTRUCTION = re.compile(
    r"\s{2,}(?:(?P<written>[-\w$%.(), ]+?) = )?(?:[a-z][a-z0-9-]* )*(?P<opcode>\w+)(?![\w:])(?P<operands>.*)"
)
_STACK_POINTER = re.compile(r"\$(?:sp|rsp|esp)\b")
_ALSO_WRITTEN = re.compile(r"\bimplicit-def (?:dead )?\$(?:sp|rsp|esp)\b")
_MEMORY = re.compile(
    r'\((?P<words>(?:[^()`]|\(""\)){0,200}?)\b(?P<kind>load store|load|store)(?P<order>(?: [a-z_]+(?:\(""\))?){0,4}?) '
    r"(?:\((?P<type>[^()]*)\)|(?P<bytes>\d+)|unknown-size)(?: (?:from|into|on) (?P<place>[^\s,)]+))?"
)
_BITS = re.compile(r"(?:<(?P<count>\d+) x )?[sif]?(?P<bits>\d+)>?")
_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?[ \]]*$")
_ASSEMBLY = re.compile(r'INLINEASM(?:_BR)? &(?:"(?P<text>[^"]*)"|(?P<word>\S*))')
_JUMP_TABLE = re.compile(r"(?P<opcode>JumpTableDest(?P<bits>8|16|32)) ")  # AArch64's: a load and an addition
_BREAK = re.compile(r"\\0A|;")
_CONSTANT = {"constant-pool", "got", "jump-table"}
_DIRECTIONS = {
    "load": (Direction.LOAD,),
    "store": (Direction.STORE,),
    "load store": (Direction.LOAD, Direction.STORE),
}


def read_machine_ir(lines: Iterable[str]) -> Iterator[FunctionWord]:
    """Each function's dump as it ends; what is not machine code is passed over.

    Takes what a hostile compiler prints.
    """
    reader: FunctionReader | None = None
    for line in lines:
        if head := _HEAD.match(line):
            if reader is not None:
                yield reader.broken_off()
            reader = FunctionReader(head["name"])
        elif reader is None:
            continue
        elif line.startswith(_END):
            yield reader.finished()
            reader = None
        elif reader.takes(line):
            reader.add(_item(line))
    if reader is not None:
        yield reader.broken_off()


def _item(line: str) -> WordInstruction | WordAssembly | None:
    if "INLINEASM" in line and (assembly := _ASSEMBLY.search(line)):
        text = assembly["text"] or assembly["word"] or ""
        return WordAssembly(
            instructions=sum(1 for part in _BREAK.split(text) if part.strip()), source=_source(_bare(line))
        )
    if entry := _JUMP_TABLE.search(line):
        part = MemoryPart(direction=Direction.LOAD, width=int(entry["bits"]), constant=True)
        return WordInstruction(opcode=entry["opcode"], parts=(part,))
    if " :: (" not in line:
        return None
    bare = _bare(line)
    found = _INSTRUCTION.match(bare)
    if found is None or _moves_the_stack(found):
        return None
    memory = found["operands"].partition(" :: (")[2].partition("; ")[0]
    parts = tuple(part for access in _MEMORY.finditer(f"({memory}") for part in _parts(access))
    return WordInstruction(opcode=found["opcode"], parts=parts, source=_source(bare)) if parts else None


def _bare(line: str) -> str:
    """Without the text of names and strings, in which anything may stand."""
    return _STRING.sub('""', line.rstrip("\n"))


def _moves_the_stack(found: re.Match[str]) -> bool:
    written = found["written"]
    return bool((written and _STACK_POINTER.search(written)) or _ALSO_WRITTEN.search(found["operands"]))


def _parts(access: re.Match[str]) -> Iterator[MemoryPart]:
    place = access["place"] or ""
    for direction in _DIRECTIONS[access["kind"]]:
        yield MemoryPart(
            direction=direction,
            width=_width(access),
            volatile="volatile" in access["words"].split(),
            atomic=bool(access["order"].strip()),
            stack=place.startswith(("%stack.", "%fixed-stack.")) or place == "stack",
            constant=place in _CONSTANT,
            variable=place.startswith("@"),
        )


def _width(access: re.Match[str]) -> int | None:
    """In bits; None for pointers (`p0` names an address space), for what is scalable, or whose size is not known."""
    if access["bytes"]:
        return 8 * int(access["bytes"])
    sized = _BITS.fullmatch(access["type"] or "")
    return int(sized["bits"]) * int(sized["count"] or 1) if sized else None


def _source(bare: str) -> tuple[SourcePlace, ...]:
    """Behind `; `: `file:line:column`, and for each function that it was inlined into ` @[ ` and the place there."""
    remark = bare.rpartition("; ")[2] if "; " in bare else ""
    found = [_PLACE.match(part) for part in remark.split(" @[ ")] if remark else []
    return tuple(
        SourcePlace(file=place["file"], line=int(place["line"]), column=int(place["column"] or 0))
        for place in found
        if place is not None
    )
