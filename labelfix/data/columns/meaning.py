"""What the columns of a noisy and a trusted table mean: ids, labels, who gave them, and inputs."""

from __future__ import annotations

from dataclasses import replace

from labelfix.data.assemble import attempt
from labelfix.data.columns.inputs import input_columns, is_only_image
from labelfix.data.columns.label_roles import label_column, trusted_label_column
from labelfix.data.columns.named_inputs import asked_inputs
from labelfix.data.columns.roles import GIVEN_NAMES, ID_NAMES, OTHER_LABEL_NAMES, TRUE_NAMES, Columns, id_columns
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.labels.ballots import source_columns, who_and_label
from labelfix.data.labels.refusal import refuse_type
from labelfix.data.labels.verdicts import refuse_verdicts
from labelfix.data.misnamed import refuse_overwritten
from labelfix.settings.data import DataSettings

KNOWN = frozenset((*ID_NAMES, *GIVEN_NAMES, *OTHER_LABEL_NAMES, *TRUE_NAMES))
"""Names that a lone column may have: of such a file it is said what else it lacks."""

OF_A_RUN = frozenset(("given_label", "suggested_label", "corrected_label", "label_score", "source_file", "source_row"))
"""Columns of `corrected.parquet` and of what `labelfix correct` writes."""

ANSWERS = {
    "response.body.choices": "response.body.choices[0].message.content",
    "response.body.output": "response.body.output",
    "result.message.content": "result.message.content[0].text",
}
"""Columns of what comes back of a batch of requests, and where the answer stands in them."""


def what_columns_mean(
    ours: TableSource, theirs: TableSource, settings: DataSettings, findings: Findings, one_file: bool
) -> Columns:
    """What the columns mean; `one_file` where the opinions stand in the noisy file, one a row beside who said it."""
    for source in (ours, theirs):
        _refuse_foreign(source, findings)
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


def _refuse_foreign(source: TableSource, findings: Findings) -> None:
    """Refuse a file that is not a table of labelled rows, by its columns, and say what it is."""
    names = source.schema.names
    if OF_A_RUN.issubset(names):
        what = "is what labelfix says of the rows of a noisy file, and has no inputs"
        remedy = "give that file itself; labelfix export --corrected-labels writes it with the corrected labels"
    elif "annotations" in names and any(name.startswith("data.") for name in names):
        what = "holds tasks of Label Studio, each with its annotations"
        remedy = "export them as CSV or JSON-MIN, which have a row for each annotation"
    elif "custom_id" in names and (answer := next((name for name in ANSWERS if name in names), None)) is not None:
        what = f"holds the answers of a language model to a batch, each in {ANSWERS[answer]}"
        remedy = "write a row for each of them: its id, the text that was asked about, and the label of the answer"
    elif source.format == "csv" and len(names) == len(source.parts) == 1 and names[0].lower() not in KNOWN:
        what = f"has a single column ({names[0][:60]!r}): nothing is found that parts the cells of a row"
        remedy = "part them with commas, tabs, semicolons or |"
    else:
        return
    findings.error(source.name, what, remedy)
