"""`labelfix bench table`, `compare` and `ranks`: what is read out of results folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from labelfix.cli import options
from labelfix.cli.commands import SPEAKING, Command, Flags, requires, with_options
from labelfix.cli.targets import check_target

if TYPE_CHECKING:
    from labelfix.bench.results import Row


Format = Literal["text", "json", "markdown"]
"""How tables are shown."""

Results = Annotated[
    list[Path] | None,
    options.option(
        "--results",
        metavar="DIR",
        doc="The --out of `labelfix bench run`. May be repeated: the runs of several plans are then read as one.",
    ),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="Aligned columns, JSON or Markdown.")]
File = Annotated[Path | None, options.option("--out", metavar="FILE", doc="Also write it into this file.")]
EveryLevel = Annotated[
    bool, options.switch("--every-level", doc="Also show all figures of every single level of noise.")
]
Groups = Annotated[
    list[str] | None, options.option("--group", metavar="NAME", doc="Only sets of this group. May be repeated.")
]
Methods = Annotated[
    list[str] | None, options.option("--method", metavar="NAME", doc="Only this method. May be repeated.")
]
TOLD: Flags = {"results": Results, "out": File, "overwrite": options.Overwrite, "groups": Groups}
"""What all commands that print have."""


def add_to(app: typer.Typer) -> None:
    """Make the commands part of `labelfix bench`."""
    for name, function in (("table", bench_table), ("compare", bench_compare), ("ranks", bench_ranks)):
        app.command(name, cls=Command)(with_options(SPEAKING)(function))


@requires("results")
@with_options(TOLD)
def bench_table(
    context: typer.Context,
    output_format: OutputFormat = "text",
    method_names: Methods = None,
    every_level: EveryLevel = False,
) -> None:
    """Show results per set and method: mean ± standard error over seeds; means over levels of noise and groups."""
    rows = _rows(context)
    from labelfix.bench import table, table_text

    found = table.tables(rows)
    _give(context, table_text.as_json(found), lambda markdown: table_text.as_text(found, markdown, every_level))


@requires("results")
@with_options(TOLD)
def bench_compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="A", help="A method of the results.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The method that it is compared with.")],
    output_format: OutputFormat = "text",
) -> None:
    """Compare two methods in pairs of runs: mean difference, 95 % intervals, settings won and lost, worst regret."""
    rows = _rows(context)
    from labelfix.bench import compare_text
    from labelfix.bench.compare import compared

    found = compared(rows, first, second)
    _give(context, compare_text.as_json(found), lambda markdown: compare_text.comparison_text(found, markdown))


@requires("results")
@with_options(TOLD)
def bench_ranks(context: typer.Context, output_format: OutputFormat = "text", method_names: Methods = None) -> None:
    """Rank all methods: the mean rank in each figure over settings, and the worst shortfall against the best method."""
    rows = _rows(context)
    from labelfix.bench import compare_text
    from labelfix.bench.compare import ranking

    found = ranking(rows)
    _give(context, compare_text.as_json(found), lambda markdown: compare_text.ranking_text(found, markdown))


def _rows(context: typer.Context) -> list[Row]:
    """The rows that a command is asked about, once it is known that it may write what comes of them."""
    given = context.params
    folders = options.needed(
        list(given["results"] or ()), "--results", "name the folder that `labelfix bench run --out` filled"
    )
    if given["out"] is not None:
        check_target(context, Path(given["out"]))
    from labelfix.bench.results import chosen, read_rows

    return chosen(read_rows(*folders), given.get("method_names") or (), given["groups"] or ())


def _give(context: typer.Context, as_json: str, as_text: Callable[[bool], str]) -> None:
    """Show what came out, and write it where that is asked for; a text is made as Markdown or not."""
    voice, shown, out = options.voice(context), context.params["output_format"], context.params["out"]
    text = as_json if shown == "json" else as_text(shown == "markdown")
    voice.data(*text.splitlines())
    if out is not None:
        from labelfix.runs import atomic_path

        with atomic_path(Path(out)) as beside:
            beside.write_text(text + "\n", encoding="utf-8")
        voice.note(f"also written to {out}")
