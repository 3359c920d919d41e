"""Tables whose cells spaces part, one or many, as `numpy.savetxt`, UCI's files and lists of images have them."""

from __future__ import annotations

import re
from dataclasses import replace

from labelfix.data.formats.bounds import RECORD_BYTES
from labelfix.data.formats.csv.no_rows import COMMENT
from labelfix.data.formats.text_file import UTF8, TextFile, unpacking
from labelfix.errors import input_error

_TELLING = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?|\S*\.[A-Za-z][A-Za-z0-9]{1,4}")
"""A number or the name of a file: without a column of these, lines of as many words are prose."""

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
    rows = [line.split() for line in lines if not line.startswith(COMMENT)]
    widths = {len(row) for row in rows[1:]}
    if rows[1:] and all(LIBSVM.fullmatch(line.strip()) for line in lines[1:50]) and ":" in lines[-1]:
        what = f"is written as LIBSVM reads it ({lines[0][:60]!r})"
        remedy = "write it as CSV with a column for each feature: sklearn.datasets.load_svmlight_file reads it"
        raise input_error(file.name, what, remedy)
    if len(widths) != 1 or len(rows[0]) not in range(max(max(widths) - 1, 2), max(widths) + 1):
        return None
    if not any(all(map(_TELLING.fullmatch, column)) for column in zip(*rows[1:], strict=True)):
        return None
    tabbed = "\n".join(line if line.startswith(COMMENT) else "\t".join(line.split()) for line in lines) + "\n"
    remarks = (*file.remarks, SPACED)
    contents = tabbed.encode(UTF8, "surrogateescape")
    return replace(file, encoding=UTF8, mark=b"", packed=None, remarks=remarks, contents=contents)
