"""`labelfix flag`: the gate for continuous integration. Imports nothing heavy: it may run on every commit."""

from __future__ import annotations

import enum
from dataclasses import replace
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
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """List the rows whose labels look wrong, worst first; with --max-issue-rate exit with 1 if there are too many.

    Judges the rows that a run was trained on, but for trusted ones; or, with --corrected, new rows that
    `labelfix correct` scored.
    Exit codes: 0 at or below the gate, 1 above it, 2 for anything that went wrong.
    """
    _refuse_unfit(context)

    from labelfix.outputs import gate
    from labelfix.outputs.baseline import read_accepted
    from labelfix.outputs.chosen import by_budget, by_guarantee
    from labelfix.outputs.corrected_rows import corrected_metadata, evidence_of, open_corrected
    from labelfix.outputs.own_inputs import find_rows
    from labelfix.outputs.snippets import look_up, look_ups_tell
    from labelfix.outputs.trust import noise_rate, of_new_rows, read_evidence, trusted_mask
    from labelfix.runs import RunFolder

    folder = RunFolder.open_finished(run) if corrected is None else None
    path = folder.corrected if folder is not None else corrected
    assert path is not None
    rows = open_corrected(path)
    accepted = frozenset[str]().union(*map(read_accepted, baseline or ()))
    source = str(path if folder is None else folder.path)
    known = read_evidence(folder) if folder is not None else evidence_of(rows)
    trusted = trusted_mask(folder.read_manifest(), len(rows)) if folder is not None else None
    chosen = None
    if max_false_flags is not None:
        chosen = by_guarantee(rows, source, known, max_false_flags, folder is not None)
    elif budget is not None:
        chosen = by_budget(rows, budget, trusted)
    shown = _shown(output_format, show)
    judgement = gate.judge(
        rows, source, max_issue_rate, min_confidence, accepted, shown, chosen, trusted, include_trusted
    )
    if max_noise_rate is not None:
        rate = noise_rate(known, source, folder is not None)
        judgement = replace(judgement, noise_rate=rate, max_noise_rate=max_noise_rate)
    if folder is None and (max_noise_rate is not None or max_false_flags is not None):
        judgement = replace(judgement, assumptions=of_new_rows(known), new_rows=known.get("new_rows"))
    voice = options.voice(context)
    about = corrected_metadata(rows)
    files = dict.fromkeys(found.file for found in judgement.findings)
    if look_ups_tell(about, files):
        places, lost = find_rows(files, folder, path, noisy)
        if lost:
            voice.warn(lost)
        judgement = gate.with_details(judgement, lambda found: look_up(found, about, places))
    if output_format is Format.json:
        voice.data(gate.as_json(judgement))
    elif output_format is Format.github:
        voice.data(gate.as_github(judgement))
    else:
        voice.data(gate.as_text(judgement))
    if judgement.passed is False:
        raise typer.Exit(ABOVE_THE_GATE)


def _refuse_unfit(context: typer.Context) -> None:
    """Refuse flags that do not go together.

    Raises:
        SettingsError: There are such flags.
    """
    given = context.params
    corrected, budget, share = given["corrected"], given["budget"], given["max_false_flags"]
    if given["run"] is not None and corrected is not None:
        raise SettingsError("--run and --corrected: give one of them; --corrected FILE judges that file, not the run")
    ways = {"--min-confidence": given["min_confidence"], "--max-false-flags": share, "--budget": budget}
    if sum(value is not None for value in ways.values()) > 1:
        raise SettingsError(f"{', '.join(ways)}: give one of them; each says by itself which rows are flagged")
    if share == 0:
        raise SettingsError("--max-false-flags 0: nothing could be flagged; give a share above 0, such as 0.1")
    alone = {"--budget": budget, "--max-false-flags": share, "--corrected": corrected}
    against = next((flag for flag, value in alone.items() if value is not None), None)
    if given["include_trusted"] and against:
        raise SettingsError(f"--include-trusted: goes with a run and a confidence only; leave it or {against} out")


def _shown(output_format: Format, show: int | None) -> int | None:
    """How many findings a format shows; None for all."""
    if output_format is Format.github:
        from labelfix.outputs.gate import GITHUB_ANNOTATIONS

        return GITHUB_ANNOTATIONS
    if show is not None:
        return show
    return None if output_format is Format.json else SHOW
