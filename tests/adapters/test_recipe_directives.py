"""Directives as recipes write them, and every way to get them wrong."""

import re
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmio_bisect.adapters.recipes.recipe_directives import MAX_BYTES, parse_case, parse_function
from mmio_bisect.domain.recipe import (
    AccessShape,
    Argument,
    ArgumentKind,
    Case,
    ConstantWindow,
    CoveredBytes,
    Direction,
    EachAccess,
    ExactAccesses,
    Expectation,
    ExpectedAccess,
    FunctionExpectation,
    HeldPointer,
    Language,
    OptLevel,
    Step,
)
from mmio_bisect.errors import InvalidRecipeError, UsageError

GOOD = "//mmio: fn=f(mmio) accesses=store32+0\n"


def parse(text: str | bytes, language: Language = Language.C) -> Case:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_case(data, path=f"x.{language}", recipe="x", language=language, shipped=False)


def only_function(directive: str) -> FunctionExpectation:
    (function,) = parse(f"//mmio: {directive}\n").functions
    return function


def held(*offsets: int, label: str | None = None) -> HeldPointer:
    return HeldPointer(steps=tuple(Step(offset=offset) for offset in offsets), label=label)


def access(direction: Direction, width: int, offset: int | None = None, label: str | None = None) -> ExpectedAccess:
    return ExpectedAccess(shape=AccessShape(direction=direction, width=width), offset=offset, label=label)


# What is read


def test_the_example_of_the_documentation_is_read_whole() -> None:
    case = parse(
        "// Two stores through a pointer\n"
        "// that then moves on.\n"
        "//mmio: issue=rust-lang/rust#131894 target=aarch64 opt=2,s\n"
        "//mmio: fn=step(mmio) accesses=store32+0,load8+0x10\n"
        "// not part of the heading\n"
    )
    assert case.description == "Two stores through a pointer that then moves on."
    assert case.issue == "rust-lang/rust#131894"
    assert case.targets == ("aarch64",)
    assert case.opt_levels == (OptLevel.O2, OptLevel.OS)
    assert case.functions == (
        FunctionExpectation(
            symbol="step",
            arguments=(Argument(kind=ArgumentKind.WINDOW),),
            expectation=ExactAccesses(accesses=(access(Direction.STORE, 32, 0), access(Direction.LOAD, 8, 16))),
        ),
    )


def test_target_and_levels_have_defaults() -> None:
    case = parse(GOOD)
    assert case.targets == ("aarch64",)
    assert case.opt_levels == (OptLevel.O1, OptLevel.O2, OptLevel.O3, OptLevel.OS)
    assert (case.issue, case.windows, case.edition, case.description) == (None, (), None, "")


def test_every_kind_of_argument_is_read() -> None:
    function = only_function("fn=f(a:mmio,b:mmio-slice,c:holds(0x8),_,wide,float) accesses=a.store8+0,c.load16+2")
    assert function.arguments == (
        Argument(kind=ArgumentKind.WINDOW, label="a"),
        Argument(kind=ArgumentKind.SLICE, label="b"),
        Argument(kind=ArgumentKind.HOLDER, holds=(held(8, label="c"),)),
        Argument(kind=ArgumentKind.OPAQUE),
        Argument(kind=ArgumentKind.WIDE),
        Argument(kind=ArgumentKind.FLOAT),
    )


@pytest.mark.parametrize(
    ("text", "expectation"),
    [
        ("each=store32", EachAccess(items=(access(Direction.STORE, 32),))),
        (
            "each=load8,load16 min=2 max=4",
            EachAccess(
                items=(access(Direction.LOAD, 8), access(Direction.LOAD, 16)),
                minimum=2,
                maximum=4,
            ),
        ),
        ("covers=store+0..0x400", CoveredBytes(direction=Direction.STORE, low=0, high=1024)),
    ],
)
def test_the_other_expectations_are_read(text: str, expectation: Expectation) -> None:
    assert only_function(f"fn=f(mmio) {text}").expectation == expectation


def test_without_a_pointer_items_mean_the_constant_window() -> None:
    case = parse("//mmio: window=0x9000000..0x9001000\n//mmio: fn=f(_) accesses=store32+0\n")
    assert case.windows == (ConstantWindow(low=0x9000000, high=0x9001000),)


