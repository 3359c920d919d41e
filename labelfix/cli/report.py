"""`labelfix report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.cli.finished_run import finished_run
from labelfix.cli.opened_run import open_run
from labelfix.cli.targets import check_target

ReportOut = Annotated[
    Path | None,
    options.option(
        "--out", callback=options.placed, metavar="FILE", doc="The HTML file. Default: report.html in the run."
    ),
]
MaxRows = Annotated[int, typer.Option("--max-rows", min=0, metavar="N", help="How many of the worst rows to show.")]


def report(
    context: typer.Context,
    run: options.Run = None,
    noisy: options.MovedNoisy = None,
    clean: options.MovedClean = None,
    out: ReportOut = None,
    overwrite: options.Overwrite = False,
    max_rows: MaxRows = 200,
) -> None:
    """Write what a run found into one HTML file that opens from disk: verdict, ledger, charts, the worst rows."""
    voice = options.voice(context)
    folder = finished_run(run, context)
    path = folder.path / "report.html" if out is None else out
    check_target(context, path, folder)
    opened = open_run(context, folder)
    size = opened.report(
        out, max_rows=max_rows, noisy=noisy, clean=clean, overwrite=overwrite, progress=voice.progress()
    )
    voice.note(f"{size / 1e6:.1f} MB; open it in any browser")
    voice.data(str(path))
