"""`labelfix schema`: what the JSON that labelfix writes looks like, for programs that read it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from labelfix.cli import common_options as options

Name = Annotated[
    Literal["flag", "metrics", "run", "corrected", "certificate"],
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

    options.voice(context).data(*json_text(published(document)).splitlines())
