"""Tables whose cells spaces part, one or many, as `numpy.savetxt`, UCI's files and lists of images have them."""

from __future__ import annotations

import re
from dataclasses import replace

from labelfix.data.formats.bounds import RECORD_BYTES
from labelfix.data.formats.csv.header import NAMES
from labelfix.data.formats.csv.no_rows import COMMENT
from labelfix.data.formats.text_file import UTF8, TextFile, unpacking
from labelfix.errors import input_error

_TELLING = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?|\S*\.[A-Za-z][A-Za-z0-9]{1,4}")
"""A number or the name of a file: without a column of these, or usual titles, lines of as many words are prose."""

SPACED = "its cells are parted by spaces"
LIBSVM = re.compile(r"\S+(?:\s+\d+:[^\s:]+)+\s*(?:#.*)?")
"""A row as LIBSVM and XGBoost read it: a label, and the features that are not zero by their numbers."""


def spaced(file: TextFile) -> TextFile | None:
    """The same table with tabs between its cells, in memory; None where spaces do not part it evenly.

    Args:
        file: A file that no other delimiter parts.

    Raises:
        InputError: It is written as LIBSVM reads it.
    """
    with unpacking(file.path, file.name, "text"), file.open(file.lenient) as stream:
        content = stream.read(RECORD_BYTES + 1)
    if len(content) > RECORD_BYTES or b'"' in content or b"\t" in content:
        return None
    lines = [line for line in content.decode(UTF8, "surrogateescape").splitlines() if line.strip()]
    comments = [line for line in lines if line.startswith(COMMENT)]
    bare = [line.strip() for line in lines if not line.startswith(COMMENT)]
    if bare[1:] and all(map(LIBSVM.fullmatch, bare[1:50])) and ":" in bare[-1]:
        what = f"is written as LIBSVM reads it ({bare[0][:60]!r})"
        remedy = "write it as CSV with a column for each feature: sklearn.datasets.load_svmlight_file reads it"
        raise input_error(file.name, what, remedy)
    rows = _with_header([line.split() for line in bare], comments if lines[0] in comments else [])
    widths = {len(row) for row in rows[1:]}
    if len(widths) != 1 or len(rows[0]) not in range(max(max(widths) - 1, 2), max(widths) + 1):
        return None
    telling = any(all(map(_TELLING.fullmatch, column)) for column in zip(*rows[1:], strict=True))
    if not telling and not NAMES.issuperset(title.lower() for title in rows[0]):
        return None
    contents = "".join("\t".join(row) + "\n" for row in rows).encode(UTF8, "surrogateescape")
    remarks = (*file.remarks, SPACED)
    if comments:
        remarks += (f"lines of comment, which are passed over: {len(comments):,}",)
    return replace(file, encoding=UTF8, mark=b"", packed=None, remarks=remarks, contents=contents)


def _with_header(rows: list[list[str]], above: list[str]) -> list[list[str]]:
    """The rows with the titles that stand in a comment above them; without a count of them that stands alone there.

    Args:
        above: Comments at the top.
    """
    if len(rows) > 2 and len(rows[0]) == 1 and rows[0][0].isdecimal():
        return rows[1:]
    titles = above[0].strip(f"{COMMENT} ").split() if len(above) == 1 and rows else []
    fitting = len(titles) > 1 and len(titles) == len(rows[0]) and any(map(_TELLING.fullmatch, rows[0]))
    return [titles, *rows] if fitting else rows
