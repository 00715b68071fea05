"""Both toolchains of an attribution with sandboxes open around them, and a stand-in for one that reads no IR."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.attribution import Layer, Likeness, Side, StandIn
from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import CancelledError, MmioBisectError
from mmio_bisect.workflow.attribution.layer_commands import ir_cell
from mmio_bisect.workflow.attribution.mixing import OpenToolchain
from mmio_bisect.workflow.attribution.stand_ins import candidates, likeness
from mmio_bisect.workflow.ports.history import History
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.sandbox import Sandbox
from mmio_bisect.workflow.ports.wiring import Wiring
from mmio_bisect.workflow.probing.acquire import acquire
from mmio_bisect.workflow.probing.compile import cell_of
from mmio_bisect.workflow.probing.judge import judge_outcome, restrict
from mmio_bisect.workflow.probing.probe import Adapters

_TRIED = 3
"""So many stand-ins are tried: each is a toolchain to fetch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTools:
    """The adapters; `lender` names the series whose compilers can stand in for those of another that read no IR."""

    wiring: Wiring
    lender: Callable[[str], str | None]
    sandbox: Sandbox
    history: History

    def of(self, series: str) -> Adapters:
        return Adapters.of(self.wiring, series, self.sandbox, self.history)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRequest:
    """Two points, older first, and the same target and level of each: in two languages where the families differ.

    `defects` are the kinds that count (None: all); `stand_ins` are taken instead of what is found.
    """

    older: Point
    newer: Point
    asked: tuple[tuple[CellRequest, CellRequest], ...]
    profile: Profile
    defects: frozenset[DefectKind] | None = None
    stand_ins: tuple[Point, ...] = ()


@dataclass(slots=True, kw_only=True)
class OpenToolchains:
    """What is open; `notes` say why a stand-in was unavailable."""

    tools: AttributeTools
    request: AttributeRequest
    signals: Callable[[Point], Signals]
    stand_ins: list[StandIn] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def opened(self, side: Side) -> Iterator[OpenToolchain]:
        with ExitStack() as stack:
            place = self._enter(stack, side.point, side.request)
            if not place.reads_ir:
                self._lend(stack, side, place)
            yield place

    def _lend(self, stack: ExitStack, side: Side, place: OpenToolchain) -> None:
        """Give it the first of those that come into question that does alike."""
        others: list[str] = []
        for point in self._candidates(side):
            try:
                stand_in = self._enter(stack, point, side.request, lent=True)
            except CancelledError:
                raise
            except MmioBisectError as error:
                self.notes.append(f"{point} cannot stand in for {side.point}: {str(error).rstrip('.')}")
                continue
            theirs, llvm = (one.llvm_version for one in (stand_in.cell.toolchain, side.toolchain))
            if stand_in.cell.toolchain.llvm_major != side.toolchain.llvm_major:
                others.append(f"{point} has LLVM {theirs}, so it cannot stand in for {side.point} with LLVM {llvm}")
                continue
            place.likeness = likeness(place, stand_in, side.judgement, lambda outcome: self._judge(side, outcome))
            if place.likeness[Layer.BACK] is Likeness.UNLIKE:
                self.notes.append(
                    f"{point} cannot stand in for {side.point}: of that one's IR it did not make what that one makes"
                )
                continue
            place.stand_in = stand_in
            self.stand_ins.append(
                StandIn(
                    point=point,
                    toolchain=stand_in.cell.toolchain,
                    stands_for=side.point,
                    middle=place.likeness[Layer.MIDDLE],
                    back=place.likeness[Layer.BACK],
                )
            )
            return
        self.notes.extend(others)
        self.notes.append(
            f"{side.point} reads no IR: nothing can be handed to its middle or back end (--stand-in names a clang that "
            "could do it)"
        )

    def _candidates(self, side: Side) -> Sequence[Point]:
        if self.request.stand_ins:
            return self.request.stand_ins
        series = self.tools.lender(side.point.series)
        if series is None:
            return ()
        try:
            points = self.tools.wiring.source(series).listing().points
        except CancelledError:
            raise
        except MmioBisectError as error:
            self.notes.append(f"no compiler of the series {series} can stand in for it: {str(error).rstrip('.')}")
            return ()
        found = candidates(side.point, side.toolchain, points)
        if not found:
            llvm = side.toolchain.llvm_major
            self.notes.append(f"the series {series} has no LLVM {llvm} that could stand in for {side.point}'s")
        return found[:_TRIED]

    def _judge(self, side: Side, outcome: Outcome) -> Judgement:
        made = judge_outcome(
            cell_of(side.request, side.toolchain), outcome, self.request.profile, self.tools.wiring.judge()
        )
        return restrict(made, self.request.defects)

    def _enter(self, stack: ExitStack, point: Point, request: CellRequest, *, lent: bool = False) -> OpenToolchain:
        tools, watched = self.tools.of(point.series), self.signals(point)
        lease = stack.enter_context(acquire(point, tools.source, tools.store, tools.sandbox, watched))
        session = stack.enter_context(tools.sandbox.session(lease.root, lease.image))
        return OpenToolchain(
            point=point,
            cell=(ir_cell if lent else cell_of)(request, lease.toolchain),
            session=session,
            sandbox=tools.sandbox.name,
            signals=watched,
        )
