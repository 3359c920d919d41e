"""The Python interface: `train(...) -> Run` and `load_run(path) -> Run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelfix import pipeline
from labelfix.correction.base import Corrector
from labelfix.correction.quality import compare_with_truth
from labelfix.correction.storage import load_corrector
from labelfix.data.findings import Findings
from labelfix.data.read import Columns, read_rows, read_truth
from labelfix.data.tables import ClassNames, CorrectedLabels, LabelTable
from labelfix.devices import pick_device
from labelfix.errors import SettingsError, input_error
from labelfix.models.features import Inputs
from labelfix.models.trained import TrainedClassifier
from labelfix.outputs.exports import read_corrected
from labelfix.progress import Progress, Silent
from labelfix.runs import RunFolder, refuse_taken
from labelfix.settings.base import fields_of
from labelfix.settings.methods import METHOD_SETTINGS
from labelfix.settings.run import SECTIONS, TrainSettings, read_toml, train_settings


def train(
    noisy: Any,  # noqa: ANN401 - a path, a table, a frame, a dataset
    clean: Any,  # noqa: ANN401
    out: str | Path | None = None,
    *,
    settings: TrainSettings | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> Run:
    """Correct the labels of a noisy table with the help of a trusted one.

    Args:
        noisy: A path (CSV, Parquet, ImageFolder, dataset folder), `hub:name`, an Arrow table, a pandas frame or a
            `datasets.Dataset`.
        clean: The same, with trusted labels; or a list of several.
        out: The run folder. Default: `runs/<UTC time>`.
        settings: All settings; instead of it, single ones can be given by name.
        overwrite: Replace a run that is there.
        progress: Told what happens; nothing is shown by default.
        options: Any setting by its name: `label_column="human1"`, `backbone="…"`, `epochs=20`, `seed=1`.

    Returns:
        The finished run.

    Raises:
        InputError: The inputs have defects; all of them are listed.
        SettingsError: A setting that does not exist or does not fit.
        RunError: The folder is taken.
        TrainingError: Training could not go on.
    """
    if settings is not None and options:
        raise SettingsError("give either settings or single options, not both")
    settings = settings or settings_from(options)
    progress = progress or Silent()
    path = Path(out) if out is not None else None
    if path is not None:
        refuse_taken(path, overwrite)
    return Run(pipeline.train(noisy, clean, path, overwrite, settings, progress))


def load_run(path: str | Path | None = None) -> Run:
    """Open a finished run.

    Args:
        path: Its folder; None takes the newest finished one under `./runs/`.

    Raises:
        RunError: There is none, or it is unfinished or damaged.
    """
    return Run(RunFolder.open_finished(Path(path) if path is not None else None))


class Run:
    """A finished run, opened; heavy parts load when they are asked for.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.manifest: Mapping[str, Any] = folder.read_manifest()

    @property
    def path(self) -> Path:
        """The run folder's path."""
        return self.folder.path

    @cached_property
    def classes(self) -> ClassNames:
        """The classes in their order."""
        return ClassNames.from_json(self.manifest["class_names"])

    @cached_property
    def settings(self) -> TrainSettings:
        """The settings the run was made with."""
        return train_settings(read_toml(self.folder.settings), str(self.folder.settings))

    @cached_property
    def corrected(self) -> pa.Table:
        """Corrected labels of every noisy row; the columns of `corrected.parquet`."""
        return read_corrected(self.folder.corrected)

    @cached_property
    def classifier(self) -> TrainedClassifier:
        """The trained classifier."""
        return TrainedClassifier.load(self.folder.classifier)

    @cached_property
    def corrector(self) -> Corrector:
        """What makes soft labels from the classifier's view and a given label."""
        return load_corrector(self.folder.corrector)

    def predict(self, rows: Any, *, progress: Progress | None = None) -> pa.Table:  # noqa: ANN401
        """Classify rows, blind to any label they carry.

        Args:
            rows: A path or a table with the input columns of the run.
            progress: Told what happens.

        Returns:
            One row each: `id, predicted_label, confidence, probabilities` (list in class order), `source_file,
            source_row`.
        """
        progress = progress or Silent()
        table, inputs = self._encoded(rows, progress)
        probabilities = self.classifier.probabilities(inputs, self._device, progress)
        names = pa.array(self.classes.names, pa.string())
        return pa.table(
            {
                "id": table.ids,
                "predicted_label": names.take(pa.array(probabilities.argmax(axis=1))),
                "confidence": pa.array(probabilities.max(axis=1)),
                "probabilities": pa.array(list(probabilities), pa.list_(pa.float32())),
                "source_file": pa.array(table.files, pa.string()).take(pa.array(table.file_index)),
                "source_row": pa.array(table.row_number),
            }
        )

    def correct(self, rows: Any, *, progress: Progress | None = None) -> CorrectedLabels:  # noqa: ANN401
        """Correct the labels of rows, the same or new ones, with or without given labels.

        Args:
            rows: A path or a table with the input columns of the run; its label column may be absent.
            progress: Told what happens.
        """
        progress = progress or Silent()
        table, inputs = self._encoded(rows, progress)
        labels = pipeline.correct(
            table,
            inputs,
            self.classifier,
            self.corrector,
            float(self.manifest["min_confidence"]),
            self._device,
            progress,
        )
        return replace(labels, run_id=self.manifest["run_id"])

    def evaluate(self, truth: Any) -> dict[str, Any]:  # noqa: ANN401
        """Compare the run's corrected labels with a truth.

        Args:
            truth: A path or a table of ids and true labels. Rows that were trusted in training are left out:
                their labels were given.

        Returns:
            Plain values; see `labelfix.correction.quality.compare_with_truth`; beside them `matched`, `unmatched`
            and `trusted_left_out`.

        Raises:
            InputError: No id of the truth is among the run's rows.
        """
        columns = Columns.from_json(self.manifest["columns"])
        table = read_truth(truth, self.classes, self.settings.data, columns.id)
        labels = self._labels()
        place = pc.index_in(pc.cast(table.ids, pa.string()), value_set=pc.cast(labels.ids, pa.string()))
        position = np.asarray(place.fill_null(-1)).astype(np.int64)
        found = (position >= 0) & table.labelled
        if not found.any():
            raise input_error(
                table.name, "has no id that is among the run's rows", "give the ids of the noisy file, or --id-column"
            )
        trusted = self._trusted_rows()
        usable = found & ~np.isin(position, trusted)
        result = compare_with_truth(labels, position[usable], table.codes[usable])
        return {
            **result,
            "matched": int(found.sum()),
            "unmatched": int((~found).sum()),
            "trusted_left_out": int((found & ~usable).sum()),
        }

    @property
    def _device(self) -> Any:  # noqa: ANN401
        return pick_device(self.settings.compute.device)

    def _encoded(self, rows: Any, progress: Progress) -> tuple[LabelTable, Inputs]:  # noqa: ANN401
        compute = self.settings.compute
        columns = Columns.from_json(self.manifest["columns"])
        findings = Findings()
        table = read_rows(rows, self.classes, columns, self.settings.data, compute.read_rows, findings)
        for warning in findings.warnings:
            progress.warn(str(warning))
        assert table.inputs is not None
        return table, self.classifier.representation.encode(table.inputs, compute, progress)

    def _labels(self) -> CorrectedLabels:
        """`corrected.parquet` back as a value."""
        table, codes = self.corrected, self.classes.codes
        files = table["source_file"].combine_chunks().dictionary_encode()

        def coded(name: str) -> Any:  # noqa: ANN401
            values = table[name].combine_chunks()
            found = pc.index_in(values, value_set=pa.array(list(codes), pa.string()))
            return np.asarray(found.fill_null(-1)).astype(np.int64)

        soft = np.asarray(table["soft_label"].combine_chunks().flatten()).reshape(len(table), len(codes))
        return CorrectedLabels(
            ids=table["id"].combine_chunks(),
            given=coded("given_label"),
            soft=soft,
            predicted=coded("predicted_label"),
            classes=self.classes,
            min_confidence=float(self.manifest["min_confidence"]),
            files=tuple(files.dictionary.to_pylist()),
            file_index=np.asarray(files.indices).astype(np.int32),
            row_number=np.asarray(table["source_row"]),
            run_id=self.manifest["run_id"],
        )

    def _trusted_rows(self) -> Any:  # noqa: ANN401
        return np.asarray(self.manifest["trusted_rows"], dtype=np.int64)


def settings_from(options: Mapping[str, Any]) -> TrainSettings:
    """`TrainSettings` from single settings by their bare names, whichever section they belong to.

    Raises:
        SettingsError: A name that no section has.
    """
    method = str(options.get("method", TrainSettings.method))
    if method not in METHOD_SETTINGS:
        raise SettingsError(f"method = {method!r} is not one of {', '.join(METHOD_SETTINGS)}")
    places = {f.name: () for f in fields_of(TrainSettings)}  # type: dict[str, tuple[str, ...]]
    for section, cls in {**SECTIONS, method: METHOD_SETTINGS[method]}.items():
        places.update({f.name: (section,) for f in fields_of(cls)})
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name not in places:
            raise SettingsError(f"{name!r} is not a setting; `labelfix methods {method}` and the reference list them")
        table = values
        for section in places[name]:
            table = table.setdefault(section, {})
        table[name] = value
    return train_settings(values, "options")
