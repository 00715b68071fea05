"""One file of a recipe to a `Case`: which lines are directives, and that together they make sense.

Reading is strict, because a directive that is quietly passed over makes a verdict out of nothing: whatever looks like
one and is not is an error, with file, line, what is wrong and what is allowed. What is read as a directive here is
what `Case.source` blanks before compiling.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mmio_bisect.adapters.recipes.prototypes import declared_prototypes
from mmio_bisect.adapters.recipes.recipe_grammar import (
    EXPECTATION_KEYS,
    FUNCTION_KEYS,
    LIST_KEYS,
    OUTSIDE_KEYS,
    call_declarations,
    check_reach,
    constant_windows,
    convention,
    function_expectation,
    statics,
)
from mmio_bisect.adapters.recipes.recipe_words import NotUnderstoodError, not_one_of, quoted, words_of
from mmio_bisect.classify.isa.targets import TARGETS, target_named
from mmio_bisect.domain.recipe import Case, ConstantWindow, Convention, FunctionExpectation, Language, OptLevel
from mmio_bisect.errors import InvalidRecipeError, UsageError

MAX_BYTES = 1 << 20
DEFAULT_TARGETS = ("aarch64",)
DEFAULT_OPT_LEVELS = (OptLevel.O1, OptLevel.O2, OptLevel.O3, OptLevel.OS)
CASE_KEYS = ("issue", "target", "opt", "window")
KEYS = (*CASE_KEYS, *FUNCTION_KEYS)
_PAIR = re.compile(r"(?:(?<=[=,])'[^']*'|\S)+")
EDITIONS = ("2015", "2018", "2021", "2024")

_DIRECTIVE = re.compile(r"\s*(?P<comment>//|;)\s?mmio:(?P<pairs>.*)", re.ASCII)
_LOOKS_LIKE_ONE = {
    "//": re.compile(r"(//|/\*)[\s/!*]*mmio\s*:|^\s*;\s?mmio:", re.ASCII | re.IGNORECASE),
    ";": re.compile(r";[\s;]*mmio\s*:|^\s*//\s?mmio:", re.ASCII | re.IGNORECASE),
}
_CLANG_SAYS = re.compile(r"(?<!\S)(?:-O\S*|--?target\b\S*|-mtriple\b\S*|-o\S*|-[SEc])(?!\S)")
_RUSTC_SAYS = re.compile(r"(?<!\S)(?:-O|(?:-C|--codegen)[ =]?opt-level\b\S*|--target\b\S*|--emit\b\S*|-o\S*)(?!\S)")
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
    return Case(
        recipe=recipe,
        language=language,
        text=text,
        functions=tuple(map(reader.whole_function, reader.functions.values())),
        targets=_words(reader, "target", DEFAULT_TARGETS),
        opt_levels=tuple(OptLevel(word) for word in _words(reader, "opt", DEFAULT_OPT_LEVELS)),
        windows=reader.windows,
        prototypes=declared_prototypes(text.decode(), language, reader.compile_flags),
        issue=reader.case_wide.get("issue"),
        edition=reader.edition,
        compile_flags=tuple(reader.compile_flags),
        description=" ".join(reader.description),
        shipped=shipped,
    )


def parse_windows(text: str) -> tuple[ConstantWindow, ...]:
    """Read constant windows as recipes write them. Raises `UsageError`."""
    try:
        return constant_windows(text)
    except NotUnderstoodError as wrong:
        raise UsageError(f"the window {quoted(text)} cannot be read: {wrong}") from None


def parse_function(text: str, windows: tuple[ConstantWindow, ...] | None = None) -> FunctionExpectation:
    """Read a function as recipes write it, `f(mmio) accesses=store32+0`; `f(mmio)` alone allows any accesses.

    Where `windows` are given, whether something leads to a window is checked as well. Raises `UsageError`.
    """
    try:
        values = _pairs(f"fn={text}", FUNCTION_KEYS)
        if not any(key in values for key in EXPECTATION_KEYS):
            values["each"] = ""
        function = function_expectation(values)
        if windows is not None:
            check_reach(function, windows)
    except NotUnderstoodError as wrong:
        raise UsageError(f"the function {quoted(text)} cannot be read: {wrong}") from None
    return function


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
    """`key=value` with blanks between, each key once; lists of `LIST_KEYS` add up."""
    allowed, values = "key=value without blanks inside, keys " + ", ".join(keys), dict[str, str]()
    for word in _PAIR.findall(text):
        key, equals, value = word.partition("=")
        if not equals:
            raise NotUnderstoodError(f"{quoted(word)} is not a pair", allowed)
        if key not in keys:
            raise not_one_of("key", key, keys)
        if not value:
            raise NotUnderstoodError(f"key {quoted(key)} has no value", allowed)
        if key in values and key not in LIST_KEYS:
            raise NotUnderstoodError(f"key {quoted(key)} stands twice on the line", "each key once")
        values[key] = f"{values[key]},{value}" if key in values else value
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
        for symbol, function in self.functions.items():
            try:
                whole = self.whole_function(function)
                check_reach(whole, self.windows)
                self._check_convention(whole)
            except NotUnderstoodError as wrong:
                raise InvalidRecipeError(f"{self.path}:{self.line_of[f'fn={symbol}']}: {wrong}") from None

    def _convention_of_flags(self) -> Convention | None:
        """`-mregparm=3` says of the whole file what `abi=regparm3` does."""
        asked = [
            f"regparm{flag.removeprefix('-mregparm=')}" for flag in self.compile_flags if flag[:10] == "-mregparm="
        ]
        return Convention(asked[-1]) if asked and asked[-1] in tuple(Convention) else None

    def _check_convention(self, function: FunctionExpectation) -> None:
        asked = function.convention
        if asked is None:
            return
        targets = self.case_wide["target"].split(",") if "target" in self.case_wide else DEFAULT_TARGETS
        found = {target.architecture for target in map(target_named, targets) if target is not None}
        if not found.intersection(asked.architectures):
            places = ", ".join(asked.architectures)
            raise NotUnderstoodError(f"calling convention {asked} is of {places}", "a target of it in target=")
        for argument in function.arguments:
            if argument.kind in asked.refuses:
                raise NotUnderstoodError(f"{asked} passes {argument} otherwise", "arguments of one register each")

    @property
    def windows(self) -> tuple[ConstantWindow, ...]:
        return constant_windows(self.case_wide["window"]) if "window" in self.case_wide else ()

    def whole_function(self, function: FunctionExpectation) -> FunctionExpectation:
        """With what the file says of all its functions; what a function's own line says goes first."""
        file = {key: self.case_wide.get(key, "") for key in OUTSIDE_KEYS}
        known = {call.symbol for call in function.calls} | {static.symbol for static in function.statics}
        return replace(
            function,
            convention=function.convention or (convention(file["abi"]) if file["abi"] else self._convention_of_flags()),
            calls=(*function.calls, *(one for one in call_declarations(file["call"]) if one.symbol not in known)),
            statics=(*function.statics, *(one for one in statics(file["static"]) if one.symbol not in known)),
        )

    def _fail(self, number: int, wrong: str, allowed: str) -> None:
        raise InvalidRecipeError(f"{self.path}:{number}: {wrong}; allowed: {allowed}")

    def _read_directive(self, number: int, values: dict[str, str]) -> None:
        whole_file = CASE_KEYS if "fn" in values else (*CASE_KEYS, *OUTSIDE_KEYS)
        for key in whole_file:
            if key in values:
                earlier = self.case_wide.get(key)
                if key not in LIST_KEYS:
                    self._once(key, number, f"{key}= once in a file")
                self.case_wide[key] = f"{earlier},{values[key]}" if earlier else values[key]
                _check_case_wide(key, self.case_wide[key])
        keys = [key for key in values if key not in whole_file]
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

    def _refuse_what_cells_say(self, words: Sequence[str]) -> None:
        """A level or a target among the flags would have what is kept as another cell's."""
        said = re.search(_RUSTC_SAYS if self.language is Language.RUST else _CLANG_SAYS, " ".join(words))
        if said is not None:
            wrong = f"compile-flags say {quoted(said[0].strip())}, which opt= or target= and the options decide"
            raise NotUnderstoodError(wrong, "flags without a level, a target or a product")

    def _read_compiletest(self, key: str, value: str) -> None:
        """Two of compiletest's own keys mean something to us; the rest are for compiletest."""
        if not value.startswith(":"):
            raise NotUnderstoodError(f"compiletest's key {key} has no colon", f"`//@ {key}: VALUE`")
        value = value.removeprefix(":").strip()
        if key == "compile-flags":
            try:
                words = shlex.split(value)
            except ValueError:
                raise NotUnderstoodError(
                    f"compile-flags {quoted(value)} cannot be split", "words as a shell splits them, quotes closed"
                ) from None
            self._refuse_what_cells_say([*self.compile_flags, *words])
            self.compile_flags += words
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
            words_of("target", value, [*TARGETS, *filter(target_named, value.split(","))])
        case "opt":
            words_of("optimisation level", value, OptLevel)
        case "window":
            constant_windows(value)
        case "abi":
            convention(value)
        case "call":
            call_declarations(value)
        case "static":
            statics(value)
        case _:
            pass  # an issue is any text without blanks: a link, owner/name#number, a revision
