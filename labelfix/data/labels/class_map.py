"""The class map: a file of aliases, labels written differently that mean the same."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

import pyarrow as pa

from labelfix.data.findings import LISTED
from labelfix.data.formats import open_table
from labelfix.data.formats.csv.dialect import sniff
from labelfix.data.formats.csv.lines import read_text
from labelfix.data.formats.file_checks import magic
from labelfix.data.formats.json.one_object import pairs_of
from labelfix.data.formats.text_file import find_text
from labelfix.data.spelling import spelled
from labelfix.errors import Defect, InputError, input_error
from labelfix.remote import as_path

HEADER = ("alias", "class")
OTHER_HEADERS = (
    frozenset(("alias", "from", "old", "raw", "label", "value", "id", "label_id", "class_id", "code", "key", "index")),
    frozenset(("class", "to", "new", "clean", "name", "label", "label_name", "class_name", "meaning")),
)
"""What people write in place of it, above the first and above the second column."""

MOST_BYTES = 1 << 23
"""Bytes of a class map, or of descriptions: tens of thousands of classes, with many spellings each, take fewer."""

TABLES = ("a Parquet file", "an Arrow or Feather file", "a ZIP archive, perhaps an Excel workbook")
"""Files of other kinds that may hold one."""

REMEDY = "write two columns, alias and class"


def read_class_map(path: str) -> dict[str, str]:
    """Read a class map.

    Args:
        path: CSV file of two columns, alias and class, with or without that header, another table of them, or a JSON
            object. An empty class means that the alias stands for "no label".

    Returns:
        Alias → class; every class is an alias of itself.

    Raises:
        InputError: The file cannot be read, or an alias has two classes.
    """
    rows = two_columns(path, HEADER)
    if len(rows) > 1 and all(len(row) < 2 for row in rows):
        shown = "".join(rows[0])[:60]
        what = f"has one cell in each row (the first: {shown!r})"
        line = ",".join(shown.split(maxsplit=1)) if " " in shown else f"0,{shown} if that is class 0"
        raise InputError([Defect("error", path, None, what, f"{REMEDY}, such as {line}")])
    return _aliases(rows, path)


def two_columns(path: str, header: tuple[str, str]) -> list[list[str]]:
    """The rows of a CSV file or another table, without a header, or the pairs of a JSON object.

    Args:
        header: Names of its two columns, which may stand in its first row.

    Raises:
        InputError: It cannot be read.
    """
    if as_path(path).is_file() and magic(as_path(path)) in TABLES:
        source = open_table(path)
        rows = [list(row.values()) for chunk in source.verbatim() for row in chunk.batch.to_pylist()]
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        return _without_header([list(source.schema.names), *cells], header)
    content = find_text(as_path(path), path, None)
    if (pairs := pairs_of(content, MOST_BYTES)) is not None:
        return pairs
    dialect = sniff(content)
    text = io.StringIO(read_text(dialect), newline="")
    try:
        rows = list(csv.reader(text, **dialect.reader))
    except csv.Error as error:
        remedy = f"write two columns, {header[0]} and {header[1]}"
        raise input_error(path, f"is not CSV ({error})", remedy) from None
    return _without_header(rows, header)


def _without_header(rows: list[list[str]], header: tuple[str, str]) -> list[list[str]]:
    """Rows below a header, where the first is one; a header that names the columns in the other order turns them."""
    first = tuple(cell.strip().lower() for cell in rows[0]) if rows else ()
    usual = len(first) == 2 and all(word in words for word, words in zip(first, OTHER_HEADERS, strict=True))
    if first == header[::-1]:
        return [row[::-1] for row in rows[1:]]
    return rows[1:] if first == header or usual else rows


def _aliases(rows: list[list[str]], path: str) -> dict[str, str]:
    aliases: dict[str, str] = {}
    if defects := list(itertools.islice(_put(aliases, rows, path), LISTED)):
        raise InputError(defects)
    return aliases


def _put(aliases: dict[str, str], rows: list[list[str]], path: str) -> Iterator[Defect]:
    """Put rows into a class map; what is wrong with them comes out."""
    given = [any(cell.strip() for cell in row) for row in rows]
    cells = [cell for row, some in zip(rows, given, strict=True) if some and len(row) == 2 for cell in row]
    words = iter(spelled(pa.array(cells, pa.string())).to_pylist())
    for number, (row, some) in enumerate(zip(rows, given, strict=True), start=1):
        if not some:
            continue
        if len(row) != 2:
            yield Defect("error", path, number, f"has {len(row)} cells ({', '.join(row)[:60]!r})", REMEDY)
            continue
        alias, name = next(words), next(words)
        if aliases.setdefault(alias, name) != name:
            what = f'alias "{alias}" stands for both "{aliases[alias]}" and "{name}"'
            yield Defect("error", path, number, what, "keep one of them")
    for alias, name in list(aliases.items()):
        if name and aliases.setdefault(name, name) != name:
            what = f'alias "{alias}" stands for "{name}", which is itself an alias of "{aliases[name]}"'
            yield Defect("error", path, None, what, f'map "{alias}" to "{aliases[name]}"')
    if not aliases and all(not any(map(str.strip, row)) for row in rows):
        yield Defect("error", path, None, "holds no alias", REMEDY)
