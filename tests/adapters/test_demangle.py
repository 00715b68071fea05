"""Names as their language writes them, for people and for `fn=`."""

import pytest

from mmio_bisect.adapters.binary.demangle import readable_name
from mmio_bisect.domain.names import select

NAMES = [
    ("main", "main"),
    ("_start", "_start"),
    ("_Znonsense", "_Znonsense"),
    ("_ZN4uart4Port3putEj", "uart::Port::put(unsigned int)"),
    ("_ZNK4uart4Port5readyEv", "uart::Port::ready() const"),
    ("_ZN12_GLOBAL__N_13putEPFvvEj", "(anonymous namespace)::put(void (*)(), unsigned int)"),
    ("_Z3putj.part.0", "put(unsigned int) (.part.0)"),
    ("_ZN4uart4Port3put17h0123456789abcdefE", "uart::Port::put"),
    ("_ZN4uart4BASE17h0123456789abcdefE.0", "uart::BASE"),
    (
        "_ZN47_$LT$uart..Port$u20$as$u20$core..fmt..Write$GT$9write_str17h0123456789abcdefE",
        "<uart::Port as core::fmt::Write>::write_str",
    ),
    ("_RNvMs_NtCs4fqI2P2rA04_4main3fooNtB4_3Bar3baz", "<main::foo::Bar>::baz"),
    ("_Z" + "1a" * 5000, "_Z" + "1a" * 5000),
]


@pytest.mark.parametrize(("symbol", "name"), NAMES, ids=[name[:60] for _, name in NAMES])
def test_a_symbol_is_read_as_its_language_writes_it(symbol: str, name: str) -> None:
    assert readable_name(symbol) == name


def doubling(times: int) -> str:
    """`f(p<p<…>, p<…>>)`: each type is a pair of the one before, which a reference names."""
    last = ["S0_", *(f"S{number:X}_" for number in range(1, times))]
    return "_Z1f1pIiiE" + "".join(f"S_I{one}{one}E" for one in last)


def test_a_name_that_doubles_with_each_reference_is_not_spelt_out() -> None:
    assert len(readable_name(doubling(5))) > 5 * len(doubling(5))
    assert readable_name(doubling(200)) == doubling(200)


SYMBOLS = {
    symbol: readable_name(symbol)
    for symbol in ("put", "put_status", "_ZN1a1bEj", "_ZN1a1bEPcj", "_ZNK1a1bEv", "_ZN4uart3put17h0123456789abcdefE")
}


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        ("put", ["put"]),
        ("put*", ["put", "put_status"]),
        ("p?t", ["put"]),
        ("_ZN1a1bEj", ["_ZN1a1bEj"]),
        ("a::b(unsigned int)", ["_ZN1a1bEj"]),
        ("a::b(char*, unsigned int)", ["_ZN1a1bEPcj"]),
        ("a::b", ["_ZN1a1bEj", "_ZN1a1bEPcj", "_ZNK1a1bEv"]),
        ("a::b(*unsigned int)", ["_ZN1a1bEj", "_ZN1a1bEPcj"]),
        ("uart::put", ["_ZN4uart3put17h0123456789abcdefE"]),
        ("*::put", ["_ZN4uart3put17h0123456789abcdefE"]),
        ("b", []),
        ("get_*", []),
    ],
)
def test_a_name_means_a_symbol_a_demangled_name_or_all_that_a_pattern_fits(name: str, symbols: list[str]) -> None:
    assert list(select(name, SYMBOLS)) == symbols
