"""The words of a recipe's directives as values: one small reader a form of the grammar in recipes/README.md.

Every reader takes the text of one value and raises `NotUnderstoodError`, which says what is wrong and what is allowed
but not where: the caller knows the file and the line.
"""

import re
from dataclasses import replace
from math import prod

from mmio_bisect.adapters.recipes.recipe_words import (
    NotUnderstoodError,
    not_one_of,
    number,
    number_range,
    quoted,
    split_list,
)
from mmio_bisect.domain.recipe import (
    AccessShape,
    Argument,
    ArgumentKind,
    CallDeclaration,
    ConstantWindow,
    Convention,
    CoveredBytes,
    Direction,
    EachAccess,
    ExactAccesses,
    Expectation,
    ExpectedAccess,
    FunctionExpectation,
    HeldPointer,
    Static,
    Step,
)

WINDOW_LABEL = "window"
EXPECTATION_KEYS = ("accesses", "each", "covers")
OUTSIDE_KEYS = ("abi", "call", "static")
"""Of what is outside a function: of one function beside `fn`, of all of the file elsewhere."""
FUNCTION_KEYS = ("fn", *EXPECTATION_KEYS, "min", "max", *OUTSIDE_KEYS)
LIST_KEYS = frozenset({"call", "static", "window"})
"""Keys that may be given again: their lists add up."""

_WIDTHS = (8, 16, 32, 64, 128)
_MOST_WORDS = 4096
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NAME = r"(?P<symbol>'[^']+'|[A-Za-z_.$*?<](?:[\w.$*?<>~&()]|::)*?)"
_PARENTHESES = r"\((?P<arguments>(?:[^()]|\([^()]*\))*)\)"
_FUNCTION = re.compile(rf"{_NAME}{_PARENTHESES}(?:->(?P<result>.*))?", re.ASCII)
_STATIC = re.compile(rf"(?:(?P<label>[^:@()']*):(?!:))?{_NAME}(?:{_PARENTHESES})?", re.ASCII)
_HOLDER = re.compile(r"holds\((?P<pointers>.*)\)")
_STEP = re.compile(r"(?P<offset>-?[^\[\]/]*?)(?P<words>w?)(?:\[(?P<count>[^\[\]/]*)(?:/(?P<stride>[^\[\]/]*))?\])?")
_LABELS = "letters, digits and _, no digit first"
_SHAPE = re.compile(r"(?P<direction>load|store)(?P<width>[0-9]{1,9})", re.ASCII)
_ARGUMENT_FORMS = ("mmio", "mmio-slice", "holds(OFFSET)", "_", "wide", "float")
_RESULT_FORMS = ("mmio", "holds(OFFSET)", "memory", "_")
_LABELLED = frozenset({ArgumentKind.WINDOW, ArgumentKind.SLICE, ArgumentKind.HOLDER})


def constant_windows(text: str) -> tuple[ConstantWindow, ...]:
    """LOW..HIGH, or several with a label each: `uart:LOW..HIGH,gic:LOW..HIGH`."""
    windows: list[ConstantWindow] = []
    words = text.split(",")
    for word in words:
        label, colon, span = word.rpartition(":")
        if colon or len(words) > 1:
            _check_label(label, "each of several windows with a label: uart:LOW..HIGH,gic:LOW..HIGH")
        low, high = number_range("the window", span)
        windows.append(ConstantWindow(low=low, high=high, label=label or None))
    for window in windows:
        for other in windows[: windows.index(window)]:
            if window.label == other.label:
                raise NotUnderstoodError(f"two windows are labelled {window.label}", "a label once")
            if window.low < other.high and other.low < window.high:
                raise NotUnderstoodError(f"the windows {other} and {window} overlap", "windows apart from each other")
    return tuple(windows)


def function_expectation(values: dict[str, str]) -> FunctionExpectation:
    """From the values of `FUNCTION_KEYS` on one line, `fn` among them; an empty `each` allows any accesses."""
    symbol, arguments, result = _head(values["fn"], "a function")
    if result not in {None, ArgumentKind.MEMORY}:
        raise not_one_of("result of a function under test", result or "", (ArgumentKind.MEMORY,))
    function = FunctionExpectation(
        symbol=symbol,
        arguments=arguments,
        expectation=_expectation(symbol, values),
        result_in_memory=result is not None,
        convention=convention(values["abi"]) if "abi" in values else None,
        calls=call_declarations(values.get("call", "")),
        statics=statics(values.get("static", "")),
    )
    _check_pointers(function)
    return function


