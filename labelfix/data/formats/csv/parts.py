"""The headers of the parts of a table, which have to be the same."""

from __future__ import annotations

from collections.abc import Sequence

from labelfix.data.formats.csv.dialect import Dialect, missing_header
from labelfix.errors import Defect, InputError, input_error

MOST_LISTED = 5
"""Parts with other columns than the first that are named; of more, how many."""


def check_headers(dialects: Sequence[Dialect], files: Sequence[str], name: str) -> None:
    """Refuse parts of a table that have no header, or another one than the first.

    Args:
        dialects: Of the parts.
        files: Their names.
        name: The table as the user named it.

    Raises:
        InputError: One is none, or another.
    """
    without = [defect for dialect in dialects for defect in missing_header(dialect)]
    if without:
        raise InputError(without)
    first = dialects[0].header
    if len(files) > 1 and all(dialect.header[0].startswith("{") for dialect in dialects):
        join = f"jq -c . {name.rstrip('/')}/* > all.jsonl"
        raise input_error(name, "holds files of JSON without an ending", f"join them into one: {join}")
    wrong = [
        Defect(
            "error",
            file,
            None,
            f"has columns {', '.join(d.header)}, but {files[0]} has {', '.join(first)}",
            _unlike(d.header, first),
        )
        for file, d in zip(files, dialects, strict=True)
        if set(d.header) != set(first)
    ]
    if len(wrong) > MOST_LISTED:
        more = f"{len(wrong) - MOST_LISTED:,} more parts have other columns"
        wrong[MOST_LISTED:] = [Defect("error", name, None, more)]
    if wrong:
        raise InputError(wrong)


def _unlike(columns: Sequence[str], first: Sequence[str]) -> str:
    """What to do with a part of other columns than the first one."""
    if len(columns) == len(first) == 1:
        return "if these are lists without a title, one a class, write one table of them with the class beside each row"
    return "give all parts the same columns, or one file by its own path"
