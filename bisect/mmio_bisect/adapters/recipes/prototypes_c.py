"""Function declarations of C source whose parameters are integers and pointers, by tree-sitter's grammar of C."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

import tree_sitter_c
from tree_sitter import Language, Node, Parser

from mmio_bisect.domain.prototype import Declared, Prototype

_MACRO = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_FLAG = re.compile(r"-D(\w+)")
_WORD = re.compile(rb"[A-Za-z_]\w*")
_CONTAINERS = frozenset({"preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif", "preproc_elifdef"})
_ATTRIBUTES = frozenset({"attribute_specifier", "attribute_declaration"})
_HARMLESS = frozenset(
    f"{underlines}{name}{underlines}"
    for underlines in ("", "__")
    for name in (
        *("attribute", "noreturn", "cold", "hot", "noinline", "always_inline", "noclone", "pure", "const", "leaf"),
        *("nothrow", "weak", "used", "unused", "maybe_unused", "nodiscard", "warn_unused_result", "deprecated"),
        *("visibility", "section", "malloc", "nonnull", "returns_nonnull", "returns_twice"),
    )
) | {"__attribute"}
"""Attributes that leave alone how a function is called (GCC's manual, "Declaring Attributes of Functions")."""

_POINTERS = frozenset(
    f"{abstract}{kind}_declarator" for abstract in ("", "abstract_") for kind in ("pointer", "array", "function")
)

_UNCALLED = frozenset({"gnu_asm_expression", "ms_call_modifier", "ms_declspec_modifier"})

_LIKE_POINTERS = ("size_t", "ssize_t", "ptrdiff_t", "intptr_t", "uintptr_t")
_INTEGERS: dict[str, int | None] = {
    **dict.fromkeys(("char", "_Bool", "bool"), 8),
    **dict.fromkeys(("short", "char16_t"), 16),
    **dict.fromkeys(("int", "signed", "unsigned", "char32_t"), 32),
    **{f"{sign}int{bits}_t": bits for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"__{sign}INT{bits}_TYPE__": bits for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **dict.fromkeys(("long", *_LIKE_POINTERS), None),
    **dict.fromkeys((f"__{name.removesuffix('_t').upper()}_TYPE__" for name in _LIKE_POINTERS), None),
}
"""In bits, as in the data models ILP32 and LP64: `long` has a pointer's size (None)."""

_VOID = 0
_Type = int | None
"""A size in bits, `_VOID` for void, None for a pointer's."""


class _NotPlainError(Exception):
    """How it is passed is not certain."""


def c_prototypes(source: bytes, flags: Sequence[str] = ()) -> Iterator[Declared]:
    """Functions that are declared at file scope; one that is defined there besides is not certain: its code tells."""
    defined = {*_MACRO.findall(source), *(name.encode() for flag in flags for name in _FLAG.findall(flag))}
    nodes = list(_at_file_scope(Parser(Language(tree_sitter_c.language())).parse(source).root_node))
    reader = _Reader(frozenset(defined), [node for node in nodes if node.type == "type_definition"])
    for node in nodes:
        if node.type in {"declaration", "function_definition"}:
            yield from reader.declared(node)


def _at_file_scope(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        for node in waiting.pop().children:
            if node.type in _CONTAINERS:
                waiting.append(node)
            else:
                yield node


class _Reader:
    """`defined` are the names of macros."""

    def __init__(self, defined: frozenset[bytes], definitions: Sequence[Node]) -> None:
        self._defined = defined
        self._types: dict[str, list[tuple[Node, Node]]] = {}
        self._open: set[str] = set()
        for node in definitions:
            for declarator in node.children_by_field_name("declarator"):
                name = _innermost(declarator)
                if name is not None:
                    self._types.setdefault(_text(name), []).append((node, declarator))

    def declared(self, node: Node) -> Iterator[Declared]:
        declarators = node.children_by_field_name("declarator")
        functions = [one for one in map(_function, declarators) if one is not None]
        certain = node.type == "declaration" and bool(functions) and self._is_plain(node, declarators)
        for function in functions:
            name, parameters = function.child_by_field_name("declarator"), function.child_by_field_name("parameters")
            if name is None:
                continue
            symbol, prototype = _text(name), None
            if certain and parameters is not None:
                with suppress(_NotPlainError):
                    prototype = Prototype(symbol=symbol, parameters=tuple(self._parameters(parameters)))
            yield symbol, prototype

    def _is_plain(self, node: Node, declarators: Sequence[Node]) -> bool:
        """Whether nothing but parameters can make a difference to how its functions are called."""
        try:
            self._check(node)
            if any(one.type == "function_declarator" for one in declarators):
                self._type_of(node, None)
        except _NotPlainError:
            return False
        return True

    def _check(self, node: Node) -> None:
        """That nothing in it is a macro, changes how the function is called, or was not understood."""
        if node.has_error or not self._defined.isdisjoint(_WORD.findall(node.text or b"")):
            raise _NotPlainError
        waiting = [node]
        while waiting:
            one = waiting.pop()
            words = {word.decode() for word in _WORD.findall(one.text or b"")} if one.type in _ATTRIBUTES else set()
            if one.type in _UNCALLED or not words <= _HARMLESS:
                raise _NotPlainError
            waiting += one.children

    def _parameters(self, node: Node) -> Iterator[_Type]:
        parameters = node.named_children
        if not parameters or any(one.type != "parameter_declaration" for one in parameters):
            raise _NotPlainError  # nothing is said of `f()`, and no number of `f(…, ...)`
        sizes = [self._type_of(one, one.child_by_field_name("declarator")) for one in parameters]
        if sizes == [_VOID]:
            return
        if _VOID in sizes:
            raise _NotPlainError
        yield from sizes

    def _type_of(self, node: Node, declarator: Node | None) -> _Type:
        """Of what a declarator declares, or without one the type alone; arrays and functions are passed as pointers."""
        if declarator is not None and declarator.type in _POINTERS:
            if declarator.type == "abstract_function_declarator" and not declarator.child_by_field_name("declarator"):
                raise _NotPlainError  # `long long (x)`, where x is a type or not
            return None
        if declarator is not None and declarator.type not in {"identifier", "type_identifier"}:
            raise _NotPlainError
        kind = node.child_by_field_name("type")
        if kind is None:
            raise _NotPlainError
        return self._named(_text(kind), kind)

    def _named(self, name: str, node: Node) -> _Type:
        words = name.split()
        if node.type == "sized_type_specifier":
            return _sized(words)
        known = self._types.get(name, [])
        if name in self._open or len(known) > 1:
            raise _NotPlainError
        for definition, declarator in known:
            self._check(definition)
            self._open.add(name)
            try:
                return self._type_of(definition, declarator)
            finally:
                self._open.discard(name)
        if name == "void":
            return _VOID
        if name not in _INTEGERS:
            raise _NotPlainError
        return _INTEGERS[name]


def _sized(words: Sequence[str]) -> _Type:
    """`unsigned long long int` in any order."""
    rest = sorted(set(words) - {"signed", "unsigned"})
    if words.count("long") == 2 and rest in (["long"], ["int", "long"]):
        return 64
    if words.count("long") > 1 or len(rest) > 2 or (len(rest) == 2 and "int" not in rest):
        raise _NotPlainError
    name = next((word for word in rest if word != "int"), "int")
    if name not in {"char", "short", "int", "long"}:
        raise _NotPlainError
    return _INTEGERS[name]


def _function(declarator: Node) -> Node | None:
    """The part of a declarator that says what the function takes; None if it declares something else."""
    found: Node | None = declarator
    while found is not None and found.type == "pointer_declarator":
        found = found.child_by_field_name("declarator")
    if found is None or found.type != "function_declarator":
        return None
    name = found.child_by_field_name("declarator")
    return found if name is not None and name.type == "identifier" else None


def _innermost(declarator: Node) -> Node | None:
    found: Node | None = declarator
    while found is not None and found.type != "type_identifier":
        found = found.child_by_field_name("declarator") or next(iter(found.named_children), None)
    return found


def _text(node: Node) -> str:
    return (node.text or b"").decode()
