"""LLVM's dumps after each pass, read and compared: pure functions of the text that a compiler printed.

Two forms are read: `-print-changed=quiet`, which covers machine passes from LLVM 15 on, and `-print-after-all` of any
version. Formats: llvm/lib/Passes/StandardInstrumentations.cpp, llvm/lib/CodeGen/MachineFunctionPass.cpp, and
llvm/lib/IR/OptBisect.cpp for `-opt-bisect-limit`.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.attribution import Divergence, PassChange, PassName, Snapshot

_BANNER = re.compile(
    r"^[;#]?\s*\*\*\* IR Dump After (?P<title>.+?)(?: \((?P<argument>[\w-]+)\))?"
    r"(?: on (?P<unit>\S.*?))? \*\*\*.*$",
    re.MULTILINE,
)
_MACHINE = re.compile(r"^# Machine code for function (?P<name>[^:]+):.*?^# End machine code", re.MULTILINE | re.DOTALL)
_BISECT = re.compile(r"^BISECT: running pass \((?P<number>\d+)\) (?P<title>.+?) on (?P<unit>.*)$", re.MULTILINE)


def read_snapshots(text: str, function: str) -> tuple[Snapshot, ...]:
    """The function after each pass that changed it, in the order of the passes."""
    snapshots: list[Snapshot] = []
    banners = list(_BANNER.finditer(text))
    for place, banner in enumerate(banners):
        end = banners[place + 1].start() if place + 1 < len(banners) else len(text)
        body = text[banner.end() : end]
        name = PassName(title=banner["title"], argument=banner["argument"])
        found = function_in(body, function, name)
        if found is not None and not (snapshots and snapshots[-1].text == found.text):
            snapshots.append(found)
    return tuple(snapshots)


def read_bisected(text: str) -> tuple[PassName, ...]:
    """The passes that `-opt-bisect-limit` counts: the first is number 1."""
    found = {int(line["number"]): _bisected_name(line["title"]) for line in _BISECT.finditer(text)}
    return tuple(found[number] for number in sorted(found))


def same_pass(one: PassName, other: PassName) -> bool:
    """Old versions count passes by title, new ones by argument; dumps may give both."""
    names = {name for name in (one.title, one.argument) if name}
    return bool(names & {name for name in (other.title, other.argument) if name})


def find_forming_pass(snapshots: Sequence[Snapshot], kinds: frozenset[DefectKind] = frozenset()) -> PassChange | None:
    """The machine pass after which the accesses have their last form, and keep it; None where there is no machine code.

    The form is the opcodes, each as often as it is there: those that look like a defect of `kinds` where the last dump
    holds any, else those that touch memory, frame set-up left out.
    """
    machine = [place for place, snapshot in enumerate(snapshots) if snapshot.machine]
    if not machine:
        return None
    telling = _telling(snapshots[machine[-1]], kinds)
    final = telling(snapshots[machine[-1]])
    first = machine[-1]
    for place in reversed(machine):
        if telling(snapshots[place]) != final:
            break
        first = place
    return change_at(snapshots, first)


_LOOKS = {
    DefectKind.WRITEBACK_POST: re.compile(r"post$|_POST$"),
    DefectKind.WRITEBACK_PRE: re.compile(r"pre$|_PRE$"),
    DefectKind.PAIR: re.compile(r"^(?:LD|ST)N?P"),
    DefectKind.SIMD_FP: re.compile(r"^(?:LD|ST)U?R[BHSDQ](?:[a-z]|$)"),
    DefectKind.LIBCALL: re.compile(r"^BL"),
}
"""How the opcodes of a defect are spelt in AArch64's MIR (llvm/lib/Target/AArch64/AArch64InstrFormats.td)."""


def _telling(last: Snapshot, kinds: frozenset[DefectKind]) -> Callable[[Snapshot], tuple[str, ...]]:
    looks = [_LOOKS[kind] for kind in kinds if kind in _LOOKS]

    def alike(snapshot: Snapshot) -> tuple[str, ...]:
        return tuple(opcode for opcode in opcodes(snapshot) if any(look.search(opcode) for look in looks))

    return alike if alike(last) else memory_opcodes


def change_at(snapshots: Sequence[Snapshot], place: int) -> PassChange:
    before = snapshots[place - 1] if place > 0 else None
    return PassChange(name=snapshots[place].after, before=before, after=snapshots[place])


def find_divergence(good: Sequence[Snapshot], bad: Sequence[Snapshot]) -> Divergence | None:
    """Where the two part for good; None where the bad one ends in a state that the good one reaches too.

    Passes come in another order in another version, and differences may be undone: so what counts is the last state
    of the bad one that the good one reaches at all, as `normalised` sees it.
    """
    reached = {normalise(snapshot): place for place, snapshot in enumerate(good)}
    states = [normalise(snapshot) for snapshot in bad]
    shared = [place for place, state in enumerate(states) if state in reached]
    last = shared[-1] if shared else -1
    if last == len(bad) - 1:
        return None
    after_good = reached[states[last]] + 1 if shared else 0
    return Divergence(
        common=bad[last] if shared else None,
        good=change_at(good, after_good) if after_good < len(good) else None,
        bad=change_at(bad, last + 1),
        earlier=len(shared) <= last,
    )


