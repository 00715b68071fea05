"""Symbols as their language writes them: C++ by the Itanium ABI and Rust, by LLVM's own demanglers."""

import re

from pycxxfilt import demangle

_LONGEST = 1024
_MOST_REFERENCES = 16
_REFERENCE = re.compile(r"[STB][0-9A-Za-z]*_")
_HASH = re.compile(r"::h[0-9a-f]{16}(?: \([^)]*\))*$")
_ESCAPES = {"LT": "<", "GT": ">", "RF": "&", "BP": "*", "C": ",", "LP": "(", "RP": ")", "SP": "@"}
_ESCAPE = re.compile(r"\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$")


def readable_name(symbol: str) -> str:
    """The symbol itself if it is not mangled.

    Names refer back to their own parts (Itanium C++ ABI §5.1.10, RFC 2603 “Compression”) and may double with each
    reference: one with many of them, which could fill the memory, is not spelt out.

    Rust's older symbols end in a hash, which differs from compiler to compiler and is left out with what LLVM appends,
    and spell what C++ has no letters for as `$LT$` or `$u20$`: rustc_symbol_mangling, src/legacy.rs.
    """
    if not symbol.startswith(("_Z", "_R")) or len(symbol) > _LONGEST:
        return symbol
    if len(_REFERENCE.findall(symbol)) > _MOST_REFERENCES:
        return symbol
    try:
        readable = demangle(symbol) or symbol
    except ValueError:  # it begins as a mangled name does, and is another
        return symbol
    bare = _HASH.sub("", readable)
    if bare == readable:
        return readable
    spelt = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[0]), bare)
    return re.sub(r"(^|::)_<", r"\1<", spelt).replace("..", "::")
