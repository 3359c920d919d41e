"""A table inside one JSON object: rows under a key, or columns as pandas writes them; or objects over several lines."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from labelfix.data.formats.bounds import RECORD_BYTES
from labelfix.data.formats.json.keys import DECODER, KEEP_ONE, RepeatedKeyError, plain_object
from labelfix.data.formats.json.records import broken, is_cut
from labelfix.data.formats.text_file import BLOCK, TextFile, unpacking
from labelfix.errors import input_error
from labelfix.runs.json_text import NotPlainJsonError, check_size, decode_json, is_no_text

ROWS = (
    "data", "rows", "records", "items", "results", "examples", "samples", "instances", "entries", "documents",
    "features", "hits", "nodes", "edges", "values", "objects", "list",
)  # fmt: skip
"""Keys that hold a table's rows where other keys stand beside them; a key that stands alone may have any name."""

COCO = {"images", "annotations", "categories"}

NAMES = "id2label"
"""Where the configuration of a model of transformers has the names of its classes."""

COLUMNS = frozenset(("id", "text", "label", "labels"))
"""Keys of which two or more are columns, and no classes."""

MANY = 10
"""Keys from which an object of plain values is not a row but a label for each key; and objects from which a list deep
in another object is a table, whatever it is called."""

DEEPEST = 3
"""Objects that the rows may lie in, one within the other."""

Row = dict[str, Any]

_GAP = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


def rows_alone(text: TextFile) -> tuple[TextFile, bool]:
    """The file, or an array of its rows in memory where these are not one a line; and whether it is that.

    So one object that holds a table is read, and objects one after the other, as `jq` prints them.

    Args:
        text: A file that begins with an object.

    Raises:
        InputError: It is one object over several lines, and holds no table.
    """
    for size in (BLOCK, RECORD_BYTES):
        whole = _read(text, size)
        content = whole.strip()
        first, _, rest = content.partition(b"\n")
        if rest and _decoded(text, first) is not None:
            return text, False
    try:
        check_size(content)
    except NotPlainJsonError as error:
        remedy = "write one object a line"
        raise input_error(text.name, f"is no JSON Lines, and as one document too large ({error})", remedy) from None
    value = _decoded(text, content)
    if not isinstance(value, dict):
        over_lines = len(whole) < RECORD_BYTES and bool(rest.strip()) and not rest.lstrip().startswith(b"{")
        objects = _objects(text, whole, over_lines)
        return _in_memory(text, "objects stand one after the other", objects) if objects else (text, False)
    sizes = {key: len(part) for key, part in value.items() if isinstance(part, list)}
    if len(sizes.keys() & COLUMNS) > 1 and len({sizes[key] for key in sizes.keys() & COLUMNS}) > 1:
        shown = ", ".join(f"{key!r} ({size:,})" for key, size in sizes.items())
        raise input_error(text.name, f"holds columns of different lengths: {shown}", "give all of them a value a row")
    tables = {key: rows for key, rows in value.items() if _are(rows, dict) and len(rows) > 1}
    splits = len(tables) > 1 and len({frozenset(rows[0]) for rows in tables.values()}) == 1
    found = None if splits else _table(value)
    if found is None and value.keys() >= COCO:
        remedy = "write a row for each image: its file_name, and as label the name of its category"
        raise input_error(text.name, "is a COCO file, whose images, annotations and categories stand apart", remedy)
    # On one line, with plain values beside them, they are parts of a single record.
    if found is None and len(tables) > 1 and (b"\n" in content or len(tables) == len(value)):
        held = ", ".join(f"{key!r} ({len(rows):,} rows)" for key, rows in tables.items())
        remedy = f"write the rows of one of them, or of all, one object a line: jq -c '.{next(iter(tables))}[]' FILE"
        raise input_error(text.name, f"is one object that holds several tables: {held}", remedy)
    if found is None and any(_are(rows, list) and len(rows) >= MANY for rows in value.values()):
        key = next(key for key, rows in value.items() if _are(rows, list) and len(rows) >= MANY)
        shown = json.dumps(value[key][0], ensure_ascii=False)[:60]
        what = f"is one object, whose {key!r} holds rows without the names of their columns, such as {shown}"
        write = f"jq -c '.{key}[] | {{text: .[0], label: .[1]}}' FILE"
        raise input_error(text.name, what, f"write each as an object that names them, as does {write}")
    if found is None:
        if b"\n" not in content:
            return text, False
        keys = ", ".join(map(repr, list(value)[:5]))
        what = f"is one object with the keys {keys}, and none of them holds rows"
        raise input_error(text.name, what, "write one object a line, or an array of objects")
    where, rows = found
    return _in_memory(text, f"is one object: {where}", rows)