def test_the_constant_window_may_be_named_beside_a_pointer_and_given_later() -> None:
    case = parse("//mmio: fn=f(mmio) accesses=store32+0,window.load32+4\n//mmio: window=16..32\n")
    assert str(case.functions[0]) == "f(mmio) accesses=store32+0,window.load32+4"


def test_several_constant_windows_have_a_label_each() -> None:
    case = parse(
        "//mmio: window=uart:0x9000000..0x9001000,gic:0x8000000..0x8020000\n//mmio: fn=f() accesses=gic.load32+4\n"
    )
    assert [str(window) for window in case.windows] == ["uart:0x9000000..0x9001000", "gic:0x8000000..0x8020000"]


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ("holds(16->8)", (held(16, 8),)),
        ("holds(-24)", (held(-24),)),
        ("dev:holds(0x10)", (held(16, label="dev"),)),
        ("holds(data@0,lsr@40)", (held(0, label="data"), held(40, label="lsr"))),
        ("holds(data@8->0,lsr@8->40)", (held(8, 0, label="data"), held(8, 40, label="lsr"))),
        ("holds(16[4])", (HeldPointer(steps=(Step(offset=16, count=4),)),)),
        ("holds(16[4/24]->8)", (HeldPointer(steps=(Step(offset=16, count=4, stride=24), Step(offset=8))),)),
        ("holds(1w)", (HeldPointer(steps=(Step(offset=1, in_words=True),)),)),
    ],
)
def test_what_memory_holds_is_read(written: str, holds: tuple[HeldPointer, ...]) -> None:
    assert only_function(f"fn=f({written},_) each=load8").arguments[0].holds == holds


def test_words_and_strides_are_bytes_of_the_target() -> None:
    assert Step(offset=2, in_words=True, count=3).offsets(4) == (8, 12, 16)
    assert Step(offset=-16, count=2, stride=24).offsets(8) == (-16, 8)


def test_what_is_outside_is_said_of_a_function_or_of_the_file() -> None:
    case = parse(
        "//mmio: call=udelay(_),ioremap(_,_)->mmio static=BASE abi=ms target=x86_64,i386\n"
        "//mmio: fn=f(mmio)->memory accesses=store32+0 call=udelay(_,_) call='a::b(int, int)'(_)->regs:mmio\n"
        "//mmio: fn=g() accesses=regs.store32+0 abi=regparm3 static=regs:DEVICE(8->0)\n"
        "//mmio: call=mutex_lock(_)\n"
    )
    f, g = map(str, case.functions)
    assert f == (
        "f(mmio)->memory accesses=store32+0 abi=ms call=udelay(_,_) call='a::b(int, int)'(_)->regs:mmio "
        "call=ioremap(_,_)->mmio call=mutex_lock(_) static=BASE(0)"
    )
    assert g == (
        "g() accesses=regs.store32+0 abi=regparm3 call=udelay(_) call=ioremap(_,_)->mmio call=mutex_lock(_) "
        "static=regs:DEVICE(8->0) static=BASE(0)"
    )


@pytest.mark.parametrize(
    ("written", "symbol"),
    [
        ("put_*", "put_*"),
        ("a::b(int)", "a::b(int)"),
        ("'a::b(unsigned int, char*)'", "a::b(unsigned int, char*)"),
        ("'<uart::Port as core::fmt::Write>::write_str'", "<uart::Port as core::fmt::Write>::write_str"),
    ],
)
def test_a_function_may_be_named_as_its_language_writes_it(written: str, symbol: str) -> None:
    assert only_function(f"fn={written}(holds(8),_) each=store32").symbol == symbol


def test_items_say_how_often_they_are_asked_for() -> None:
    function = only_function("fn=f(mmio) accesses=load8+5*,store8+0|store8+8?,load32+12*?")
    assert function.expectation == ExactAccesses(
        accesses=(
            replace(access(Direction.LOAD, 8, 5), repeated=True),
            replace(access(Direction.STORE, 8, 0), optional=True, otherwise=(access(Direction.STORE, 8, 8),)),
            replace(access(Direction.LOAD, 32, 12), repeated=True, optional=True),
        )
    )
    assert only_function(f"fn={function}") == function


