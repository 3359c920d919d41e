"""Reading the words of options without what typer loads for it: `labelfix flag` must start at once.

typer reads every option, given or not, by pydantic, which takes as long to load as pyarrow. What an option takes is
nearly always a name, a path or a number within bounds. Those are read here; whatever does not fit is left to typer, as
are its messages.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.models import OptionInfo

Reader = Callable[[str], Any]

PLAIN = (str, Path, int, float)


def read_lightly(command: Any) -> None:  # noqa: ANN401 - typer's own types are private
    """Have the options of a command read here where that can be."""
    hints = typing.get_type_hints(command.callback, include_extras=True) if command.callback else {}
    for param in command.params:
        if getattr(param.process_value, "lightly", False):
            continue
        info = next((m for m in getattr(hints.get(param.name), "__metadata__", ()) if isinstance(m, OptionInfo)), None)
        if info is not None and not param.required and info.parser is None:
            param.process_value = _process(param, _reader(typing.get_args(hints[param.name])[0], info))


def switch_lightly(param: Any) -> None:  # noqa: ANN401 - as above
    """Have a switch that typer adds read here: it is nearly never given."""
    if not getattr(param.process_value, "lightly", False):
        param.process_value = _process(param, None)


def _reader(hint: Any, info: OptionInfo) -> Reader | None:  # noqa: ANN401 - any type
    """How a word is read; None for what is left to typer."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = [kind for kind in (typing.get_args(hint) if is_union else (hint,)) if kind is not type(None)]
    kind = kinds[0]
    if typing.get_origin(kind) is list:
        kind = typing.get_args(kind)[0]
    if len(kinds) != 1 or kind not in PLAIN or info.exists or info.resolve_path:
        return None

    def read(word: str) -> Any:  # noqa: ANN401 - as above
        value = kind(word)
        if kind in (int, float) and not _bounded(value, info):
            raise ValueError(word)
        return value

    return read


def _bounded(value: float, info: OptionInfo) -> bool:
    least, most = info.min, info.max
    return value == value and (least is None or value >= least) and (most is None or value <= most)


def _process(param: Any, reader: Reader | None) -> Callable[[Any, Any], Any]:  # noqa: ANN401 - as above
    by_typer = param.process_value

    def process(context: Any, value: Any) -> Any:  # noqa: ANN401 - as above
        words = list(value) if isinstance(value, list | tuple) else [value]
        read: Any
        if value is None:
            read = () if param.multiple else None
        elif reader is not None and all(isinstance(word, str) for word in words):
            try:
                several = [reader(word) for word in words]
            except ValueError:
                return by_typer(context, value)
            read = several if param.multiple else several[0]
        elif isinstance(value, bool):
            read = value
        else:
            return by_typer(context, value)
        return read if param.callback is None else param.callback(context, param, read)

    process.lightly = True  # type: ignore[attr-defined]
    return process
