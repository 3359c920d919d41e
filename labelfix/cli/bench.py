"""`labelfix bench`: run a plan of measurements, and show what came out."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="Measure methods on data sets: run a plan, show its table.")


class Format(enum.StrEnum):
    """How tables are shown."""

    text = "text"
    json = "json"
    markdown = "markdown"


PlanName = Annotated[
    str,
    typer.Option("--plan", metavar="FILE|NAME", help="A plan in TOML, or the name of one that comes with labelfix."),
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", metavar="DIR", show_default=False, help="The folder of the plan's data files."),
]
Results = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", show_default=False, help="Where results go; runs that are there are not repeated."
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="SET", show_default=False, help="Only this set of the plan. May be repeated."),
]
Methods = Annotated[
    list[str] | None,
    typer.Option("--method", metavar="NAME", show_default=False, help="Only this method of the plan. May be repeated."),
]
Seeds = Annotated[
    str | None,
    typer.Option("--seeds", metavar="N,N", show_default=False, help="These seeds instead of the plan's."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, show_default=False, help="At most so many runs this time."),
]
TrustedPerClass = Annotated[
    int | None,
    typer.Option(
        "--trusted-per-class",
        metavar="N",
        min=1,
        show_default=False,
        help="Trusted rows a class instead of the plan's; use another --out for it.",
    ),
]
ResultsFrom = Annotated[
    Path | None,
    typer.Option("--results", metavar="DIR", show_default=False, help="The --out of `labelfix bench run`."),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="Aligned columns, JSON or Markdown.")]


@app.command("run")
def bench_run(
    context: typer.Context,
    plan: PlanName = "real-noise",
    data_root: DataRoot = None,
    out: Results = None,
    only: Only = None,
    method_names: Methods = None,
    seeds: Seeds = None,
    limit: Limit = None,
    trusted_per_class: TrustedPerClass = None,
    backbone: options.Backbone = None,
    config: options.Config = None,
    set_: options.Set = None,
    device: options.Device = None,
    offline: options.Offline = None,
    cache_dir: options.CacheDir = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run what is missing of a plan: every method on every set with every seed, one result file each."""
    data_root = options.needed(data_root, "--data-root", "name the folder of the plan's data files")
    out = options.needed(out, "--out", "name a folder for the results")
    voice = options.voice(context)
    settings = options.settings_of(context).settings
    chosen = _seeds(seeds)
    voice.when_interrupted = lambda: f"interrupted; the same command goes on where it stopped ({out})"

    from dataclasses import replace

    from labelfix.bench.plan import read_plan
    from labelfix.bench.run import run_plan

    wanted = read_plan(plan).only(only or (), method_names or (), chosen)
    if trusted_per_class is not None:
        wanted = replace(wanted, trusted_per_class=trusted_per_class)
    made = run_plan(wanted, data_root, out, settings.model, settings.compute, voice.progress(), limit)
    voice.note(f"{made:,} runs made; next: labelfix bench table --results {out}")
    voice.data(str(out))


@app.command("table")
def bench_table(
    context: typer.Context,
    results: ResultsFrom = None,
    output_format: OutputFormat = Format.text,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Show results: mean and standard error over seeds, per set and method, and means over groups of sets."""
    results = options.needed(results, "--results", "name the folder that `labelfix bench run --out` filled")
    voice = options.voice(context)

    from labelfix.bench import table

    found = table.sections(table.read_rows(results))
    if output_format is Format.json:
        voice.data(table.as_json(found))
    else:
        voice.data(table.as_text(found, markdown=output_format is Format.markdown))


def _seeds(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise SettingsError(f"--seeds {text}: is not a list of whole numbers; write for example --seeds 0,1,2")
    return tuple(dict.fromkeys(map(int, parts)))
