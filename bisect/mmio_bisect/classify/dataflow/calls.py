"""Routines outside the object that are known by name: what they do to memory, and whether they come back."""

import re
from dataclasses import dataclass

from mmio_bisect.classify.dataflow.memory import place_of
from mmio_bisect.classify.dataflow.state import State
from mmio_bisect.classify.machine.architecture import Isa
from mmio_bisect.classify.machine.values import ANYTHING, Linear, Value
from mmio_bisect.domain.access import BOTH, LOAD, STORE, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction

NEVER_RETURNS = re.compile(
    r"^_(ZN|R)\w*(4core|3std|5alloc)\w*(9panicking|_fail(ed)?(17h|\b))|^abort$|^_?exit$|__stack_chk_fail|__assert|__ubsan_handle_.*_abort"
)
"""Panics and aborts (`core::panicking`, `abort`): not handed the window, whatever registers hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """Which arguments, counted from 0, are addresses, and what happens there; `size` is the number of bytes.

    `stores` is the argument that an atomic puts there, `always` or perhaps; it returns what was there.
    """

    pattern: re.Pattern[str]
    addresses: tuple[tuple[int, tuple[Direction, ...]], ...]
    size: int | None = None
    returns_first: bool = False
    stores: int | None = None
    always: bool = False


_ROUTINES = (
    Routine(
        pattern=re.compile(r"^(__aeabi_)?(memcpy|memmove|__memcpy_chk|__memmove_chk)$"),
        addresses=((0, STORE), (1, LOAD)),
        size=2,
        returns_first=True,
    ),
    Routine(pattern=re.compile(r"^memset$"), addresses=((0, STORE),), size=2, returns_first=True),
    Routine(pattern=re.compile(r"^bzero$"), addresses=((0, STORE),), size=1),
    Routine(pattern=re.compile(r"^(memcmp|bcmp)$"), addresses=((0, LOAD), (1, LOAD)), size=2),
    # LLVM's and GCC's outlined atomics: libgcc config/aarch64/lse.S, compiler-rt lib/builtins/aarch64/lse.S.
    Routine(pattern=re.compile(r"^__aarch64_cas\d"), addresses=((2, BOTH),), stores=1),
    Routine(pattern=re.compile(r"^__aarch64_swp"), addresses=((1, BOTH),), stores=0, always=True),
    Routine(pattern=re.compile(r"^__aarch64_ld"), addresses=((1, BOTH),), stores=0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryAccess:
    """What a call does to memory: each address with its transfer.

    `size` is the number of bytes, `result` what is returned, None if not known. With `copies` the second address's
    bytes go to the first. An atomic stores `stored`, `always` or perhaps, and returns what was there.
    """

    accesses: tuple[tuple[Transfer, Value], ...]
    result: Value | None
    size: int | None
    copies: bool
    stored: Value | None
    always: bool


def library_access(symbol: str, state: State, isa: Isa) -> LibraryAccess | None:
    """What a call of `symbol` does if `state` holds at its entry; None if the routine is not known."""
    for routine in _ROUTINES:
        if routine.pattern.search(symbol):
            arguments = _arguments(state, isa)
            size = None if routine.size is None else arguments[routine.size]
            width = size.constant * 8 if isinstance(size, Linear) and not size.terms and size.constant else None
            accesses = tuple(
                (_transfer(symbol, directions, width), arguments[number]) for number, directions in routine.addresses
            )
            return LibraryAccess(
                accesses=accesses,
                result=arguments[0] if routine.returns_first else None,
                size=width // 8 if width else None,
                copies=[directions for _, directions in routine.addresses] == [STORE, LOAD],
                stored=None if routine.stores is None else arguments[routine.stores],
                always=routine.always,
            )
    return None


def _arguments(state: State, isa: Isa) -> list[Value]:
    """The first three, each a pointer or a number of a pointer's size."""
    found = []
    for (where,) in isa.place_arguments([(1, False)] * 3):
        if isinstance(where, str):
            found.append(state.get(where))
        else:
            place = place_of(state.get(isa.stack_pointer), where)
            found.append(ANYTHING if place is None else state.memory.get(place))
    return found


def _transfer(symbol: str, directions: tuple[Direction, ...], width: int | None) -> Transfer:
    return Transfer(
        form=Form.LIBCALL,
        directions=directions,
        element_width=width,
        register_class=RegisterClass.NONE,
        syndrome_valid=False,
        why=f"{symbol} may touch the window in any widths, forms and number of times",
    )