_OPCODE = re.compile(r"(?:^|= )(?:[a-z-]+ )*(?P<opcode>[A-Z][A-Z0-9]\w*)\b")
_TOUCHES_MEMORY = re.compile(r":: \([^\n]*\b(?:load|store)\b")


def opcodes(snapshot: Snapshot) -> tuple[str, ...]:
    """Of a function's machine instructions but those of its frame: sorted, as often as they are there."""
    return tuple(sorted(opcode for opcode, _ in _instructions(snapshot)))


def memory_opcodes(snapshot: Snapshot) -> tuple[str, ...]:
    """As `opcodes`, of those with a memory operand."""
    return tuple(sorted(opcode for opcode, line in _instructions(snapshot) if _TOUCHES_MEMORY.search(line)))


def _instructions(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    for line in map(str.strip, snapshot.text.splitlines()):
        found = _OPCODE.search(line)
        if found and "frame-setup" not in line and "frame-destroy" not in line:
            yield found["opcode"], line


_IR_NOISE = re.compile(
    r"(?:,? ![\w.]+(?: ![\w.]+|\([^)]*\))?)|(?: ?#\d+)|"
    r"\b(?:dso_local|local_unnamed_addr|unnamed_addr|noundef|nonnull|nocapture|noalias|readonly|readnone|writeonly|"
    r"returned|nofree|tail|nuw|nsw|nusw|inbounds|disjoint|nneg|samesign|exact|"
    r"captures\([^)]*\)|initializes\(\([^)]*\)\)|dereferenceable\w*\(\d+\)|range\([^)]*\)|memory\([^)]*\)) ?"
)
_TYPED_POINTER = re.compile(r"\b(?:i\d+|half|float|double|void|\[[^]]*\]|%[\w.]+)\*+|\bptr\*+")
_LIFETIME_SIZE = re.compile(r"(@llvm\.lifetime\.(?:start|end)[\w.]*\()i64 -?\d+, ")
_MIR_NOISE = re.compile(
    r"^\d+B\t|\b(?:killed|dead|renamable|early-clobber|nuw|nsw|disjoint|frame-setup|frame-destroy|undef) |"
    r", implicit(?:-def)? [^,\n]+|\(tied-def \d+\)|:[a-z]\w+|;[^\n]*$|, debug-location [^,\n]*",
    re.MULTILINE,
)
_MEMORY_OPERAND = re.compile(r":: \((?P<inside>[^\n]*)\)$", re.MULTILINE)
_VALUE = re.compile(r"%[\w.-]+")


def normalise(snapshot: Snapshot) -> str:
    """The text without what says nothing of the code: metadata, attributes, wrap flags, liveness, value numbers.

    Values are numbered as they appear. Typed pointers, which LLVM had until 14, count as `ptr`; so that lifetimes had
    sizes until 21 makes no difference.
    """
    text = snapshot.text
    if snapshot.machine:
        body = [line for line in text.splitlines() if not line.startswith(("#", "Function Live", "Frame Objects"))]
        text = "\n".join(line.strip() for line in body if not line.strip().startswith(("liveins:", "successors:")))
        text = _MEMORY_OPERAND.sub(lambda found: ":: volatile" if "volatile" in found["inside"] else "", text)
        text = _MIR_NOISE.sub("", text)
    else:
        text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(";"))
        text = _TYPED_POINTER.sub("ptr", re.sub(r"\s*;.*$", "", text, flags=re.MULTILINE))
        text = _LIFETIME_SIZE.sub(r"\1", _IR_NOISE.sub("", text))
    names: dict[str, str] = {}
    numbered = _VALUE.sub(lambda found: names.setdefault(found[0], f"%{len(names)}"), text)
    return "\n".join(" ".join(line.split()) for line in numbered.splitlines() if line.strip())


def function_in(body: str, function: str, name: PassName) -> Snapshot | None:
    """The function in MIR or IR as it is after `name`."""
    for found in _MACHINE.finditer(body):
        if found["name"] == function:
            return Snapshot(after=name, machine=True, text=found[0].rsplit("\n", 1)[0].rstrip())
    defined = re.search(rf"^define [^\n]*@\"?{re.escape(function)}\"?\(.*?^}}", body, re.MULTILINE | re.DOTALL)
    return None if defined is None else Snapshot(after=name, machine=False, text=defined[0])


def _bisected_name(title: str) -> PassName:
    """What has no blank and no capital is an argument."""
    return PassName(title=title, argument=title if re.fullmatch(r"[a-z0-9][a-z0-9-]*", title) else None)
