"""The story of a run, one function per stage, read from top to bottom.

    read → represent → fit → correct → write

Each stage takes what the stages before it made, and nothing flows back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from labelfix.compute.checkpoints import Checkpoints
from labelfix.compute.ranks import ranks, together
from labelfix.compute.threads import one_thread
from labelfix.data.inputs import SelectedInputs
from labelfix.data.row_order import RowOrder
from labelfix.data.tables import Codes, LabelTable, Probabilities, TrainingData
from labelfix.errors import LabelfixError, OtherProcessError, TrainingError
from labelfix.evidence.checks import Checks, side_checks
from labelfix.evidence.doubts import Doubt
from labelfix.evidence.gather import Evidence, judge, passes
from labelfix.heads.stages import judging_stage
from labelfix.methods.fit import Fit, fit
from labelfix.models.features import Inputs, select
from labelfix.models.representation import Representation
from labelfix.models.trained import TrainedClassifier
from labelfix.networks.loop import outputs
from labelfix.outputs.exports import write_corrected
from labelfix.outputs.manifest import manifest, row_counts
from labelfix.progress import Progress, counted
from labelfix.runs import Begun, RunFolder, held, how_to_go_on, run_id, write_json
from labelfix.scoring.scorer import HeldBlocks, Scorer, SideColumns, with_what_is_known
from labelfix.settings.interval import Interval
from labelfix.settings.run import TrainSettings, to_plain, to_toml
from labelfix.start import Start, prepare


@dataclass(frozen=True)
class Encoded:
    """Rows as the classifier reads them.

    Attributes:
        representation: How they were encoded.
        noisy: All N rows of the noisy file.
        clean: All M trusted rows.
    """

    representation: Representation
    noisy: Inputs
    clean: Inputs


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
        settings: Everything else.
        progress: Told what happens.

    Raises:
        LabelfixError: Anything that a person can fix; see `labelfix.errors`.
    """
    with together() as here:
        start = prepare(noisy, clean, settings, progress)
        begun = Begun.by(noisy, clean, settings, start.contents, start.device.type)
        made = RunFolder.create(path, overwrite, begun.to_json()).path if here.first else Path()
        folder = RunFolder(Path(here.from_first(str(made))))
        with _held(folder):
            carry_out(start, folder, progress)
    return folder


def resume(path: Path, noisy: Any, clean: Any, options: Mapping[str, Any], progress: Progress) -> RunFolder:  # noqa: ANN401
    """Go on with an unfinished run; of a finished one, say so.

    Args:
        path: The run folder.
        noisy: The noisy source again; None takes it by the name that it had.
        clean: The trusted ones, likewise.
        options: Settings given again, by their bare names.
        progress: Told what happens.

    Raises:
        LabelfixError: There is no such run, something differs from what it was begun with, or as `train`.
    """
    folder = RunFolder.open_begun(path)
    if not folder.under_way:
        progress.say(f"{path}: this run is finished; nothing is left to do")
        folder.tidy()
        return folder
    begun = Begun.from_json(folder.begun(), path)
    settings = begun.settings_with(options)
    noisy, clean = begun.sources(noisy, clean)
    if Path.cwd() != Path(begun.directory):
        folder = RunFolder(path.absolute())
    with together(), _held(folder), begun.working_directory():
        carry_out(prepare(noisy, clean, settings, progress, begun), folder, progress)
    return folder


def _held(folder: RunFolder) -> AbstractContextManager[object]:
    """The run is this process's, or that of the first one among several that train together."""
    return held(folder.path) if ranks().first else nullcontext()


def carry_out(start: Start, folder: RunFolder, progress: Progress) -> None:
    """The stages that have a folder to write to.

    Raises:
        LabelfixError: As `train`; where something was kept to go on with, the message says so.
    """
    checkpoints = Checkpoints(folder.checkpoints, Interval.parse(start.settings.compute.checkpoint_every), progress)
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


def train_on(start: Start, folder: RunFolder, checkpoints: Checkpoints, progress: Progress) -> None:
    """Encode, fit, correct, write."""
    reading, settings, device, watch = start.reading, start.settings, start.device, start.watch
    with watch.stage("represent"):
        encoded = represent(reading.data, start.representation, settings, progress)
    with watch.stage("fit"):
        rows = encoded.noisy, encoded.clean
        made = fit(reading.data, encoded.representation, rows, settings, device, checkpoints, progress, start.described)
    with watch.stage("judge"):
        evidence, sides = weigh(made, reading.data, settings, progress)
    fitted = evidence.fitted
    threshold = fitted.min_confidence if settings.min_confidence is None else settings.min_confidence
    progress.say(f"labels are changed from a confidence of {threshold:g} on")
    predictor = encoded.representation.predictor(fitted.classifier, device)
    classifier = TrainedClassifier(encoded.representation, predictor, reading.data.classes, fitted.temperature)
    write(folder, start, encoded.noisy, classifier, evidence, sides, threshold, progress)


