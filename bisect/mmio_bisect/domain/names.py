"""Which symbols of an object a name in a recipe means: a symbol, a name as its language writes it, or a pattern."""

import re
from collections.abc import Mapping

_PARAMETERS = re.compile(r"(.+?)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)(?: const)?")


def is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def select(name: str, symbols: Mapping[str, str]) -> tuple[str, ...]:
    """Of `symbols`, each with its demangled name, those that `name` means; what it is exactly goes before a pattern.

    A demangled name may leave the list of parameters out: then it means every overload.
    """
    if name in symbols:
        return (name,)
    spelt = {symbol: (readable, _bare(readable)) for symbol, readable in symbols.items()}
    exact = tuple(symbol for symbol, forms in spelt.items() if name in forms)
    if exact or not is_pattern(name):
        return exact
    parts = (re.escape(part) for part in re.split(r"([*?])", name))
    pattern = re.compile("".join({r"\*": ".*", r"\?": "."}.get(part, part) for part in parts))
    return tuple(symbol for symbol, forms in spelt.items() if any(map(pattern.fullmatch, (symbol, *forms))))


def _bare(readable: str) -> str:
    """Without its parameters."""
    match = _PARAMETERS.fullmatch(readable)
    return match[1] if match else readable
