"""`labelfix flag`: the gate for continuous integration. Imports nothing heavy: it may run on every commit."""

from __future__ import annotations

import enum
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import options
from labelfix.errors import SettingsError

SHOW = 20
ABOVE_THE_GATE = 1


class Format(enum.StrEnum):
    """How findings are shown."""

    text = "text"
    json = "json"
    github = "github"


MaxIssueRate = Annotated[
    float | None,
    typer.Option(
        "--max-issue-rate",
        min=0.0,
        max=1.0,
        metavar="SHARE",
        show_default=False,
        help="The gate: exit with 1 where more than this share of the labelled rows looks wrong. "
        "Default: only list them.",
    ),
]
MaxFalseFlags = Annotated[
    float | None,
    typer.Option(
        "--max-false-flags",
        min=0.0,
        max=1.0,
        metavar="SHARE",
        show_default=False,
        help="Flag rows so that at most this share of the flagged ones is expected to be right after all, "
        "by conformal p-values of trusted rows; instead of the confidence.",
    ),
]
Budget = Annotated[
    int | None,
    typer.Option(
        "--budget",
        min=1,
        metavar="N",
        show_default=False,
        help="Flag the N worst rows that are not trusted; instead of the confidence.",
    ),
]
MaxNoiseRate = Annotated[
    float | None,
    typer.Option(
        "--max-noise-rate",
        min=0.0,
        max=1.0,
        metavar="SHARE",
        show_default=False,
        help="A gate on evidence: exit with 1 where even the lower end of the noise rate's 95 % interval is above it.",
    ),
]
Baseline = Annotated[
    list[Path] | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        show_default=False,
        help="Rows accepted before, which are no findings any more: a CSV or Parquet file with a column `id`, "
        "a corrected.parquet, or what --format json wrote. May be repeated.",
    ),
]
Show = Annotated[
    int | None,
    typer.Option(
        "--show",
        min=0,
        metavar="N",
        show_default=False,
        help=f"Show the N worst rows. Default: {SHOW} as text, all of them as JSON; GitHub shows ten.",
    ),
]
OutputFormat = Annotated[
    Format, typer.Option("--format", help="Lines for people, JSON, or annotations for GitHub Actions.")
]


IncludeTrusted = Annotated[
    bool,
    typer.Option(
        "--include-trusted",
        metavar="",
        help="Also list trusted rows, whose labels a person has given. Default: they are left out of the list and of "
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
    include_trusted: IncludeTrusted = False,
    show: Show = None,
    output_format: OutputFormat = Format.text,
    offline: options.Offline = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """List the rows whose labels look wrong, worst first; with --max-issue-rate exit with 1 if there are too many.

    Judges the rows that a run was trained on, but for trusted ones; or, with --corrected, new rows that
    `labelfix correct` scored.

    Exit codes: 0 at or below the gate, 1 above it, 2 for anything that went wrong.
    """
    if run is not None and corrected is not None:
        raise SettingsError("--run and --corrected: give one of them; --corrected FILE judges that file, not the run")

    from labelfix.outputs import flags, gate
    from labelfix.runs import RunFolder

    asked = flags.FlagOptions(
        max_issue_rate=max_issue_rate,
        min_confidence=min_confidence,
        max_false_flags=max_false_flags,
        budget=budget,
        max_noise_rate=max_noise_rate,
        baseline=baseline or (),
        include_trusted=include_trusted,
        show=_shown(output_format, show),
        noisy=noisy,
    )
    asked.refuse_unfit(of_run=corrected is None)
    voice = options.voice(context)
    judgement = flags.flag(RunFolder.open_finished(run) if corrected is None else corrected, asked, voice.warn)
    if output_format is Format.json:
        voice.data(*gate.as_json(judgement).splitlines())
    elif output_format is Format.github:
        voice.commands(gate.as_github(judgement))
    else:
        columns = shutil.get_terminal_size().columns  # 80 where there is no terminal
        voice.data(*gate.as_text(judgement, columns, sys.stdout.isatty()).splitlines())
    if judgement.passed is False:
        raise typer.Exit(ABOVE_THE_GATE)


def _shown(output_format: Format, show: int | None) -> int | None:
    """How many findings a format shows; None for all."""
    if output_format is Format.github:
        from labelfix.outputs.gate import GITHUB_ANNOTATIONS

        return GITHUB_ANNOTATIONS
    if show is not None:
        return show
    return None if output_format is Format.json else SHOW
