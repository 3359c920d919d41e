"""`labelfix schema`: what the JSON that labelfix writes looks like, for programs that read it."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from labelfix.cli import common_options as options


class Document(enum.StrEnum):
    """What there is a schema of."""

    flag = "flag"
    metrics = "metrics"
    run = "run"
    corrected = "corrected"
    certificate = "certificate"


Name = Annotated[
    Document,
    typer.Argument(
        metavar="DOCUMENT",
        show_default=False,
        help="flag: what flag --format json writes; metrics and run: metrics.json and run.json of a run; "
        "corrected: a row of corrected labels; certificate: what certify proves.",
    ),
]


def schema(context: typer.Context, document: Name) -> None:
    """Print the JSON Schema (draft 2020-12) of a document that labelfix writes."""
    from labelfix.outputs.plain_text import json_text
    from labelfix.runs.schema_flag import published

    options.voice(context).data(*json_text(published(document.value)).splitlines())
