"""Where arguments are under calling conventions that are not the target's own."""

import pytest

from mmio_bisect.classify.dataflow.entry import place_arguments
from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.architecture import ArgumentPlace
from mmio_bisect.domain.recipe import Argument, ArgumentKind, Convention

OPAQUE, FLOAT, WIDE = (Argument(kind=kind) for kind in (ArgumentKind.OPAQUE, ArgumentKind.FLOAT, ArgumentKind.WIDE))

PLACES: list[tuple[str, Convention | None, tuple[Argument, ...], list[tuple[ArgumentPlace, ...]]]] = [
    ("x86_64", None, (OPAQUE, FLOAT, OPAQUE), [("rdi",), (), ("rsi",)]),
    ("x86_64", Convention.MICROSOFT, (OPAQUE, FLOAT, OPAQUE), [("rcx",), ("rdx",), ("r8",)]),
    ("x86_64", Convention.MICROSOFT, (OPAQUE,) * 6, [("rcx",), ("rdx",), ("r8",), ("r9",), (40,), (48,)]),
    ("x86_64", Convention.SOFT_FLOAT, (FLOAT, OPAQUE), [("rdi",), ("rsi",)]),
    ("i386", None, (OPAQUE, FLOAT, OPAQUE), [(4,), (8,), (12,)]),
    ("i386", Convention.REGPARM1, (OPAQUE, OPAQUE), [("rax",), (4,)]),
    ("i386", Convention.REGPARM3, (OPAQUE,) * 4, [("rax",), ("rdx",), ("rcx",), (4,)]),
    ("arm", None, (FLOAT, OPAQUE), [(), ("r0",)]),
    ("arm", Convention.SOFT_FLOAT, (FLOAT, WIDE, OPAQUE), [("r0",), ("r2", "r3"), (0,)]),
    ("aarch64", Convention.MICROSOFT, (OPAQUE, FLOAT), [("x0",), ()]),
]


@pytest.mark.parametrize(("architecture", "convention", "arguments", "places"), PLACES)
def test_arguments_are_where_the_convention_puts_them(
    architecture: str,
    convention: Convention | None,
    arguments: tuple[Argument, ...],
    places: list[tuple[ArgumentPlace, ...]],
) -> None:
    isa = ISAS[architecture].under(convention)
    assert place_arguments(arguments, isa, result_in_memory=False) == ((), places)


@pytest.mark.parametrize(
    ("architecture", "hidden", "first"),
    [
        ("aarch64", ("x8",), ("x0",)),
        ("x86_64", ("rdi",), ("rsi",)),
        ("i386", (4,), (8,)),
        ("arm", ("r0",), ("r1",)),
        ("riscv64", ("x10",), ("x11",)),
    ],
)
def test_a_result_in_memory_is_handed_over_where_the_architecture_says(
    architecture: str, hidden: tuple[ArgumentPlace, ...], first: tuple[ArgumentPlace, ...]
) -> None:
    assert place_arguments([OPAQUE], ISAS[architecture], result_in_memory=True) == (hidden, [first])


def test_what_a_convention_keeps_over_a_call_is_not_clobbered() -> None:
    isa = ISAS["x86_64"].under(Convention.MICROSOFT)
    assert not {"rdi", "rsi", "xmm6"} & isa.call_clobbered
    assert isa.handed_over == ("rcx", "rdx", "r8", "r9")
    assert {"rdi", "rsi", "xmm6"} <= ISAS["x86_64"].call_clobbered
