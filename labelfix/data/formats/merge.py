"""One schema for tables that are read as one: the same columns, in types that hold what all of them hold.

Types that differ in width become the wider one, whole numbers beside fractions become float64 where every one of them
is exact as such, and what cannot be reconciled is read as text, so that a column nobody uses stops nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa

from labelfix.data.formats.file_checks import cannot_read
from labelfix.data.formats.plain import convert_lists, decode, is_bytes, is_list, is_text, value_type
from labelfix.data.formats.titles import unique_names
from labelfix.errors import input_error

Cells = Callable[[], Iterable[pa.Array]]
"""The cells of one column of one table, read when asked for."""

UNITS = ("s", "ms", "us", "ns")
DECIMAL_DIGITS = (38, 76)


@dataclass(frozen=True)
class TablePart:
    """One of the tables that are read as one."""

    name: str
    schema: pa.Schema
    cells: Callable[[str], Iterable[pa.Array]]


@dataclass(frozen=True)
class Merged:
    """The schema of tables read as one.

    Attributes:
        schema: The columns, in the order of the first table that has them; metadata of the first table.
        remarks: What a person should know of how they were put together.
    """

    schema: pa.Schema
    remarks: tuple[str, ...]


def merge_schemas(parts: Sequence[TablePart], shared: bool = False) -> Merged:
    """The schema of tables read as one.

    Args:
        parts: At least one table.
        shared: Only the columns that all of them have; else a column that one of them lacks is empty there.

    Raises:
        InputError: A table has no column in common with the first.
    """
    first = parts[0].schema
    if all(part.schema.equals(first, check_metadata=False) for part in parts):
        return Merged(first, ())
    for part in parts:
        if not set(part.schema.names) & set(first.names):
            theirs, ours = ", ".join(part.schema.names), ", ".join(first.names)
            what = f"has columns {theirs}, but {parts[0].name} has {ours}"
            raise input_error(part.name, what, "give tables of the same columns")
    names = list(dict.fromkeys(name for part in parts for name in part.schema.names))
    remarks: list[str] = []
    fields: list[pa.Field] = []
    for name in names:
        having = [part for part in parts if name in part.schema.names]
        if shared and len(having) < len(parts):
            continue
        fields.append(_field(name, having, remarks))
        if len(having) < len(parts):
            lacking = next(part.name for part in parts if part not in having)
            others = len(parts) - len(having) - 1
            more = f" and {others} more" if others else ""
            remarks.append(f"column {name!r} is missing in {lacking}{more}, and empty there")
            fields[-1] = fields[-1].with_nullable(True)
    return Merged(pa.schema(fields, metadata=first.metadata), tuple(remarks))


def in_types(batch: pa.RecordBatch, wanted: pa.Schema, name: str) -> pa.RecordBatch:
    """The columns of a schema, in its order and types; null where the batch lacks one.

    Args:
        name: Of the table that the batch is of.

    Raises:
        InputError: A value cannot be had in the type, as of texts in other cells that are no UTF-8.
    """
    there = set(batch.schema.names)
    try:
        arrays = [
            conform(batch.column(field.name), field.type)
            if field.name in there
            else pa.nulls(batch.num_rows, field.type)
            for field in wanted
        ]
    except (pa.ArrowException, ValueError) as error:
        raise cannot_read(name, error, "one table with other files", "it is damaged; write it again") from None
    return pa.record_batch(arrays, schema=wanted)


def conform(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """Cells of one table in the type that `merge_schemas` found for their column."""
    if array.type == type_:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), type_)
    if pa.types.is_dictionary(type_):
        return conform(array, type_.value_type).dictionary_encode().cast(type_)
    array = decode(array)
    if pa.types.is_struct(type_) and pa.types.is_struct(array.type):
        return _conform_struct(array, type_)
    if is_list(type_) and is_list(array.type):
        return convert_lists(array, type_, lambda items: conform(items, type_.value_type))
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        return _as_text(array).cast(type_)
    return array.cast(type_)


def merge_types(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """The type that holds what all of some types hold; None where only text does.

    Whole numbers together with fractions are float64, which is not exact for all of them.
    """
    return reduce(lambda a, b: None if a is None or b is None else _merge(a, b), types[1:], types[0])


def _field(name: str, parts: Sequence[TablePart], remarks: list[str]) -> pa.Field:
    fields = [part.schema.field(name) for part in parts]
    types = [field.type for field in fields]
    merged = merge_types(types)
    named = zip(parts, types, strict=True)
    if merged is not None and not all(_holds(part, name, type_, merged) for part, type_ in named):
        merged = None
    if merged is None:
        merged = pa.binary() if any(is_bytes(value_type(type_)) for type_ in types) else pa.string()
        other = next(i for i, type_ in enumerate(types) if i and merge_types([types[0], type_]) != types[0])
        shown = f"{types[0]} in {parts[0].name} and {types[other]} in {parts[other].name}"
        remarks.append(f"column {name!r} is {shown}: it is read as text")
    nullable = any(field.nullable for field in fields)
    return fields[0].with_type(merged).with_nullable(nullable)


def _holds(part: TablePart, name: str, type_: pa.DataType, merged: pa.DataType) -> bool:
    """Whether every value of a column can be had in a wider type; looked up only where the type alone does not tell."""
    if not _may_fail(type_, merged):
        return True
    try:
        for cells in part.cells(name):
            conform(cells, merged)
    except pa.ArrowException:
        return False
    return True


def _may_fail(theirs: pa.DataType, merged: pa.DataType) -> bool:
    if pa.types.is_struct(theirs) and pa.types.is_struct(merged):
        return any(_may_fail(field.type, merged.field(field.name).type) for field in theirs)
    theirs = value_type(theirs)
    if is_list(theirs) and is_list(merged):
        return _may_fail(theirs.value_type, merged.value_type)
    if pa.types.is_integer(theirs):
        if pa.types.is_floating(merged):
            return bool(theirs.bit_width > 32)
        return bool(pa.types.is_uint64(theirs) and pa.types.is_int64(merged))
    return bool(theirs != merged and pa.types.is_temporal(merged))


def _merge(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    if pa.types.is_dictionary(a) and pa.types.is_dictionary(b):
        values = _merge(a.value_type, b.value_type)
        index = _merge(a.index_type, b.index_type)
        return None if values is None else pa.dictionary(index, values, a.ordered and b.ordered)
    a, b = value_type(a), value_type(b)
    if a == b:
        return a
    if is_bytes(a) and is_bytes(b):
        return pa.binary()
    for rule in (_merge_numbers, _merge_times, _merge_nested):
        merged = rule(a, b)
        if merged is not None:
            return merged
    return None


def _merge_numbers(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    whole = [pa.types.is_integer(type_) for type_ in (a, b)]
    broken = [pa.types.is_floating(type_) for type_ in (a, b)]
    exact = [pa.types.is_decimal(type_) for type_ in (a, b)]
    if all(whole):
        if pa.types.is_signed_integer(a) == pa.types.is_signed_integer(b):
            return a if a.bit_width >= b.bit_width else b
        signed, unsigned = (a, b) if pa.types.is_signed_integer(a) else (b, a)
        width = max(signed.bit_width, min(2 * unsigned.bit_width, 64))
        return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[width]
    if all(broken):
        return a if a.bit_width >= b.bit_width else b
    if all(whole[i] or broken[i] or exact[i] for i in (0, 1)):
        return pa.float64() if any(broken) else _merge_decimals(a, b)
    return None


def _merge_decimals(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    forms = [(type_.precision, type_.scale) if pa.types.is_decimal(type_) else (20, 0) for type_ in (a, b)]
    scale = max(scale for _, scale in forms)
    digits = max(precision - scale for precision, scale in forms) + scale
    if digits > DECIMAL_DIGITS[1]:
        return None
    return pa.decimal128(digits, scale) if digits <= DECIMAL_DIGITS[0] else pa.decimal256(digits, scale)


def _merge_times(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if pa.types.is_date(a) and pa.types.is_date(b):
        return pa.date64()
    if pa.types.is_timestamp(a) and pa.types.is_date(b):
        return a if a.tz is None else None
    if pa.types.is_date(a) and pa.types.is_timestamp(b):
        return b if b.tz is None else None
    if pa.types.is_timestamp(a) and pa.types.is_timestamp(b):
        same = (a.tz is None) == (b.tz is None)
        return pa.timestamp(_finer(a, b), a.tz) if same else None
    if pa.types.is_duration(a) and pa.types.is_duration(b):
        return pa.duration(_finer(a, b))
    if pa.types.is_time(a) and pa.types.is_time(b):
        unit = _finer(a, b)
        return pa.time32(unit) if unit in UNITS[:2] else pa.time64(unit)
    return None


def _finer(a: pa.DataType, b: pa.DataType) -> str:
    return UNITS[max(UNITS.index(a.unit), UNITS.index(b.unit))]


def _merge_nested(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if pa.types.is_struct(a) and pa.types.is_struct(b):
        theirs = {field.name: field.type for field in b}
        fields: list[tuple[str, pa.DataType]] = []
        for field in a:
            merged = _merge(field.type, theirs.pop(field.name, field.type))
            if merged is None:
                return None
            fields.append((field.name, merged))
        return pa.struct([*fields, *theirs.items()])
    if not is_list(a) or not is_list(b):
        return None
    item = _merge(a.value_type, b.value_type)
    if item is None:
        return None
    sizes = {type_.list_size if pa.types.is_fixed_size_list(type_) else None for type_ in (a, b)}
    if len(sizes) == 1 and None not in sizes:
        return pa.list_(item, a.list_size)
    large = any(pa.types.is_large_list(type_) for type_ in (a, b))
    return pa.large_list(item) if large else pa.list_(item)


def _conform_struct(array: pa.Array, type_: pa.DataType) -> pa.Array:
    own = [field.name for field in array.type]
    flat = dict(zip(own, array.flatten(), strict=True))
    children = [
        conform(flat[field.name], field.type) if field.name in flat else pa.nulls(len(array), field.type)
        for field in type_
    ]
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(children, fields=list(type_), mask=mask)


def _as_text(array: pa.Array) -> pa.Array:
    """Any cells as text: numbers and dates as Arrow writes them, nested ones as JSON; bytes stay bytes."""
    if is_bytes(array.type) or is_text(array.type):
        return array
    try:
        return array.cast(pa.string())
    except pa.ArrowException:
        cells = array.view(_distinct(array.type)).to_pylist()
        texts = [None if cell is None else json.dumps(cell, default=str, ensure_ascii=False) for cell in cells]
        return pa.array(texts, pa.string())


def _distinct(type_: pa.DataType) -> pa.DataType:
    """A type whose structs have fields of different names: only these can become Python's mappings."""
    if pa.types.is_struct(type_):
        names = unique_names([field.name for field in type_])
        return pa.struct([f.with_name(name).with_type(_distinct(f.type)) for f, name in zip(type_, names, strict=True)])
    if pa.types.is_list(type_):
        return pa.list_(_distinct(type_.value_type))
    return type_