def _head(text: str, what: str) -> tuple[str, tuple[Argument, ...], str | None]:
    """The name, the arguments and, as it is written, the result of a function."""
    match = _FUNCTION.fullmatch(text)
    if not match:
        raise NotUnderstoodError(
            f"{quoted(text)} is not {what}", "SYMBOL(ARGUMENT,…) without blanks; 'NAME'(…) for a name with any"
        )
    arguments = match["arguments"]
    return (
        match["symbol"].strip("'"),
        tuple(_argument(word, _ARGUMENT_FORMS) for word in split_list(arguments)) if arguments else (),
        match["result"],
    )


def convention(text: str) -> Convention:
    if text not in tuple(Convention):
        raise not_one_of("calling convention", text, Convention)
    return Convention(text)


def call_declarations(text: str) -> tuple[CallDeclaration, ...]:
    """`udelay(_),ioremap(_,_)->mmio`."""
    calls: list[CallDeclaration] = []
    for word in split_list(text) if text else ():
        symbol, arguments, result = _head(word, "a function that is called")
        given = None if result is None else _argument(result, _RESULT_FORMS, reserved=False)
        if symbol in {call.symbol for call in calls}:
            raise NotUnderstoodError(f"the function {quoted(symbol)} is declared twice", "each once")
        calls.append(CallDeclaration(symbol=symbol, arguments=arguments, result=given))
    return tuple(calls)


def statics(text: str) -> tuple[Static, ...]:
    """`BASE`, `uart:BASE`, `DEVICE(uart@8,dma@16)`: `BASE` alone holds the pointer in its first word."""
    found: list[Static] = []
    for word in split_list(text) if text else ():
        match = _STATIC.fullmatch(word)
        if not match:
            raise NotUnderstoodError(
                f"{quoted(word)} is not a variable", "SYMBOL, LABEL:SYMBOL or SYMBOL(LABEL@OFFSET,…), without blanks"
            )
        if match["label"] is not None:
            _check_label(match["label"], reserved=False)
        symbol = match["symbol"].strip("'")
        if symbol in {static.symbol for static in found}:
            raise NotUnderstoodError(f"the variable {quoted(symbol)} is named twice", "each once")
        found.append(Static(symbol=symbol, holds=_held(match["arguments"] or "0", match["label"], reserved=False)))
    return tuple(found)


def check_reach(function: FunctionExpectation, windows: tuple[ConstantWindow, ...]) -> None:
    """That something leads to the window, and that no item is in doubt about which window it means."""
    constant = tuple(window.label or WINDOW_LABEL for window in windows)
    reached = dict.fromkeys([*function.pointers, *function.other_pointers, *constant])
    if not reached or (not windows and _named(function, WINDOW_LABEL)):
        raise NotUnderstoodError(
            f"nothing leads function {function.symbol} to the window",
            "an argument that is mmio, mmio-slice or holds(OFFSET), or window=LOW..HIGH in the file",
        )
    labels = [label for label in reached if label is not None]
    for item in _items(function):
        if item.label is not None and item.label not in labels:
            raise not_one_of(f"label of {function.symbol}", item.label, dict.fromkeys([*labels, WINDOW_LABEL]))
    doubtful = function.pointers or tuple(reached)
    if len(set(doubtful)) < 2:
        return
    match function.expectation:
        case ExactAccesses(accesses=items):
            for item in items:
                if item.label is None:
                    raise NotUnderstoodError(
                        f"{quoted(str(item))} does not say which pointer of {function.symbol} it means",
                        ", ".join(f"{label}.{item}" for label in dict.fromkeys([*labels, WINDOW_LABEL])),
                    )
        case CoveredBytes():
            raise NotUnderstoodError(
                f"covers cannot say which of the {len(doubtful)} pointers of {function.symbol} it means",
                "covers beside a single pointer to the window",
            )
        case EachAccess():
            pass


def _items(function: FunctionExpectation) -> tuple[ExpectedAccess, ...]:
    match function.expectation:
        case ExactAccesses(accesses=items) | EachAccess(items=items):
            return tuple(one for item in items for one in (item, *item.otherwise))
        case CoveredBytes():
            return ()


def _named(function: FunctionExpectation, label: str) -> bool:
    return any(item.label == label for item in _items(function))


def _check_label(label: str, allowed: str = _LABELS, *, reserved: bool = True) -> None:
    if not _IDENTIFIER.fullmatch(label):
        raise NotUnderstoodError(f"label {quoted(label)} is not an identifier", allowed)
    if reserved and label == WINDOW_LABEL:
        raise NotUnderstoodError(
            f"label {quoted(label)} is reserved for the constant window", "any other identifier as a label"
        )


