"""Why an object has no function of the name that a recipe gives, as far as its other names tell."""

import difflib
import re
from collections.abc import Sequence

from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.domain.recipe import quote_name

_SHOWN = 5
_COMPARED = 2000
_MANGLED = re.compile(r"^_(Z|R)")
_LIKELY = 'it may be static or inlined into its callers, or misspelt; in Rust it needs #[no_mangle], in C++ extern "C"'


def undefined_reason(symbol: str, image: CodeImage) -> str:
    """A sentence without its full stop: what the object defines instead, the nearest names first, and the likely cause.

    Mangled names spell an identifier with its length before it: the Itanium C++ ABI, section 5.1.3 (`<source-name>`),
    and RFC 2603 (`<undisambiguated-identifier>`). GCC calls a part or a clone of a function `name.part.0`,
    `name.isra.0`, `name.constprop.0` or `name.cold`.
    """
    symbols = {place.name for place in image.places if place.name}
    names = sorted({image.names.get(one, one) for one in symbols})
    lacking = f"the object defines no function {symbol}"
    spelt = re.compile(rf"(?<!\d){len(symbol)}_?{re.escape(symbol)}")
    mangled = sorted(one for one in symbols if _MANGLED.match(one) and spelt.search(one))
    if mangled:
        name = quote_name(image.names.get(mangled[0], mangled[0]))
        return (
            f"{lacking}; {mangled[0]} is its mangled name: write fn={name}(…), or add #[no_mangle] (Rust) or "
            'extern "C" (C++)'
        )
    parts = [name for name in names if name.startswith(f"{symbol}.")]
    if parts:
        return f"{lacking}, only a part or a clone of it: {', '.join(parts[:_SHOWN])}"
    if not names:
        return f"{lacking}, and no other: {_LIKELY}"
    near = difflib.get_close_matches(symbol, _alike(symbol, names), n=_SHOWN)
    shown = list(dict.fromkeys([*near, *names]))[:_SHOWN]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{lacking}; it defines {', '.join(map(quote_name, shown))}{more}: {_LIKELY}"


def _alike(symbol: str, names: Sequence[str]) -> Sequence[str]:
    """Of many names those that begin or end as the symbol does: comparing two letter by letter takes its time."""
    if len(names) <= _COMPARED:
        return names
    head, tail = symbol[:3], symbol[-3:]
    return [name for name in names if name.startswith(head) or name.endswith(tail)][:_COMPARED]
