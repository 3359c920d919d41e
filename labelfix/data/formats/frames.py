"""Objects that hold a table, made into Arrow tables: frames, records, columns as lists.

What Arrow cannot hold as it is (values of several types in one column, sparse columns, periods) becomes what a person
would write for it; a column of which nothing can be made is named.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import Any

import pyarrow as pa

from labelfix.data.formats.titles import unique_names
from labelfix.data.spelling import whole
from labelfix.errors import input_error

TABLES = "a path, a pyarrow table, a pandas or polars frame, a datasets.Dataset, a dict of columns or a list of records"
REFUSED = (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError)
WRITTEN = (str, int, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, PurePath)
"""Values that `str` writes as a person would."""


@dataclass
class _Columns:
    """Columns on their way into a table, with what has to be said of them."""

    name: str
    titles: list[str] = field(default_factory=list)
    arrays: list[Any] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, title: str, make: Callable[[], Any], values: Callable[[], Iterable[Any]]) -> None:
        """Add a column: as Arrow makes it, or else as text."""
        self.titles.append(title)
        try:
            self.arrays.append(make())
        except REFUSED:
            self.arrays.append(_texts(values(), title, self.name))
            self.remarks.append(f"column {title!r} is read as text: its values are of no one type")

    def add_texts(self, title: str, values: Iterable[Any]) -> None:
        """Add a column of values that are written out."""
        self.titles.append(title)
        self.arrays.append(_texts(values, title, self.name))

    def table(self) -> tuple[pa.Table, tuple[str, ...]]:
        """The table, and the remarks.

        Raises:
            InputError: The columns differ in length.
        """
        lengths = {len(array): title for title, array in zip(self.titles, self.arrays, strict=True)}
        if len(lengths) > 1:
            shown = " and ".join(f"{title!r} has {count}" for count, title in list(lengths.items())[:2])
            raise input_error(self.name, f"has columns of different lengths: {shown}", "give all columns one length")
        return pa.table(self.arrays, names=list(map(whole, self.titles))), tuple(self.remarks)


@dataclass(frozen=True)
class Frame:
    """An object as an Arrow table.

    Attributes:
        table: The table; its columns have different names.
        titles: What the object calls them.
        remarks: What a person should know of the conversion.
    """

    table: pa.Table
    titles: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def as_frame(source: Any, name: str) -> Frame:  # noqa: ANN401 - any table
    """Any object that holds a table as an Arrow table.

    Args:
        source: A pyarrow table, batch or reader, a pandas or polars frame, anything with the Arrow stream interface,
            a mapping of columns, or a list of records.
        name: What to call it in messages.
    """
    table, remarks = _table(source, name)
    titles = tuple(table.column_names)
    return Frame(table.rename_columns(list(unique_names(titles))), titles, remarks)


def are_records(source: object) -> bool:
    """Whether a list is the rows of one table: mappings of values, not of columns."""
    return (
        isinstance(source, list | tuple)
        and bool(source)
        and all(isinstance(row, Mapping) for row in source)
        and not any(_is_column(value) and not isinstance(value, list) for row in source[:1] for value in row.values())
        and not all(isinstance(value, list) for value in source[0].values())
    )


def _table(source: Any, name: str) -> tuple[pa.Table, tuple[str, ...]]:  # noqa: ANN401
    library, kind = type(source).__module__.partition(".")[0], type(source).__name__
    if isinstance(source, pa.Table):
        return source, ()
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source]), ()
    if library == "pandas" and kind == "DataFrame":
        return _from_pandas(source, name)
    if library == "polars" and kind == "DataFrame":
        return _from_polars(source, name)
    if isinstance(source, Mapping):
        return _from_columns(source, name)
    if isinstance(source, list | tuple) and source and all(isinstance(row, Mapping) for row in source):
        keys = list(dict.fromkeys(key for row in source for key in row))
        return _from_columns({key: [row.get(key) for row in source] for key in keys}, name)
    if hasattr(source, "__arrow_c_stream__") and kind != "Series":
        try:
            return pa.table(source), ()
        except REFUSED as error:
            reason = " ".join(map(str, error.args))[:160]
            what = f"cannot become an Arrow table ({reason})"
            raise input_error(name, what, "give every column one type") from None
    if isinstance(source, list | tuple) and not source:
        raise input_error(name, "holds no rows", f"give {TABLES}")
    shown = kind if library == "builtins" else f"{library}.{kind}"
    raise input_error(name, f"is of type {shown}, which is no table", _instead_of(source, library, kind))


def _instead_of(source: object, library: str, kind: str) -> str:
    """What to give instead of something that is not a table."""
    if kind == "Series":
        return "give a frame of rows, such as FRAME[['id', 'label']] or FRAME.head(1)"
    if library == "polars" and kind == "LazyFrame":
        return "call .collect() on it"
    if kind.startswith("Iterable"):
        return "give a datasets.Dataset, or rows of it as a list of records: list(DATASET.take(1000))"
    if kind == "generator":
        return "give its records as a list: list(GENERATOR)"
    if isinstance(source, list | tuple) and source and all(isinstance(each, str) for each in source):
        return 'give a dict of columns, such as {"text": TEXTS}'
    if getattr(getattr(source, "dtype", None), "names", None):
        return "give pandas.DataFrame(ARRAY)"
    if hasattr(source, "__array__") or _are_arrays(source):
        return 'give a dict of columns, such as {"features": ARRAY, "label": LABELS}'
    return f"give {TABLES}"


def _are_arrays(source: object) -> bool:
    """Whether it is what other libraries take: a pair of features and labels."""
    return isinstance(source, list | tuple) and any(hasattr(each, "__array__") for each in source)


def _from_pandas(frame: Any, name: str) -> tuple[pa.Table, tuple[str, ...]]:  # noqa: ANN401
    """As `to_parquet` writes it: an index is a column, but for one that only counts rows."""
    counts = type(frame.index).__name__ == "RangeIndex" and frame.index.name is None
    if frame.columns.is_unique and not any(_written_out(dtype) for dtype in frame.dtypes):
        try:
            table = pa.Table.from_pandas(frame, preserve_index=not counts)
            _ = [table.schema.field(i).type for i in range(table.num_columns)]
            return table, _not_from_0(frame, counts)
        except REFUSED:
            pass
    columns = _Columns(name, remarks=list(_not_from_0(frame, counts)))
    for place, title in enumerate(frame.columns):
        _add_series(columns, str(title), frame.iloc[:, place])
    if not counts:
        for place, level in enumerate(frame.index.names):
            title = f"__index_level_{place}__" if level is None or str(level) in columns.titles else str(level)
            _add_series(columns, title, frame.index.get_level_values(place).to_series())
    return columns.table()


def _not_from_0(frame: Any, counts: bool) -> tuple[str, ...]:  # noqa: ANN401
    """A remark where the index counts otherwise than the rows, as after a filter: results come in order of rows."""
    if not counts or (frame.index.start, frame.index.step) == (0, 1):
        return ()
    return ("its index has no name and is left out; FRAME.rename_axis('id') makes it the id",)


def _add_series(columns: _Columns, title: str, series: Any) -> None:  # noqa: ANN401
    kind = type(series.dtype).__name__
    if kind == "SparseDtype":
        series = series.sparse.to_dense()
    if _written_out(series.dtype):
        columns.add_texts(title, (None if value is None or value != value else str(value) for value in series))  # noqa: PLR0124
        return
    columns.add(title, lambda: pa.Array.from_pandas(series), lambda: series.astype(object))


def _written_out(dtype: Any) -> bool:  # noqa: ANN401
    """Whether values of a pandas type are written out: periods and intervals, also as categories."""
    return type(getattr(getattr(dtype, "categories", None), "dtype", dtype)).__name__ in (
        "PeriodDtype",
        "IntervalDtype",
    )


def _from_polars(frame: Any, name: str) -> tuple[pa.Table, tuple[str, ...]]:  # noqa: ANN401
    # An object column would come as the addresses of its values.
    objects = [str(dtype) == "Object" for dtype in frame.dtypes]
    if not any(objects):
        try:
            return pa.table(frame), ()
        except REFUSED:
            pass
    columns = _Columns(name)
    for place, title in enumerate(frame.columns):
        series = frame.to_series(place)
        if objects[place]:
            columns.add(title, partial(_list_column, series), series.to_list)
        else:
            columns.add(title, partial(_polars_column, series), series.to_list)
    return columns.table()


def _from_columns(source: Mapping[Any, Any], name: str) -> tuple[pa.Table, tuple[str, ...]]:
    columns = _Columns(name)
    for key, values in source.items():
        if not _is_column(values):
            what = f"column {str(key)!r} is {type(values).__name__}, which is no column"
            raise input_error(name, what, "give every column as a list or an array")
        columns.add(str(key), partial(_array, values), partial(iter, values))
    return columns.table()


def _array(values: Any) -> Any:  # noqa: ANN401
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if getattr(values, "ndim", 1) > 1:
        values = list(values)
    return pa.array(values, from_pandas=True)


def _is_column(values: object) -> bool:
    if isinstance(values, str | bytes | Mapping):
        return False
    return isinstance(values, Sequence | pa.Array | pa.ChunkedArray) or hasattr(values, "__array__")


def _polars_column(series: Any) -> Any:  # noqa: ANN401
    try:
        return pa.table(series.to_frame()).column(0)
    except REFUSED:  # whole numbers of 128 bits, for one
        return _list_column(series)


def _list_column(series: Any) -> Any:  # noqa: ANN401
    return pa.array(series.to_list())


def _texts(values: Iterable[Any], title: str, name: str) -> pa.Array:
    """Values of any types as a person would write them."""
    written: list[str | None] = []
    for row, value in enumerate(values, start=1):
        try:
            text = _text(value)
            _ = text and text.encode()
        except (TypeError, ValueError) as error:
            shown = "text that is not Unicode" if isinstance(error, ValueError) else f"a value of type {error}"
            what = f"column {title!r} holds {shown}, which cannot be read"
            remedy = "leave the column out, or write it as text"
            if "Image" in type(value).__name__:
                remedy = "give the paths of the images, or the bytes of their files"
            raise input_error(name, what, remedy, row) from None
        written.append(text)
    return pa.array(written, pa.string())


def _text(value: Any) -> str | None:  # noqa: ANN401
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        value = value.item()
        value = float(value) if hasattr(value, "dtype") else value  # wider than Python's own
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):  # noqa: PLR0124
        return None
    if isinstance(value, enum.Enum):
        return _text(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, WRITTEN) or type(value).__name__ in ("Period", "Interval"):
        return str(value)
    if isinstance(value, list | tuple | Mapping) or hasattr(value, "tolist"):
        return json.dumps(value, default=_nested, ensure_ascii=False)
    raise TypeError(type(value).__name__)


def _nested(value: Any) -> Any:  # noqa: ANN401
    """What JSON has for a value inside a list or a mapping."""
    return value.tolist() if hasattr(value, "tolist") else _text(value)
