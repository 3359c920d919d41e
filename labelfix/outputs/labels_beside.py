"""People's own table back with one label more: of several sources none is written over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from labelfix.data.formats import write_batches
from labelfix.data.formats.csv import source as csv
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.own_file import ExportReport, details_added, free_name, own_fields, report

LABEL, GIVEN = "label", "given_label"


def export_beside(
    correction: AlignedLabels,
    out: Path,
    *,
    drop_issues: bool = False,
    details: bool = False,
    soft_top_k: int | None = None,
) -> ExportReport:
    """Write the source's table with two columns more: the corrected label, and what most sources say.

    Args:
        out: `.parquet`, `.csv`, `.tsv` (also `.gz`), `.jsonl` or `.json`.
        details: Add the scores, and what each source says in `given_<source>`.
    """
    text = out.name.lower().endswith(csv.SUFFIXES)
    verbatim = text and correction.source.untyped
    columns = correction.source.written.names
    label, given = free_name(LABEL, columns), free_name(GIVEN, columns)
    names, prepare, added = details_added(correction, details, soft_top_k, text, (*columns, label, given))
    survey = correction.survey(verbatim, drop_issues)  # refuses a source that is not the one corrected
    classes = pa.array(correction.classes, pa.string())
    new = [pa.field(label, pa.string()), pa.field(given, pa.string())]
    schema = pa.schema([*own_fields(correction.source, verbatim), *new, *added])

    def batches() -> Iterator[pa.RecordBatch]:
        for chunk, said in correction.beside(columns, verbatim, names, prepare):
            codes = (pa.array(each, mask=each < 0) for each in (said.corrected, said.given))
            cells = [*chunk.batch.columns, *(classes.take(each) for each in codes)]
            if said.details is not None:
                cells += [column.combine_chunks() for column in said.details.columns]
            batch = pa.record_batch(cells, schema=schema)
            yield batch.filter(pa.array(~said.issue)) if drop_issues else batch

    write_batches(out, schema, batches())
    note = f"the corrected labels are in the new column {label!r}; all others are as they were"
    return report(survey, given, (note,))
