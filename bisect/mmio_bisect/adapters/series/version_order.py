"""Versions of packages as texts whose plain order is the versions' order, so that a database can sort by them.

Of Python's packages the order is PEP 440's, as `packaging.version.Version` has it. Numbers are written with their
length before them (`0` is `010`, `13` is `0213`); what is shorter, and ends, sorts before what goes on; and for each
part that may be missing a space or a tilde, the first and the last of the characters used, says on which side that
sorts. Plain order is the order of code points: in SQL, of a binary collation.

Debian's order is that of deb-version(7): parts that are not digits and parts that are take turns; of the former a tilde
is before everything, even the end, and letters are before all else.
"""

import re

from packaging.version import Version

_FIRST, _LAST = " ", "~"


def sort_key(version: Version) -> str:
    """Raises ValueError for a number of a hundred digits or more."""
    release = list(version.release)
    while len(release) > 1 and release[-1] == 0:  # 1.0 and 1 are the same version
        release.pop()
    text = f"{_number(version.epoch)}!{'.'.join(map(_number, release))}{_FIRST}"
    if version.pre is not None:
        letter, number = version.pre
        text += f"{letter[0]}{_number(number)}"
    else:  # 1.dev1 is before all pre-releases of 1, and 1 itself after them
        text += _FIRST if version.dev is not None and version.post is None else _LAST
    text += _FIRST if version.post is None else f"p{_number(version.post)}"
    text += _LAST if version.dev is None else f"d{_number(version.dev)}"
    if version.local is not None:  # numbers sort after words
        parts = (f"1{_number(int(part))}" if part.isdigit() else f"0{part}" for part in version.local.split("."))
        text += f"+{'.'.join(parts)}"
    return text


def debian_sort_key(version: str) -> str:
    """Of a version without epoch. Raises ValueError as `sort_key` does."""
    text = ""
    for words, digits in re.findall(r"(\D*)(\d*)", version):
        text += "".join(_letter(letter) for letter in words)
        if digits:
            text += f"1{_number(int(digits))}"
    return f"{text}1"


def _letter(letter: str) -> str:
    if letter == "~":
        return "0"
    return f"2{letter}" if letter.isalpha() else f"3{letter}"


def _number(value: int) -> str:
    digits = str(value)
    if len(digits) > 99:
        raise ValueError(f"a version with a number of {len(digits)} digits")
    return f"{len(digits):02}{digits}"
