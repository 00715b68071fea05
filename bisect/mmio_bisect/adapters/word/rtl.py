"""GCC's dump of its last instructions (`-fdump-rtl-final`), to what it says of memory.

Format: gcc/print-rtl.cc, GCC 12 to 16, and the GCC Internals manual, “RTL Representation”: `mem/v` is volatile, and
`(set TARGET SOURCE)` stores where the target is a `mem`. Behind an address, `[… S4 A32]` are bytes and alignment.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from mmio_bisect.adapters.word.limits import FunctionReader
from mmio_bisect.classify.word.values import FunctionWord, MemoryPart, SourcePlace, WordAssembly, WordInstruction
from mmio_bisect.domain.recipe import Direction

_HEAD = re.compile(r";; Function .+ \(\*?(?P<symbol>[^\s,]+), funcdef_no=\d+")
_INSTRUCTION = re.compile(r"\((?:insn|jump_insn|call_insn)[:/ ]")
_COLD = re.compile(r"\(note .*NOTE_INSN_SWITCH_TEXT_SECTIONS")
_TOKEN = re.compile(r'"[^"]*"|[()\[\]]|[^\s()\[\]"]+|"')
_CODE = re.compile(r"[/:]")
_SIZE = re.compile(r"S(?P<bytes>\d+)")
_POSITION = re.compile(r":(?P<line>\d+)(?::(?P<column>\d+))?")
_MODES = {"QI": 8, "HI": 16, "SI": 32, "DI": 64, "TI": 128, "HF": 16, "SF": 32, "DF": 64, "TF": 128}
_MOVING = {"pre_dec", "pre_inc", "post_dec", "post_inc", "pre_modify", "post_modify"}
_STACK_POINTERS = {"sp", "rsp", "esp"}
_POOL = re.compile(r'"\*?\.LC|GOT|^\(?label_ref')
_BREAK = re.compile(r"\n|;")

MAX_DEPTH = 100
MAX_LINES = 1000

Node = list["Node | str"]


def read_rtl(lines: Iterable[str]) -> Iterator[FunctionWord]:
    """Each function; its cold part, which has a symbol of its own, comes by itself.

    Takes what a hostile compiler prints.
    """
    reader: FunctionReader | None = None
    symbol, instruction = "", list[str]()
    for line in lines:
        if reader is not None and instruction:
            if line[:1].isspace():
                if reader.takes(line) and len(instruction) < MAX_LINES:
                    instruction.append(line)
                continue
            _add(reader, instruction)
        instruction = []
        if head := _HEAD.match(line):
            if reader is not None:
                yield reader.finished()
            symbol = head["symbol"]
            reader = FunctionReader(symbol)
        elif reader is None:
            continue
        elif _COLD.match(line):
            yield reader.finished()
            reader = FunctionReader(f"{symbol}.cold")
        elif _INSTRUCTION.match(line) and reader.takes(line):
            instruction = [line]
    if reader is not None:
        _add(reader, instruction)
        yield reader.finished()


def _add(reader: FunctionReader, lines: Sequence[str]) -> None:
    text = "".join(lines)
    if "mem" not in text and "asm_" not in text:
        return
    tree = _parse(text)
    if tree is None:
        reader.give_up("an instruction of its dump is not understood")
        return
    found = _Accesses()
    # The pattern comes before registers' last uses and what values are known to equal.
    found.walk(next((node for node in tree if isinstance(node, list)), []))
    source = _source(tree)
    if found.assembly is not None:
        reader.add(WordAssembly(instructions=found.assembly, source=source))
    elif found.parts and not found.moves_the_stack:
        name = next((node.strip("{}") for node in tree if isinstance(node, str) and node.startswith("{")), "")
        reader.add(WordInstruction(opcode=name, parts=tuple(found.parts), source=source))


def _parse(text: str) -> Node | None:
    """The text in parentheses as a list, what is in brackets as one that begins with `[`; None if they do not pair."""
    root: Node = []
    stack: list[tuple[str, Node]] = [("", root)]
    for part in _TOKEN.findall(text):
        if part in {"(", "["}:
            inner: Node = ["["] if part == "[" else []
            stack[-1][1].append(inner)
            stack.append((part, inner))
            if len(stack) > MAX_DEPTH:
                return None
        elif part in {")", "]"}:
            if stack[-1][0] != ("(" if part == ")" else "["):
                return None
            stack.pop()
            if len(stack) == 1:
                break
        else:
            stack[-1][1].append(part)
    return root[0] if len(stack) == 1 and root and isinstance(root[0], list) else None


@dataclass(slots=True)
class _Accesses:
    """What a pattern does to memory.

    `assembly` is how many instructions its inline assembly has at most. If it `jumps`, what it loads is an entry of a
    table, whose width is decided later.
    """

    parts: list[MemoryPart] = field(default_factory=list)
    assembly: int | None = None
    moves_the_stack: bool = False
    jumps: bool = False

    def walk(self, node: Node, *, target: bool = False) -> None:
        children = [child for child in node if isinstance(child, list)]
        match _code(node):
            case "clobber" | "use" | "prefetch":
                return
            case "asm_operands" | "asm_input":
                self.assembly = max(self.assembly or 0, _statements(node))
                return
            case "mem":
                self._access(node, target=target)
                return
            case "set" if children:
                self.moves_the_stack = self.moves_the_stack or _is_stack_pointer(children[0])
                self.jumps = self.jumps or _code(children[0]) == "pc"
                self.walk(children[0], target=True)
                children, target = children[1:], False
            case "call" if children:
                # What is called stands there as memory; its address may be in memory too.
                children = [child for child in children[0] if isinstance(child, list)]
        for child in children:
            self.walk(child, target=target)

    def _access(self, node: Node, *, target: bool) -> None:
        address = next((child for child in node if isinstance(child, list)), [])
        if _code(address) in {"scratch", "[", ""}:
            return  # stands for any memory
        words = _flat(address)
        on_stack = any(word in _STACK_POINTERS for word in words)
        self.moves_the_stack = self.moves_the_stack or (on_stack and _code(address) in _MOVING)
        self.parts.append(
            MemoryPart(
                direction=Direction.STORE if target else Direction.LOAD,
                width=None if self.jumps else _width(node),
                volatile="/v" in str(node[0]).partition(":")[0],
                stack=on_stack,
                constant=self.jumps or any(_POOL.search(word) for word in words),
                variable=any(word.startswith("symbol_ref") for word in words),
            )
        )


def _code(node: Node) -> str:
    """The expression's code, without its flags and its mode: `mem` of `mem/v:SI`."""
    return _CODE.split(node[0], maxsplit=1)[0] if node and isinstance(node[0], str) else ""