def _argument(text: str, forms: tuple[str, ...], *, reserved: bool = True) -> Argument:
    before, colon, _ = text.partition("(")[0].rpartition(":")
    label, form = (before, text[len(before) + 1 :]) if colon else (None, text)
    if label is not None:
        _check_label(label, reserved=reserved)
    holder = _HOLDER.fullmatch(form)
    if holder:
        return Argument(kind=ArgumentKind.HOLDER, holds=_held(holder["pointers"], label, reserved=reserved))
    if form not in forms or form == ArgumentKind.HOLDER:
        raise not_one_of("argument", form, forms)
    kind = ArgumentKind(form)
    if label and kind not in _LABELLED:
        raise NotUnderstoodError(
            f"{quoted(text)} has a label but does not point to the window", "labels on mmio, mmio-slice and holds(…)"
        )
    return Argument(kind=kind, label=label)


def _held(text: str, label: str | None, *, reserved: bool) -> tuple[HeldPointer, ...]:
    """What stands in the parentheses of `holds(…)`, whose own label is `label`."""
    pointers: list[HeldPointer] = []
    for word in text.split(","):
        own, at, path = word.rpartition("@")
        if at:
            _check_label(own, reserved=reserved)
        steps = tuple(_step(step) for step in path.split("->"))
        words = prod(step.count for step in steps)
        if words > _MOST_WORDS:
            raise NotUnderstoodError(f"{quoted(path)} leads to {words} words", f"at most {_MOST_WORDS}")
        pointers.append(HeldPointer(steps=steps, label=own or label))
    if len(pointers) > 1 and (label or any(pointer.label is None for pointer in pointers)):
        raise NotUnderstoodError(
            f"{quoted(text)} holds {len(pointers)} pointers, not each with a label of its own", "LABEL@OFFSET for each"
        )
    return tuple(pointers)


def _step(text: str) -> Step:
    match = _STEP.fullmatch(text)
    if not match:
        raise NotUnderstoodError(
            f"{quoted(text)} is not the place of a word", "OFFSET, OFFSET[COUNT], OFFSET[COUNT/STRIDE]"
        )
    offset = match["offset"]
    count = 1 if match["count"] is None else number("the count of words", match["count"])
    stride = None if match["stride"] is None else number("the stride of words", match["stride"])
    if not 1 <= count <= _MOST_WORDS or stride == 0 or (count == 1 and match["count"]):
        raise NotUnderstoodError(
            f"{quoted(text)} is not an array of words", f"2 to {_MOST_WORDS} words, a stride of 1 and up"
        )
    distance = number("the offset of holds", offset.removeprefix("-"))
    return Step(
        offset=-distance if offset.startswith("-") else distance,
        in_words=bool(match["words"]),
        count=count,
        stride=stride,
    )


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
    """`store32+0`, or `a|b` for either; `*` after it for every round of a loop, `?` for some paths only."""
    bare = text.removesuffix("?")
    choice = bare.removesuffix("*")
    first, *others = (_place(word, "accesses") for word in choice.split("|"))
    return replace(first, optional=bare != text, repeated=choice != bare, otherwise=tuple(others))


def _place(text: str, key: str) -> ExpectedAccess:
    label, dot, item = text.rpartition(".")
    if dot:
        _check_label(label, reserved=False)
    shape, plus, offset = item.partition("+")
    if key == "accesses" and not plus:
        raise NotUnderstoodError(
            f"access {quoted(text)} has no offset", "load or store, width, + and offset: store32+0"
        )
    place = number("offset", offset) if plus else None
    return ExpectedAccess(shape=_shape(shape), offset=place, label=label or None)


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
    words = values["each"].split(",") if values["each"] else []
    items = tuple(replace(_place(word.removesuffix("*"), "each"), repeated=word.endswith("*")) for word in words)
    if len({item.item for item in items}) < len(items):
        raise NotUnderstoodError(f"{quoted(values['each'])} names a shape twice", "each once")
    return EachAccess(items=items, minimum=minimum, maximum=maximum)


def _covers(text: str) -> CoveredBytes:
    direction, plus, span = text.partition("+")
    if not plus or direction not in tuple(Direction):
        raise NotUnderstoodError(f"{quoted(text)} covers nothing", "load or store without a width, + and LOW..HIGH")
    low, high = number_range("the covered range", span)
    return CoveredBytes(direction=Direction(direction), low=low, high=high)


def _check_pointers(function: FunctionExpectation) -> None:
    """A label names one pointer among the arguments, and several have one each."""
    labels = function.pointers
    for index, label in enumerate(labels):
        if label is not None and label in labels[:index]:
            raise NotUnderstoodError(f"two arguments of {function.symbol} are labelled {label}", "a label once")
    if len(labels) > 1 and None in labels:
        raise NotUnderstoodError(
            f"function {function.symbol} has {len(labels)} pointers to the window, not all of them labelled",
            "a label on each, as in f(a:mmio,b:mmio)",
        )
