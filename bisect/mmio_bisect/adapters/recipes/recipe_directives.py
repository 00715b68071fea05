"""One file of a recipe to a `Case`: which lines are directives, and that together they make sense.

Reading is strict, because a directive that is quietly passed over makes a verdict out of nothing: whatever looks like
one and is not is an error, with file, line, what is wrong and what is allowed. What is read as a directive here is
what `Case.source` blanks before compiling.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from mmio_bisect.adapters.recipes.recipe_grammar import (
    EXPECTATION_KEYS,
    FUNCTION_KEYS,
    NotUnderstoodError,
    constant_window,
    function_expectation,
    needs_constant_window,
    not_one_of,
    quoted,
    words_of,
)
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.domain.recipe import Case, FunctionExpectation, Language, OptLevel
from mmio_bisect.errors import InvalidRecipeError, UsageError

MAX_BYTES = 1 << 20
DEFAULT_TARGETS = ("aarch64",)
DEFAULT_OPT_LEVELS = (OptLevel.O1, OptLevel.O2, OptLevel.O3, OptLevel.OS)
CASE_KEYS = ("issue", "target", "opt", "window")
KEYS = (*CASE_KEYS, *FUNCTION_KEYS)
EDITIONS = ("2015", "2018", "2021", "2024")

_DIRECTIVE = re.compile(r"\s*(?P<comment>//|;)\s?mmio:(?P<pairs>.*)", re.ASCII)
_LOOKS_LIKE_ONE = {
    "//": re.compile(r"(//|/\*)[\s/!*]*mmio\s*:|^\s*;\s?mmio:", re.ASCII | re.IGNORECASE),
    ";": re.compile(r";[\s;]*mmio\s*:|^\s*//\s?mmio:", re.ASCII | re.IGNORECASE),
}
_COMPILETEST = re.compile(r"\s*//@\s*(?P<key>edition|compile-flags)\b(?P<value>.*)", re.ASCII)


def parse_case(text: bytes, *, path: str, recipe: str, language: Language, shipped: bool) -> Case:
    """Read a case's directives; `path` is for messages. Raises `InvalidRecipeError`."""
    reader = _Reader(path=path, language=language)
    for number, line in _lines(text, path):
        try:
            reader.read(number, line)
        except NotUnderstoodError as wrong:
            raise InvalidRecipeError(f"{path}:{number}: {wrong}") from None
    reader.check_whole()
    window = reader.case_wide.get("window")
    return Case(
        recipe=recipe,
        language=language,
        text=text,
        functions=tuple(reader.functions.values()),
        targets=_words(reader, "target", DEFAULT_TARGETS),
        opt_levels=tuple(OptLevel(word) for word in _words(reader, "opt", DEFAULT_OPT_LEVELS)),
        constant_window=constant_window(window) if window is not None else None,
        issue=reader.case_wide.get("issue"),
        edition=reader.edition,
        compile_flags=tuple(reader.compile_flags),
        description=" ".join(reader.description),
        shipped=shipped,
    )


def parse_function(text: str) -> FunctionExpectation:
    """Read a function as recipes write it, `f(mmio) accesses=store32+0`; `f(mmio)` alone allows any accesses.

    Where the constant window is, if it needs one, is the caller's to know. Raises `UsageError`.
    """
    try:
        values = _pairs(f"fn={text}", FUNCTION_KEYS)
        if not any(key in values for key in EXPECTATION_KEYS):
            values["each"] = ""
        return function_expectation(values)
    except NotUnderstoodError as wrong:
        raise UsageError(f"the function {quoted(text)} cannot be read: {wrong}") from None