def _in_memory(text: TextFile, said: str, rows: list[Row]) -> tuple[TextFile, bool]:
    """The file as an array of rows that lies in memory."""
    contents = io.BytesIO()
    for row in rows:
        contents.write(b",\n" if contents.tell() else b"[")
        contents.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    contents.write(b"]")
    remarks = (*text.remarks, said)
    return replace(text, encoding="utf-8", mark=b"", packed=None, remarks=remarks, contents=contents.getvalue()), True


def pairs_of(text: TextFile, most: int) -> list[list[str]] | None:
    """Keys and their words, as in `{"0": "sport"}` or `{"cat": 0, "none": null}`; None where a file holds no JSON.

    Args:
        most: Bytes that it may have.

    Raises:
        InputError: It has more, or holds other JSON.
    """
    content = _read(text, most + 1)
    if len(content) > most:
        raise input_error(text.name, f"has more than {most >> 20} MB", "leave out what is not needed")
    value = _decoded(text, content.strip())
    if not isinstance(value, dict | list):
        return None
    if isinstance(value, dict) and isinstance(value.get(NAMES), dict):
        value = value[NAMES]
    if isinstance(value, list) or any(isinstance(word, dict | list) for word in value.values()):
        raise input_error(
            text.name, "holds JSON, but no single object of names", 'write it as {"0": "sport", "1": "food"}'
        )
    words = (
        (key, "" if word is None else word if isinstance(word, str) else json.dumps(word))
        for key, word in value.items()
    )
    found = [[key, word] for key, word in words]
    if any(map(is_no_text, itertools.chain(*found))):
        raise input_error(text.name, "holds half of a surrogate pair, which is no text", "write it again as UTF-8")
    return found


def _objects(file: TextFile, content: bytes, over_lines: bool) -> list[Row]:
    """Objects that stand one after the other, with or without commas between; empty where it is anything else.

    Raises:
        InputError: They stand over several lines, and one is broken.
    """
    text, found = content.decode("utf-8", "replace"), list[Row]()
    place = len(text) - len(text.lstrip())
    while place < len(text):
        try:
            value, stop = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            if not over_lines:
                return []
            at = error.pos if isinstance(error, json.JSONDecodeError) else place
            line = text.count("\n", 0, at) + 1
            raise broken(file, line, error, text[text.rfind("\n", 0, at) + 1 :][:80], is_cut(error)) from None
        if type(value) is not dict:
            return []
        found.append(value)
        gap = _GAP.match(text, stop)
        assert gap is not None, "it matches nothing at all, too"
        place = gap.end()
    return found


def _read(text: TextFile, size: int) -> bytes:
    with unpacking(text.path, text.name, "JSON"), closing(text.open("replace")) as stream:
        return stream.read(size)


def _decoded(text: TextFile, content: bytes) -> Any:  # noqa: ANN401 - whatever JSON can say
    """What some of a file says; None where it is no JSON.

    Raises:
        InputError: An object in it has a key twice.
    """
    try:
        return decode_json(content, strict=False, object_pairs_hook=plain_object)
    except RepeatedKeyError as error:
        where = text.name if b"\n" in content else f"{text.name}:1"
        raise input_error(where, str(error), KEEP_ONE) from None
    except ValueError:
        return None


