"""JSON of a run folder, parsed and held against its schema, so that a damaged file is told from a sound one.

Readers get plain values that are known to have the schema's types and required keys, and nothing that only Python's
JSON lets through.
"""

from __future__ import annotations

import json
import math
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from labelfix.errors import RunError
from labelfix.runs.json_text import NotPlainJsonError, decode_json

DEEPEST = 100
"""Lists and objects inside one another; what labelfix writes has eight, and each level costs stack."""

TRAIN_AGAIN = "train it again with --overwrite"

LARGEST = 1 << 27
"""Bytes of a document of a run: labels of ten million rows take two thirds of it."""

DOCUMENTS = (".json", ".toml", "")

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>key in )?\$?\.?(?P<place>.*)`)?", re.DOTALL)
_LACKS = re.compile(r"Object missing required field `(.+)`")


class UnreadableError(RunError):
    """A file of a run is missing or is not JSON."""


def parse(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Parse JSON.

    Raises:
        NotPlainJsonError: A number that is not finite, a text that is no Unicode, nesting beyond `DEEPEST`.
        ValueError: It is no JSON.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value = decode_json(text, parse_constant=_not_finite, parse_float=_finite)
        _refuse_deep(value)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotPlainJsonError("holds half of a surrogate pair, which is no text") from None
    return value


def wrong_with(value: Any, schema: Any) -> str:  # noqa: ANN401 - any value, any type that msgspec knows
    """What is wrong with a document by a type of `labelfix.runs.schema`, as `field: what`; empty where nothing is."""
    try:
        msgspec.convert(value, schema)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        return _worded(str(error))
    return ""


def check(value: Any, schema: Any, source: str | Path, remedy: str = TRAIN_AGAIN) -> None:  # noqa: ANN401 - as above
    """Refuse a document that its schema does not allow.

    Raises:
        RunError: It does not; file and field are named.
    """
    if wrong := wrong_with(value, schema):
        raise RunError(f"{source}: is damaged ({wrong}); {remedy}")


def read_checked(path: Path, schema: Any, remedy: str = TRAIN_AGAIN) -> Any:  # noqa: ANN401 - as above
    """Read a JSON file of a run.

    Raises:
        UnreadableError: It is missing, or is no JSON at all.
        RunError: It is not what its schema says.
    """
    try:
        value = parse(path.read_bytes())
    except NotPlainJsonError as error:
        raise RunError(f"{path}: cannot be read ({error}); {remedy}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UnreadableError(f"{path}: cannot be read ({why}); {remedy}") from None
    check(value, schema, path, remedy)
    return value


def _worded(message: str) -> str:
    """msgspec's message, place first: "Expected `int` >= 0 - at `$.rows[0]`" becomes "rows[0]: expected int >= 0"."""
    found = _PLACE.fullmatch(message)
    assert found is not None
    what, place = found["what"].replace("`", ""), found["place"] or ""
    if lacks := _LACKS.fullmatch(found["what"]):
        return f"{place}.{lacks[1]} is missing".lstrip(".")
    what = what if place and what[:1].islower() else what[:1].lower() + what[1:]
    return f"{place}: {what}" if place else what


def _refuse_deep(value: object) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise NotPlainJsonError("nested too deeply")
        inside = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [each for items in inside for each in items if isinstance(each, dict | list)]


def _not_finite(name: str) -> float:
    raise NotPlainJsonError(f"holds {name}, which is no number of JSON")


def _finite(digits: str) -> float:
    found = float(digits)
    if not math.isfinite(found):
        raise NotPlainJsonError(f"holds {digits[:20]}, which is beyond what a number can be")
    return found


def check_rows(path: Path, rows: int) -> None:
    """Refuse corrected labels of another number of rows than the run was made from.

    Where they cannot be read, whoever reads them says so.

    Raises:
        RunError: They have.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException, ValueError):  # also names of columns that are no UTF-8
        return
    if found != rows:
        raise RunError(f"{path}: is damaged (it has {found:,} rows, and the run was made from {rows:,}); {TRAIN_AGAIN}")


def check_files(path: Path) -> None:
    """Refuse a file of a run that is none, such as a pipe, which nobody may ever write to, or that has no end.

    Args:
        path: A file, or a folder with all that it holds; one that is not there is fine.

    Raises:
        RunError: It is a pipe, a socket or a device, or a document larger than any that labelfix writes.
    """
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        with suppress(OSError):
            about = file.stat()
            if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
                raise RunError(f"{file}: is damaged (it is no file); {TRAIN_AGAIN}")
            if file.suffix in DOCUMENTS and about.st_size > LARGEST:
                raise RunError(f"{file}: is damaged (it has {about.st_size:,} bytes); {TRAIN_AGAIN}")