def _words(reader: "_Reader", key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(reader.case_wide[key].split(",")) if key in reader.case_wide else default


def _lines(text: bytes, path: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, from 1; only a line feed ends a line, as compilers count."""
    if len(text) > MAX_BYTES:
        raise InvalidRecipeError(f"{path}:1: the file has more than {MAX_BYTES} bytes; allowed: at most 1 MiB")
    if not text.strip():
        raise InvalidRecipeError(f"{path}:1: the file is empty; allowed: source with `mmio:` directives")
    for number, raw in enumerate(text.split(b"\n"), start=1):
        try:
            yield number, raw.decode().removesuffix("\r")
        except UnicodeDecodeError as wrong:
            raise InvalidRecipeError(
                f"{path}:{number}: byte {raw[wrong.start]:#04x} is not UTF-8; allowed: UTF-8 throughout the file"
            ) from None


def _pairs(text: str, keys: tuple[str, ...]) -> dict[str, str]:
    """`key=value` with blanks between, each key once."""
    allowed, values = "key=value without blanks inside, keys " + ", ".join(keys), dict[str, str]()
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals:
            raise NotUnderstoodError(f"{quoted(word)} is not a pair", allowed)
        if key not in keys:
            raise not_one_of("key", key, keys)
        if not value:
            raise NotUnderstoodError(f"key {quoted(key)} has no value", allowed)
        if key in values:
            raise NotUnderstoodError(f"key {quoted(key)} stands twice on the line", "each key once")
        values[key] = value
    if not values:
        raise NotUnderstoodError("the directive is empty", allowed)
    return values


@dataclass(slots=True, kw_only=True)
class _Reader:
    """What the lines read so far have said, and on which line."""

    path: str
    language: Language
    case_wide: dict[str, str] = field(default_factory=dict)
    functions: dict[str, FunctionExpectation] = field(default_factory=dict)
    line_of: dict[str, int] = field(default_factory=dict)
    edition: str | None = None
    compile_flags: list[str] = field(default_factory=list)
    description: list[str] = field(default_factory=list)
    in_heading: bool = True
    has_directive: bool = False

    def read(self, number: int, line: str) -> None:
        comment = self.language.comment
        directive = _DIRECTIVE.fullmatch(line)
        if directive and directive["comment"] == comment:
            self.in_heading, self.has_directive = False, True
            self._read_directive(number, _pairs(directive["pairs"], KEYS))
        elif _LOOKS_LIKE_ONE[comment].search(line):
            raise NotUnderstoodError(
                "this looks like a directive but is not read as one",
                f"`{comment}mmio:` or `{comment} mmio:` at the beginning of a line",
            )
        elif line.lstrip().startswith("//@"):
            self.in_heading = False
            if compiletest := _COMPILETEST.fullmatch(line):
                self._read_compiletest(compiletest["key"], compiletest["value"].strip())
        elif self.in_heading:
            self._read_heading(line.strip())

    def check_whole(self) -> None:
        """What only the whole file can tell."""
        if not self.has_directive:
            self._fail(1, "the file has no directive", f"lines that begin with `{self.language.comment}mmio:`")
        if not self.functions:
            self._fail(1, "no directive names a function", f"`{self.language.comment}mmio: fn=SYMBOL(…) …`")
        if "window" not in self.case_wide:
            for symbol, function in self.functions.items():
                if needs_constant_window(function):
                    self._fail(
                        self.line_of[f"fn={symbol}"],
                        f"nothing leads function {symbol} to the window",
                        "an argument that is mmio, mmio-slice or holds(OFFSET), or window=LOW..HIGH in the file",
                    )

    def _fail(self, number: int, wrong: str, allowed: str) -> None:
        raise InvalidRecipeError(f"{self.path}:{number}: {wrong}; allowed: {allowed}")

    def _read_directive(self, number: int, values: dict[str, str]) -> None:
        for key in CASE_KEYS:
            if key in values:
                self._once(key, number, f"{key}= once in a file")
                _check_case_wide(key, values[key])
                self.case_wide[key] = values[key]
        keys = [key for key in values if key in FUNCTION_KEYS]
        if not keys:
            return
        if keys[0] != "fn":
            raise NotUnderstoodError(f"{keys[0]}= belongs to no function", "fn=SYMBOL(…) before it on the same line")
        function = function_expectation(values)
        self._once(f"fn={function.symbol}", number, "one directive a function, with all its accesses")
        self.functions[function.symbol] = function

    def _once(self, what: str, number: int, allowed: str) -> None:
        if what in self.line_of:
            raise NotUnderstoodError(f"{what} was given on line {self.line_of[what]} already", allowed)
        self.line_of[what] = number

    def _read_compiletest(self, key: str, value: str) -> None:
        """Two of compiletest's own keys mean something to us; the rest are for compiletest."""
        if not value.startswith(":"):
            raise NotUnderstoodError(f"compiletest's key {key} has no colon", f"`//@ {key}: VALUE`")
        value = value.removeprefix(":").strip()
        if key == "compile-flags":
            try:
                self.compile_flags += shlex.split(value)
            except ValueError:
                raise NotUnderstoodError(
                    f"compile-flags {quoted(value)} cannot be split", "words as a shell splits them, quotes closed"
                ) from None
            return
        if self.language is not Language.RUST:
            raise NotUnderstoodError(f"edition in a .{self.language} file means nothing", "edition in .rs files")
        if self.edition is not None:
            raise NotUnderstoodError("the edition was given already", "edition once in a file")
        if value not in EDITIONS:
            raise not_one_of("edition", value, EDITIONS)
        self.edition = value

    def _read_heading(self, line: str) -> None:
        comment = self.language.comment
        if line.startswith(comment):
            words = line.removeprefix(comment).lstrip(f"{comment[0]}!").strip()
            if words:
                self.description.append(words)
        elif line:
            self.in_heading = False


def _check_case_wide(key: str, value: str) -> None:
    match key:
        case "target":
            words_of("target", value, TARGETS)
        case "opt":
            words_of("optimisation level", value, OptLevel)
        case "window":
            constant_window(value)
        case _:
            pass  # an issue is any text without blanks: a link, owner/name#number, a revision