def _table(value: Mapping[str, Any], path: tuple[str, ...] = ()) -> tuple[str, list[Row]] | None:
    """Where the rows are, in words, and the rows."""
    columns: Any = value.get("columns")
    data: Any = value.get("data")
    if _are(columns, str) and _are(data, list) and {len(row) for row in data} == {len(columns)}:
        return "a row for each list in 'data'", [dict(zip(columns, row, strict=True)) for row in data]
    alone = 1 if not path else MANY  # deep in an object, a few objects under any name are a part of a single row
    keys = [
        key
        for key, rows in value.items()
        if _are(rows, dict) and (key in ROWS or (_alone(value) and len(rows) >= (alone if len(value) == 1 else MANY)))
    ]
    long = [key for key in keys if len(value[key]) >= MANY]
    if len(keys) > 1 and len(long) == 1:  # beside the rows may stand what is said of their columns
        keys = long
    if len(keys) == 1:
        return f"its rows are those of {'.'.join((*path, keys[0]))!r}", value[keys[0]]
    inside = [key for key in value if isinstance(value[key], dict)]
    if len(value) > 1 and (turned := _by_key(value)) is not None:
        return turned
    if len(path) + 1 < DEEPEST:
        # Beside the object that holds the rows stands what is said about them: a count, a status, the next page.
        found = [table for key in inside if (table := _table(value[key], (*path, key))) is not None]
        return found[0] if len(found) == 1 else None
    return None


def _alone(value: Mapping[str, Any]) -> bool:
    """Whether only one part of an object holds anything but a plain value, such as a count or the next page."""
    return sum(isinstance(part, list | dict) for part in value.values()) == 1


def _by_key(value: Mapping[str, Any]) -> tuple[str, list[Row]] | None:
    """Labels by id, columns as lists, columns by row, or rows by id."""
    parts = list(value.values())
    if (labels := labels_by_key(value)) is not None:
        return "a label for each key, which is its id", labels
    if (members := _by_class(value)) is not None:
        return members
    if (
        _are(parts, list)
        and not all(_are(part, list) for part in parts)
        and {len(part) for part in parts} == {len(parts[0])}
        and len(parts[0]) > 1
    ):
        return "a column for each key", [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)]
    if not _are(parts, dict) or len(parts[0]) < 2 or any(part.keys() != parts[0].keys() for part in parts):
        return None
    if len(parts[0]) >= len(value):
        return "a column for each key", [{name: value[name][row] for name in value} for row in parts[0]]
    if "id" in parts[0]:
        return "a row for each key", parts
    return "a row for each key, which is its id", [{"id": key, **row} for key, row in value.items()]


def _by_class(value: Mapping[str, Any]) -> tuple[str, list[Row]] | None:
    """Ids or texts by class, as in `{"sport": ["r1", "r7"], "food": ["r2"]}`; None where it is something else.

    Columns as lists are as long as each other, and the values of one repeat or look other than those of the next.
    """
    parts = list(value.values())
    if len(parts) < 2 or not (all(_are(part, str) for part in parts) or all(_are(part, int) for part in parts)):
        return None
    every = list(itertools.chain(*parts))
    words = sum(" " in str(each).strip() for each in every) > len(every) / 2
    if len({len(part) for part in parts}) == 1:
        forms = [{re.sub(r"\d+", "0", str(each)) for each in part} for part in parts]
        same = set.union(*forms) if not words else set()
        if len(set(every)) < len(every) or len(same) != 1:
            return None
    if len(every) < MANY:
        return None
    held = "text" if words else "id"
    return f"{held}s for each key, which is their label", [
        {held: each, "label": key} for key, part in value.items() for each in part
    ]


def labels_by_key(value: Mapping[str, Any]) -> list[Row] | None:
    """A row for each key of an object that gives a label for each id; None where it is something else."""
    parts = list(value.values())
    if len(parts) < MANY or not (_are(parts, str) or _are(parts, int)) or not 1 < len(set(parts)) <= len(parts) / 2:
        return None
    return [{"id": key, "label": said} for key, said in value.items()]


def _are(values: Any, kind: type) -> bool:  # noqa: ANN401 - whatever JSON can say
    """Whether it is a list, not empty, of one kind of things."""
    return isinstance(values, list) and bool(values) and all(type(each) is kind for each in values)
