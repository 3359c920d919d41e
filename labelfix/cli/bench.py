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


class StepDigits(enum.StrEnum):
    """What forward passes compute in."""

    fp32 = "fp32"
    bf16 = "bf16"


class StepOutput(enum.StrEnum):
    """How the costs of a step are shown."""

    text = "text"
    json = "json"


StepBackbone = Annotated[
    str,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="resnet32, bert-small, bert-base (random weights, no download), hf:NAME, timm:NAME or a model's folder.",
    ),
]
StepRows = Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Noisy rows of a step.")]
CleanRows = Annotated[int, typer.Option("--clean", metavar="N", min=1, help="Clean training rows of a step.")]
MetaRows = Annotated[int, typer.Option("--meta", metavar="N", min=1, help="Clean meta rows of a step.")]
StepWays = Annotated[
    list[str] | None,
    typer.Option(
        "--way",
        metavar="NAME",
        show_default=False,
        help="Only this way beside the plain step: fd1, fd2, jvp, double-backward or published. May be repeated.",
    ),
]
Rounds = Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Rounds, each way once in each.")]
SecondsLimit = Annotated[
    float | None,
    typer.Option("--limit", metavar="SECONDS", min=0, show_default=False, help="Begin no further round after so long."),
]
StepSize = Annotated[
    int | None,
    typer.Option(
        "--size",
        metavar="N",
        min=8,
        show_default=False,
        help="Tokens of every text or side of every image. Default: 64 for bert-small, 128 for other texts, 32 for "
        "resnet32, the model's own for timm.",
    ),
]
StepClasses = Annotated[
    int | None,
    typer.Option(
        "--classes", metavar="N", min=2, show_default=False, help="Classes. Default: 10 for images, 4 for texts."
    ),
]
StepMemory = Annotated[
    bool,
    typer.Option("--memory/--no-memory", metavar="", help="Take peak memory too; on a CPU in a process for each way."),
]
StepDevice = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to run.")]
StepPrecision = Annotated[StepDigits, typer.Option("--precision", help="What forward passes compute in.")]
StepOffline = Annotated[
    bool, typer.Option("--offline", metavar="", help="Never ask a hub for the architecture of an hf: name.")
]
StepFormat = Annotated[StepOutput, typer.Option("--format", help="Aligned columns, or JSON.")]


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
    voice.left_behind = lambda: f"the same command goes on where it stopped ({out})"

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


@app.command("step")
def bench_step(
    context: typer.Context,
    backbone: StepBackbone = "resnet32",
    batch: StepRows = 100,
    clean: CleanRows = 16,
    meta: MetaRows = 16,
    ways: StepWays = None,
    rounds: Rounds = 15,
    limit: SecondsLimit = None,
    size: StepSize = None,
    classes: StepClasses = None,
    memory: StepMemory = True,
    device: StepDevice = "auto",
    precision: StepPrecision = StepDigits.fp32,
    offline: StepOffline = False,
    output_format: StepFormat = StepOutput.text,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Time a training step of MLC against the plain one, for each way of taking the meta-gradient."""
    voice = options.voice(context)

    import json

    from labelfix.bench.step import measure
    from labelfix.bench.step_table import as_text
    from labelfix.bench.step_ways import WAYS, StepPlan

    unknown = [way for way in ways or () if way not in WAYS]
    if unknown:
        raise SettingsError(f"--way {unknown[0]}: is not one of {', '.join(WAYS)}")
    plan = StepPlan(
        backbone=backbone,
        batch=batch,
        clean=clean,
        meta=meta,
        rounds=rounds,
        limit=limit,
        classes=classes,
        size=size,
        device=device,
        precision="bf16" if precision is StepDigits.bf16 else "fp32",
        offline=offline,
        ways=tuple(ways) if ways else WAYS,
        memory=memory,
    )
    report = measure(plan, voice.progress())
    voice.data(json.dumps(report.to_json(), indent=2) if output_format is StepOutput.json else as_text(report))


def _seeds(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise SettingsError(f"--seeds {text}: is not a list of whole numbers; write for example --seeds 0,1,2")
    return tuple(dict.fromkeys(map(int, parts)))