def test_each_may_say_which_offsets_and_what_is_polled() -> None:
    function = only_function("fn=f(a:mmio,b:mmio) each=a.load32+0x18*,store32")
    assert function.expectation == EachAccess(
        items=(replace(access(Direction.LOAD, 32, 24, "a"), repeated=True), access(Direction.STORE, 32))
    )


def test_compiletest_keys_keep_their_meaning_and_other_ones_are_passed_over() -> None:
    case = parse(
        "//@ edition: 2021\n//@ compile-flags: -C 'target-feature=+lse'\n//@compile-flags: -g\n"
        f"//@ only-aarch64\n//@[next] compile-flags: -x\n{GOOD}",
        Language.RUST,
    )
    assert case.edition == "2021"
    assert case.compile_flags == ("-C", "target-feature=+lse", "-g")


@pytest.mark.parametrize("flags", ["-C opt-level=0", "-Copt-level=3", "-O", "--codegen=opt-level=s", "--emit=asm"])
def test_a_level_or_a_product_among_rustcs_flags_is_refused(flags: str) -> None:
    with pytest.raises(InvalidRecipeError, match="compile-flags say"):
        parse(f"//@ compile-flags: {flags}\n{GOOD}", Language.RUST)


def test_directives_of_llvm_ir_follow_a_semicolon() -> None:
    case = parse("; Why.\n;mmio: fn=f(mmio) each=store32\n", Language.LLVM_IR)
    assert (case.description, case.functions[0].symbol) == ("Why.", "f")


# What is refused, and where

