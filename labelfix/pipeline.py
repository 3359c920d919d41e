"""The story of a run, one function per stage, read from top to bottom.

    read → represent → fit → correct → write

Each stage takes what the stages before it made, and nothing flows back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch

from labelfix.correction.base import Corrector, Family, FittedModel, OwnRows, Problem
from labelfix.correction.network import softmax
from labelfix.data.inputs import SelectedInputs
from labelfix.data.read import Reading, read_training
from labelfix.data.tables import UNLABELLED, Codes, CorrectedLabels, LabelTable, Probabilities, TrainingData
from labelfix.devices import one_thread, pick_device
from labelfix.errors import LabelfixError, SettingsError
from labelfix.methods.table import METHODS
from labelfix.models.features import Inputs, by_content, select
from labelfix.models.representation import Representation, choose_representation
from labelfix.models.trained import TrainedClassifier
from labelfix.outputs.exports import write_corrected
from labelfix.outputs.manifest import manifest, row_counts
from labelfix.progress import Progress
from labelfix.runs import RunFolder, atomic_path, run_id, write_json
from labelfix.settings.run import TrainSettings, to_plain, to_toml


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


@dataclass
class Stopwatch:
    """Seconds per stage, in the order of the stages."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - started, 3)


def train(
    noisy: Any,  # noqa: ANN401
    clean: Any,  # noqa: ANN401
    path: Path | None,
    overwrite: bool,
    settings: TrainSettings,
    progress: Progress,
) -> RunFolder:
    """Run all stages and write the run folder.

    The folder is made, and the run that it replaces removed, once the inputs are read and the backbone is there.

    Args:
        noisy: The noisy file, or a table in memory.
        clean: The trusted file or files, or a table in memory.
        path: Where the run goes; None for a new folder under `runs/`.
        overwrite: Replace the run that is there.
        settings: Everything else.
        progress: Told what happens.

    Raises:
        LabelfixError: Anything that a person can mend; see `labelfix.errors`.
    """
    watch = Stopwatch()
    with watch.stage("read"):
        reading = read(noisy, clean, settings, progress)
    device = pick_device(settings.compute.device)
    with watch.stage("represent"):
        representation = choose(reading.data, settings, device, progress)
    folder = RunFolder.create(path, overwrite)
    try:
        train_on(reading, representation, folder, settings, device, progress, watch)
    except LabelfixError:
        folder.discard()
        raise
    return folder


def train_on(
    reading: Reading,
    representation: Representation,
    folder: RunFolder,
    settings: TrainSettings,
    device: torch.device,
    progress: Progress,
    watch: Stopwatch,
) -> None:
    """The stages that have a folder to write to."""
    with watch.stage("represent"):
        encoded = represent(reading.data, representation, settings, progress)
    with watch.stage("fit"):
        fitted = fit(reading.data, encoded, settings, device, progress)
    threshold = fitted.min_confidence if settings.min_confidence is None else settings.min_confidence
    progress.say(f"labels are changed from a confidence of {threshold:g} on")
    classifier = TrainedClassifier(encoded.representation, fitted.classifier, reading.data.classes, fitted.temperature)
    with watch.stage("correct"):
        labels = correct(reading.data.noisy, encoded.noisy, classifier, fitted.corrector, threshold, device, progress)
        labels = with_own_rows(labels, fitted, reading.data)
        labels = with_trusted_labels(labels, reading.data)
    write(folder, reading, encoded, classifier, fitted, labels, settings, watch)


def read(noisy: Any, clean: Any, settings: TrainSettings, progress: Progress) -> Reading:  # noqa: ANN401
    """Read both files, find every defect, join; say what was inferred."""
    sources = [noisy, *clean] if isinstance(clean, list | tuple) else [noisy, clean]
    if settings.compute.offline and any(isinstance(s, str) and s.startswith("hub:") for s in sources):
        raise SettingsError("--offline forbids hub: sources; name a local file or folder, or leave --offline out")
    reading = read_training(noisy, clean, settings.data, settings.compute.read_rows)
    for note in reading.notes:
        progress.say(note)
    for warning in reading.warnings:
        progress.warn(str(warning))
    return reading


def choose(data: TrainingData, settings: TrainSettings, device: torch.device, progress: Progress) -> Representation:
    """Settle what the classifier reads, and load or fit what makes that of raw inputs."""
    assert data.noisy.inputs is not None
    return choose_representation(data.noisy.inputs, settings.model, settings.compute, device, progress)


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


def fit(
    data: TrainingData, encoded: Encoded, settings: TrainSettings, device: torch.device, progress: Progress
) -> FittedModel:
    """Train the method on the labelled noisy rows that are not trusted, and on the trusted ones.

    Both are put in an order of their contents, so that the same rows give the same result in any order and format.
    """
    rows = data.noisy_rows
    rows = by_content(encoded.noisy, rows, data.noisy.codes[rows])
    trusted = np.arange(len(data.clean), dtype=np.int64)
    trusted = by_content(encoded.clean, trusted, data.clean.codes)
    problem = Problem(
        noisy=select(encoded.noisy, rows),
        given=data.noisy.codes[rows],
        clean=select(encoded.clean, trusted),
        truth=data.clean.codes[trusted],
        paired_given=data.paired_given[trusted],
        num_classes=len(data.classes),
        sampling=data.sampling,
        new_classifier=lambda generator: encoded.representation.new_classifier(len(data.classes), generator),
        family=family_of(encoded.representation),
        device=device,
        seed=settings.seed,
    )
    # Libraries draw initial weights from torch's global generator: seed a copy of it, leave the caller's alone.
    threads = one_thread() if problem.family in ("head", "network") else contextlib.nullcontext()
    with threads, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        fitted = METHODS[settings.method](problem, settings.method_settings, progress)
    for warning in fitted.warnings:
        progress.warn(warning)
    return in_file_order(fitted, rows)


