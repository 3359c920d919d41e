"""Reading and encoding a plan's data sets: features are computed once, through the ordinary feature cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.bench.plan import DataEntry
from labelfix.bench.protocol import LabelledRows, Labels
from labelfix.data.formats import TableSource, open_several
from labelfix.data.inputs import ColumnInputs
from labelfix.data.labels import LabelReader
from labelfix.data.tables import InputSpec
from labelfix.devices import pick_device
from labelfix.errors import SettingsError, input_error
from labelfix.models.features import FeatureInputs
from labelfix.models.representation import Representation, choose_representation
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings, ModelSettings

SAMPLE_SEED = 0
"""Rows of a large set are drawn by one generator for all seeds, so that its features are computed once."""


def open_entry(entry: DataEntry, root: Path) -> tuple[TableSource, TableSource | None]:
    """The files of a set, and those of its test rows.

    Raises:
        InputError: A file or a column is missing.
    """
    sources: list[TableSource | None] = []
    for files, truth in ((entry.files, entry.truth), (entry.test_files, entry.test_truth or entry.truth)):
        if not files:
            sources.append(None)
            continue
        source = open_several([root / file for file in files])
        needed: list[str | None] = [truth, entry.column]
        needed += [entry.given] if files is entry.files and entry.given else []
        for column in needed:
            if column not in source.schema.names:
                have = ", ".join(source.schema.names)
                raise input_error(source.name, f"has no column {column!r}", f"the plan needs it; it has {have}")
        sources.append(source)
    assert sources[0] is not None
    return sources[0], sources[1]


def load(
    entry: DataEntry, root: Path, model: ModelSettings, compute: ComputeSettings, progress: Progress
) -> LabelledRows:
    """Read and encode a set.

    Args:
        entry: The set.
        root: Where its files are.
        model: The backbone that encodes texts or images, which is kept frozen; embeddings are taken as they are.
        compute: Device and cache.
        progress: Told what happens.

    Raises:
        InputError: A file or a column is missing.
        SettingsError: The backbone does not fit, or is not one that is computed once.
    """
    source, test_source = open_entry(entry, root)
    column = entry.column
    table = _read(source, [column, entry.truth, *([entry.given] if entry.given else [])], entry.sample)
    spec = _spec(entry, source, column)
    representation: Representation | None = None

    def encode(rows: pa.Table, name: str) -> npt.NDArray[np.float32]:
        nonlocal representation
        inputs = ColumnInputs(open_several([rows.select([column])], name), spec, len(rows))
        if representation is None:
            chosen = replace(model, backbone="auto") if spec.kind == "embedding" else replace(model, freeze=True)
            device = pick_device(compute.device)
            representation = choose_representation(inputs, chosen, compute, device, progress)
        if not representation.frozen:
            raise SettingsError(f"backbone = {model.backbone!r}: the bench needs one that is computed once")
        encoded = representation.encode(inputs, compute, progress)
        assert isinstance(encoded, FeatureInputs)
        return encoded.features

    features = encode(table, entry.name)
    given = _labels(source, table, entry.given) if entry.given else None
    rows = LabelledRows(features, _labels(source, table, entry.truth), given)
    if test_source is None:
        return rows
    truth = entry.test_truth or entry.truth
    test = _read(test_source, [column, truth], entry.test_sample)
    return replace(rows, test_features=encode(test, f"{entry.name} test"), test_truth=_labels(test_source, test, truth))


def _read(source: TableSource, columns: list[str], sample: int | None) -> pa.Table:
    batches = [chunk.batch for chunk in source.scan(list(dict.fromkeys(columns)))]
    table = pa.Table.from_batches(batches).combine_chunks()
    if sample is None or sample >= len(table):
        return table
    rows = np.random.default_rng(SAMPLE_SEED).choice(len(table), sample, replace=False)
    return table.take(pa.array(np.sort(rows))).combine_chunks()


def _labels(source: TableSource, table: pa.Table, column: str) -> Labels:
    """A label column as class names, None where there is none."""
    reader = LabelReader(source, column)
    for batch in table.select([column]).to_batches():
        reader.see(batch.column(0))
    found = reader.result()
    return np.array([*found.values, None], dtype=object)[found.positions]


def _spec(entry: DataEntry, source: TableSource, column: str) -> InputSpec:
    if entry.embedding_column is None:
        return InputSpec("text" if entry.text_column else "image", (column,))
    type_: Any = source.schema.field(column).type
    if not pa.types.is_fixed_size_list(type_):
        first = next(iter(source.scan([column], 1))).batch.column(0)[0].as_py()
        return InputSpec("embedding", (column,), width=len(first))
    return InputSpec("embedding", (column,), width=type_.list_size)
