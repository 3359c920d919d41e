"""What all settings share: their documentation, and building them from text.

A settings class is a frozen dataclass whose fields each carry a docstring underneath. Help texts, the
reference pages and the error messages come from there, so a setting is described in exactly one place.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import textwrap
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from labelfix.errors import SettingsError

S = TypeVar("S")


@dataclasses.dataclass(frozen=True)
class SettingField:
    """One setting, described.

    Attributes:
        name: The field's name, as in `--set name=value` and in the TOML file.
        type: Its type, resolved.
        default: Its default value.
        doc: The docstring under the field.
    """

    name: str
    type: Any
    default: Any
    doc: str

    @property
    def type_name(self) -> str:
        """The type as a person would write it: `number`, `yes/no`, `a | b`."""
        return _type_name(self.type)


def fields_of(cls: Any) -> tuple[SettingField, ...]:
    """The fields of a settings class in order, with their docstrings."""
    return _fields_of(cls)


@cache  # their docstrings are read from the source
def _fields_of(cls: Any) -> tuple[SettingField, ...]:
    hints = typing.get_type_hints(cls)
    docs = _field_docs(cls)
    return tuple(
        SettingField(f.name, hints[f.name], _default(f), docs.get(f.name, "")) for f in dataclasses.fields(cls)
    )


def build(cls: type[S], values: Mapping[str, Any], where: str) -> S:
    """Make settings from plain values (of a TOML table, or strings from the command line).

    Args:
        values: Field name → value; strings are read as the field's type.
        where: What to call the origin in messages, for example `--set` or `labelfix.toml`.

    Raises:
        SettingsError: An unknown field (the nearest one is named), or a value of the wrong type or range.
    """
    known = {f.name: f for f in fields_of(cls)}
    read: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(f"{where}: {name!r} is not a setting here{_nearest(name, known)}")
        try:
            read[name] = _read(known[name].type, value)
        except (ValueError, TypeError, OverflowError):
            wanted = known[name].type_name
            raise SettingsError(f"{where}: {name} = {value!r} cannot be read; it takes {wanted}") from None
    try:
        return cls(**read)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


def plain(settings: Any) -> dict[str, Any]:
    """The settings as a mapping of TOML values; fields that are None are left out."""
    values = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def require(condition: bool, message: str) -> None:
    """Raise `SettingsError(message)` unless the condition holds; used by the checks on construction."""
    if not condition:
        raise SettingsError(message)


def check_choices(settings: Any) -> None:
    """Refuse a value that is not among those of its field's `Literal` type."""
    for f in fields_of(type(settings)):
        value = getattr(settings, f.name)
        choices = _choices(f.type)
        if choices and value is not None:
            require(value in choices, f"{f.name} = {value!r} is not one of {', '.join(map(str, choices))}")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return plain(value)
    return list(value) if isinstance(value, tuple) else value


def _default(f: dataclasses.Field[Any]) -> Any:
    if f.default is not dataclasses.MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not dataclasses.MISSING else None


def _field_docs(cls: type) -> dict[str, str]:
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for node, after in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                docs[node.target.id] = inspect.cleandoc(after.value.value)
    return docs


def _nearest(name: str, known: Mapping[str, SettingField]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it is one of {', '.join(sorted(known))}"


def _options(type_: Any) -> tuple[Any, ...]:
    union = typing.get_origin(type_) in (typing.Union, types.UnionType)
    return tuple(a for a in typing.get_args(type_) if a is not type(None)) if union else (type_,)


def _choices(type_: Any) -> tuple[Any, ...]:
    return tuple(
        c for option in _options(type_) if typing.get_origin(option) is Literal for c in typing.get_args(option)
    )


def _type_name(type_: Any) -> str:
    choices = _choices(type_)
    if choices:
        return " | ".join(map(str, choices))
    (option, *_) = _options(type_)
    if typing.get_origin(option) is tuple:
        return f"a list of {_type_name(typing.get_args(option)[0])}"
    if any(typing.get_origin(each) is tuple for each in _options(type_)):
        return f"{_type_name(option)}, or a list of them"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(option, str(option))


def _read(type_: Any, value: Any) -> Any:
    options = _options(type_)
    # A type of one text or several takes a list for several.
    listed = [each for each in options if typing.get_origin(each) is tuple and isinstance(value, list | tuple)]
    (option, *_) = listed or options
    if value is None and type(None) in typing.get_args(type_):
        return None
    if isinstance(value, str) and value.lower() in ("", "none", "auto") and type(None) in typing.get_args(type_):
        return None
    if typing.get_origin(option) is tuple:
        items = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
        inner = typing.get_args(option)[0]
        return tuple(_read(inner, item) for item in items if item != "")
    if dataclasses.is_dataclass(option):
        return value
    return _read_scalar(option, value)


def _read_scalar(option: Any, value: Any) -> Any:
    if typing.get_origin(option) is Literal:
        match = [c for c in typing.get_args(option) if str(c) == str(value)]
        if not match:
            raise ValueError(value)
        return match[0]
    if option is bool:
        if isinstance(value, str) and value.lower() in ("true", "yes", "on", "1", "false", "no", "off", "0"):
            return value.lower() in ("true", "yes", "on", "1")
        if not isinstance(value, bool):
            raise ValueError(value)
        return value
    if isinstance(value, bool) or (option is str and not isinstance(value, str)):
        raise ValueError(value)
    if option is int and isinstance(value, float) and not value.is_integer():
        raise ValueError(value)
    return option(value)
