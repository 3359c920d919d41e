"""`labelfix bench`: run a plan of measurements, and time a training step; `bench_results` shows what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from labelfix.cli import bench_results, options
from labelfix.cli.commands import SPEAKING, Command, Group, requires, with_options
from labelfix.cli.option_groups import CACHE, DEVICE, FEATURES, SETTINGS
from labelfix.errors import SettingsError

app = typer.Typer(cls=Group, no_args_is_help=True, help="Measure methods on data sets: run a plan, show what came out.")


PlanName = Annotated[
    str,
    typer.Option("--plan", metavar="FILE|NAME", help="A plan in TOML, or the name of one that comes with labelfix."),
]
DataRoot = Annotated[
    Path | None, options.option("--data-root", metavar="DIR", doc="The folder of the plan's data files.")
]
Results = Annotated[
    Path | None, options.option("--out", metavar="DIR", doc="Where results go; runs that are there are not repeated.")
]
Only = Annotated[
    list[str] | None,
    options.option(
        "--only",
        metavar="SET",
        doc="Only this set of the plan, or this set under one noise (ag-news.flip.0.4). May be repeated.",
    ),
]
Methods = Annotated[
    list[str] | None, options.option("--method", metavar="NAME", doc="Only this method of the plan. May be repeated.")
]
Seeds = Annotated[str | None, options.option("--seeds", metavar="N,N", doc="These seeds instead of the plan's.")]
Limit = Annotated[int | None, options.option("--limit", metavar="N", min=1, doc="At most this many runs this time.")]
TrustedPerClass = Annotated[
    int | None,
    options.option(
        "--trusted-per-class",
        metavar="N",
        min=1,
        doc="Trusted rows a class instead of the plan's; use another --out for it.",
    ),
]
Jobs = Annotated[
    str,
    typer.Option(
        "--jobs",
        metavar="N|auto",
        help="Runs at once, each in a process of its own on one thread; auto takes one a core, on a GPU no more than "
        "one for every 4 GiB of its free memory.",
    ),
]


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
    options.option(
        "--way",
        metavar="NAME",
        doc="Only this way beside the plain step: fd1, fd2, jvp, double-backward or published. May be repeated.",
    ),
]
Rounds = Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Rounds, each way once in each.")]
SecondsLimit = Annotated[
    float | None, options.option("--limit", metavar="SECONDS", min=0, doc="Begin no further round after so long.")
]
StepSize = Annotated[
    int | None,
    options.option(
        "--size",
        metavar="N",
        min=8,
        doc="Tokens of every text or side of every image. Default: 64 for bert-small, 128 for other texts, 32 for "
        "resnet32, the model's own for timm.",
    ),
]
StepClasses = Annotated[
    int | None, options.option("--classes", metavar="N", min=2, doc="Classes. Default: 10 for images, 4 for texts.")
]
StepMemory = Annotated[
    bool, options.switch("--memory/--no-memory", doc="Take peak memory too; on a CPU in a process for each way.")
]
StepDevice = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to run.")]
StepPrecision = Annotated[Literal["fp32", "bf16"], typer.Option("--precision", help="What forward passes compute in.")]
StepFormat = Annotated[options.Format, typer.Option("--format", help="Aligned columns, or JSON.")]


@app.command("run", cls=Command)
@requires("data_root", "out")
@with_options(FEATURES, SETTINGS, DEVICE, CACHE, SPEAKING)
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
    jobs: Jobs = "1",
) -> None:
    """Run what is missing of a plan: every method on every set with every seed, one result file each."""
    data_root = options.needed(data_root, "--data-root", "name the folder of the plan's data files")
    out = options.needed(out, "--out", "name a folder for the results")
    voice = options.voice(context)
    settings = options.settings_of(context).settings
    chosen, at_once = _seeds(seeds), _jobs(jobs)
    voice.left_behind = lambda: f"the same command goes on where it stopped ({out})"

    from dataclasses import replace

    from labelfix.bench.plan_files import read_plan
    from labelfix.bench.run import run_plan

    wanted = read_plan(plan).only(method_names or (), chosen)
    if trusted_per_class is not None:
        wanted = replace(wanted, trusted_per_class=trusted_per_class)
    model, compute, progress = settings.model, settings.compute, voice.progress()
    made = run_plan(wanted, data_root, out, model, compute, progress, only or (), limit, at_once)
    voice.note(f"{made:,} runs made; next: labelfix bench table --results {out}")
    voice.data(str(out))


bench_results.add_to(app)


@app.command("step", cls=Command)
@with_options(SPEAKING)
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
    precision: StepPrecision = "fp32",
    output_format: StepFormat = "text",
) -> None:
    """Time a training step of MLC against the plain one, for each way of taking the meta-gradient."""
    voice = options.voice(context)

    from labelfix.bench.step import as_text, measure
    from labelfix.bench.step_ways import WAYS, StepPlan
    from labelfix.outputs.plain_text import json_text

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
        precision=precision,
        ways=tuple(ways) if ways else WAYS,
        memory=memory,
    )
    report = measure(plan, voice.progress())
    shown = json_text(report.to_json()) if output_format == "json" else as_text(report)
    voice.data(*shown.splitlines())


def _jobs(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"--jobs {text}: is neither a whole number from 1 on nor auto")
    return int(text)


def _seeds(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise SettingsError(f"--seeds {text}: is not a list of whole numbers; write for example --seeds 0,1,2")
    return tuple(dict.fromkeys(map(int, parts)))
