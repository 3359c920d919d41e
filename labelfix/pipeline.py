"""The story of a run, one function per stage, read from top to bottom.

    read → represent → fit → correct → write

Each stage takes what the stages before it made, and nothing flows back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from labelfix.compute.checkpoints import Checkpoints
from labelfix.compute.freed_memory import give_back
from labelfix.compute.kept_blocks import in_parts
from labelfix.compute.ranks import joined_ranks, ranks
from labelfix.data.tables import Probabilities
from labelfix.errors import InputError, LabelfixError, OtherProcessError, TrainingError
from labelfix.evidence.gather import Evidence
from labelfix.evidence.picked import Drawn
from labelfix.evidence.side_columns import SideColumns
from labelfix.evidence.weighing import weigh
from labelfix.methods.fit import Fit, fit
from labelfix.models.learnt import can_learn
from labelfix.models.representation import Representation
from labelfix.models.trained import TrainedClassifier
from labelfix.outputs.exports import write_corrected
from labelfix.outputs.manifest import manifest, row_counts
from labelfix.outputs.own_inputs import find_input
from labelfix.outputs.summing_up import LEARNABLE
from labelfix.progress import Progress, Remembering
from labelfix.rounds.learn import Rounds
from labelfix.runs import RunFolder, RunOrigin, held, how_to_go_on, run_id, write_json
from labelfix.scoring.blocks import HeldBlocks
from labelfix.scoring.scorer import Scorer, with_what_is_known
from labelfix.settings.interval import CheckpointInterval
from labelfix.settings.run import TrainSettings, read_toml, to_plain, to_toml
from labelfix.start import Encoded, Start, prepare, represent


def train(
    noisy: Any,  # noqa: ANN401
    clean: Any,  # noqa: ANN401
    path: Path | None,
    overwrite: bool,
    settings: TrainSettings,
    progress: Progress,
) -> RunFolder:
    """Run all stages and write the run folder.

    The folder is made once the inputs are read and the backbone is there; a run that it replaces stands until the
    new one is written.

    Args:
        noisy: The noisy file, or a table in memory.
        clean: The trusted file or files, or a table in memory.
        path: Where the run goes; None for a new folder under `runs/`.
        overwrite: Replace the run that is there.

    Raises:
        LabelfixError: Anything that a person can fix; see `labelfix.errors`.
    """
    progress = Remembering(progress)
    with joined_ranks() as here:
        start = prepare(noisy, clean, settings, progress)
        begun = RunOrigin.by(noisy, clean, settings, start.contents, start.device.type)
        made = RunFolder.create(path, overwrite, begun.to_json()).path if here.first else Path()
        folder = RunFolder(Path(here.from_first(str(made))))
        with _held(folder):
            if here.first:
                folder.refuse_taken_over(begun.to_json())
            carry_out(start, folder, progress)
    return folder


def resume(path: Path, noisy: Any, clean: Any, options: Mapping[str, Any], progress: Progress) -> RunFolder:  # noqa: ANN401
    """Go on with an unfinished run; of a finished one, say so.

    Args:
        noisy: The noisy source again; None takes it by the name that it had.
        clean: The trusted ones, likewise.
        options: Settings given again, by their bare names.

    Raises:
        LabelfixError: There is no such run, something differs from what it was begun with, or as `train`.
    """
    folder = RunFolder.open_begun(path)
    if not folder.under_way and options.get("freeze") is False and folder.read_manifest().get("features") == LEARNABLE:
        return go_further(folder, noisy, clean, options, progress)
    if not folder.under_way:
        progress.say(f"{path}: this run is finished; nothing is left to do")
        folder.tidy()
        return folder
    begun = RunOrigin.from_json(folder.begun(), path)
    settings = begun.settings_with(options)
    noisy, clean = begun.sources(noisy, clean)
    progress = Remembering(progress)
    if Path.cwd() != Path(begun.directory):
        folder = RunFolder(path.absolute())
    with joined_ranks(), _held(folder), begun.working_directory():
        try:
            start = prepare(noisy, clean, settings, progress, begun)
        except InputError as error:
            error.add_note(f"these are the inputs that {path} was begun with")
            raise
        carry_out(start, folder, progress)
    return folder


def go_further(folder: RunFolder, noisy: Any, clean: Any, options: Mapping[str, Any], progress: Progress) -> RunFolder:  # noqa: ANN401
    """Go on from a finished run on fixed features: learn features (`labelfix.rounds`). That run stands meanwhile.

    Arguments as for `resume`.
    """
    settings = RunOrigin.further(read_toml(folder.settings), options)
    (ours,) = find_input(folder, "noisy", noisy).needed().names
    theirs = find_input(folder, "clean", clean).needed().names
    progress = Remembering(progress)
    with joined_ranks() as here, _held(folder):
        start = prepare(ours, list(theirs), settings, progress)
        begun = RunOrigin.by(ours, list(theirs), settings, start.contents, start.device.type)
        if here.first:
            folder.go_on(folder, begun.to_json())
        here.wait()
        carry_out(start, folder, progress)
    return folder


def _features_of(settings: TrainSettings, representation: Representation) -> str:
    """Whether features were learned, can be learned from here on (`go_further`), or neither."""
    if settings.learns_features and representation.frozen:
        return "learnt"
    begins = replace(settings, model=replace(settings.model, freeze=False)).learns_features
    return LEARNABLE if begins and representation.frozen and can_learn(representation) else "fixed"


def _held(folder: RunFolder) -> AbstractContextManager[object]:
    """The run is this process's, or that of the first one among several that train together."""
    return held(folder.path) if ranks().first else nullcontext()


