"""Reading true labels to compare with: those of a finished run's rows, or of later ones."""

from __future__ import annotations

from dataclasses import replace

from labelfix.data.assemble import label_table, memory_name, read_options
from labelfix.data.chosen_rows import without_copies
from labelfix.data.columns.called import OF_ROWS, as_asked
from labelfix.data.columns.cut_ids import cut_ids
from labelfix.data.columns.ids import check_ids
from labelfix.data.columns.inputs import inputs_fit
from labelfix.data.columns.label_roles import trusted_label_column
from labelfix.data.columns.roles import id_columns
from labelfix.data.findings import Findings
from labelfix.data.formats import open_table
from labelfix.data.formats.base import Source
from labelfix.data.inputs import ColumnInputs
from labelfix.data.labels.classes import match_codes
from labelfix.data.labels.refusal import refuse_type
from labelfix.data.labels.unknown import report_unknown
from labelfix.data.rows import read_id_and_label
from labelfix.data.tables import ClassNames, InputSpec, LabelTable
from labelfix.settings.data import DataSettings

WRITE_ONE = "write the class that is meant"
"""What to do about a true label that is no class."""


def read_truth(
    source: Source, classes: ClassNames, settings: DataSettings, id_column: str | None, spec: InputSpec | None = None
) -> LabelTable:
    """Read true labels to evaluate against: ids and labels.

    Args:
        source: Path, folder, glob, `hub:NAME` or a table in memory.
        settings: May name the columns (`clean_label_column`, `label_column`, `id_column`).
        id_column: Id column of the run's noisy file; None where it had none.
        spec: The run's inputs. A table that has these needs no ids, and comes with them.

    Raises:
        InputError: Anything is wrong; all defects that can be found are listed.
    """
    findings = Findings()
    table = open_table(source, memory_name(source, "truth"), read_options(settings))
    inputs = spec if spec is not None and set(spec.every_column) <= set(table.schema.names) else None
    findings.source(table)
    settings = as_asked(table, settings, (*OF_ROWS, "clean_label_column"), findings)
    named = settings.id_column or (id_column if id_column in table.schema.names else None)
    ids, _ = id_columns(table, None, replace(settings, id_column=named, clean_id_column=None), findings)
    if ids is None and inputs is None and not findings.has_errors:
        needs = f", or add the input column {', '.join(map(repr, spec.every_column[:8]))}" if spec else ""
        what = "has no id column, so its rows cannot be found in the run"
        findings.error(table.name, what, f"name it with --id-column{needs}")
    used = spec.every_column if spec is not None else ()
    label = trusted_label_column(
        table, settings.label_column, ids, settings, findings, "--label-column", inputs=used, known=classes.names
    )
    if label is not None:
        refuse_type(table, label, findings)
    findings.stop_on_errors()
    rows = read_id_and_label(table, ids, label)
    assert rows.labels is not None
    codes = match_codes(rows.labels, classes, table.name, findings, settings.missing_words, typed=True)
    report_unknown(rows.labels, codes, classes, rows.places, findings, WRITE_ONE)
    if ids is not None and (cut := cut_ids(table.name, rows.ids)) is not None:
        raise cut
    if ids is not None:
        check_ids(rows.ids, ids, rows.places, findings, codes)
    if not len(rows):
        findings.error(table.name, "holds no rows", "give a file with rows")
    findings.stop_on_errors()
    found = label_table(rows, codes, classes, label)
    if ids is None and inputs is not None:
        inputs_fit(table, inputs, findings)
        findings.stop_on_errors()
    # Beside ids, which may be those of another file, inputs are not looked at: of texts and images any will do.
    if inputs is not None and (ids is None or {part.kind for part in inputs.parts} <= {"text", "image"}):
        found = replace(found, inputs=ColumnInputs(table, inputs, len(rows)))
    return without_copies(found, findings)
