"""Files that are not tables of labelled rows, known by their columns."""

from __future__ import annotations

from labelfix.data.columns.roles import GIVEN_NAMES, ID_NAMES, OTHER_LABEL_NAMES, TRUE_NAMES
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource

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


def refuse_foreign(source: TableSource, findings: Findings) -> None:
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
