"""What all readers of directives share: numbers, ranges, lists, and the error that says what may stand there."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_ADDRESS_SPACE = 2**64
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0|[1-9][0-9]*", re.ASCII)


class NotUnderstoodError(ValueError):
    """A text that the grammar has no place for; `allowed` is what may stand there."""

    def __init__(self, wrong: str, allowed: str) -> None:
        super().__init__(f"{wrong}; allowed: {allowed}")


def not_one_of(what: str, word: str, allowed: Iterable[str]) -> NotUnderstoodError:
    """Refuse `word`, naming its nearest neighbour among `allowed`."""
    known = tuple(allowed)
    near = get_close_matches(word, known, n=1)
    hint = f" (nearest: {quoted(near[0])})" if near else ""
    return NotUnderstoodError(f"{what} {quoted(word)} is unknown{hint}", ", ".join(known))


def quoted(word: str) -> str:
    """A piece of the file for a message: never longer than a line, nor with control characters."""
    shown = word if len(word) <= 80 else word[:79] + "…"
    return "`" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown) + "`"


def number(what: str, text: str) -> int:
    """A decimal or 0x-hexadecimal number of at most 64 bits."""
    # 20 digits hold every 64-bit number; Python refuses to convert very long ones with an error of its own
    if len(text) <= 20 and _NUMBER.fullmatch(text):
        value = int(text, 0)
        if value < _ADDRESS_SPACE:
            return value
    raise NotUnderstoodError(
        f"{what} {quoted(text)} is not a number", "a decimal or 0x-hexadecimal number below 2^64, without sign"
    )


def number_range(what: str, text: str) -> tuple[int, int]:
    """LOW..HIGH; HIGH is the first number that is not meant any more."""
    low_text, dots, high_text = text.partition("..")
    if not dots:
        raise NotUnderstoodError(f"{what} {quoted(text)} is not a range", "LOW..HIGH, HIGH not included")
    low, high = number(f"LOW of {what}", low_text), number(f"HIGH of {what}", high_text)
    if low >= high:
        raise NotUnderstoodError(f"{what} {quoted(text)} is empty", "a LOW below HIGH; HIGH is not included")
    return low, high


def split_list(text: str) -> list[str]:
    """At the commas outside parentheses and quotes."""
    words, depth, in_quotes = [""], 0, False
    for character in text:
        in_quotes ^= character == "'"
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0 and not in_quotes:
            words.append("")
        else:
            words[-1] += character
    return words


def words_of(what: str, text: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """A list with commas: every word one of `allowed`, none twice."""
    known, words = tuple(allowed), tuple(text.split(","))
    for index, word in enumerate(words):
        if word not in known:
            raise not_one_of(what, word, known)
        if word in words[:index]:
            raise NotUnderstoodError(f"{what} {quoted(word)} is named twice", "each once")
    return words
