"""What a family of compilers has to tell: all in which compilers that are called alike differ from others.

`families` has the families. A pattern is one of `re`'s, a text so that starting compiles none.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmio_bisect.domain.recipe import Case, Language, OptLevel
from mmio_bisect.domain.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class LlvmLayers:
    """How the layers of a compiler with LLVM inside are run one by one, and which LLVM that is.

    `version` is the pattern by which the compiler says it; None: the LLVM has the compiler's own version. `options`
    makes the compiler's words of LLVM's own options. `object_words` of the family's flags ask for an object: `text`
    and `bitcode` take their place where IR is wanted. With `front_end` or `front_end_bitcode` besides, it is IR before
    any pass. `ir_input` comes before the name of a file of IR, and `back_end` where no pass of the middle end is to
    run on it; None: the compiler reads no IR.
    """

    version: str | None = None
    options: Callable[[Sequence[str]], tuple[str, ...]]
    object_words: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    bitcode: tuple[str, ...] = ()
    front_end: tuple[str, ...] = ()
    front_end_bitcode: tuple[str, ...] = ()
    has_middle: bool = True
    back_end: tuple[str, ...] = ()
    ir_input: tuple[str, ...] | None = None

    @property
    def reads_ir(self) -> bool:
        return self.ir_input is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Files beside the program that an installed compiler consists of.

    The compiler prints a path when it is given `words`: that of a program, or, with `files`, of a folder in which the
    files of that shell pattern are meant.
    """

    words: tuple[str, ...]
    files: str | None = None


def _not_there(_compiler_version: str, _version_text: str) -> None:
    """Of a family that Compiler Explorer has no compiler of for sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyDescriptor:
    """One family.

    `languages`: what it compiles, preferred language first. `version` is the pattern, with a group of that name, of
    what its compilers print when they are given `version_words`; it fits no other family's. `flags` are those of one
    case for a target at a level. `program` is what it is called where it is installed, for people to type. `explorer`
    gives Compiler Explorer's name of a compiler by its version and the line that says it. `only_target` is the one
    that all of them are built for here. Given `word` besides, it prints what it says of its instructions
    (`classify.word.values`), and makes the same object.
    """

    languages: tuple[Language, ...]
    version: str
    version_words: tuple[str, ...] = ("--version",)
    triple: Callable[[Target], str]
    flags: Callable[[Case, Target, OptLevel], tuple[str, ...]]
    program: str
    explorer: Callable[[str, str], str | None] = _not_there
    opt_levels: tuple[OptLevel, ...] = tuple(OptLevel)
    only_target: str | None = None
    parts: tuple[Part, ...] = ()
    llvm: LlvmLayers | None = None
    word: tuple[str, ...] = ()

    def version_in(self, text: str) -> str | None:
        """The version, if a compiler of the family printed the text."""
        found = re.search(self.version, text, re.MULTILINE)
        return None if found is None else found["version"]
