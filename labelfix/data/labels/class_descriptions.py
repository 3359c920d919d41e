"""Words for each class: a file of two columns, class and words."""

from __future__ import annotations

from labelfix.data.findings import LISTED
from labelfix.data.labels.class_map import two_columns
from labelfix.data.spelling import spell
from labelfix.data.tables import ClassNames
from labelfix.errors import Defect, InputError, listing

HEADER = ("class", "words")


def read_class_descriptions(path: str, classes: ClassNames) -> tuple[str, ...]:
    """What each class is about.

    Args:
        path: CSV file of two columns, class and words, with or without that header.
        classes: The classes of the run; aliases of a class name it too.

    Returns:
        The words of every class, in class order.

    Raises:
        InputError: The file cannot be read, names what is no class, or lacks a class; all such rows are listed.
    """
    defects: list[Defect] = []
    names = classes.codes | {alias: classes.codes[name] for alias, name in classes.aliases if name in classes.codes}
    found: dict[int, str] = {}
    for number, row in enumerate(two_columns(path, HEADER), start=1):
        if not any(cell.strip() for cell in row):
            continue
        wrong = _wrong_with(row, names, found)
        if wrong:
            defects.append(Defect("error", path, number, wrong, "write two columns, class and words"))
        else:
            found[names[spell(row[0])]] = row[1].strip()
    missing = [name for code, name in enumerate(classes.names) if code not in found]
    if missing and not defects:
        what = f"has no words for the classes {listing(missing, LISTED)}"
        defects.append(Defect("error", path, None, what, "add a row for each"))
    if defects:
        raise InputError(defects[:LISTED])
    return tuple(found[code] for code in range(len(classes)))


def _wrong_with(row: list[str], names: dict[str, int], found: dict[int, str]) -> str:
    if len(row) != 2:
        return f"has {len(row)} cells ({', '.join(row)[:60]!r})"
    if not row[1].strip():
        return f"has no words for the class {row[0]!r}"
    code = names.get(spell(row[0]))
    if code is None:
        return f"names {row[0][:60]!r}, which is not one of the classes"
    return f"describes the class {row[0]!r} once more" if code in found else ""
