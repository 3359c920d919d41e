"""The class map: a file of aliases, labels written differently that mean the same."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from labelfix.data.findings import LISTED
from labelfix.data.formats.base import check_file
from labelfix.data.formats.csv_dialect import sniff
from labelfix.data.spelling import spell
from labelfix.errors import Defect, InputError

HEADER = ("alias", "class")
REMEDY = "write two columns, alias and class"


def read_class_map(path: str) -> dict[str, str]:
    """Read a class map.

    Args:
        path: CSV file of two columns, alias and class, with or without that header. An empty class means that
            the alias stands for "no label".

    Returns:
        Alias → class; every class is an alias of itself.

    Raises:
        InputError: The file cannot be read, or an alias has two classes.
    """
    check_file(Path(path), path)
    dialect = sniff(Path(path), path)
    quoting: Literal[0, 3] = csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, delimiter=dialect.delimiter, quotechar=dialect.quote, quoting=quoting))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError([Defect("error", path, None, f"is not CSV in UTF-8 ({error})", REMEDY)]) from None
    if rows and tuple(cell.strip().lower() for cell in rows[0]) == HEADER:
        rows = rows[1:]
    return _aliases(rows, path)


def _aliases(rows: list[list[str]], path: str) -> dict[str, str]:
    aliases: dict[str, str] = {}
    defects: list[Defect] = []
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 2:
            defects.append(Defect("error", path, number, f"has {len(row)} cells ({', '.join(row)[:60]!r})", REMEDY))
            continue
        alias, name = (spell(cell) for cell in row)
        if aliases.setdefault(alias, name) != name:
            what = f'alias "{alias}" stands for both "{aliases[alias]}" and "{name}"'
            defects.append(Defect("error", path, number, what, "keep one of them"))
    for alias, name in list(aliases.items()):
        if name and aliases.setdefault(name, name) != name:
            what = f'alias "{alias}" stands for "{name}", which is itself an alias of "{aliases[name]}"'
            defects.append(Defect("error", path, None, what, f'map "{alias}" to "{aliases[name]}"'))
    if not aliases and not defects:
        defects.append(Defect("error", path, None, "holds no alias", REMEDY))
    if defects:
        raise InputError(defects[:LISTED])
    return aliases
