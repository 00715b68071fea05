"""What a recipe's source declares of the functions that it calls, as far as it is certain.

The grammars of tree-sitter read C and Rust as they stand, with attributes and preprocessor lines, and say where they
understood nothing. Whatever is not a plain integer or pointer there, may be a macro, or is declared in two ways is left
out: then any register may be handed over. LLVM IR says it on a line of its own (LLVM Language Reference, "Functions").
"""

import re
from collections.abc import Iterator, Sequence

from mmio_bisect.adapters.recipes.prototypes_c import c_prototypes
from mmio_bisect.adapters.recipes.prototypes_rust import rust_prototypes
from mmio_bisect.domain.prototype import Prototype, without_conflicts
from mmio_bisect.domain.recipe import Language

_DECLARED = re.compile(
    r"^declare (?:(?:noundef|signext|zeroext|noalias|nonnull|dso_local|i1|void|ptr|i8|i16|i32|i64|\w+\*) )+"
    r"@(?P<name>[\w.$]+)\((?P<parameters>[^()]*)\)",
    re.MULTILINE | re.ASCII,
)
_PARAMETER = re.compile(
    r"(?:i(?P<bits>1|8|16|32|64)|(?P<pointer>ptr|[\w%.]+\*))"
    r"(?: (?:noundef|nonnull|nocapture|noalias|readonly|readnone|writeonly|zeroext|signext|returned|nofree))*",
    re.ASCII,
)


def declared_prototypes(text: str, language: Language, flags: Sequence[str]) -> tuple[Prototype, ...]:
    """`flags` are what the compiler is given besides; they may define macros."""
    match language:
        case Language.C:
            return without_conflicts(c_prototypes(text.encode(), flags))
        case Language.RUST:
            return without_conflicts(rust_prototypes(text.encode()))
        case Language.LLVM_IR:
            return tuple(_ir_prototypes(text))


def _ir_prototypes(text: str) -> Iterator[Prototype]:
    for declared in _DECLARED.finditer(text):
        written = declared["parameters"].strip()
        parameters = [_PARAMETER.fullmatch(one.strip()) for one in written.split(",")] if written else []
        known = [one for one in parameters if one is not None]
        if len(known) == len(parameters):
            bits = tuple(None if one["pointer"] else int(one["bits"]) for one in known)
            yield Prototype(symbol=declared["name"], parameters=bits)
