"""Functions of other languages that Rust source declares, by tree-sitter's grammar of Rust."""

from collections.abc import Iterator, Mapping

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

from mmio_bisect.domain.prototype import Declared, Prototype

_INTEGERS: Mapping[str, int | None] = {
    **{f"{sign}{bits}": bits for sign in "iu" for bits in (8, 16, 32, 64)},
    "bool": 8,
    "isize": None,
    "usize": None,
}
_PLAIN = frozenset({"function_signature_item", "line_comment", "block_comment", "{", "}"})


def rust_prototypes(source: bytes) -> Iterator[Declared]:
    """The functions in `extern "C"` blocks, wherever these stand but in functions."""
    waiting = [Parser(Language(tree_sitter_rust.language())).parse(source).root_node]
    while waiting:
        for node in waiting.pop().children:
            if node.type in {"mod_item", "declaration_list"}:
                waiting.append(node)
            elif node.type == "foreign_mod_item":
                yield from _declared(node)


def _declared(block: Node) -> Iterator[Declared]:
    """An attribute may give a function another name, or leave it out: of blocks that have one nothing is certain."""
    body = block.child_by_field_name("body")
    items = body.children if body is not None else []
    modifiers = [_text(child) for child in block.children if child.type == "extern_modifier"]
    certain = (
        not block.has_error and modifiers in (["extern"], ['extern "C"']) and {one.type for one in items} <= _PLAIN
    )
    for item in items:
        name = item.child_by_field_name("name")
        if name is not None:
            yield _text(name), _prototype(_text(name), item) if certain else None


def _prototype(symbol: str, item: Node) -> Prototype | None:
    result, parameters = item.child_by_field_name("return_type"), item.child_by_field_name("parameters")
    if parameters is None or not (result is None or result.type == "never_type" or _is_plain(result)):
        return None
    types = [one.child_by_field_name("type") for one in parameters.named_children]
    known = [one for one in types if one is not None and _is_plain(one)]
    if len(known) < len(types):
        return None
    return Prototype(symbol=symbol, parameters=tuple(_INTEGERS.get(_text(one)) for one in known))


def _is_plain(node: Node) -> bool:
    """An integer, or a pointer to one or to such a pointer: one to a named type may have two words."""
    if node.type == "pointer_type":
        inner = node.child_by_field_name("type")
        return inner is not None and _is_plain(inner)
    return node.type == "primitive_type" and _text(node) in _INTEGERS


def _text(node: Node) -> str:
    return (node.text or b"").decode()