WRONG: list[tuple[str, str]] = [
    ("", "x.c:1: the file is empty"),
    (" \n\n", "x.c:1: the file is empty"),
    ("int x;\n", "x.c:1: the file has no directive"),
    ("//mmio: issue=a#1\n", "x.c:1: no directive names a function"),
    (f"{GOOD}//mmio:\n", "x.c:2: the directive is empty"),
    (f"{GOOD}//mmio: opt\n", "x.c:2: `opt` is not a pair; allowed: key=value"),
    (f"{GOOD}//mmio: opt=\n", "x.c:2: key `opt` has no value"),
    (f"{GOOD}//mmio: opts=2\n", "x.c:2: key `opts` is unknown (nearest: `opt`); allowed: issue, target, opt, window"),
    (f"{GOOD}//mmio: opt=1 opt=2\n", "x.c:2: key `opt` stands twice on the line"),
    (f"//mmio: opt=1\n{GOOD}//mmio: opt=2\n", "x.c:3: opt was given on line 1 already; allowed: opt= once in a file"),
    (f"{GOOD}//mmio: opt=2,4\n", "x.c:2: optimisation level `4` is unknown; allowed: 0, 1, 2, 3, s, z"),
    (f"{GOOD}//mmio: opt=2,2\n", "x.c:2: optimisation level `2` is named twice"),
    (f"{GOOD}//mmio: target=arch64\n", "x.c:2: target `arch64` is unknown (nearest: `aarch64`); allowed: aarch64"),
    (f"{GOOD}//mmio: window=8\n", "x.c:2: the window `8` is not a range; allowed: LOW..HIGH"),
    (f"{GOOD}//mmio: window=8..8\n", "x.c:2: the window `8..8` is empty; allowed: a LOW below HIGH"),
    (f"{GOOD}//mmio: window=9..0x8\n", "x.c:2: the window `9..0x8` is empty"),
    (f"{GOOD}//mmio: window=x..8\n", "x.c:2: LOW of the window `x` is not a number; allowed: a decimal or 0x"),
    (f"\n{GOOD}{GOOD}", "x.c:3: fn=f was given on line 2 already; allowed: one directive a function"),
    ("//mmio: accesses=store32+0\n", "x.c:1: accesses= belongs to no function; allowed: fn=SYMBOL(…) before it"),
    ("//mmio: each=store32 fn=f(mmio)\n", "x.c:1: each= belongs to no function"),
    ("//mmio: min=1\n", "x.c:1: min= belongs to no function"),
    ("//mmio: fn=f(mmio)\n", "x.c:1: function f expects nothing; allowed: exactly one of accesses, each and covers"),
    ("//mmio: fn=f(mmio) each=load8 covers=load+0..1\n", "x.c:1: function f has both each and covers"),
    ("//mmio: fn=f each=load8\n", "x.c:1: `f` is not a function; allowed: SYMBOL(ARGUMENT,…)"),
    ("//mmio: fn=f(mmio, _) each=load8\n", "x.c:1: `_)` is not a pair"),
    ("//mmio: fn=f(mmoi) each=load8\n", "x.c:1: argument `mmoi` is unknown (nearest: `mmio`); allowed: mmio, mmio-sl"),
    ("//mmio: fn=f(mmio,) each=load8\n", "x.c:1: argument `` is unknown"),
    (
        "//mmio: fn=f(holds) each=load8\n",
        "x.c:1: argument `holds` is unknown; allowed: mmio, mmio-slice, holds(OFFSET)",
    ),
    ("//mmio: fn=f(holds(--8)) each=load8\n", "x.c:1: the offset of holds `-8` is not a number"),
    ("//mmio: fn=f(mmio) accesses=store24+0\n", "x.c:1: width 24 is unknown; allowed: 8, 16, 32, 64, 128"),
    ("//mmio: fn=f(mmio) accesses=store+0\n", "x.c:1: `store` is not an access; allowed: load or store with a width"),
    ("//mmio: fn=f(mmio) accesses=write32+0\n", "x.c:1: `write32` is not an access"),
    ("//mmio: fn=f(mmio) accesses=store32\n", "x.c:1: access `store32` has no offset"),
    ("//mmio: fn=f(mmio) accesses=store32+-4\n", "x.c:1: offset `-4` is not a number"),
    ("//mmio: fn=f(mmio) accesses=store32+04\n", "x.c:1: offset `04` is not a number"),
    (
        "//mmio: fn=f(mmio) accesses=store32+0x10000000000000000\n",
        "x.c:1: offset `0x10000000000000000` is not a number",
    ),
    ("//mmio: fn=f(mmio) accesses=store32+0,\n", "x.c:1: access `` has no offset"),
    ("//mmio: fn=f(mmio) each=store32+\n", "x.c:1: offset `` is not a number"),
    ("//mmio: fn=f(mmio) each=store32,store32\n", "x.c:1: `store32,store32` names a shape twice"),
    ("//mmio: fn=f(mmio) each=store32 min=3 max=2\n", "x.c:1: max 2 is below min 3"),
    ("//mmio: fn=f(mmio) each=store32 min=0\n", "x.c:1: min 0 would let a function pass"),
    ("//mmio: fn=f(mmio) each=store32 max=many\n", "x.c:1: max `many` is not a number"),
    ("//mmio: fn=f(mmio) accesses=store32+0 min=1\n", "x.c:1: min counts nothing beside accesses"),
    ("//mmio: fn=f(mmio) covers=store+0..4 max=1\n", "x.c:1: max counts nothing beside covers"),
    (
        "//mmio: fn=f(mmio) covers=store32+0..4\n",
        "x.c:1: `store32+0..4` covers nothing; allowed: load or store without",
    ),
    ("//mmio: fn=f(mmio) covers=store+4..4\n", "x.c:1: the covered range `4..4` is empty"),
    ("//mmio: fn=f(1a:mmio) each=load8\n", "x.c:1: label `1a` is not an identifier"),
    ("//mmio: fn=f(window:mmio) each=load8\n", "x.c:1: label `window` is reserved for the constant window"),
    ("//mmio: fn=f(mmio,a:_) each=load8\n", "x.c:1: `a:_` has a label but does not point to the window"),
    ("//mmio: fn=f(a:mmio,a:mmio) each=load8\n", "x.c:1: two arguments of f are labelled a"),
    ("//mmio: fn=f(a:mmio,mmio) accesses=a.load8+0\n", "x.c:1: function f has 2 pointers to the window, not all of th"),
    (
        "//mmio: fn=f(a:mmio,b:mmio) accesses=load8+0\n",
        "x.c:1: `load8+0` does not say which pointer of f it means; allowed: a.load8+0, b.load8+0, window.load8+0",
    ),
    ("//mmio: fn=f(a:mmio,b:mmio) covers=load+0..8\n", "x.c:1: covers cannot say which of the 2 pointers of f"),
    ("//mmio: fn=f(dev:mmio) accesses=dve.load8+0\n", "x.c:1: label of f `dve` is unknown (nearest: `dev`)"),
    ("//mmio: fn=f(mmio) accesses=-.load8+0\n", "x.c:1: label `-` is not an identifier"),
    ("\n//mmio: fn=f(_) each=load8\n", "x.c:2: nothing leads function f to the window; allowed: an argument that is"),
    ("//mmio: fn=f(mmio) accesses=window.load8+0\n", "x.c:1: nothing leads function f to the window"),
    (f"{GOOD}//mmio: window=1..2,a:3..4\n", "x.c:2: label `` is not an identifier; allowed: each of several windows"),
    (f"{GOOD}//mmio: window=a:1..2,a:3..4\n", "x.c:2: two windows are labelled a"),
    (f"{GOOD}//mmio: window=a:1..4,b:3..5\n", "x.c:2: the windows a:0x1..0x4 and b:0x3..0x5 overlap"),
    (f"{GOOD}//mmio: window=1..2\n//mmio: window=3..4\n", "x.c:3: label `` is not an identifier"),
    ("//mmio: window=a:1..2,b:3..4\n//mmio: fn=f() accesses=load8+0\n", "x.c:2: `load8+0` does not say which pointer"),
    ("//mmio: fn=f(holds(a@0,8)) each=load8\n", "x.c:1: `a@0,8` holds 2 pointers, not each with a label of its own"),
    ("//mmio: fn=f(x:holds(a@0,b@8)) each=load8\n", "x.c:1: `a@0,b@8` holds 2 pointers, not each with a label"),
    ("//mmio: fn=f(holds(8[1])) each=load8\n", "x.c:1: `8[1]` is not an array of words; allowed: 2 to 4096 words"),
    (
        "//mmio: fn=f(holds(8[9]->0[999])) each=load8\n",
        "x.c:1: `8[9]->0[999]` leads to 8991 words; allowed: at most 4096",
    ),
    ("//mmio: fn=f(holds(8[)) each=load8\n", "x.c:1: `8[` is not the place of a word; allowed: OFFSET, OFFSET[COUNT]"),
    (
        "//mmio: fn=f(mmio)->mmio each=load8\n",
        "x.c:1: result of a function under test `mmio` is unknown (nearest: `memory`)",
    ),
    ("//mmio: fn='f(mmio) each=load8\n", "x.c:1: `'f(mmio)` is not a function"),
    (f"{GOOD}//mmio: call=f(_),f(_)\n", "x.c:2: the function `f` is declared twice"),
    (f"{GOOD}//mmio: call=f\n", "x.c:2: `f` is not a function that is called; allowed: SYMBOL(ARGUMENT,…)"),
    (f"{GOOD}//mmio: call=f(_)->wide\n", "x.c:2: argument `wide` is unknown; allowed: mmio, holds(OFFSET), memory, _"),
    (f"{GOOD}//mmio: static=a:b:c\n", "x.c:2: `a:b:c` is not a variable; allowed: SYMBOL, LABEL:SYMBOL"),
    (f"{GOOD}//mmio: static=B,B\n", "x.c:2: the variable `B` is named twice"),
    (f"{GOOD}//mmio: abi=fast\n", "x.c:2: calling convention `fast` is unknown; allowed: ms, regparm1"),
    (f"{GOOD}//mmio: abi=ms\n", "x.c:1: calling convention ms is of x86_64; allowed: a target of it in target="),
    ("//mmio: fn=f(mmio) accesses=load8+0?*\n", "x.c:1: offset `0?` is not a number"),
    ("//mmio: fn=f(mmio) each=load8?\n", "x.c:1: `load8?` is not an access"),
    (
        "//mmio: static=A,B\n//mmio: fn=f() covers=load+0..4\n//mmio: static=x:C\n",
        "x.c:2: covers cannot say which of the 2",
    ),
    (f"{GOOD}//  mmio: opt=2\n", "x.c:2: this looks like a directive but is not read as one; allowed: `//mmio:`"),
    (f"{GOOD}/// mmio: opt=2\n", "x.c:2: this looks like a directive"),
    (f"{GOOD}//MMIO: opt=2\n", "x.c:2: this looks like a directive"),
    (f"{GOOD}/* mmio: opt=2 */\n", "x.c:2: this looks like a directive"),
    (f"{GOOD}int x; //mmio: opt=2\n", "x.c:2: this looks like a directive"),
    (f"{GOOD};mmio: opt=2\n", "x.c:2: this looks like a directive"),
    ("\ufeff" + GOOD, "x.c:1: this looks like a directive"),
    (f"{GOOD}//@ edition: 2021\n", "x.c:2: edition in a .c file means nothing; allowed: edition in .rs files"),
    (f"{GOOD}//@ compile-flags: -g -O0\n", "x.c:2: compile-flags say `-O0`, which opt= or target= and the options"),
    (f"{GOOD}//@ compile-flags: --target=arm-none-eabi\n", "x.c:2: compile-flags say `--target=arm-none-eabi`"),
    (f"{GOOD}//@ compile-flags -g\n", "x.c:2: compiletest's key compile-flags has no colon"),
    (f"{GOOD}//@ compile-flags: 'a\n", "x.c:2: compile-flags `'a` cannot be split"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_mistake_is_named_with_its_line_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(InvalidRecipeError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)
    assert "; allowed: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("//@ edition: 2019\n", "x.rs:1: edition `2019` is unknown"),
        ("//@ edition: 2018\n//@ edition: 2021\n", "x.rs:2: the edition was given already"),
    ],
)
def test_an_edition_is_a_known_one_given_once(text: str, message: str) -> None:
    with pytest.raises(InvalidRecipeError, match=re.escape(message)):
        parse(text + GOOD, Language.RUST)


