"""The words of a recipe's directives as values: one small reader a form of the grammar in recipes/README.md.

Every reader takes the text of one value and raises `NotUnderstoodError`, which says what is wrong and what is allowed
but not where: the caller knows the file and the line.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from mmio_bisect.domain.recipe import (
    AccessShape,
    Argument,
    ArgumentKind,
    ConstantWindow,
    CoveredBytes,
    Direction,
    EachAccess,
    ExactAccesses,
    Expectation,
    ExpectedAccess,
    FunctionExpectation,
)

WINDOW_LABEL = "window"
EXPECTATION_KEYS = ("accesses", "each", "covers")
FUNCTION_KEYS = ("fn", *EXPECTATION_KEYS, "min", "max")

_WIDTHS = (8, 16, 32, 64, 128)
_ADDRESS_SPACE = 2**64
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0|[1-9][0-9]*", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_FUNCTION = re.compile(r"(?P<symbol>[A-Za-z_.$][\w.$]*)\((?P<arguments>.*)\)", re.ASCII)
_HOLDER = re.compile(r"holds\((?P<offset>.*)\)")
_SHAPE = re.compile(r"(?P<direction>load|store)(?P<width>[0-9]{1,9})", re.ASCII)
_ARGUMENT_FORMS = ("mmio", "mmio-slice", "holds(OFFSET)", "_", "wide", "float")
_WINDOW_KINDS = frozenset({ArgumentKind.WINDOW, ArgumentKind.SLICE, ArgumentKind.HOLDER})


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


def constant_window(text: str) -> ConstantWindow:
    low, high = number_range("the window", text)
    return ConstantWindow(low=low, high=high)


def words_of(what: str, text: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """A list with commas: every word one of `allowed`, none twice."""
    known, words = tuple(allowed), tuple(text.split(","))
    for index, word in enumerate(words):
        if word not in known:
            raise not_one_of(what, word, known)
        if word in words[:index]:
            raise NotUnderstoodError(f"{what} {quoted(word)} is named twice", "each once")
    return words


def function_expectation(values: dict[str, str]) -> FunctionExpectation:
    """From the values of `FUNCTION_KEYS` on one line, `fn` among them; an empty `each` allows any accesses."""
    match = _FUNCTION.fullmatch(values["fn"])
    if not match:
        raise NotUnderstoodError(f"{quoted(values['fn'])} is not a function", "SYMBOL(ARGUMENT,…), without spaces")
    function = FunctionExpectation(
        symbol=match["symbol"],
        arguments=_arguments(match["arguments"]),
        expectation=_expectation(match["symbol"], values),
    )
    _check_labels(function)
    return function


def needs_constant_window(function: FunctionExpectation) -> bool:
    """Whether an item means constant addresses: by name, or because no argument leads to the window."""
    match function.expectation:
        case ExactAccesses(accesses=accesses) if any(access.label == WINDOW_LABEL for access in accesses):
            return True
        case ExactAccesses() | EachAccess() | CoveredBytes():
            return not any(argument.kind in _WINDOW_KINDS for argument in function.arguments)


def _arguments(text: str) -> tuple[Argument, ...]:
    return tuple(_argument(word) for word in text.split(",")) if text else ()


def _argument(text: str) -> Argument:
    label, colon, form = text.rpartition(":")
    if colon and not _IDENTIFIER.fullmatch(label):
        raise NotUnderstoodError(f"label {quoted(label)} is not an identifier", "letters, digits and _, no digit first")
    if label == WINDOW_LABEL:
        raise NotUnderstoodError(
            f"label {quoted(label)} is reserved for the constant window", "any other identifier as a label"
        )
    holder = _HOLDER.fullmatch(form)
    if holder:
        offset = number("the offset of holds", holder["offset"])
        return Argument(kind=ArgumentKind.HOLDER, label=label or None, holds_at=offset)
    if form not in _ARGUMENT_FORMS or form == ArgumentKind.HOLDER:
        raise not_one_of("argument", form, _ARGUMENT_FORMS)
    kind = ArgumentKind(form)
    if label and kind not in _WINDOW_KINDS:
        raise NotUnderstoodError(
            f"{quoted(text)} has a label but does not point to the window", "labels on mmio, mmio-slice and holds(…)"
        )
    return Argument(kind=kind, label=label or None)


def _expectation(symbol: str, values: dict[str, str]) -> Expectation:
    given = [key for key in EXPECTATION_KEYS if key in values]
    if len(given) != 1:
        wrong = f"function {symbol} has both {' and '.join(given)}" if given else f"function {symbol} expects nothing"
        raise NotUnderstoodError(wrong, "exactly one of accesses, each and covers on its line")
    bounds = [key for key in ("min", "max") if key in values]
    if bounds and given != ["each"]:
        raise NotUnderstoodError(f"{bounds[0]} counts nothing beside {given[0]}", "min and max beside each")
    match given[0]:
        case "accesses":
            return ExactAccesses(accesses=tuple(_access(item) for item in values["accesses"].split(",")))
        case "each":
            return _each(values)
        case _:
            return _covers(values["covers"])


def _access(text: str) -> ExpectedAccess:
    label, dot, item = text.rpartition(".")
    if dot and not _IDENTIFIER.fullmatch(label):
        raise NotUnderstoodError(f"label {quoted(label)} is not an identifier", "letters, digits and _, no digit first")
    shape, plus, offset = item.partition("+")
    if not plus:
        raise NotUnderstoodError(
            f"access {quoted(text)} has no offset", "load or store, width, + and offset: store32+0"
        )
    return ExpectedAccess(shape=_shape(shape), offset=number("offset", offset), label=label or None)


def _shape(text: str) -> AccessShape:
    match = _SHAPE.fullmatch(text)
    if not match:
        raise NotUnderstoodError(
            f"{quoted(text)} is not an access",
            "load or store with a width of " + ", ".join(map(str, _WIDTHS)) + " bits",
        )
    width = int(match["width"])
    if width not in _WIDTHS:
        raise NotUnderstoodError(f"width {match['width']} is unknown", ", ".join(map(str, _WIDTHS)))
    return AccessShape(direction=Direction(match["direction"]), width=width)


def _each(values: dict[str, str]) -> EachAccess:
    minimum = number("min", values.get("min", "1"))
    maximum = number("max", values["max"]) if "max" in values else None
    if minimum == 0:
        raise NotUnderstoodError("min 0 would let a function pass whose accesses vanished", "1 and up")
    if maximum is not None and maximum < minimum:
        raise NotUnderstoodError(f"max {maximum} is below min {minimum}", "a max of min and up")
    shapes = tuple(_shape(item) for item in values["each"].split(",")) if values["each"] else ()
    if len(set(shapes)) < len(shapes):
        raise NotUnderstoodError(f"{quoted(values['each'])} names a shape twice", "each once")
    return EachAccess(shapes=shapes, minimum=minimum, maximum=maximum)


def _covers(text: str) -> CoveredBytes:
    direction, plus, span = text.partition("+")
    if not plus or direction not in tuple(Direction):
        raise NotUnderstoodError(f"{quoted(text)} covers nothing", "load or store without a width, + and LOW..HIGH")
    low, high = number_range("the covered range", span)
    return CoveredBytes(direction=Direction(direction), low=low, high=high)


def _check_labels(function: FunctionExpectation) -> None:
    """A label names one pointer, and no item is in doubt about which pointer it means."""
    pointers = [argument for argument in function.arguments if argument.kind in _WINDOW_KINDS]
    labels = [argument.label for argument in pointers if argument.label is not None]
    for index, label in enumerate(labels):
        if label in labels[:index]:
            raise NotUnderstoodError(f"two arguments of {function.symbol} are labelled {label}", "a label once")
    if len(pointers) > 1 and len(labels) < len(pointers):
        raise NotUnderstoodError(
            f"function {function.symbol} has {len(pointers)} pointers to the window, not all of them labelled",
            "a label on each, as in f(a:mmio,b:mmio)",
        )
    match function.expectation:
        case ExactAccesses(accesses=accesses):
            for access in accesses:
                _check_item(function.symbol, access, labels, ambiguous=len(pointers) > 1)
        case CoveredBytes() if len(pointers) > 1:
            raise NotUnderstoodError(
                f"covers cannot say which of the {len(pointers)} pointers of {function.symbol} it means",
                "covers beside a single pointer to the window",
            )
        case EachAccess() | CoveredBytes():
            pass


def _check_item(symbol: str, access: ExpectedAccess, labels: list[str], *, ambiguous: bool) -> None:
    if access.label is None and ambiguous:
        raise NotUnderstoodError(
            f"{quoted(str(access))} does not say which pointer of {symbol} it means",
            ", ".join(f"{label}.{access}" for label in (*labels, WINDOW_LABEL)),
        )
    if access.label is not None and access.label not in (*labels, WINDOW_LABEL):
        raise not_one_of(f"label of {symbol}", access.label, (*labels, WINDOW_LABEL))
