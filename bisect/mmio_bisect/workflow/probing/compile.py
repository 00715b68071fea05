"""From a cell to an outcome: the command line, and what its ending means."""

import re
from dataclasses import replace

from mmio_bisect.domain.outcome import Cell, CellRequest, Outcome, OutcomeKind
from mmio_bisect.domain.toolchain import Toolchain
from mmio_bisect.errors import SandboxError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Command, Finished, LimitHit, SandboxSession

PRODUCT = "case.o"

_SIGKILL = 9

_LIMITS = {
    LimitHit.TIME: OutcomeKind.TIMED_OUT,
    LimitHit.MEMORY: OutcomeKind.OUT_OF_MEMORY,
    LimitHit.OUTPUT: OutcomeKind.OUTPUT_LIMIT,
    LimitHit.DISK: OutcomeKind.OUTPUT_LIMIT,
    LimitHit.FILE: OutcomeKind.OUTPUT_LIMIT,
}

_CRASH = re.compile(
    r"internal compiler error|PLEASE submit a bug report|LLVM ERROR|Stack dump:|panicked at|frontend command failed"
)

# What a driver says of the compiler proper that it started.
_KILLED = re.compile(r"Killed signal terminated program|unable to execute command: Killed")

_TARGET_UNKNOWN = re.compile(
    r"unknown target triple|unable to create target|No available targets are compatible|"
    r"Could not find specification for target|[Ee]rror loading target specification|can't find crate for `core`"
)


def cell_of(request: CellRequest, toolchain: Toolchain) -> Cell:
    """The request as this toolchain would be asked for it."""
    family, case = toolchain.family.descriptor, request.case
    flags = (*toolchain.arguments, *family.flags(case, request.target, request.opt), *case.compile_flags)
    triple = family.triple(request.target)
    return Cell(request=request, toolchain=toolchain, triple=triple, flags=(*flags, *request.extra_flags))


def command_of(cell: Cell) -> Command:
    """The command line, to be run in the sandbox."""
    name = cell.request.case.file_name
    return Command(
        argv=(*cell.toolchain.tool, *cell.flags, name, "-o", PRODUCT),
        inputs=((name, cell.request.case.source),),
        product=PRODUCT,
    )


def compile_cell(cell: Cell, session: SandboxSession, sandbox: str, signals: Signals) -> Outcome:
    """Raises `SandboxError` when it was not the compiler that failed, `CancelledError` when told to stop."""
    return _for_the_target(cell, outcome_of(session.run(command_of(cell), signals), sandbox))


def ask_word(cell: Cell, outcome: Outcome, session: SandboxSession, signals: Signals) -> Outcome:
    """The outcome with what the compiler says of its object's instructions, from a second compile.

    Unless that makes the same object, byte for byte, and keeps within all limits, it says nothing. Raises as
    `compile_cell`.
    """
    words, command = cell.toolchain.family.descriptor.word, command_of(cell)
    if not words or outcome.object_code is None:
        return outcome
    tool = len(cell.toolchain.tool) + len(cell.flags)
    asking = replace(command, argv=(*command.argv[:tool], *words, *command.argv[tool:]))
    again = outcome_of(session.run(asking, signals), outcome.sandbox)
    return replace(outcome, word=again.output) if again.object_code == outcome.object_code else outcome


def _for_the_target(cell: Cell, outcome: Outcome) -> Outcome:
    """A compiler may take no notice of the target, or be built before it knew it: what it makes says nothing of it."""
    target = cell.request.target
    if outcome.object_code is None or target.elf.fits(outcome.object_code):
        return outcome
    said = f"error: the object is not for {target.name}, by its ELF header\n{outcome.output}"
    return replace(outcome, kind=OutcomeKind.TARGET_UNKNOWN, object_code=None, output=said)


def outcome_of(finished: Finished, sandbox: str) -> Outcome:
    """What a compiler's ending means, whatever product was wanted of it. Raises `SandboxError` as `compile_cell`."""
    kind = _kind(finished)
    printed = finished.output
    if finished.limit is not None:
        printed = f"error: the compiler used more than {finished.allowed}\n{printed}"
    return Outcome(
        kind=kind,
        object_code=finished.product if kind is OutcomeKind.OBJECT else None,
        argv=finished.argv,
        sandbox=sandbox,
        status=finished.status,
        # PostgreSQL's text holds every character but this one.
        output=printed.replace("\0", "\N{REPLACEMENT CHARACTER}"),
        seconds=finished.seconds,
    )


def outcome_without(reason: str) -> Outcome:
    """The outcome of every cell of a missing toolchain."""
    return Outcome(
        kind=OutcomeKind.NO_TOOLCHAIN,
        object_code=None,
        argv=(),
        sandbox="none",
        status=0,
        output=reason,
        seconds=0.0,
    )


def _kind(finished: Finished) -> OutcomeKind:
    if finished.limit is not None:
        return _LIMITS[finished.limit]
    if finished.status == 0 and finished.product is not None:
        return OutcomeKind.OBJECT
    if finished.status == -_SIGKILL or _KILLED.search(finished.output):
        raise SandboxError(
            f"Something outside the sandbox killed {finished.argv[0]} (SIGKILL, no limit of ours was hit): this says "
            "nothing about the compiler; look at the system's log for its out-of-memory killer, then run again."
        )
    if finished.status < 0 or _CRASH.search(finished.output):
        return OutcomeKind.CRASHED
    return OutcomeKind.TARGET_UNKNOWN if _TARGET_UNKNOWN.search(finished.output) else OutcomeKind.REJECTED