def test_llvm_ir_refuses_the_directives_of_c() -> None:
    with pytest.raises(InvalidRecipeError, match=r"^x.ll:1: this looks like a directive.*`;mmio:`"):
        parse(GOOD, Language.LLVM_IR)


def test_a_file_that_is_not_utf_8_is_refused_with_the_line() -> None:
    with pytest.raises(InvalidRecipeError, match=r"^x.c:2: byte 0xff is not UTF-8"):
        parse(GOOD.encode() + b"// \xff\n")


def test_a_file_beyond_the_limit_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match=r"^x.c:1: the file has more than 1048576 bytes"):
        parse(GOOD.encode() + b" " * MAX_BYTES)


def test_a_message_shows_no_control_characters_and_no_endless_words() -> None:
    with pytest.raises(InvalidRecipeError) as caught:
        parse("//mmio: \x1b[31m" + "x" * 5000 + "=1\n")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


# Laws

words = st.sampled_from(
    [
        "fn=",
        "f(",
        "mmio",
        "holds(8)",
        ")",
        "a:",
        "_",
        ",",
        " ",
        "\n",
        "accesses=",
        "each=",
        "covers=",
        "store32",
        "load+",
        "+0",
        "0..4",
        "min=1",
        "max=",
        "opt=2",
        "window=",
        "//mmio:",
        "//@ edition: ",
        "é",
        "\r",
        "9" * 30,
        "window.",
        "call=",
        "static=",
        "abi=ms",
        "->",
        "'",
        "16[4/8]",
        "@",
        "|",
        "?",
        "*",
    ]
)


