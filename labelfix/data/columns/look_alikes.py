"""Columns that may be labels: where none is named so, and in a trusted file beside one that is."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.profile import Profile, profile_columns
from labelfix.data.formats import TableSource
from labelfix.data.labels.column import LabelReader, item_type, label_kind
from labelfix.data.scan import is_list, is_number, is_text, scan, value_type
from labelfix.data.spelling import loosened, number_key, truth_of

MOST_VOTES = 100
"""More than so many people do not vote on a row."""

LONGEST_MARK = 5
"""Letters of a mark: x, yes, true."""

SHARES_ADD_UP = 0.02
"""Shares are rounded: their sum is this near to 1."""

INTO_ONE = "put the name of the column with the {} into one column, such as 'label'"
PANDAS_ONE_HOT = " (in pandas: table[names].idxmax(axis=1))"


def look_alikes(source: TableSource, others: Collection[str]) -> tuple[str, str]:
    """What to say where no column is named like labels, and what to do.

    Columns of few different values may be labels; where each row has a single 1 among several of 0 and 1, these are a
    label together.

    Args:
        others: Names of columns that are none, in lower case.

    Returns:
        A sentence, empty where no column is like labels, and a remedy.
    """
    named = "name one with --label-column"
    few = columns_of_few(source, others)
    if (found := spread(source)) is not None:
        return found
    inside = [f"{f.name}.{part.name}" for f in source.schema if pa.types.is_struct(f.type) for part in f.type]
    if not few and (labels := [path for path in inside if "label" in path.rpartition(".")[2].lower()]):
        return (
            f"{', '.join(labels[:5])} lie inside another column",
            "give the one that is the label a column of its own",
        )
    profiles = profile_columns(source, source.schema.names).values()
    structured = [p.name for p in profiles if p.holds == "json" or (not p.holds and pa.types.is_nested(p.type))]
    lists = [p.name for p in profiles if p.name in structured and _of_texts(p)]
    single = [p.name for p in profiles if p.text and not p.holds]
    if not few and lists and single:
        what = f"{lists[0]!r} holds several texts a row, beside {single[0]!r}"
        return what, f"write a row for each text, with its label beside it (in pandas: table.explode({lists[0]!r}))"
    if not few and structured:
        within = (
            f"{', '.join(map(repr, structured[:3]))} {'holds' if len(structured) == 1 else 'hold'} lists or objects"
        )
        return within, "write what is the label in there into a column of its own, such as 'label'"
    if not few:
        return "", f"{named}; labels in a file of their own are joined to its rows first, by the id"
    if len(few) > 1:
        named += ", or several people's or programs' labels with --label-columns"
    return f"{', '.join(few[:10])} {'looks' if len(few) == 1 else 'look'} like labels", named


def _of_texts(p: Profile) -> bool:
    """Whether a column holds lists of texts."""
    return is_list(p.type) and is_text(value_type(p.type.value_type))


def columns_of_few(source: TableSource, others: Collection[str]) -> list[str]:
    """Columns of few different values, as labels are."""
    flat = [
        name
        for name in source.schema.names
        if name and name.lower() not in others and label_kind(source.schema.field(name).type) not in (None, "float")
    ]
    profiles = profile_columns(source, flat).values()
    return [
        p.name
        for p in profiles
        if 2 <= p.distinct <= max(20, 0.05 * p.given) and p.distinct < 0.5 * p.given and not p.holds
    ]


def labels_in(source: TableSource, column: str) -> frozenset[str]:
    """The different labels of a column; none where it holds something else."""
    if label_kind(item_type(source.schema.field(column).type)) in (None, "float"):
        return frozenset()
    reader = LabelReader(source, column, keep=False)
    for chunk in scan(source, [column], verbatim=True):
        reader.see(chunk.batch.column(0))
    return frozenset(reader.result().values)


def columns_of_labels(source: TableSource, columns: Collection[str], known: Collection[str]) -> list[str]:
    """Those of some columns that hold only certain labels, and more than one of them.

    Args:
        known: The labels. Numbers and words for yes and no stand in many a column, and say nothing.
    """
    wanted = {loosened(label) for label in known}
    if len(wanted) < 2 or all(number_key(label) or truth_of(label) is not None for label in known):
        return []
    found = {name: {loosened(label) for label in labels_in(source, name)} for name in columns}
    return [name for name, labels in found.items() if len(labels) > 1 and labels <= wanted]


def spread(source: TableSource) -> tuple[str, str] | None:
    """What to say of labels that are spread over columns of 0 and 1, or of shares, and what to do."""
    types = {field.name: value_type(field.type) for field in source.schema}
    flat = [name for name, type_ in types.items() if is_number(type_) or pa.types.is_boolean(type_)]
    flat = [name for name in flat if not pa.types.is_decimal(types[name])]
    texts = [name for name, type_ in types.items() if name and is_text(type_)]
    if (found := _marked(source, texts)) is not None:
        return found
    chunk = next(iter(scan(source, flat)), None) if len(flat) > 1 else None
    if chunk is None:
        return None
    cells = np.stack([_numbers(column) for column in chunk.batch.columns])
    binary = np.asarray(((cells == 0) | (cells == 1)).all(axis=1))
    shares = np.asarray(((cells >= 0) & (cells <= 1)).all(axis=1))
    counts = np.asarray(((cells >= 0) & (cells <= MOST_VOTES) & (cells == np.floor(cells))).all(axis=1))
    counts &= (cells != cells[:, :1]).any(axis=1)
    for among, holds, which in (
        (binary, "hold 0 and 1, and each row has a single 1 among them", "1"),
        (shares, "hold shares that add up to 1 in each row", "largest"),
        (counts, "hold whole numbers of the same sum in each row, as votes for classes are", "largest"),
    ):
        whole = cells[among]
        total = whole.sum(axis=0)[0] if among is counts else 1
        if len(whole) > 1 and (abs(whole.sum(axis=0) - total) < SHARES_ADD_UP).all() and whole.any(axis=1).sum() > 1:
            names = [name for name, flag in zip(flat, among, strict=True) if flag]
            return f"{', '.join(names[:10])} {holds}", INTO_ONE.format(which) + PANDAS_ONE_HOT
    single = (cells[binary] == 1).sum(axis=0) == 1
    if binary.sum() > 2 and 0.5 * len(single) <= single.sum():
        names = [name for name, flag in zip(flat, binary, strict=True) if flag]
        what = f"{', '.join(names[:10])} hold 0 and 1, and {single.sum():,} of {len(single):,} rows have a single 1"
        return f"{what} among them", f"{INTO_ONE.format('1')}; labelfix is for one label a row: leave the others out"
    return None


def _marked(source: TableSource, texts: list[str]) -> tuple[str, str] | None:
    """The same of columns in which a mark, such as an x, says yes and an empty cell no, or Y and N do."""
    chunk = next(iter(scan(source, texts)), None) if len(texts) > 1 else None
    marks: dict[str, npt.NDArray[np.bool_]] = {}
    for name, cells in zip(texts, chunk.batch.columns, strict=True) if chunk is not None else ():
        words = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(cells)), "")
        held = set(words.unique().to_pylist())
        yes = held - {""} if "" in held else {word for word in held if truth_of(word)}
        if len(yes) == 1 and len(held) == 2 and all(len(word) <= LONGEST_MARK for word in held):
            marks[name] = pc.is_in(words, pa.array(list(yes))).to_numpy(zero_copy_only=False)
    if len(marks) < 2 or not (np.stack(list(marks.values())).sum(axis=0) == 1).all():
        return None
    return f"{', '.join(list(marks)[:10])} hold marks, a single one in each row", INTO_ONE.format("mark")


def _numbers(cells: pa.Array) -> npt.NDArray[np.float64]:
    return np.asarray(cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
