"""Which rows of two tables have exactly the same input, for tables that share no ids."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.formats.many_columns import cell_by_cell
from labelfix.data.spelling import bare_text, normal_text
from labelfix.data.tables import Codes, InputKind, InputSpec, InputTable

SEPARATOR = "\x1f"
MISSING_VALUE = "\x1e"

LEAST_BEGUN = 12
"""Letters and digits that a text must have for others to be known to begin with it."""


def content_keys(batch: pa.RecordBatch, spec: InputSpec, bare: bool = False) -> pa.Array:
    """One key a row, equal where the inputs are equal.

    Texts are equal that differ in no more than Unicode form, characters of no width, kinds of spaces, line ends and
    spaces around.

    Args:
        bare: Of texts, only letters and digits count, without case.

    Returns:
        Array of strings or of fixed-size binaries: the text in normal form, the bytes of the embedding, the SHA-256 of
        the encoded image, the joined values of features; of several kinds all of them, joined.
    """
    keys = [_keys_of(batch.select(list(part.columns)), part.kind, bare) for part in spec.parts]
    return keys[0] if len(keys) == 1 else _joined(keys)


def _joined(keys: list[pa.Array]) -> pa.Array:
    written = [key if pa.types.is_string(key.type) else pa.array([k.hex() for k in key.to_pylist()]) for key in keys]
    return pc.binary_join_element_wise(*written, SEPARATOR)


def _keys_of(batch: pa.RecordBatch, kind: InputKind, bare: bool) -> pa.Array:
    if kind == "text":
        lines = [bare_text(column) if bare else normal_text(column) for column in batch.columns]
        return lines[0] if len(lines) == 1 else _joined(lines)
    if kind == "image":
        return pa.array([_image_key(image) for image in batch.column(0).to_pylist()], pa.string())
    if kind == "embedding":
        cells = batch.column(0)
        width = cells.type.list_size
        # Adding zero makes -0.0 and 0.0 the same bytes.
        flat = np.ascontiguousarray(cells.flatten().to_numpy(zero_copy_only=False) + np.float32(0))
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(4 * width), len(cells), [None, pa.py_buffer(flat)])
    columns: dict[int, pa.Array] = {}
    for type_ in dict.fromkeys(batch.schema.types):
        alike = [place for place, other in enumerate(batch.schema.types) if other == type_]
        columns |= zip(alike, cell_by_cell(_written, [batch.column(place) for place in alike]), strict=True)
    return _joined([columns[place] for place in range(batch.num_columns)])


def all_keys(inputs: InputTable, bare: bool = False) -> pa.Array:
    """The keys of all rows of a table, as one array; see `content_keys`."""
    batches = [content_keys(batch, inputs.spec, bare) for batch in inputs.batches()]
    if not batches:
        return pa.array([], pa.string())
    combined = pa.chunked_array(batches).combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def same_content(noisy: InputTable, clean_keys: pa.Array, bare: bool = False) -> Codes:
    """For every trusted row the first noisy row of the same content.

    Only the keys of the trusted rows are held; the noisy rows stream by.

    Args:
        clean_keys: `(M,)` keys of the trusted rows.

    Returns:
        `(M,)` rows of `noisy`, -1 where there is none. Of trusted rows with the same content, only the first
        is paired.
    """
    unique = clean_keys.dictionary_encode()
    keys = unique.dictionary
    found = np.full(len(keys), -1, np.int64)
    done = 0
    for batch in noisy.batches():
        hits = pc.index_in(content_keys(batch, noisy.spec, bare), value_set=keys)
        where = np.flatnonzero(hits.is_valid().to_numpy(zero_copy_only=False))
        if len(where):
            positions = hits.drop_null().to_numpy().astype(np.int64)
            fresh, first = np.unique(positions, return_index=True)
            new = found[fresh] < 0
            found[fresh[new]] = done + where[first[new]]
        done += batch.num_rows
    indices = unique.indices.to_numpy(zero_copy_only=False)
    result: Codes = found[indices]
    repeated = np.ones(len(indices), bool)
    repeated[np.unique(indices, return_index=True)[1]] = False
    result[repeated] = -1
    return result


def begun_content(noisy: InputTable, clean: InputTable) -> Codes:
    """For every trusted text the only noisy one that begins with it: texts that a program has cut off.

    Args:
        noisy: A table of one column of texts.
        clean: Trusted rows with the same column.

    Returns:
        `(M,)` rows of `noisy`, -1 where there is none, or several.
    """
    keys = all_keys(clean, bare=True).to_pylist()
    places: dict[str, int] = {}
    lengths: dict[str, set[int]] = defaultdict(set)
    for place, key in enumerate(keys):
        if len(key) >= LEAST_BEGUN:
            places[key] = -1 if key in places else place
            lengths[key[:LEAST_BEGUN]].add(len(key))
    found, times, done = np.full(len(keys), -1, np.int64), np.zeros(len(keys), np.int64), 0
    for batch in noisy.batches():
        for row, text in enumerate(content_keys(batch, noisy.spec, bare=True).to_pylist()):
            for length in lengths.get(text[:LEAST_BEGUN], ()):
                if (place := places.get(text[:length], -1)) >= 0:
                    found[place], times[place] = done + row, times[place] + 1
        done += batch.num_rows
    once = np.bincount(found + 1, minlength=2)[found + 1] == 1
    return np.where(once & (times == 1), found, -1)


def begins(text: str, cut: str) -> bool:
    """Whether a text, as letters and digits alone, may be what another one is the cut-off beginning of."""
    return len(cut) >= LEAST_BEGUN and text.startswith(cut)


def _written(cells: pa.Array) -> pa.Array:
    # Single precision, so that 0.1 from a CSV file equals the float32 0.1 of a Parquet file.
    text = cells.cast(pa.float32(), safe=False).cast(pa.string()) if pa.types.is_floating(cells.type) else cells
    return pc.fill_null(text, MISSING_VALUE)


def _image_key(image: dict[str, Any] | None) -> str:
    data = (image or {}).get("bytes")
    try:
        if data is None and image and image["path"]:
            with open(image["path"], "rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        # An image that cannot be opened is the same as no other.
        return f"unreadable {image['path'] if image else ''}"
    return hashlib.sha256(data or b"").hexdigest()
