"""`labelfix bench table`, `compare`, `ranks` and `plot`: what is read out of results folders."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.cli.commands import SPEAKING, Command, requires, with_options
from labelfix.cli.targets import check_folder, check_target
from labelfix.cli.terminal import Voice


class Format(enum.StrEnum):
    """How tables are shown."""

    text = "text"
    json = "json"
    markdown = "markdown"


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
Folder = Annotated[Path | None, options.option("--out", metavar="FOLDER", doc="Where the plots go.")]
EveryLevel = Annotated[
    bool,
    typer.Option("--every-level", metavar="", help="Also show all figures of every single level of noise."),
]
Groups = Annotated[
    list[str] | None,
    options.option("--group", metavar="NAME", doc="Only sets of this group. May be repeated."),
]
Methods = Annotated[
    list[str] | None,
    options.option("--method", metavar="NAME", doc="Only this method. May be repeated."),
]
Settings = Annotated[
    list[str] | None,
    options.option(
        "--setting",
        metavar="NAME",
        doc="Heat maps and histograms of this setting (a set, or SET.KIND.RATE). May be repeated. Default: every set "
        "with labels of its own, and of each kind of noise the level nearest to 0.6.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Make the commands part of `labelfix bench`."""
    for name, function in (
        ("table", bench_table),
        ("compare", bench_compare),
        ("ranks", bench_ranks),
        ("plot", bench_plot),
    ):
        app.command(name, cls=Command)(with_options(SPEAKING)(function))


@requires("results")
def bench_table(
    context: typer.Context,
    results: Results = None,
    output_format: OutputFormat = Format.text,
    out: File = None,
    overwrite: options.Overwrite = False,
    groups: Groups = None,
    method_names: Methods = None,
    every_level: EveryLevel = False,
) -> None:
    """Show results per set and method: mean ± standard error over seeds; means over levels of noise and groups."""
    folders = _folders(results)
    if out is not None:
        check_target(context, out)
    voice = options.voice(context)

    from labelfix.bench import table, table_text
    from labelfix.bench.results import chosen, read_rows

    found = table.tables(chosen(read_rows(*folders), method_names or (), groups or ()))
    if output_format is Format.json:
        _give(voice, table_text.as_json(found), out)
    else:
        _give(voice, table_text.as_text(found, output_format is Format.markdown, every_level), out)


@requires("results")
def bench_compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="A", help="A method of the results.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The method that it is compared with.")],
    results: Results = None,
    output_format: OutputFormat = Format.text,
    out: File = None,
    overwrite: options.Overwrite = False,
    groups: Groups = None,
) -> None:
    """Compare two methods in pairs of runs: mean difference, 95 % intervals, settings won and lost, worst regret."""
    folders = _folders(results)
    if out is not None:
        check_target(context, out)
    voice = options.voice(context)

    from labelfix.bench import compare_text
    from labelfix.bench.compare import compared
    from labelfix.bench.results import chosen, read_rows

    found = compared(chosen(read_rows(*folders), groups=groups or ()), first, second)
    if output_format is Format.json:
        _give(voice, compare_text.as_json(found), out)
    else:
        _give(voice, compare_text.comparison_text(found, output_format is Format.markdown), out)


@requires("results")
def bench_ranks(
    context: typer.Context,
    results: Results = None,
    output_format: OutputFormat = Format.text,
    out: File = None,
    overwrite: options.Overwrite = False,
    groups: Groups = None,
    method_names: Methods = None,
) -> None:
    """Rank all methods: the mean rank in each figure over settings, and the worst shortfall against the best method."""
    folders = _folders(results)
    if out is not None:
        check_target(context, out)
    voice = options.voice(context)

    from labelfix.bench import compare_text
    from labelfix.bench.compare import ranking
    from labelfix.bench.results import chosen, read_rows

    found = ranking(chosen(read_rows(*folders), method_names or (), groups or ()))
    if output_format is Format.json:
        _give(voice, compare_text.as_json(found), out)
    else:
        _give(voice, compare_text.ranking_text(found, output_format is Format.markdown), out)


@requires("results", "out")
def bench_plot(
    context: typer.Context,
    results: Results = None,
    out: Folder = None,
    overwrite: options.Overwrite = False,
    settings: Settings = None,
    groups: Groups = None,
    method_names: Methods = None,
) -> None:
    """Plot results as SVG and PNG: accuracy by noise, heat maps of corrected labels, P(given label), training."""
    folders = _folders(results)
    place = options.needed(out, "--out", "name a folder for the plots")
    check_folder(place, overwrite)
    voice = options.voice(context)

    from labelfix.bench.plots import draw_all
    from labelfix.bench.results import chosen, read_rows

    rows = chosen(read_rows(*folders), method_names or (), groups or ())
    for path in draw_all(rows, place, settings or ()):
        voice.data(str(path))


def _folders(results: list[Path] | None) -> list[Path]:
    options.needed(results, "--results", "name the folder that `labelfix bench run --out` filled")
    return results or []


def _give(voice: Voice, text: str, out: Path | None) -> None:
    voice.data(*text.splitlines())
    if out is not None:
        from labelfix.runs import atomic_path

        with atomic_path(out) as beside:
            beside.write_text(text + "\n", encoding="utf-8")
        voice.note(f"also written to {out}")