@given(st.one_of(st.text(), st.lists(words, max_size=30).map(lambda parts: "//mmio:" + "".join(parts))))
def test_no_text_makes_the_parser_fail_but_with_its_own_error(text: str) -> None:
    for language in Language:
        with suppress(InvalidRecipeError):
            parse(text.encode(errors="replace"), language)


shapes = st.builds(AccessShape, direction=st.sampled_from(Direction), width=st.sampled_from([8, 16, 32, 64, 128]))
offsets = st.integers(min_value=0, max_value=2**64 - 2)
expectations = st.one_of(
    st.lists(
        st.builds(
            ExpectedAccess,
            shape=shapes,
            offset=offsets,
            optional=st.booleans(),
            repeated=st.booleans(),
            otherwise=st.lists(st.builds(ExpectedAccess, shape=shapes, offset=offsets), max_size=1).map(tuple),
        ),
        min_size=1,
        max_size=5,
    ).map(lambda items: ExactAccesses(accesses=tuple(items))),
    st.builds(
        EachAccess,
        items=st.lists(shapes, min_size=1, max_size=3, unique=True).map(
            lambda found: tuple(ExpectedAccess(shape=shape) for shape in found)
        ),
        minimum=st.integers(min_value=1, max_value=9),
        maximum=st.none() | st.integers(min_value=9, max_value=99),
    ),
    st.builds(
        lambda direction, low, size: CoveredBytes(direction=direction, low=low, high=low + size),
        st.sampled_from(Direction),
        st.integers(min_value=0, max_value=2**32),
        st.integers(min_value=1, max_value=2**32),
    ),
)
arguments = st.builds(Argument, kind=st.sampled_from([ArgumentKind.OPAQUE, ArgumentKind.WIDE, ArgumentKind.FLOAT]))
steps = st.builds(Step, offset=offsets | offsets.map(lambda offset: -offset), in_words=st.booleans())
arrays = st.builds(Step, offset=offsets, count=st.integers(2, 4), stride=st.none() | st.integers(1, 64))
held_pointers = st.builds(
    HeldPointer, steps=st.lists(steps | arrays, min_size=1, max_size=3).map(tuple), label=st.none() | st.just("dev")
)
pointers = st.one_of(
    st.builds(Argument, kind=st.sampled_from([ArgumentKind.WINDOW, ArgumentKind.SLICE])),
    st.builds(Argument, kind=st.just(ArgumentKind.HOLDER), holds=held_pointers.map(lambda one: (one,))),
)
functions = st.builds(
    FunctionExpectation,
    symbol=st.from_regex(r"[A-Za-z_.$][A-Za-z0-9_.$]{0,8}", fullmatch=True),
    arguments=st.builds(lambda before, pointer: (*before, pointer), st.lists(arguments, max_size=4), pointers),
    expectation=expectations,
    result_in_memory=st.booleans(),
)


