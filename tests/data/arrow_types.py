"""A column of every type that pyarrow can make, three rows each, the last without a value where it can be missing."""

import datetime
import decimal
import uuid

import pyarrow as pa
import pyarrow.compute as pc

NOT_IN_PARQUET = frozenset(
    ["month_day_nano_interval", "struct<>", "dictionary of lists", "run ends", "run ends of numbers", "dense union"]
    + ["sparse union"]
)
"""What pyarrow does not write to Parquet."""


def columns():
    """Column name → cells."""
    return {**_flat(), **_times(), **_nested(), **_coded()}


def in_parquet():
    """Those of `columns` that can be written to Parquet."""
    return {name: array for name, array in columns().items() if name not in NOT_IN_PARQUET}


def _flat():
    whole = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
    numbers = [*whole, pa.float16(), pa.float32(), pa.float64()]
    exact = [pa.decimal32(5, 2), pa.decimal64(10, 2), pa.decimal128(20, 2), pa.decimal256(50, 2)]
    texts = [pa.string(), pa.large_string(), pa.string_view()]
    raw = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2)]
    price = decimal.Decimal("1.25")
    return {
        **{str(t): pa.array([1.0, 2.0, None]).cast(t) for t in numbers},
        **{str(t): pa.array([price, 2 * price, None], t) for t in exact},
        **{str(t): pa.array(["ab", "cd", None], t) for t in texts},
        **{str(t): pa.array([b"ab", b"\xff\xfe", None], t) for t in raw},
        "bool": pa.array([True, False, None]),
        "null": pa.nulls(3),
    }


def _times():
    units = ["s", "ms", "us", "ns"]
    types = [pa.date32(), pa.date64(), *(pa.timestamp(u) for u in units), *(pa.duration(u) for u in units)]
    types += [*(pa.timestamp(u, "Europe/Berlin") for u in units), pa.time64("us"), pa.time64("ns")]
    counted = pa.array([86_400_000, 172_800_000, None], pa.int64())
    short = pa.array([1, 2, None], pa.int32())
    return {
        **{str(t): (counted if t.bit_width == 64 else short).cast(t) for t in types},
        **{str(t): short.cast(t) for t in (pa.time32("s"), pa.time32("ms"))},
        "month_day_nano_interval": pa.array([(1, 2, 3), (4, 5, 6), None], pa.month_day_nano_interval()),
        "dates": pa.array([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2), None]),
    }


def _nested():
    numbers = [pa.list_(pa.float64()), pa.list_(pa.float16()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 2)]
    numbers += [pa.list_view(pa.int32()), pa.large_list_view(pa.int32())]
    texts = [pa.list_(pa.string()), pa.list_(pa.string_view()), pa.list_(pa.large_string(), 2)]
    pair = pa.struct([("a", pa.int64()), ("b", pa.string())])
    first, second = [pa.array([1, 2, 3]), pa.array(["x", "y", "z"])]
    return {
        **{str(t): pa.array([[1, 2], [3, 4], None], t) for t in numbers},
        **{str(t): pa.array([["a", None], ["b", "c"], None], t) for t in texts},
        "struct": pa.array([{"a": 1, "b": "x"}, {"a": 2, "b": None}, None], pair),
        "struct<>": pa.array([{}, {}, None], pa.struct([])),
        "map": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int32())),
        "sparse union": pa.UnionArray.from_sparse(pa.array([0, 1, 0], pa.int8()), [first, second]),
        "dense union": pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), [first, second]
        ),
    }


def _coded():
    words, numbers = pa.array(["a", "a", None]), pa.array([1, 1, None])
    vectors = pa.array([[1, 2], [3, 4], None], pa.list_(pa.float32(), 2))
    keys = pa.array([uuid.UUID(int=1).bytes, uuid.UUID(int=2**128 - 1).bytes, None], pa.binary(16))
    lists = pa.array([[1], [2]])
    return {
        "dictionary": words.dictionary_encode(),
        "dictionary of numbers": numbers.dictionary_encode(),
        "dictionary of lists": pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), lists),
        "run ends": pc.run_end_encode(words),
        "run ends of numbers": pc.run_end_encode(numbers),
        "uuid": pa.ExtensionArray.from_storage(pa.uuid(), keys),
        "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":1}', "[]", None])),
        "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8())),
        "tensor": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), [2, 1]), vectors),
        "opaque": pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "kind", "vendor"), numbers),
    }
