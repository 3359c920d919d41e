"""`labelfix next`: what to label next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.cli.finished_run import finished_run
from labelfix.cli.opened_run import open_run
from labelfix.cli.sources import read_costs
from labelfix.cli.targets import check_table
from labelfix.outputs.free_names import free
from labelfix.outputs.train_again import train_again

Cost = Annotated[
    list[str] | None,
    options.option(
        "--cost",
        metavar="SOURCE=PRICE",
        doc="Of several sources: what an answer costs, also of the person whose answers are `trusted`; several "
        "with commas. The rows are then those where an answer gains most for its price, and the column `ask` says whom "
        "to ask.",
    ),
]
Count = Annotated[int, typer.Option("--count", min=1, metavar="N", help="How many rows.")]
TO_LABEL = Path("to_label.csv")

Out = Annotated[
    Path | None,
    options.option(
        "--out",
        callback=options.placed,
        metavar="FILE",
        doc="Where to write them: .csv, .tsv or .parquet. Default: to_label.csv, to_label-2.csv, …",
    ),
]


def next_(
    context: typer.Context,
    run: options.Run = None,
    noisy: options.MovedNoisy = None,
    count: Count = 200,
    cost: Cost = None,
    out: Out = None,
    overwrite: options.Overwrite = False,
    safe_csv: options.SafeCsv = False,
) -> None:
    """Choose the rows whose answer is worth most, and write them with an empty column for the label to fill in.

    The file goes back as it is, beside the run's own trusted rows, by the command that is printed. Rows that are
    still blank are skipped; answered ones train, and judge nothing, as they are harder than others.
    """
    voice = options.voice(context)
    costs = read_costs(cost or ())
    folder = finished_run(run, context)
    if out is None:
        out = TO_LABEL if overwrite else free(TO_LABEL)
    check_table(context, out, folder)
    opened = open_run(context, folder)
    from labelfix.data.formats.csv.write import formulas_disarmed

    with formulas_disarmed(safe_csv):
        written = opened.next_to(out, count, noisy=noisy, costs=costs, overwrite=overwrite, progress=voice.progress())
    if cost and not written:
        voice.note("0 rows: of the sources with a price none is left to ask, or nothing they could say gains anything;")
        voice.note("give another one a price, or the person whose answers are trusted (--cost trusted=PRICE)")
        voice.data(str(out))
        return
    column = opened.label_to_fill
    if not cost and written < count:
        voice.note(f"{written:,} rows and not {count:,}: the others are trusted, or nearly the same as one of these")
    voice.note(f"{written:,} rows, most worth asking first; fill in the column `{column}`, as many as you like, then:")
    given_to = {"--clean" if name == "trusted" else "--sources" for name in costs} or {"--clean"}
    command = train_again(folder, noisy, out, given_to)
    if command:
        voice.note(shlex.join(command))
    elif "--sources" in given_to:
        voice.note("add what each source of the column `ask` says to the run's file of opinions, a row for each, and")
        voice.note("train again with it")
    else:
        voice.note("train again with the run's noisy rows, its trusted ones as a table of id and label,")
        voice.note(f"and {out} beside them")
    voice.data(str(out))
