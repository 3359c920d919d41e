"""`labelfix train`: learn from noisy and trusted rows, and write a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from labelfix import runs
from labelfix.cli import options
from labelfix.cli.commands import requires, with_options
from labelfix.cli.evaluate import share
from labelfix.cli.option_groups import READING, SETTINGS, TRAINING, TRAINING_COLUMNS
from labelfix.cli.targets import given_inputs
from labelfix.cli.terminal import Voice
from labelfix.errors import SettingsError
from labelfix.outputs.stage import duration
from labelfix.outputs.summing_up import LEARNABLE, go_further, next_step
from labelfix.settings.remote_names import without_secrets

if TYPE_CHECKING:
    from labelfix.api import Run
    from labelfix.progress import Progress


@requires("noisy", "clean", heading="Required, here or in labelfix.toml; not with --resume")
@with_options(TRAINING_COLUMNS, READING, TRAINING, SETTINGS)
def train(
    context: typer.Context,
    noisy: options.Noisy = None,
    clean: options.Clean = None,
    resume: options.Resume = None,
    out: options.RunOut = None,
    overwrite: options.OverwriteRun = False,
) -> None:
    """Learn from noisy and trusted rows; write corrected labels and a classifier into a run folder."""
    if resume is not None:
        _go_on(context, resume, noisy, clean, out, overwrite)
        return
    voice = options.voice(context)
    resolved = options.settings_of(context)
    settings, named = resolved.settings, resolved.sources
    noisy, clean = options.inputs_needed(noisy, clean, named, settings.data.several)
    path = out or (Path(named.out) if named.out else runs.default_path())
    runs.refuse_inputs(path, [*given_inputs(context), *runs.named(noisy, clean, *settings.data.files.values())])
    runs.refuse_taken(path, overwrite)
    voice.left_behind = lambda: _left_behind(path)

    voice.begin(f"reading {' and '.join(map(without_secrets, (noisy, *clean)))}")
    with voice.loading():
        from labelfix import api

    progress = voice.progress(brief=True)
    run = api.train(noisy, clean, path, settings=settings, overwrite=overwrite, progress=progress)
    _done(voice, run, path, progress)


def _go_on(
    context: typer.Context, path: Path, noisy: str | None, clean: list[str] | None, out: Path | None, overwrite: bool
) -> None:
    """`--resume`."""
    if overwrite:
        raise SettingsError("--resume goes on with a run and --overwrite replaces it; give one of them")
    if out is not None and out.resolve() != path.resolve():
        raise SettingsError(f"--out {out} is not the run of --resume {path}; leave --out away, or begin a new run")
    voice = options.voice(context)
    folder = runs.RunFolder.open_begun(path)
    learns = not folder.under_way and context.params["freeze"] is False
    further = learns and folder.read_manifest().get("features") == LEARNABLE
    if not (folder.under_way or further):
        folder.tidy()
        voice.note(f"{path}: this run is finished; nothing is left to do")
        voice.data(str(path))
        return
    method = "mlc" if further else runs.RunOrigin.from_json(folder.begun(), path).settings["method"]
    given = options.given_again(context, method)
    voice.left_behind = lambda: _left_behind(path)

    voice.begin(f"going on with {path}")
    with voice.loading():
        from labelfix import api

    progress = voice.progress(brief=True)
    run = api.resume(path, noisy, clean or None, progress=progress, **given)
    _done(voice, run, path, progress)


def _done(voice: Voice, run: Run, path: Path, progress: Progress) -> None:
    folded = getattr(progress, "folded", None)
    if folded is not None and folded.rest():
        voice.warn(folded.rest())
    manifest, metrics = run.manifest, run.metrics
    verdict, right = manifest.get("verdict"), metrics.get("classifier_right")
    if voice.verbose and right and right["rows"]:
        voice.note(f"classifier right on {right['judged_on']}: {share(right).strip()}")
    noise = metrics.get("evidence", {}).get("noise")
    if voice.verbose and noise and noise["coverage"]:
        from labelfix.data.labels.noise_rate import rate_line

        voice.note(f"wrong given labels: {rate_line(noise['rate'], noise['how'])}")
    seconds = duration(sum(manifest["seconds"].values()))
    voice.note(f"corrected labels: {path / run.folder.corrected.name} (after {seconds})")
    voice.note(run.result)
    voice.note(next_step(verdict, str(path), manifest["data"]["noisy"]))
    from labelfix.rounds.teachers import LEAST

    further = go_further(manifest.get("features", ""), str(path))
    if further and manifest["counts"]["clean"] >= LEAST:
        voice.note(further)
    voice.data(str(path))


def _left_behind(path: Path) -> str:
    """What an interrupted or broken command leaves: a run that can go on, or nothing."""
    folder = runs.RunFolder(path)
    if folder.stands:
        return f"{path} holds the run on fixed features, which is finished; {runs.how_to_go_on(path)}"
    if folder.under_way:
        return f"{path} is unfinished; {runs.how_to_go_on(path)}"
    return ""
