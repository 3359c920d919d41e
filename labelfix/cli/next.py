"""`labelfix next`: what to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.cli.opened_run import open_run
from labelfix.cli.targets import check_table
from labelfix.runs import RunFolder

Count = Annotated[int, typer.Option("--count", min=1, metavar="N", help="How many rows.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write them: .csv, .tsv or .parquet.")]


def next_(
    context: typer.Context,
    run: options.Run = None,
    noisy: options.MovedNoisy = None,
    count: Count = 200,
    out: Out = Path("to_label.csv"),
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Choose the rows whose answer is worth most, and write them with an empty column `label` to fill in.

    Answers come back as further trusted rows: `labelfix train --noisy … --clean gold.csv --clean answers.csv`.
    """
    voice = options.voice(context)
    folder = RunFolder.open_finished(run)
    check_table(context, out, folder)
    opened = open_run(context, folder.path)
    written = opened.next_to(out, count, noisy=noisy, overwrite=overwrite, progress=voice.progress())
    voice.note(f"{written:,} rows, most worth asking first; fill in the column `label` and leave out what stays empty")
    voice.note("then: labelfix train --noisy … --clean gold.csv --clean " + str(out))
    voice.data(str(out))
