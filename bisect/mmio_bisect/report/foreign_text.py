"""What strangers wrote, made harmless where it is read: in a terminal, in JSON and in Markdown.

Titles, authors, versions, diagnostics, file names, symbols and notes are anybody's, and so are the texts of a history
that was imported. A terminal obeys characters among them (ESC, C1), and shows others not at all or in another order
(Unicode's `Cf` and `Default_Ignorable_Code_Point`: see "Trojan Source", CVE-2021-42574). They are not taken out but
made visible, one character for one, so that columns stay as wide. All that is printed passes through
`report/terminal/output` or `styled`, and those through here; line feeds and tabs stay.
"""

import re
from typing import Final

# Zs, So and letters stay, and so do the two selectors that choose between a sign and its picture (U+FE0E, U+FE0F).
_OBEYED: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_UNSEEN: Final = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNENCODABLE: Final = "\ud800-\udfff"
_HARMFUL: Final = re.compile(f"[{_OBEYED}{_UNSEEN}{_UNENCODABLE}]")


def for_terminal(text: str) -> str:
    """Control characters as Unicode's pictures of them (U+2400 on), other harmful ones as U+FFFD.

    A text that was neutralised stays as it is.
    """
    return _HARMFUL.sub(_visible, text)


def for_json(text: str) -> str:
    """JSON with the same characters escaped (RFC 8259, section 7): it means what it meant."""
    return _HARMFUL.sub(_escaped, text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