def _statements(node: Node) -> int:
    text = next((word for word in _flat(node) if word.startswith('"')), "")
    return sum(1 for part in _BREAK.split(text.strip('"')) if part.strip())


def _is_stack_pointer(node: Node) -> bool:
    return _code(node) == "reg" and not _STACK_POINTERS.isdisjoint(_flat(node))


def _width(node: Node) -> int | None:
    """By the size among the attributes, else by the mode."""
    for child in node:
        if isinstance(child, list) and child[:1] == ["["]:
            sizes = [size for word in _flat(child) if (size := _SIZE.fullmatch(word))]
            if sizes:
                return 8 * int(sizes[-1]["bytes"])
    return _MODES.get(str(node[0]).rpartition(":")[2])


def _flat(node: Node) -> list[str]:
    words: list[str] = []
    for child in node:
        words += _flat(child) if isinstance(child, list) else [child]
    return words


def _source(tree: Node) -> tuple[SourcePlace, ...]:
    """`"file":line:column` behind the pattern; what it was inlined into is not said."""
    for name, position in pairwise(tree):
        if isinstance(name, str) and isinstance(position, str) and name.startswith('"'):
            found = _POSITION.fullmatch(position)
            if found:
                column = int(found["column"] or 0)
                return (SourcePlace(file=name.strip('"'), line=int(found["line"]), column=column),)
    return ()
