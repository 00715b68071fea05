"""What the passes of both toolchains do to the functions concerned: which forms the access, which is first to differ.

Two front ends may write so differently that their dumps never agree, though it is a later layer that makes the
difference. Then both are given the same IR from there on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mmio_bisect.domain.attribution import Divergence, Layer, PassFindings, PassName, Snapshot
from mmio_bisect.domain.outcome import Outcome
from mmio_bisect.workflow.attribution import layer_commands
from mmio_bisect.workflow.attribution.dumps import find_divergence, find_forming_pass, function_in, read_snapshots
from mmio_bisect.workflow.attribution.mixing import Comparison, Mixer, OpenToolchain, Refused
from mmio_bisect.workflow.ports.sandbox import Command

Run = Callable[[tuple[str, ...]], Outcome]
"""LLVM's options to what compiling with them gave."""

_MACHINE, _ANY = "# Machine code for function", "IR Dump After"


@dataclass(slots=True, kw_only=True)
class Passes:
    """Both toolchains' dumps, read and compared; `notes` say what a compiler does not show."""

    comparison: Comparison
    mixer: Mixer
    guilty: frozenset[Layer]
    notes: list[str]

    def findings(self) -> tuple[PassFindings, ...]:
        functions = sorted({mark.function for mark in self.comparison.telling})
        good, bad = (self._whole(place, functions) for place in (self.comparison.good, self.comparison.bad))
        return tuple(self._of_function(function, good, bad) for function in functions if bad)

    def _of_function(self, function: str, good: str, bad: str) -> PassFindings:
        kinds = frozenset(mark.kind for mark in self.comparison.telling if mark.function == function)
        theirs, ours = read_snapshots(good, function), read_snapshots(bad, function)
        given, found = None, None
        if theirs and ours:
            found = find_divergence(
                (*self._written(function, bad=False), *theirs), (*self._written(function, bad=True), *ours)
            )
        if found is not None and found.common is None and Layer.FRONT not in self.guilty:
            given, again = self._on_one_ir(function)
            found = again or found
        return PassFindings(function=function, forming=find_forming_pass(ours, kinds), diverging=found, given=given)

    def _written(self, function: str, *, bad: bool) -> tuple[Snapshot, ...]:
        """What the front end makes of it, as the first state."""
        ir = self.mixer.front(bad=bad)
        return () if isinstance(ir, Refused) else self._state(function, ir, "the front end")

    @staticmethod
    def _state(function: str, ir: bytes, after: str) -> tuple[Snapshot, ...]:
        found = function_in(ir.decode(errors="replace"), function, PassName(title=after))
        return () if found is None else (found,)

    def _on_one_ir(self, function: str) -> tuple[str | None, Divergence | None]:
        """What it is that both are given, and where they part then; the bad one's IR if the good one reads it."""
        layers = [layer for layer in (Layer.MIDDLE, Layer.BACK) if layer is Layer.BACK or Layer.MIDDLE in self.guilty]
        both = (self.comparison.good, self.comparison.bad)
        for bad in (True, False):
            place = both[bad]
            through_middle = Layer.MIDDLE in layers
            ir = self.mixer.front(bad=bad) if through_middle else self.mixer.optimised(front=bad, middle=bad)
            if isinstance(ir, Refused):
                continue
            good, ours = (
                self._through(one, ir, layers, function) for one in (self.comparison.good, self.comparison.bad)
            )
            if good and ours:
                by = Layer.FRONT if through_middle else Layer.MIDDLE
                start = self._state(function, ir, f"the {by}")
                found = find_divergence(
                    (*start, *read_snapshots(good, function)), (*start, *read_snapshots(ours, function))
                )
                return f"the IR of {place.point}'s {by}", found
        return None, None

    def _through(self, place: OpenToolchain, ir: bytes, layers: Sequence[Layer], function: str) -> str:
        """What the layers print of one function; nothing where one of them does not take the IR.

        Asked to print one function only, LLVM writes no other into the IR either: so it is made once more.
        """
        printed = ""
        for layer in layers:
            reader = place.reader(layer)
            if isinstance(reader, Refused):
                return ""
            if layer is Layer.MIDDLE and not reader.has_middle:
                continue
            run = partial(_run, reader, layer_commands.of_layer(layer), ir)
            outcome = self._dumped(reader, run, [function], shows=_MACHINE if layer is Layer.BACK else _ANY)
            made = reader.product(run(())) if layer is Layer.MIDDLE else ir
            if outcome is None or isinstance(made, Refused):
                return ""
            printed, ir = printed + outcome.output, made
        return printed

    def _whole(self, place: OpenToolchain, functions: Sequence[str]) -> str:
        run = partial(_run, place, layer_commands.whole)
        outcome = self._dumped(place, run, functions, shows=_MACHINE)
        return "" if outcome is None else outcome.output

    def _dumped(self, place: OpenToolchain, run: Run, functions: Sequence[str], *, shows: str) -> Outcome | None:
        """By the shorter form of dump where the version has it for such passes."""
        wanted = f"-filter-print-funcs={','.join(functions)}"
        for how in ("-print-changed=quiet", "-print-after-all"):
            outcome = run((how, wanted))
            made = place.product(outcome)
            if isinstance(made, Refused):
                note = f"{place.point} does not show its passes with {how}: {made.reason}"
                self.notes.extend([note] if made.readable else [])
            elif shows in outcome.output:
                return outcome
        return None


def _run(place: OpenToolchain, command: Callable[..., Command], *words: bytes | tuple[str, ...]) -> Outcome:
    """`command` of the layer commands, given the cell and `words`: IR where it takes any, and LLVM's options."""
    return place.run(command(place.cell, *words))
