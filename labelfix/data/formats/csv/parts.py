"""The headers of the parts of a table: each has one, and they are the same."""

from __future__ import annotations

from collections.abc import Sequence

from labelfix.data.formats.csv.dialect import Dialect
from labelfix.data.formats.csv.header import explanations, looks_like_data
from labelfix.data.formats.csv.spaced import SPACED
from labelfix.errors import Defect, InputError, input_error

FASTTEXT = "__label__"
ATTRIBUTES = 30
"""Lines among which the first name of a column stands in files of WEKA."""
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
    without = [defect for dialect in dialects for defect in _missing_header(dialect)]
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


def _missing_header(dialect: Dialect) -> list[Defect]:
    """The defect of a file whose first row is data; none where it is a header."""
    if (other := _for_another_program([dialect.titles, *dialect.rows])) is not None:
        return [Defect("error", dialect.text.name, None, *other)]
    if dialect.row_names or not looks_like_data(dialect.titles, dialect.rows[explanations(dialect.rows) :]):
        return []
    delimiter = " " if SPACED in dialect.text.remarks else dialect.delimiter
    shown = delimiter.join(dialect.titles)[:60]
    what = f"has no header: its first row ({shown!r}) looks like the rows below it"
    example = delimiter.join(f"c{place}" for place in range(1, min(len(dialect.titles), 4)))
    more = f"{delimiter}…" if len(dialect.titles) > 3 else f"{delimiter}label"
    remedy = f"put a line with the names of its {len(dialect.titles)} columns above it, such as {example + more!r}"
    return [Defect("error", dialect.text.name, None, what, remedy)]


def _for_another_program(rows: Sequence[Sequence[str]]) -> tuple[str, str] | None:
    """What a text is that other programs read and that is no table, and what to do; None for any other."""
    first = "".join(rows[0][:1])
    if first.startswith(FASTTEXT):
        return f"is written as fastText reads it ({first[:60]!r})", "write it as CSV with the columns label and text"
    if any(row[0].lower().startswith("@attribute") for row in rows[:ATTRIBUTES] if row):
        return (
            "is written as WEKA reads it (ARFF)",
            "write it as CSV: its names stand behind @attribute, its rows below @data",
        )
    words = [" ".join(row).split() for row in rows]
    from labelfix.data.spelling import are_tags  # needs pyarrow.compute, and lines of findings are read without

    if len(words[0]) > 1 and are_tags({row[-1] for row in words[1:] if row}):
        what = "has a word in each line and a tag for it (such as B-PER, or O), as taggers of names read them"
        return what, "labelfix corrects one label a row; give a table with a row for each text and one label for it"
    return None
