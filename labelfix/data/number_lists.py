"""Lists of numbers, one a row: embeddings, as typed columns hold them and as programs write them into text files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.scan import decode, is_list, is_text

LIST_ITEM = r"^[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|(?i:nan|inf|infinity))$"


def number_lists(cells: pa.Array) -> pa.Array:
    """Embeddings as lists; a cell that is not a list of numbers is null.

    Text formats hold what JSON, Python, NumPy or torch wrote: `[0.1, 0.2]`, `[0.1 0.2]`, `[np.float32(0.1)]`,
    `array([0.1, 0.2], dtype=float32)`, `[[0.1, 0.2]]`, databases `{0.1,0.2}`, and others the bare numbers with spaces,
    semicolons, commas or bars between them. Of typed lists, one within another is taken for the inner one.
    """
    if not is_text(cells.type):
        return _inner(cells) if is_list(cells.type) and is_list(cells.type.value_type) else cells
    text = pc.replace_substring_regex(cells, r"np\.float\d+\(([^)]*)\)", r"\1")
    text = pc.replace_substring_regex(text, r"(?s)^\s*(?:(?:np\.)?array|tensor)\((.*\])[^\]]*\)\s*$", r"\1")
    inner = pc.utf8_trim(text, " []{}\t\r\n")
    listed = pc.replace_substring_regex(inner, r"\s*[,;|]\s*|\s+", ",")
    parts = pc.split_pattern(pc.if_else(pc.equal(listed, ""), pa.scalar(None, pa.string()), listed), ",")
    lengths = pc.fill_null(pc.list_value_length(parts), 0).to_numpy(zero_copy_only=False)
    items = parts.flatten()
    good = pc.match_substring_regex(items, LIST_ITEM).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(cells)), lengths)
    sound = lengths > 0
    sound[owner[~good]] = False
    kept = pa.array(sound[owner]) if len(owner) else pa.array([], pa.bool_())
    offsets = np.concatenate([[0], np.cumsum(np.where(sound, lengths, 0))]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), items.filter(kept).cast(pa.float32()))
    return pc.if_else(pa.array(sound), lists, pa.scalar(None, lists.type))


def _inner(cells: pa.Array) -> pa.Array:
    """The inner lists of lists that hold one each; null where there are more, or none."""
    lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    return cells.flatten().take(pa.array(starts, mask=lengths != 1))


def fixed_lists(cells: pa.Array, width: int) -> pa.Array:
    """Embeddings as `fixed_size_list<float32>[width]`; every row must have that length."""
    flat = decode(cells).flatten().cast(pa.float32(), safe=False)
    return pa.FixedSizeListArray.from_arrays(flat, width)