def in_file_order(fitted: FittedModel, rows: Codes) -> FittedModel:
    """What a method says of its own rows, from the order they were given in to that of the noisy file."""
    own = fitted.own_rows
    if own is None:
        return fitted
    back = np.argsort(rows)
    return replace(fitted, own_rows=OwnRows(own.soft[back], own.label_score[back]))


def family_of(representation: Representation) -> Family:
    """What is trained; see `Problem.family`."""
    if representation.frozen:
        return "head"
    kind = representation.spec.kind
    return "network" if kind in ("table", "embedding") else "image" if kind == "image" else "text"


def correct(
    table: LabelTable,
    inputs: Inputs,
    classifier: TrainedClassifier,
    corrector: Corrector,
    min_confidence: float,
    device: torch.device,
    progress: Progress,
) -> CorrectedLabels:
    """A soft label for every row of a table, with or without a given label; an unreadable row keeps what it has."""
    soft = np.empty((len(table), len(classifier.classes)), dtype=np.float32)
    predicted = np.empty(len(table), dtype=np.int64)
    progress.start("correct", total=len(table))
    for rows, logits, hidden in classifier.outputs(inputs, device, progress):
        soft[rows] = corrector.soft_labels(logits, hidden, table.codes[rows])
        predicted[rows] = softmax(logits / classifier.temperature).argmax(axis=1)
    progress.finish()
    if table.readable is not None:
        keep_unreadable(soft, table.codes, ~table.readable)
    return CorrectedLabels(
        ids=table.ids,
        given=table.codes,
        soft=soft,
        predicted=predicted,
        classes=classifier.classes,
        min_confidence=min_confidence,
        files=table.files,
        file_index=table.file_index,
        row_number=table.row_number,
    )


def keep_unreadable(soft: Probabilities, given: Codes, unreadable: npt.NDArray[np.bool_]) -> None:
    """Rows that could not be read carry their given label with certainty; without one, the other rows' mean."""
    rest = soft[~unreadable].mean(axis=0) if not unreadable.all() else np.full(soft.shape[1], 1 / soft.shape[1])
    kept = np.eye(soft.shape[1], dtype=np.float32)[given[unreadable]]
    soft[unreadable] = np.where((given[unreadable] == UNLABELLED)[:, None], rest, kept)


def with_own_rows(labels: CorrectedLabels, fitted: FittedModel, data: TrainingData) -> CorrectedLabels:
    """The rows that the method learned from carry what it says of them by models that had not seen them."""
    if fitted.own_rows is None:
        return labels
    soft = labels.soft.copy()
    soft[data.noisy_rows] = fitted.own_rows.soft
    return replace(labels, soft=soft)


def with_trusted_labels(labels: CorrectedLabels, data: TrainingData) -> CorrectedLabels:
    """The noisy rows that are trusted carry their trusted label, with certainty."""
    rows, soft = data.clean_in_noisy, labels.soft.copy()
    trusted = rows >= 0
    soft[rows[trusted]] = np.eye(len(labels.classes), dtype=np.float32)[data.clean.codes[trusted]]
    return replace(labels, soft=soft)


def write(
    folder: RunFolder,
    reading: Reading,
    encoded: Encoded,
    classifier: TrainedClassifier,
    fitted: FittedModel,
    labels: CorrectedLabels,
    settings: TrainSettings,
    watch: Stopwatch,
) -> None:
    """Write everything into the run folder, `run.json` last."""
    contents = [reading.noisy_source.content_hash(), reading.clean_source.content_hash()]
    settled = {name: value for name, value in to_plain(settings).items() if name not in ("compute", "seed")}
    identity = run_id(settled, contents, settings.seed)
    labels = replace(labels, run_id=identity)
    with watch.stage("write"):
        classifier.save(folder.classifier)
        with atomic_path(folder.corrector) as beside:
            beside.mkdir()
            fitted.corrector.save(beside)
        with atomic_path(folder.settings) as beside:
            beside.write_text(to_toml(settings), encoding="utf-8")
        with atomic_path(folder.history) as beside:
            pq.write_table(fitted.history, beside)
        write_corrected(folder.corrected, labels, reading.columns.spec, reading.columns.id)
    counts = row_counts(reading.data, labels)
    write_json(folder.metrics, {"counts": counts, **fitted.metrics, "seconds": watch.seconds})
    about = manifest(reading, labels, contents, settings)
    about |= {"counts": counts, "representation": encoded.representation.description, "seconds": watch.seconds}
    about["warnings"] += fitted.warnings
    folder.finish(about)
