"""`labelfix flag`: the gate for continuous integration. Imports nothing heavy: it may run on every commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import common_options as options
from labelfix.cli.commands import AboveTheGate

FORMATS = "text|json|github|sarif|gitlab|junit|markdown"


MaxIssueRate = Annotated[
    float | None,
    options.share(
        "--max-issue-rate",
        doc="The gate: exit with 1 where more than this share of the labelled rows looks wrong. "
        "Default: only list them.",
    ),
]
MaxFalseFlags = Annotated[
    float | None,
    options.share(
        "--max-false-flags",
        doc="Flag rows so that at most this share of the flagged ones is expected to be right after all, "
        "by conformal p-values of trusted rows; instead of the confidence.",
    ),
]
Budget = Annotated[
    int | None,
    options.option(
        "--budget", min=1, metavar="N", doc="Flag the N worst rows that are not trusted; instead of the confidence."
    ),
]
MaxNoiseRate = Annotated[
    float | None,
    options.share(
        "--max-noise-rate",
        doc="A gate on evidence: exit with 1 where even the lower end of the noise rate's 95 % interval is above it.",
    ),
]
Baseline = Annotated[
    list[Path] | None,
    options.option(
        "--baseline",
        callback=options.placed,
        metavar="FILE",
        doc="Rows accepted before, which are no findings any more as long as they are not edited: what --format json "
        "wrote, a corrected.parquet, or a CSV or Parquet file with a column `id`. May be repeated.",
    ),
]
Show = Annotated[
    int | None,
    options.option(
        "--show",
        min=0,
        metavar="N",
        doc="Show the N worst rows. Default: 20 as text and Markdown, all of them as JSON. The other formats hold "
        "what their readers take: 10 on GitHub, 5,000 in SARIF and GitLab's report, 500 in JUnit's.",
    ),
]
OutputFormat = Annotated[
    list[str] | None,
    options.option(
        "--format",
        metavar="NAME|NAME=FILE",
        autocompletion=lambda: FORMATS.split("|"),
        doc=f"How findings are shown: {FORMATS.replace('|', ', ')}. With =FILE into a file. May be repeated; one goes "
        "to stdout. Default: text.",
    ),
]
Overwrite = Annotated[bool, options.switch("--overwrite", doc="Replace the files of --format that are there.")]
Against = Annotated[
    Path | None,
    options.option(
        "--against",
        callback=options.placed,
        metavar="RUN|FILE",
        doc="A gate on drift: exit with 1 where given labels or predicted classes have other shares than in this run "
        "or file of corrected labels, by more than chance makes and than --max-drift lets through.",
    ),
]
DriftLevel = Annotated[
    float | None,
    options.share("--drift-level", doc="With --against: how often like rows may be called drifted. Default: 0.001."),
]
MaxDrift = Annotated[
    float | None,
    options.share(
        "--max-drift",
        doc="With --against: the share of rows that may be of another class before it fails. Default: 0.05.",
    ),
]

IncludeTrusted = Annotated[
    bool,
    options.switch(
        "--include-trusted",
        doc="Also list trusted rows, whose labels a person has given. Default: they are left out of the list and of "
        "the rate.",
    ),
]


def flag(
    context: typer.Context,
    run: options.Run = None,
    corrected: options.Corrected = None,
    noisy: options.MovedNoisy = None,
    max_issue_rate: MaxIssueRate = None,
    min_confidence: options.OtherMinConfidence = None,
    max_false_flags: MaxFalseFlags = None,
    budget: Budget = None,
    max_noise_rate: MaxNoiseRate = None,
    baseline: Baseline = None,
    against: Against = None,
    drift_level: DriftLevel = None,
    max_drift: MaxDrift = None,
    include_trusted: IncludeTrusted = False,
    show: Show = None,
    output_format: OutputFormat = None,
    overwrite: Overwrite = False,
    config: options.Config = None,
) -> None:
    """List the rows whose labels look wrong, worst first; with --max-issue-rate exit with 1 if there are too many.

    Judges the rows that a run was trained on, but for trusted ones; or, with --corrected, new rows that
    `labelfix correct` scored.

    Whatever is not given here is taken from the table `gate` of labelfix.toml, so that the command in a job can be
    this alone.

    Exit codes: 0 at or below the gate, 1 above it, 2 for anything that went wrong.
    """
    from labelfix.cli.finished_run import finished_run
    from labelfix.cli.flag_formats import Outputs
    from labelfix.cli.flag_options import asked_of
    from labelfix.outputs import flags

    asked = asked_of(context)
    outputs = Outputs.of(asked.formats, asked.options.show)
    asked.options.refuse_unfit(of_run=asked.corrected is None)
    folder = finished_run(asked.run, config=config) if asked.corrected is None else None
    outputs.refuse_targets(context, asked, folder)
    voice = options.voice(context)
    judgement = flags.flag(folder or asked.corrected, outputs.needing(asked.options), voice.warn)
    outputs.write(judgement, voice)
    if judgement.passed is False:
        raise AboveTheGate