def carry_out(start: Start, folder: RunFolder, progress: Remembering) -> None:
    """The stages that have a folder to write to.

    Raises:
        LabelfixError: As `train`; where something was kept to go on with, the message says so.
    """
    checkpoints = Checkpoints(
        folder.checkpoints, CheckpointInterval.parse(start.settings.compute.checkpoint_every), progress
    )
    try:
        train_on(start, folder, checkpoints, progress)
    except LabelfixError as error:
        kept = checkpoints.kept()
        if kept is None:
            if ranks().first:
                folder.discard()
        elif isinstance(error, OtherProcessError):
            error.args = (f"{error}; {how_to_go_on(folder.path)}",)
        elif isinstance(error, TrainingError):
            again = "to try other settings, begin a new run (another --out, or --overwrite)"
            error.add_note(f"the last good checkpoint is kept in {kept}; {again}")
        else:
            error.add_note(f"{folder.path} is kept; {how_to_go_on(folder.path)}")
        raise


OF_GIVEN = "noise", "guarantee"
"""Figures of the given labels alone."""


@dataclass(frozen=True)
class Known:
    """What a run on fixed features says of given labels: all trusted rows could judge there, whatever is learned later.

    Attributes:
        figures: Those of `OF_GIVEN`; empty where nothing could judge.
    """

    figures: Mapping[str, Any]
    p_value: Probabilities | None
    drawn: Drawn


def train_on(start: Start, folder: RunFolder, checkpoints: Checkpoints, progress: Remembering) -> None:
    """Encode, fit, correct, write; and where features are to be learned, learn them, and all of it again."""
    reading, settings, device, watch = start.reading, start.settings, start.device, start.watch
    with watch.stage("represent"):
        encoded = represent(reading.data, start.representation, settings, progress)
    with watch.stage("fit"):
        rows = encoded.noisy, encoded.clean
        made = fit(reading.data, encoded.representation, rows, settings, device, checkpoints, progress, start.described)
    if not start.learns_features:
        correct(folder, start, encoded, made, checkpoints, progress)
        return
    fixed = replace(start, settings=settings.before_learning)
    first = correct(folder, fixed, encoded, made, checkpoints, progress, goes_on=True)
    with watch.stage("learn features"):
        learnt = Rounds.of(start, made, encoded, checkpoints, progress).run()
    rounds = {"rounds": learnt.figures}
    correct(folder, start, learnt.encoded, learnt.made, checkpoints, progress, rounds, first)


