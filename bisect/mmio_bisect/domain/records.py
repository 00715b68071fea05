"""Dataclasses as plain mappings, for the columns of a database and the members of a document, and back.

pydantic would do it, but takes longer to import than an answer from history takes to give.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from pathlib import PurePath
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from mmio_bisect.domain.toolchain import Point

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value", bound="DataclassInstance")
Members = dict[str, Any]


def record_of(value: "DataclassInstance", *, without: Collection[str] = ()) -> Members:
    """The fields by name, but for those that comparing leaves out too."""
    names = (field.name for field in fields(value) if field.compare)
    return {name: plain(getattr(value, name)) for name in names if name not in without}


def plain(value: Any) -> Any:  # noqa: ANN401 - any field's value
    """Enums by their values, points and paths as people write them, tuples as lists, bytes in hexadecimal."""
    match value:
        case Enum():
            return value.value
        case Point() | PurePath():
            return str(value)
        case tuple() | list():
            return [plain(each) for each in value]
        case bytes():
            return value.hex()
        case _ if is_dataclass(value) and not isinstance(value, type):
            return record_of(value)
        case _:
            return value


def value_of(kind: type[Value], members: Mapping[Any, Any], **others: object) -> Value:
    """What `record_of` was given; `others` are fields that are not among the members.

    Raises `ValueError`, `TypeError` or `KeyError` for what makes no such value.
    """
    found = {name: read(members[name]) for name, read in _readers(kind) if name in members and name not in others}
    return kind(**found, **others)


def point_of(text: str) -> Point:
    """A point by its name, whose place in the series is not known."""
    series, _, version = text.partition("@")
    return Point(series=series, version=version, sort_key="")


@cache
def _readers(kind: "type[DataclassInstance]") -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, _reader(hints[field.name])) for field in fields(kind))


def _reader(hint: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - an annotation
    arguments = [argument for argument in get_args(hint) if argument is not NoneType]
    match get_origin(hint) or hint:
        case origin if origin is UnionType:
            inner = _reader(arguments[0])
            return lambda value: None if value is None else inner(value)
        case origin if origin is tuple:
            each = _reader(arguments[0])
            return lambda values: tuple(map(each, values))
        case type() as kind:
            return _READERS.get(kind) or _reader_of_class(kind)
        case _:
            return _as_it_is


def _reader_of_class(kind: type) -> Callable[[Any], Any]:
    if issubclass(kind, Enum):
        return kind
    return partial(value_of, kind) if is_dataclass(kind) else _as_it_is


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - any field's value
    return value


_READERS: dict[type, Callable[[Any], Any]] = {bytes: bytes.fromhex, Point: point_of}
