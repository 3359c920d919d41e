"""Reading a noisy and a trusted file: columns, labels, inputs, the join, and every defect in one list."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from labelfix.data.assemble import attempt, label_table, memory_name, with_inputs
from labelfix.data.both_files import open_both, refuse_inside, refuse_same, same_file
from labelfix.data.chosen_rows import only_answers, read_chosen, without_sources
from labelfix.data.columns.called import called_as, folder_called_as
from labelfix.data.columns.cut_ids import refuse_cut_ids
from labelfix.data.columns.found_ids import find_ids
from labelfix.data.columns.ids import check_ids
from labelfix.data.columns.inputs import all_empty, inputs_fit
from labelfix.data.columns.meaning import what_columns_mean
from labelfix.data.columns.roles import Columns
from labelfix.data.columns.row_keys import named_by_columns
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.formats.base import READ_ROWS, Source
from labelfix.data.formats.csv.dialect import DECIMAL
from labelfix.data.hear import hear
from labelfix.data.inputs import SelectedInputs
from labelfix.data.join import join, report_lost_ids
from labelfix.data.labels.checks import check_balance, check_files, check_given, check_joined, check_trusted
from labelfix.data.labels.classes import UNKNOWN, class_names, match_codes
from labelfix.data.labels.refusal import refuse_objects, refuse_values
from labelfix.data.labels.verdicts import without_skipped
from labelfix.data.made_of_labels import warn_of_columns_made_of_labels
from labelfix.data.misnamed import (
    name_labels,
    refuse_ids_as_labels,
    refuse_labels_elsewhere,
    refuse_unchanged,
)
from labelfix.data.new_rows import open_rows
from labelfix.data.other_scale import compare_features
from labelfix.data.rows import IdsAndLabels, read_id_and_label
from labelfix.data.tables import ClassNames, Codes, InputSpec, LabelTable, TrainingData
from labelfix.data.truth import read_truth
from labelfix.data.written_again import warn_of_rows_written_again
from labelfix.errors import Defect, listing
from labelfix.settings.data import DataSettings

__all__ = ["Columns", "Reading", "open_rows", "read_training", "read_truth"]


@dataclass(frozen=True)
class Reading:
    """Both files, read and joined.

    Attributes:
        columns: What the columns mean.
        notes: The choices that were made, one sentence each, for a person to read.
        warnings: What may be wrong.
    """

    data: TrainingData
    columns: Columns
    notes: tuple[str, ...]
    warnings: tuple[Defect, ...]
    noisy_source: TableSource
    clean_source: TableSource

    @property
    def headline(self) -> str:
        """What was read, in one line."""
        data, spec = self.data, self.columns.spec
        inputs = ", ".join(map(_said, spec.parts))
        trusted, paired = len(data.clean), int((data.clean_in_noisy >= 0).sum())
        among = f"{trusted:,} of them trusted"
        if paired < trusted:
            among = f"{trusted:,} trusted rows, {f'{paired:,} of them' if paired else 'none of them'} among these"
        rows = f"{len(data.noisy):,} rows of {len(data.classes)} classes"
        readable = data.noisy.readable
        if readable is not None and not readable.all():
            rows += f", {int((~readable).sum()):,} of them left out, as their image cannot be read"
        labels = f"labels in {self.columns.label!r}"
        if data.noisy.opinions is not None:
            said = len(data.noisy.opinions.label)
            labels = f"{said:,} labels of {listing(list(self.columns.names))}"
        return f"{rows}: {labels}, {inputs}; {among}"


def read_training(noisy: Source, clean: Source, settings: DataSettings, read_rows: int = READ_ROWS) -> Reading:
    """Read and join a noisy and a trusted table.

    Args:
        noisy: Path, folder, glob, `hub:NAME` or a table in memory.
        settings: What the columns mean, as given by the user.
        read_rows: Rows read at once; the result does not depend on it.

    Raises:
        InputError: Anything is wrong; all defects that can be found are listed, errors first.
    """
    findings = Findings()
    if not settings.several and (settings.main_source is not None or settings.abstain):
        flag = "--abstain" if settings.main_source is None else "--main-source"
        remedy = "name the sources with --label-columns or --sources, or leave it out"
        findings.error(str(memory_name(noisy, "noisy") or noisy), f"{flag} is for labels of several sources", remedy)
    ours, theirs, aliases, settings = open_both(noisy, clean, settings, findings, read_rows)
    for source in (ours, theirs):
        findings.source(source)
        if (source.schema.metadata or {}).get(DECIMAL.encode()):
            findings.note(f"{source.name}: numbers are read with decimal commas")
    one_file = settings.sources is not None and same_file(noisy, settings.sources)
    columns = what_columns_mean(ours, theirs, settings, findings, one_file)
    theirs = called_as(theirs, columns.spec.every_column, (columns.clean_id, columns.clean_label), findings)
    theirs = folder_called_as(theirs, columns.spec.part("image"), findings)
    refuse_same(noisy, clean, columns, ours.name, findings)
    refuse_inside(ours, theirs, findings)
    label = None if settings.several else columns.label
    noisy_rows = attempt(lambda: read_id_and_label(ours, columns.id, label), findings)
    clean_rows = attempt(lambda: read_id_and_label(theirs, columns.clean_id, columns.clean_label), findings)
    if noisy_rows is None or clean_rows is None or not _rows_there(noisy_rows, clean_rows, findings):
        findings.stop()
    refuse_ids_as_labels(noisy_rows, settings, findings)
    noisy_rows = without_skipped(noisy_rows, findings)
    clean_rows = without_skipped(clean_rows, findings, ours)
    if columns.id is not None:
        refuse_cut_ids(ours.name, noisy_rows.ids, theirs.name, clean_rows.ids if columns.clean_id else None, findings)
        check_ids(noisy_rows.ids, columns.id, noisy_rows.places, findings)
    by_columns = named_by_columns(noisy_rows, clean_rows, columns, settings, findings)
    clean_rows, of_sources = without_sources(by_columns or clean_rows, settings.sources is not None, findings)
    chosen = read_chosen(clean_rows)
    opinions, main = None, None
    if settings.several:
        classes, opinions, given, truth, main = hear(noisy_rows, clean_rows, columns, aliases, settings, findings)
        columns = replace(columns, names=opinions.names, main=main)
        check_trusted(clean_rows, truth, classes, findings, chosen)
        check_balance(given, classes, ours.name, findings)
    else:
        classes, given, truth = _labels(noisy_rows, clean_rows, aliases, settings, findings, chosen)
    if clean_rows.id_column is not None:
        check_ids(clean_rows.ids, clean_rows.id_column, clean_rows.places, findings, truth)
    noisy_table = replace(label_table(noisy_rows, given, classes, columns.label), opinions=opinions)
    clean_table = replace(label_table(clean_rows, truth, classes, columns.clean_label), chosen=chosen)
    before = findings.error_count
    noisy_table = with_inputs(noisy_table, ours, columns.spec, settings, findings)
    clean_table = _trusted_inputs(clean_table, theirs, noisy_table, columns.spec, settings, findings)
    if findings.error_count > before:
        # Inputs that are not sound cannot be compared; ids still can.
        report_lost_ids(noisy_table, clean_table, findings)
        findings.stop_on_errors()
    clean_table = only_answers(clean_table, findings, of_sources)
    if len(clean_table) < 2:
        findings.stop_on_errors()
    by_folder = ours.format == theirs.format == "image_folder"
    data = join(noisy_table, clean_table, settings, findings, by_folder, by_columns is not None)
    if data is None:
        findings.stop()
    check_joined(data, findings)
    refuse_unchanged(ours, theirs, data, settings, findings)
    warn_of_columns_made_of_labels(data, findings)
    compare_features(data.noisy, data.clean, findings)
    warn_of_rows_written_again(data, findings)
    findings.stop_on_errors()
    return Reading(data, columns, findings.notes, findings.warnings, ours, theirs)


def _said(spec: InputSpec) -> str:
    """The columns of one kind in a few words."""
    kind = "inputs" if spec.kind == "table" else spec.kind
    return f"{kind} in {f'{len(spec.columns)} columns' if len(spec.columns) > 1 else repr(spec.columns[0])}"


def _trusted_inputs(
    table: LabelTable,
    source: TableSource,
    noisy: LabelTable,
    spec: InputSpec,
    settings: DataSettings,
    findings: Findings,
) -> LabelTable:
    """The trusted rows with inputs of their own where the file has all the columns; unreadable images left out."""
    columns = spec.every_column
    absent = [column for column in columns if column not in source.schema.names]
    if absent:
        lacks = "carries no inputs" if len(absent) == len(columns) else f"lacks input column {absent[0]!r}"
    elif table.id_column is not None and all_empty(source, columns):
        lacks = f"has nothing in its input column{'s' if len(columns) > 1 else ''} {listing(columns)}"
    elif columns == (table.id_column,) and (find_ids(table.ids.drop_null(), noisy.ids) >= 0).all():
        lacks = f"names the {'images' if spec.kind == 'image' else 'rows'} of {noisy.name}"
    else:
        lacks = ""
    if lacks:
        findings.note(f"{source.name} {lacks}, so its inputs are those of the noisy rows of the same id")
        return table
    if not attempt(lambda: inputs_fit(source, spec, findings), findings):
        return table
    table = with_inputs(table, source, spec, settings, findings, "trusted")
    if table.readable is None or table.inputs is None:
        return table
    keep = np.flatnonzero(table.readable)
    return table.only(table.readable, SelectedInputs(table.inputs, keep, table.name))


def _rows_there(noisy: IdsAndLabels, clean: IdsAndLabels, findings: Findings) -> bool:
    if not len(noisy):
        findings.error(noisy.name, "holds no rows", "give a file with rows")
    if not len(clean):
        findings.error(clean.name, "holds no rows", "give at least two trusted rows")
    return bool(len(noisy) and len(clean))


def _labels(
    noisy: IdsAndLabels,
    clean: IdsAndLabels,
    aliases: dict[str, str],
    settings: DataSettings,
    findings: Findings,
    chosen: npt.NDArray[np.bool_] | None,
) -> tuple[ClassNames, Codes, Codes]:
    assert noisy.labels is not None
    assert clean.labels is not None
    named = settings.label_column is not None
    refuse_labels_elsewhere(noisy, findings)
    refused = refuse_values(noisy.labels, noisy.places, noisy.name, named, findings)
    refused = refuse_objects(clean.labels, clean.places, findings) or refused
    words = settings.missing_words
    classes, given = class_names(noisy.labels, clean.labels, aliases, noisy.name, findings, words)
    truth = match_codes(clean.labels, classes, clean.name, findings, words, typed=True)
    if not refused and (truth == UNKNOWN).all():
        name_labels(noisy, clean, findings)
    if not refused:
        check_given(given, classes, noisy.labels, noisy.name, findings, noisy.source.format == "image_folder")
        check_trusted(clean, truth, classes, findings, chosen)
        check_balance(given, classes, noisy.name, findings)
        check_files(given, classes, noisy.labels.column, noisy.places, findings)
    return classes, given, truth