@given(functions)
def test_a_function_is_read_as_it_is_written(function: FunctionExpectation) -> None:
    assert parse_function(str(function)) == function
    assert only_function(f"fn={function}") == function


def test_a_function_alone_allows_any_access() -> None:
    assert parse_function("f(mmio)").expectation == EachAccess(items=())


@pytest.mark.parametrize("text", ["", "f", "f(mmio) opt=2", "f(mmio) accesses=store32"])
def test_a_function_that_cannot_be_read_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse_function(text)


DIRECTIVE_LINES = ["//mmio: opt=2", "// mmio: opt=2", "\t  //mmio: opt=2", "//\tmmio:opt=2", "//mmio: opt=2\r"]
OTHER_LINES = ["int x;", "// about mmio: nothing", "// mmio", "//@ only-x86", 'char *s = ";mmio:";']


@pytest.mark.parametrize("line", DIRECTIVE_LINES)
def test_what_is_read_as_a_directive_is_blanked(line: str) -> None:
    case = parse(f"{GOOD}{line}\nint x;\n")
    assert case.opt_levels == (OptLevel.O2,)
    assert case.source == b"\n\nint x;\n"


@pytest.mark.parametrize("line", OTHER_LINES)
def test_what_is_not_read_as_a_directive_is_kept(line: str) -> None:
    assert parse(f"{GOOD}{line}\n").source == f"\n{line}\n".encode()


def test_blank_lines_before_a_directive_keep_their_number() -> None:
    case = parse_case(
        b"int x;\n\n\n//mmio: fn=f(mmio) each=load32\nint y;\n//\nmmio: no directive\n",
        path="case.c",
        recipe="case",
        language=Language.C,
        shipped=False,
    )
    assert case.source == b"int x;\n\n\n\nint y;\n//\nmmio: no directive\n"
