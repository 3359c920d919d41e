"""Columns that are named, or called so, and hold something else than labels: one error each, before all others."""

from __future__ import annotations

import numpy as np

from labelfix.data.columns.look_alikes import columns_of_few, columns_of_labels
from labelfix.data.columns.profile import LEAST_KEYS, profile_columns
from labelfix.data.columns.roles import TRUE_NAMES
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.labels.column import label_kind
from labelfix.data.labels.refusal import refuse_keys
from labelfix.data.rows import IdsAndLabels, read_id_and_label
from labelfix.data.spelling import loosened
from labelfix.data.tables import TrainingData
from labelfix.settings.data import DataSettings


def refuse_ids_as_labels(noisy: IdsAndLabels, settings: DataSettings, findings: Findings) -> None:
    """Stop where a flag names a column of ids or texts as the labels: all that would follow is wrong."""
    if settings.label_column is not None and noisy.labels is not None:
        refuse_keys(noisy.labels, noisy.name, columns_of_few(noisy.source, TRUE_NAMES), findings)


def refuse_labels_elsewhere(noisy: IdsAndLabels, findings: Findings) -> None:
    """Stop where another column has the labels of rows that have none here, and of no others: records of mixed keys."""
    assert noisy.labels is not None
    labels, empty = noisy.labels, noisy.labels.positions < 0
    if not 0 < empty.sum() < len(empty):
        return
    others = [name for name in columns_of_few(noisy.source, TRUE_NAMES) if name != labels.column]
    known = set(map(loosened, labels.values))
    for name in others:
        other = read_id_and_label(noisy.source, None, name).labels
        assert other is not None
        here = other.positions >= 0
        if here.any() and not (here & ~empty).any() and known.issuperset(map(loosened, other.values)):
            what = f"column {labels.column!r} is empty in {empty.sum():,} rows"
            what += f", and {name!r} has labels in {here.sum():,} of them and in no others"
            findings.error(noisy.name, what, "write the labels of all rows into one column")
            findings.stop_on_errors()


def refuse_unchanged(
    ours: TableSource, theirs: TableSource, data: TrainingData, settings: DataSettings, findings: Findings
) -> None:
    """Refuse a label column that nobody named, and nobody corrected, where trusted rows have corrected another one."""
    pairs = np.flatnonzero((data.clean_in_noisy >= 0) & (data.paired_given >= 0))
    label = data.noisy.label_column
    same = len(pairs) >= LEAST_KEYS and (data.paired_given[pairs] == data.clean.codes[pairs]).all()
    if settings.label_column or label is None or len(data.clean.files) > 1 or not same:
        return
    for name in columns_of_few(ours, TRUE_NAMES):
        if name == label or name not in theirs.schema.names or label_kind(theirs.schema.field(name).type) is None:
            continue
        given, trusted = (read_id_and_label(source, None, name).labels for source in (ours, theirs))
        assert given is not None
        assert trusted is not None
        places = given.positions[data.clean_in_noisy[pairs]], trusted.positions[data.clean.row_number[pairs] - 1]
        words = [(given.values[a], trusted.values[b]) for a, b in zip(*places, strict=True) if a >= 0 and b >= 0]
        changed = sum(before != after for before, after in words)
        if 1 < changed <= len(words) / 2 and set(given.values) >= set(trusted.values):
            what = f"leaves column {label!r}, taken as the label, as it is in {ours.name}, and changes {name!r}"
            remedy = f"pass --label-column {name} if that is the label, else --label-column {label}"
            findings.error(theirs.name, f"{what} in {changed:,} of {len(words):,} rows", remedy)
            return


def refuse_overwritten(ours: TableSource, theirs: TableSource, column: str, findings: Findings) -> None:
    """Refuse trusted labels in a column that has other values in each noisy row: tools write them over the texts."""
    p = profile_columns(ours, [column])[column] if column in ours.schema.names else None
    if p is not None and p.distinct == p.given > LEAST_KEYS:
        what = f"has its labels in column {column!r}, which in {ours.name} holds something else in each row"
        remedy = "where they were written over that, export them under a name of their own, beside ids or texts"
        findings.error(theirs.name, what, f"{remedy}; or name another column with --clean-label-column")
        findings.stop_on_errors()


def name_labels(noisy: IdsAndLabels, clean: IdsAndLabels, findings: Findings) -> None:
    """Where no trusted label is a class, the error that names another column of the noisy file that has them."""
    assert noisy.labels is not None
    assert clean.labels is not None
    ours, given, trusted = noisy.source, noisy.labels, clean.labels
    others = [column for column in ours.schema.names if column != given.column]
    if found := columns_of_labels(ours, others, trusted.values):
        what = f'has labels such as "{trusted.values[0]}", which stand in column {found[0]!r} of {ours.name}'
        findings.error(clean.name, f"{what}, not in {given.column!r}", f"pass --label-column {found[0]}")
        findings.stop_on_errors()
    if trusted.column in others:
        what = f'has labels such as "{trusted.values[0]}" in {trusted.column!r}, which {ours.name} has as well'
        findings.error(clean.name, f"{what}, beside {given.column!r}", f"pass --label-column {trusted.column}")
        findings.stop_on_errors()
