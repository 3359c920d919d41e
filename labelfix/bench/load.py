"""Reading and encoding a plan's data sets through the ordinary feature cache: each is encoded once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labelfix.bench.plan import DataEntry
from labelfix.bench.protocol import LabelledRows, Labels
from labelfix.data.findings import Findings
from labelfix.data.formats import Chunk, TableSource, open_several
from labelfix.data.inputs import ColumnInputs
from labelfix.data.labels.ballots import read_columns
from labelfix.data.labels.column import LabelReader
from labelfix.data.tables import Codes, InputSpec
from labelfix.errors import SettingsError, input_error
from labelfix.models.choice import choose_representation
from labelfix.models.representation import Representation
from labelfix.models.views import Views
from labelfix.numerics.dawid_skene import dawid_skene
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings, ModelSettings

SAMPLE_SEED = 0
"""Rows of a large set are drawn by one generator for all seeds, so that its features are computed once."""

SAMPLE_AT_ONCE = 1024
"""Rows read at once where only a sample of them is kept."""


@dataclass(frozen=True)
class Loaded:
    """A set, ready to be cut."""

    rows: LabelledRows
    representation: Representation


@dataclass(frozen=True)
class _Part:
    """The files of a set, or those of its test rows."""

    source: TableSource
    truth: str
    sample: int | None
    name: str


def content_hashes(entry: DataEntry, root: Path) -> list[str]:
    """Hashes of everything that is read of a set."""
    sources = [part.source for part in _open(entry, root)]
    if entry.given_file is not None:
        sources.append(_open_given(entry, root))
    return [source.content_hash() for source in sources]


def load(
    entry: DataEntry, root: Path, model: ModelSettings, compute: ComputeSettings, freeze: bool, progress: Progress
) -> Loaded:
    """Read and encode a set.

    Args:
        freeze: Whether the backbone is kept fixed; embeddings are then taken as they are, and give a hidden layer
            something to read otherwise.
    """
    parts = _open(entry, root)
    rows = [_chosen(part) for part in parts]
    spec = _spec(entry, parts[0].source)
    tables = [_inputs(part, spec, kept) for part, kept in zip(parts, rows, strict=True)]
    representation = _representation(tables[0], model, compute, freeze, progress)
    encoded = [representation.encode(table, compute, progress) for table in tables]
    truths = [_labels(part.source, part.truth, kept) for part, kept in zip(parts, rows, strict=True)]
    found = LabelledRows(encoded[0], truths[0], _given(entry, root, parts[0].source, rows[0]))
    if entry.sources:
        found = with_sources(found, parts[0].source, entry, rows[0])
    if isinstance(representation, Views):
        found = replace(found, first_view=representation.views[0].part_width)
    if len(parts) == 2:
        found = replace(found, test_inputs=encoded[1], test_truth=truths[1])
    return Loaded(found, representation)


def _open(entry: DataEntry, root: Path) -> list[_Part]:
    """The files of a set, and those of its test rows where there are any; every column that is needed is there."""
    parts = [_Part(open_several([root / file for file in entry.files]), entry.truth, entry.sample, entry.name)]
    by_id = entry.given_file is not None
    labels = [entry.id_column] if by_id else [entry.given] if entry.given else []
    _check_columns(parts[0].source, [entry.truth, entry.column, *labels, *entry.sources])
    if entry.test_files:
        source, truth = open_several([root / file for file in entry.test_files]), entry.test_truth or entry.truth
        _check_columns(source, [truth, entry.column])
        parts.append(_Part(source, truth, entry.test_sample, f"{entry.name} test"))
    return parts


def _open_given(entry: DataEntry, root: Path) -> TableSource:
    assert entry.given is not None
    assert entry.given_file is not None
    source = open_several([root / entry.given_file])
    _check_columns(source, [entry.id_column, entry.given])
    return source


def _check_columns(source: TableSource, needed: list[str]) -> None:
    for column in needed:
        if column not in source.schema.names:
            have = ", ".join(source.schema.names)
            raise input_error(source.name, f"has no column {column!r}", f"the plan needs it; it has {have}")


def _chosen(part: _Part) -> Codes:
    """The rows that are used, in order: all, or as many as the sample has."""
    count = sum(chunk.batch.num_rows for chunk in part.source.scan([part.truth]))
    if part.sample is None or part.sample >= count:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(SAMPLE_SEED).choice(count, part.sample, replace=False)).astype(np.int64)


def _kept(chunks: Iterable[Chunk], rows: Codes) -> Iterator[pa.RecordBatch]:
    """The chosen rows of every batch; no more than a batch is held beside them."""
    start = 0
    for chunk in chunks:
        end = start + chunk.batch.num_rows
        here = rows[slice(*np.searchsorted(rows, (start, end)))] - start
        yield chunk.batch if len(here) == chunk.batch.num_rows else chunk.batch.take(pa.array(here))
        start = end


def _inputs(part: _Part, spec: InputSpec, rows: Codes) -> ColumnInputs:
    """The inputs of the chosen rows: read when they are encoded, or held where they are a sample."""
    every = ColumnInputs(part.source, spec, len(rows))
    if part.sample is None:
        return every
    held = [every.convert(batch) for batch in _kept(every.chunks(SAMPLE_AT_ONCE), rows)]
    return ColumnInputs(open_several([pa.Table.from_batches(held)], part.name), spec, len(rows))


def _labels(source: TableSource, column: str, rows: Codes) -> Labels:
    """A label column of the chosen rows as class names, None where there is none."""
    reader = LabelReader(source, column)
    for batch in _kept(source.scan([column]), rows):
        reader.see(batch.column(0))
    found = reader.result()
    return np.array([*found.values, None], dtype=object)[found.positions]


def _given(entry: DataEntry, root: Path, source: TableSource, rows: Codes) -> Labels | None:
    """The given labels of the chosen rows, by their ids where another file has them."""
    if entry.given is None:
        return None
    if entry.given_file is None:
        return _labels(source, entry.given, rows)
    other = _open_given(entry, root)
    every = np.arange(sum(chunk.batch.num_rows for chunk in other.scan([entry.id_column])), dtype=np.int64)
    labels = _labels(other, entry.given, every)
    by_id = dict(zip(_ids(other, entry.id_column, every), labels, strict=True))
    return np.array([by_id.get(each) for each in _ids(source, entry.id_column, rows)], dtype=object)


def _ids(source: TableSource, column: str, rows: Codes) -> list[str]:
    """Ids as text, so that numbers of one file find those of another."""
    return [str(each) for batch in _kept(source.scan([column]), rows) for each in batch.column(0).to_pylist()]


def _representation(
    table: ColumnInputs, model: ModelSettings, compute: ComputeSettings, freeze: bool, progress: Progress
) -> Representation:
    if table.spec.kind == "embedding":
        model = replace(model, backbone="auto" if freeze else "mlp")
    found = choose_representation(table, replace(model, freeze=freeze), compute, progress)
    if found.frozen != freeze:
        said = "true and needs one that is computed once" if freeze else "false and needs one that can be trained"
        raise SettingsError(
            f"backbone = {', '.join(model.backbones)!r}: the plan says freeze = {said}, such as a model's folder"
        )
    return found


def _spec(entry: DataEntry, source: TableSource) -> InputSpec:
    column = entry.column
    if entry.embedding_column is None:
        return InputSpec("text" if entry.text_column else "image", (column,))
    type_: Any = source.schema.field(column).type
    if not pa.types.is_fixed_size_list(type_):
        first = next(iter(source.scan([column], 1))).batch.column(0)[0].as_py()
        return InputSpec("embedding", (column,), width=len(first))
    return InputSpec("embedding", (column,), width=type_.list_size)


def with_sources(found: LabelledRows, source: TableSource, entry: DataEntry, rows: Codes) -> LabelledRows:
    """The rows `(N,)` of files with their opinions and, as given labels, what the entry makes of them."""
    findings = Findings()
    ballots = read_columns(source, entry.sources, frozenset(), findings)
    findings.stop_on_errors()
    assert ballots is not None
    names = np.array([*ballots.labels.values, None], dtype=object)
    every = int(max(ballots.row.max(initial=0), rows.max(initial=0))) + 1
    opinions = ballots.opinions(every, ballots.labels.positions).take(rows)
    given = opinions.majority(len(names) - 1)
    if entry.vote == "dawid-skene":
        given = np.where(given < 0, given, dawid_skene(opinions, len(names) - 1).argmax(axis=1))
    kept = opinions if entry.vote == "all" else None
    return replace(found, given=names[given], opinions=kept, words=ballots.labels.values)