def weigh(made: Fit, data: TrainingData, settings: TrainSettings, progress: Progress) -> tuple[Evidence, SideColumns]:
    """Calibrate the fit, gather what trusted rows say of it, and put all of it in the order of the noisy table."""
    threads = one_thread() if made.problem.family in ("head", "network") else nullcontext()
    total = passes(made.problem, made.model) + (len(made.problem.given) if settings.side_checks else 0)
    with threads, counted(progress, "check against trusted rows", total):
        evidence = judge(made.problem, made.model, settings, data.classes, progress)
        repeated = checked(made) if settings.side_checks else None
    figures = evidence.figures
    if evidence.fitted.held is not None:
        rows = made.clean.rows[evidence.fitted.held.rows]
        figures = figures | {"doubted": [doubted(data.clean, int(rows[each.row]), each) for each in evidence.doubted]}
    if repeated is not None:
        paired = int((data.paired_given >= 0).sum())
        figures = figures | {"checks": repeated.to_json(data.classes.names, paired)}
    return replace(evidence, figures=figures), side_columns(made.noisy, evidence, repeated)


def checked(made: Fit) -> Checks:
    """Repeated rows and outliers among the noisy rows, by fixed features or by h(x) of the network."""
    problem = made.problem

    def hidden(inputs: Inputs, rows: Codes) -> Probabilities:
        return outputs(made.model.classifier, inputs, rows, problem.device)[1]

    def look() -> dict[str, np.ndarray]:
        order, view = made.noisy.rows, None if problem.family == "head" else hidden
        rows = problem.noisy, problem.given, order, problem.clean, problem.truth
        return side_checks(*rows, problem.num_classes, view).to_arrays()

    return Checks.from_arrays(judging_stage(problem.checkpoints, "side-checks", look))


def side_columns(order: RowOrder, evidence: Evidence, repeated: Checks | None) -> SideColumns:
    """What was found of the noisy training rows, as columns of the whole noisy table."""
    own = evidence.fitted.own_rows
    return SideColumns(
        p_value=None if evidence.p_values is None else order.to_file(evidence.p_values.astype(np.float32), np.nan),
        duplicate_of=None if repeated is None else order.to_file(repeated.duplicate_of, -1),
        outlier_score=None if repeated is None else order.to_file(repeated.outlier_score, np.nan),
        own=None if own is None else order.to_file(own.soft, np.nan),
    )


def doubted(clean: LabelTable, row: int, doubt: Doubt) -> dict[str, Any]:
    """A trusted row whose label looks wrong, as plain values."""
    return {
        "id": clean.ids[row].as_py(),
        "file": clean.files[clean.file_index[row]],
        "row": int(clean.row_number[row]),
        "label": clean.classes.name(int(clean.codes[row])),
        "suggested": clean.classes.name(doubt.suggested),
        "probability": round(doubt.probability, 6),
    }


def represent(
    data: TrainingData, representation: Representation, settings: TrainSettings, progress: Progress
) -> Encoded:
    """Turn raw inputs into what the classifier reads; trusted rows without inputs of their own take the noisy row's."""
    assert data.noisy.inputs is not None
    noisy = representation.encode(data.noisy.inputs, settings.compute, progress)
    clean = data.clean.inputs
    assert clean is not None
    if isinstance(clean, SelectedInputs) and clean.parent is data.noisy.inputs:
        return Encoded(representation, noisy, select(noisy, clean.rows))
    return Encoded(representation, noisy, representation.encode(clean, settings.compute, progress))


def write(
    folder: RunFolder,
    start: Start,
    noisy: Inputs,
    classifier: TrainedClassifier,
    evidence: Evidence,
    sides: SideColumns,
    threshold: float,
    progress: Progress,
) -> None:
    """Correct every row and write everything into the run folder, `run.json` last."""
    reading, settings, watch, fitted = start.reading, start.settings, start.watch, evidence.fitted
    contents = [start.contents["noisy"], start.contents["clean"]]
    settled = {name: value for name, value in to_plain(settings).items() if name not in ("compute", "seed")}
    identity = run_id(settled, contents, settings.seed)
    scorer = Scorer(classifier, fitted.corrector, threshold, identity, folder.path / "parts")
    blocks = scorer.corrected(HeldBlocks(reading.data.noisy, noisy), progress)
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
        about |= {"counts": counts, "representation": start.representation.description, "seconds": watch.seconds}
        about["warnings"] += fitted.warnings
        if "verdict" in evidence.figures:
            about["verdict"] = evidence.figures["verdict"]
        folder.finish(new, about)
    ranks().wait()
