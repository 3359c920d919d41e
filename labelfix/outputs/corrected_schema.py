"""What makes a file one of corrected labels: its columns, their types, and its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from labelfix.runs.checked import parse, wrong_with
from labelfix.runs.schema_evidence import Corrected

METADATA_KEY = b"labelfix"

EVIDENCE_KEY = b"labelfix_evidence"
"""Metadata of a Parquet file of new rows: what their p-values rest on, how noisy they are, and what is assumed."""

COLUMNS = (
    "id",
    "given_label",
    "suggested_label",
    "confidence",
    "corrected_label",
    "is_label_issue",
    "action",
    "label_score",
    "predicted_label",
    "soft_label",
    "source_file",
    "source_row",
)
"""Columns of corrected labels; with fewer classes than there are, `soft_label_classes` stands before `soft_label`."""

SOURCE_SCORES = "source_scores"
"""With several sources: what each says about the row, and the probability that it is right."""

OPTIONAL = ("p_value", "duplicate_of", "outlier_score", SOURCE_SCORES)
"""Columns after these, where a run has them."""

WIDTHS: dict[pa.DataType, Any] = {
    pa.bool_(): np.bool_,
    pa.float16(): np.float16,
    pa.float32(): np.float32,
    pa.float64(): np.float64,
    **{getattr(pa, name)(): getattr(np, name) for name in ("int8", "int16", "int32", "int64")},
    **{getattr(pa, name)(): getattr(np, name) for name in ("uint8", "uint16", "uint32", "uint64")},
}
"""Types of flags and numbers. labelfix writes a few of them; other programs write what they read in wider ones."""


@dataclass(frozen=True)
class CorrectedMetadata:
    """What the schema metadata of a corrected file says.

    Attributes:
        value_type: How the noisy file stores a label.
        min_confidence: A label was changed only where its confidence reached this.
        id_column: Column of the ids in the source; None where ids are row numbers.
        input_kind: `text`, `image`, `table` or `embedding`; None where it was not recorded.
        encoding: Of a source that is a text file and not UTF-8.
        sources: Who the labels come from, where several say something.
        soft_top_k: How many classes `soft_label` has of each row, most likely first; None for all, in class order.
    """

    classes: tuple[str, ...]
    value_type: str
    min_confidence: float
    run_id: str
    id_column: str | None = None
    input_kind: str | None = None
    input_columns: tuple[str, ...] = ()
    soft_top_k: int | None = None
    encoding: str | None = None
    sources: tuple[str, ...] = ()


def read_metadata(schema: pa.Schema) -> CorrectedMetadata:
    """What the metadata say.

    Raises:
        ValueError: They are missing or damaged; the field is named.
    """
    try:
        found = parse((schema.metadata or {})[METADATA_KEY])
    except KeyError:
        raise ValueError("there are none of labelfix") from None
    if wrong := wrong_with(found, Corrected):
        raise ValueError(wrong)
    return msgspec.convert(found, CorrectedMetadata)


def lack(schema: pa.Schema) -> str:
    """What a file of corrected labels has that this one has not; empty where it has everything."""
    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        return f"lacks {', '.join(missing)}"
    if METADATA_KEY not in (schema.metadata or {}):
        return "lacks labelfix's metadata"
    try:
        read_metadata(schema)
    except ValueError as error:
        return f"its metadata are damaged, {error}"
    for name in (*COLUMNS, *OPTIONAL):
        if (count := schema.names.count(name)) > 1:
            return f"has {count} columns {name!r}"
        if count and not _fits(name, schema.field(name).type):
            return f"column {name!r} is {schema.field(name).type}"
    return ""


def _fits(name: str, type_: pa.DataType) -> bool:
    if name == "is_label_issue":
        return bool(pa.types.is_boolean(type_))
    if name == SOURCE_SCORES:
        return bool(pa.types.is_list(type_) or pa.types.is_string(type_))
    if name == "source_row":
        return bool(pa.types.is_integer(type_))
    if name in ("confidence", "label_score", "p_value", "outlier_score"):
        return type_ in WIDTHS and not pa.types.is_boolean(type_)
    if name == "soft_label":
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(test(type_) for test in lists) and bool(pa.types.is_floating(type_.value_type))
    plain = type_.value_type if pa.types.is_dictionary(type_) else type_
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(plain) for test in kinds) or (name == "id" and bool(pa.types.is_integer(plain)))
