"""What the columns of a noisy and a trusted table mean: ids, labels, who gave them, and inputs."""

from __future__ import annotations

from dataclasses import replace

from labelfix.data.assemble import attempt
from labelfix.data.columns.foreign import refuse_foreign
from labelfix.data.columns.inputs import input_columns, is_only_image
from labelfix.data.columns.label_roles import label_column, trusted_label_column
from labelfix.data.columns.named_inputs import asked_inputs
from labelfix.data.columns.roles import Columns, id_columns
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.labels.ballots import source_columns, who_and_label
from labelfix.data.labels.refusal import refuse_type
from labelfix.data.labels.verdicts import refuse_verdicts
from labelfix.data.misnamed import refuse_overwritten
from labelfix.settings.data import DataSettings


def what_columns_mean(
    ours: TableSource, theirs: TableSource, settings: DataSettings, findings: Findings, one_file: bool
) -> Columns:
    """What the columns mean; `one_file` where the opinions stand in the noisy file, one a row beside who said it."""
    for source in (ours, theirs):
        refuse_foreign(source, findings)
    findings.stop_on_errors()
    ids, clean_ids = id_columns(ours, theirs, settings, findings)
    sources: tuple[str, ...] = ()
    who: str | None = None
    if one_file and not settings.label_columns:
        who, label = who_and_label(ours)
    elif settings.several:
        sources = source_columns(ours, settings.label_columns, findings)
        label = settings.main_source if settings.main_source in sources else None
    else:
        label = label_column(ours, settings, findings, theirs, clean_ids, ids)
    clean_label = trusted_label_column(
        theirs,
        label,
        clean_ids,
        settings,
        findings,
        beside=None if sources else ours,
        inputs={*ours.schema.names} - {label} if label is not None else (),
    )
    for source, column in ((ours, None if sources else label), (theirs, clean_label)):
        if column is not None:
            refuse_type(source, column, findings)
        refuse_verdicts(source, findings, None if source is ours else ours)
    if clean_label is not None and clean_label not in (label, ids):
        refuse_overwritten(ours, theirs, clean_label, findings)
    taken = {column for column in (ids, label, who, clean_label, *sources) if column is not None}
    only = settings.image_column == ids or not asked_inputs(settings, ours.schema.names)
    if ids is not None and only and is_only_image(ours, ids, taken):
        # The path of an image is both its id and the way to it.
        taken.discard(ids)
        settings = replace(settings, image_column=ids)
    spec = attempt(lambda: input_columns(ours, taken, settings, findings, label), findings)
    if spec is None and len(theirs.schema.names) > len(ours.schema.names):
        findings.warning(
            theirs.name, f"has more columns than {ours.name}", "check that --noisy and --clean are not mixed up"
        )
    findings.stop_on_errors()
    assert spec is not None
    return Columns(ids, label, clean_ids, clean_label, spec, sources)
