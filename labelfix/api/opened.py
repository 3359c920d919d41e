"""A finished run, opened: its parts, and how rows are read and judged by them.

Names that begin with an underscore are for this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from labelfix.correctors.contract import Corrector
from labelfix.correctors.storage import load_corrector
from labelfix.data.findings import Findings
from labelfix.data.formats import open_table
from labelfix.data.read import Columns, open_rows
from labelfix.data.tables import ClassNames
from labelfix.errors import RunError, input_error
from labelfix.models.pieces import Pieces
from labelfix.models.trained import ABOUT, TrainedClassifier
from labelfix.outputs.corrected_rows import read_corrected
from labelfix.outputs.own_inputs import OwnInput
from labelfix.progress import Progress
from labelfix.remote import RemotePath, as_path
from labelfix.runs import RunFolder, inputs_of, named, refuse_target
from labelfix.runs.checked import TRAIN_AGAIN, read_checked
from labelfix.runs.schema_evidence import Metrics
from labelfix.scoring.blocks import NewBlocks
from labelfix.scoring.scorer import Scorer
from labelfix.settings.base import build
from labelfix.settings.data import DataSettings
from labelfix.settings.run import TrainSettings, read_toml, train_settings

OF_OWN_FILES = ("class_map", "encoding", "split", "sources")
"""Settings of the run that say how its own files are read, and nothing of others."""


COPY = "noisy.arrow"
"""What a table in memory is written to where a file is needed."""


class OpenedRun:
    """What a finished run holds; heavy parts load when they are asked for.

    Args:
        folder: The run folder.
        noisy: The noisy table, where the caller holds it.

    Attributes:
        reading: How other files than the run's own are read: fields of `DataSettings`. The run's own settings hold
            besides, but for class map, encoding and split.
    """

    def __init__(self, folder: RunFolder, noisy: Any = None) -> None:  # noqa: ANN401
        self.folder = folder
        self._held = None if isinstance(noisy, str | Path) else noisy
        self.manifest: Mapping[str, Any] = folder.read_manifest(whole=True)
        self.reading: dict[str, Any] = {}
        self._copy: TemporaryDirectory[str] | None = None
        self._pieces: list[Pieces] = []

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
    def metrics(self) -> Mapping[str, Any]:
        """What was counted and measured: `metrics.json`."""
        return dict(read_checked(self.folder.metrics, Metrics))

    @cached_property
    def classifier(self) -> TrainedClassifier:
        """The trained classifier."""
        found = TrainedClassifier.load(self.folder.classifier, self.settings.compute.device)
        if found.classes.names != self.classes.names or found.representation.spec != self.columns.spec:
            what = "classes" if found.classes.names != self.classes.names else "input columns"
            about = self.folder.classifier / ABOUT
            raise RunError(f"{about}: is damaged (its {what} are not those of {self.folder.manifest}); {TRAIN_AGAIN}")
        self.folder.refuse_replaced(self.manifest["run_id"])
        return found

    @cached_property
    def corrector(self) -> Corrector:
        """What makes soft labels from the classifier's view and a given label."""
        predictor = self.classifier.predictor
        found = load_corrector(self.folder.corrector, predictor.num_classes, predictor.feature_width)
        self.folder.refuse_replaced(self.manifest["run_id"])
        return found

    @cached_property
    def columns(self) -> Columns:
        """What the columns of the run's own files mean."""
        return Columns.from_json(self.manifest["columns"])

    def _noisy_file(self, noisy: Any) -> str | None:  # noqa: ANN401
        """A name for the run's noisy table: of a table in memory that of a copy, which is there as long as the run.

        Args:
            noisy: What the caller says of it: where it lies now, the table itself, or nothing.
        """
        table = self._held if noisy is None else noisy
        if table is None or isinstance(table, str | Path):
            return None if table is None else str(table)
        if self._copy is None or table is not self._held:
            source = open_table(table, "noisy")
            if source.content_hash() != self.manifest["data"]["noisy"]["content_hash"]:
                what = f"is not the table that the run in {self.path} was trained on"
                raise input_error("noisy", what, "give that one, or the name of its file")
            self._copy, self._held = TemporaryDirectory(prefix="labelfix-"), table
            with pa.ipc.new_file(str(Path(self._copy.name) / COPY), source.schema) as file:
                for chunk in source.scan():
                    file.write(chunk.batch)
        return str(Path(self._copy.name) / COPY)

    def _refuse(self, out: str | Path, overwrite: bool, *sources: Any, folder: bool = False) -> None:  # noqa: ANN401
        """Refuse to write over what is read.

        Args:
            overwrite: Whether something else that is there may be replaced.
            sources: What is read besides the run's own inputs.
            folder: Whether the target is a folder.
        """
        refuse_target(as_path(out), [*named(*sources), *inputs_of(self.folder)], overwrite, "out", folder)

    def _reading_with(self, reading: Mapping[str, Any]) -> DataSettings:
        """How a file that is not one of the run's own is read; of these fields of `DataSettings` None is not given."""
        asked = {name: value for name, value in reading.items() if value is not None}
        checked = build(DataSettings, asked, "options")
        given = {name: getattr(checked, name) for name in asked}
        return replace(
            self.settings.data, **{**dict.fromkeys(OF_OWN_FILES), "label_columns": (), **self.reading, **given}
        )

    def _own_reading(self, columns: Columns | None = None) -> DataSettings:
        """How the run's own files are read: trusted ones by these columns, of the noisy one the inputs alone.

        Classes are the run's, whatever map made them.
        """
        data = replace(self.settings.data, class_map=None)
        return replace(data, unlabelled=True) if columns is None else replace(data, label_column=None, id_column=None)

    def _own_blocks(self, own: OwnInput, progress: Progress) -> NewBlocks:
        """The blocks of the run's own noisy file, of which only the inputs count."""
        return self._blocks(own.names[0], progress, self._own_reading(), look_at_labels=False)

    def _blocks(
        self,
        rows: Any,  # noqa: ANN401 - a path, a table, a frame, a dataset
        progress: Progress,
        data: DataSettings,
        columns: Columns | None = None,
        look_at_labels: bool = True,
        keep_features: bool = True,
    ) -> NewBlocks:
        """Rows, checked, in blocks.

        Args:
            progress: Told what is odd about them.
            data: How they are read.
            columns: What their columns mean; None for those of the noisy file.
            look_at_labels: Whether their labels count.
            keep_features: Whether features that are expensive are kept for the next time.
        """
        compute, findings = self.settings.compute, Findings()
        opened = open_rows(
            rows, self.classes, columns or self.columns, data, compute.read_rows, findings, look_at_labels
        )
        for warning in findings.warnings:
            progress.warn(str(warning))
        if not keep_features:
            return NewBlocks(opened, self.classifier.representation, compute, None)
        return NewBlocks.of(opened, self.classifier.representation, compute, progress)

    def _scorer(self, min_confidence: float | None, out: str | Path | None = None) -> Scorer:
        """What judges rows.

        Args:
            min_confidence: Labels are changed from this confidence on; None as in the run.
            out: The file that is written, where several processes work on it together.
        """
        target = None if out is None else as_path(out)
        on_disk = target is not None and not isinstance(target, RemotePath)
        beside = target.with_name(f".{target.name}.parts") if target is not None and on_disk else None
        threshold = float(self.manifest["min_confidence"] if min_confidence is None else min_confidence)
        return Scorer(self.classifier, self.corrector, threshold, self.manifest["run_id"], beside)