def correct(
    folder: RunFolder,
    start: Start,
    encoded: Encoded,
    made: Fit,
    checkpoints: Checkpoints,
    progress: Remembering,
    figures: Mapping[str, Any] | None = None,
    first: Known | None = None,
    goes_on: bool = False,
) -> Known:
    """Judge a fit, correct all rows by it, and write the run.

    Args:
        figures: More for `metrics.json`.
        first: What is known of the given labels; None where the fit is to say it.
        goes_on: Whether the run goes on once this is written; where it stands already, it is not written again.

    Returns:
        What is known of the given labels.
    """
    reading, settings = start.reading, start.settings
    with start.watch.stage("judge"):
        weighed = weigh(made, reading.data, settings, progress, None if first is None else first.drawn)
    evidence, sides = weighed.evidence, weighed.sides
    if first is not None:
        evidence = replace(evidence, figures={**evidence.figures, **first.figures})
        sides = replace(sides, p_value=first.p_value)
    fitted = replace(evidence.fitted, metrics={**evidence.fitted.metrics, **(figures or {})})
    threshold = fitted.min_confidence if settings.min_confidence is None else settings.min_confidence
    progress.say(f"labels are changed from a confidence of {threshold:g} on")
    predictor = encoded.representation.predictor(fitted.classifier, start.device)
    classifier = TrainedClassifier(encoded.representation, predictor, reading.data.classes, fitted.temperature)
    begun = folder.begun() if goes_on else None
    if not (goes_on and folder.stands):
        evidence = replace(evidence, fitted=fitted)
        start = replace(start, reading=replace(reading, data=weighed.drawn.in_file(reading.data, made.clean)))
        write(folder, start, encoded, classifier, evidence, sides, threshold, checkpoints, progress, begun)
    known = {name: evidence.figures[name] for name in OF_GIVEN if name in evidence.figures}
    return Known(known, sides.p_value, weighed.drawn)


def write(
    folder: RunFolder,
    start: Start,
    encoded: Encoded,
    classifier: TrainedClassifier,
    evidence: Evidence,
    sides: SideColumns,
    threshold: float,
    checkpoints: Checkpoints,
    progress: Remembering,
    begun: Mapping[str, Any] | None = None,
) -> None:
    """Correct every row and write everything into the run folder, `run.json` last.

    `begun` is what a run was begun with that goes on from here; None where this is its end.
    """
    give_back()
    reading, settings, watch, fitted = start.reading, start.settings, start.watch, evidence.fitted
    contents = [start.contents["noisy"], start.contents["clean"]]
    settled = {name: value for name, value in to_plain(settings).items() if name not in ("compute", "seed")}
    identity = run_id(settled, contents, settings.seed)
    kept = partial(in_parts, checkpoints.part("scored" if begun is None else "scored-before-learning"), progress)
    scorer = Scorer(classifier, fitted.corrector, threshold, identity, folder.path / "parts", kept=kept)
    blocks = scorer.corrected(HeldBlocks(reading.data.noisy, encoded.noisy), progress)
    if not ranks().first:
        deque(blocks, maxlen=0)
        ranks().wait()
        return
    with folder.writing() as new:
        with watch.stage("correct"):
            labels = with_what_is_known(blocks, reading.data, sides)
            columns = reading.columns
            actions = write_corrected(
                new.corrected, labels, columns.spec, columns.id, settings.soft_top_k, settings.data.encoding
            )
        with watch.stage("write"):
            classifier.save(new.classifier)
            new.corrector.mkdir()
            fitted.corrector.save(new.corrector)
            if evidence.judges is not None:
                new.judges.mkdir()
                evidence.judges.save(new.judges)
            new.settings.write_text(to_toml(settings), encoding="utf-8")
            pq.write_table(fitted.history, new.history)
        counts = row_counts(reading.data, actions)
        figures = {**fitted.metrics, "evidence": evidence.figures}
        write_json(new.metrics, {"counts": counts, **figures, "seconds": watch.seconds})
        about = manifest(reading, identity, threshold, contents, settings)
        about |= {"counts": counts, "representation": encoded.representation.description, "seconds": watch.seconds}
        about["features"] = _features_of(settings, encoded.representation)
        about["warnings"] = progress.warnings
        if "verdict" in evidence.figures:
            about["verdict"] = evidence.figures["verdict"]
        folder.finish(new, about)
        if begun is not None:
            folder.go_on(new, begun)
    ranks().wait()
