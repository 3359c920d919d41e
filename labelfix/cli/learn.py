"""`labelfix learn`: train again on what people decided, and show what that changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelfix.cli import common_options as options
from labelfix.cli.finished_run import finished_run
from labelfix.errors import SettingsError
from labelfix.runs import RunFolder, refuse_taken

LearnOut = Annotated[
    Path | None,
    options.option("--out", metavar="DIR", doc="Where the new run goes. Default: run-2 beside run, and so on."),
]


def learn(
    context: typer.Context,
    run: options.Run = None,
    noisy: options.MovedNoisy = None,
    out: LearnOut = None,
    overwrite: options.Overwrite = False,
    offline: options.Offline = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train a run again with people's decisions (labelfix review) as further trusted rows; the old run stays.

    Rows that were chosen because they look wrong train, and judge nothing, as they are harder than others; those at the
    beginning of the random queue also judge. At the end the two runs' ledgers stand side by side.
    """
    from labelfix.cli.app import run as run_command
    from labelfix.outputs.answered import compared, write_decided
    from labelfix.outputs.train_again import train_again

    voice = options.voice(context)
    folder = finished_run(run, context)
    if out is not None:
        refuse_taken(out, overwrite)
    path, rows, sampled = write_decided(folder)
    words = list(train_again(folder, noisy, path))
    if not words:
        what = "the run cannot be trained again by a command (its files are gone, or were tables in memory, or images)"
        raise SettingsError(f"{what}; give labelfix train its files and --clean {path} beside the trusted ones")
    if out is not None:
        words[-1] = str(out)
    flags = {"--overwrite": overwrite, "--offline": bool(offline), "--quiet": quiet, "--verbose": verbose}
    voice.note(f"{rows:,} rows that people decided; all train, {judging(sampled)}: {path}")
    code = run_command([*words[1:], *(flag for flag, wanted in flags.items() if wanted)], voice)
    if code:
        raise typer.Exit(code)
    for line in compared(folder, RunFolder.open_finished(Path(words[-1]))):
        voice.note(line)


def judging(sampled: int) -> str:
    """How many of the decided rows also judge, in words."""
    if not sampled:
        return "none judges, as only rows of the random queue do"
    return f"{sampled:,} of the random queue also {'judges' if sampled == 1 else 'judge'}"
