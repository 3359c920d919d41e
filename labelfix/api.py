"""The Python interface: `train(...) -> Run` and `load_run(path) -> Run`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labelfix import pipeline
from labelfix.correcting import NewBlocks, Scorer, joined
from labelfix.correction.base import Corrector
from labelfix.correction.quality import compare_with_truth
from labelfix.correction.storage import load_corrector
from labelfix.data.findings import Findings
from labelfix.data.read import Columns, open_rows, read_truth
from labelfix.data.tables import ClassNames, CorrectedLabels
from labelfix.devices import pick_device
from labelfix.errors import LabelfixError, SettingsError, input_error
from labelfix.evaluation import match
from labelfix.evidence.judges import Judges
from labelfix.evidence.later_rows import LaterRows
from labelfix.models.trained import TrainedClassifier
from labelfix.nearest import nearest_trusted
from labelfix.next_rows import next_rows
from labelfix.outputs.corrected_rows import CorrectedFile, counts_of, read_corrected
from labelfix.outputs.exports import prediction_table, write_corrected, write_tables
from labelfix.outputs.own_inputs import OwnInput, find_input
from labelfix.outputs.report.collect import collect
from labelfix.outputs.report.render import Reasons, write_report
from labelfix.progress import Progress, Silent
from labelfix.ranks import together
from labelfix.runs import RunFolder, inputs_of, named, refuse_inputs, refuse_taken, refuse_target
from labelfix.settings.data import DataSettings
from labelfix.settings.run import TrainSettings, read_toml, settings_from, train_settings


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
        SettingsError: A setting that does not exist or does not fit, or a folder that lies over an input or in one.
        RunError: The folder is taken.
        TrainingError: Training could not go on.
    """
    if settings is not None and options:
        raise SettingsError("give either settings or single options, not both")
    settings = settings or settings_from(options)
    progress = progress or Silent()
    path = Path(out) if out is not None else None
    if path is not None:
        refuse_inputs(path, named(noisy, clean, settings.data.class_map), "out")
        refuse_taken(path, overwrite)
    return Run(pipeline.train(noisy, clean, path, overwrite, settings, progress))


def resume(
    path: str | Path,
    noisy: Any = None,  # noqa: ANN401
    clean: Any = None,  # noqa: ANN401
    *,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> Run:
    """Go on with a run that was interrupted; a finished one is only opened.

    On a CPU the corrected labels are, byte for byte, those of a run that was never interrupted. Relative names count
    from the working directory in which the run was begun; the process is there while this works.

    Args:
        path: The run folder.
        noisy: The noisy table again where it was in memory; a name may be left out.
        clean: The trusted one, or several, likewise.
        progress: Told what happens.
        options: `checkpoint_every`, `device`, `offline`, `cache_dir` and `read_rows` may be given anew; any other
            setting only with the value that it has.

    Returns:
        The finished run.

    Raises:
        RunError: There is no such run, or another process is working on it.
        SettingsError: A setting or the name of a source differs from the run's.
        InputError: The contents of an input have changed since the run was begun.
        TrainingError: Training could not go on.
    """
    return Run(pipeline.resume(Path(path), noisy, clean, options, progress or Silent()))


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

    Attributes:
        reading: How other files than the run's own are read: fields of `DataSettings`. The run's own settings hold
            besides, but for class map, encoding and split.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.manifest: Mapping[str, Any] = folder.read_manifest(whole=True)
        self.reading: dict[str, Any] = {}

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
        return pa.concat_tables(self._predictions(rows, progress or Silent())).combine_chunks()

    def predict_to(
        self,
        out: str | Path,
        rows: Any,  # noqa: ANN401
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Classify rows and write what `predict` gives to a file, block by block, in bounded memory.

        Args:
            out: The file: .parquet, .csv or .tsv (also .gz).
            rows: As for `predict`.
            overwrite: Replace a file that is there; an input never is.
            progress: Told what happens.

        Returns:
            How many rows.

        Raises:
            SettingsError: The file is an input, or is there already.
        """
        self._refuse(out, overwrite, rows)
        rows_written = 0

        def counted() -> Iterator[pa.Table]:
            nonlocal rows_written
            for table in self._predictions(rows, progress or Silent(), out):
                rows_written += len(table)
                yield table

        with together() as here:
            if here.first:
                write_tables(Path(out), counted(), self.classes.names)
            else:
                deque(counted(), maxlen=0)
            here.wait()
        return rows_written

    def correct(self, rows: Any, *, progress: Progress | None = None, **reading: Any) -> CorrectedLabels:  # noqa: ANN401
        """Correct the labels of rows, the same or new ones.

        Args:
            rows: A path or a table with the input columns of the run.
            progress: Told what happens.
            reading: Fields of `DataSettings` for these rows: `unlabelled=True` where they have no label column.
        """
        progress = progress or Silent()
        return joined(self._scorer(None).corrected(self._blocks(rows, progress, **reading), progress))

    def correct_to(
        self,
        out: str | Path,
        rows: Any,  # noqa: ANN401
        *,
        min_confidence: float | None = None,
        soft_top_k: int | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
        **reading: Any,  # noqa: ANN401
    ) -> Mapping[str, int]:
        """Correct the labels of rows and write them to a file as `corrected.parquet` is, block by block.

        Args:
            out: The file: .parquet, .csv or .tsv (also .gz).
            rows: As for `correct`.
            min_confidence: Change a label only where the confidence reaches this. Default: as in the run.
            soft_top_k: Write only so many classes of each soft label. Default: as in the run.
            overwrite: Replace a file that is there; an input never is.
            progress: Told what happens.
            reading: As for `correct`.

        Returns:
            Rows of each action: `keep`, `relabel`, `review`, `fill`.

        Raises:
            SettingsError: The file is an input, or is there already.
        """
        self._refuse(out, overwrite, rows, self._reading(reading).class_map)
        progress = progress or Silent()
        columns, settings = self._columns, self.settings
        data = self._reading(reading)
        with together() as here:
            blocks = self._blocks(rows, progress, **reading)
            judges = Judges.load(self.folder.judges)
            later = None if judges is None else LaterRows(judges, self.classes, len(blocks))
            scorer = replace(self._scorer(min_confidence, out), judges=judges, later=later)
            labels = scorer.corrected(blocks, progress)
            actions: Mapping[str, int] = {}
            if here.first:
                actions = write_corrected(
                    Path(out),
                    labels,
                    columns.spec,
                    data.id_column or columns.id,
                    soft_top_k or settings.soft_top_k,
                    data.encoding,
                    None if later is None else partial(self._said_of, later, blocks),
                )
            else:
                deque(labels, maxlen=0)
            here.wait()
        return actions

    def _said_of(self, later: LaterRows, blocks: NewBlocks) -> dict[str, Any]:
        """What may be said of new rows, beside the run's own."""
        own = self.manifest["data"]["noisy"]["content_hash"] == blocks.rows.source.content_hash()
        rows = CorrectedFile(self.folder.corrected)
        given, predicted = counts_of(rows, self.classes, ("given_label", "predicted_label"))
        return later.figures(given, predicted, own, int(self.manifest["seed"]))

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
        table = read_truth(truth, self.classes, self._reading({}), self._columns.id)
        matched = match(CorrectedFile(self.folder.corrected), table.ids, self.classes)
        found = (matched.position >= 0) & table.labelled
        if not found.any():
            raise input_error(
                table.name, "has no id that is among the run's rows", "give the ids of the noisy file, or --id-column"
            )
        usable = found & ~np.isin(matched.row, np.asarray(self.manifest["trusted_rows"], dtype=np.int64))
        result = compare_with_truth(matched.labels, matched.position[usable], table.codes[usable])
        return {
            **result,
            "matched": int(found.sum()),
            "unmatched": int((~found).sum()),
            "trusted_left_out": int((found & ~usable).sum()),
        }

    @property
    def label_to_fill(self) -> str:
        """The column of `next_rows` that a person fills in."""
        return self._columns.clean_label or self._columns.label or "label"

    def next_rows(self, count: int = 200, *, noisy: str | None = None, progress: Progress | None = None) -> pa.Table:
        """The rows whose answer by a person is worth most; see `labelfix.next_rows.next_rows`.

        Args:
            count: How many.
            noisy: Where the noisy file of the run lies now, if it was moved.
            progress: Told what happens.

        Raises:
            InputError: The noisy file is gone, or has changed since.
        """
        own = find_input(self.folder, "noisy", noisy).needed()
        blocks = self._own_blocks(own, progress or Silent())
        device = pick_device(self.settings.compute.device)
        trusted = self.manifest["trusted_rows"]
        rows = CorrectedFile(self.folder.corrected)
        return next_rows(rows, blocks, self.classifier, device, trusted, self._columns, count, own.files)

    def next_to(
        self,
        out: str | Path,
        count: int = 200,
        *,
        noisy: str | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write what `next_rows` gives to a file, and say how many rows.

        Args:
            out: The file: .csv, .tsv or .parquet.
            count: How many rows.
            noisy: As for `next_rows`.
            overwrite: Replace a file that is there, with the answers that it may hold; an input never is.
            progress: Told what happens.

        Raises:
            SettingsError: The file is an input, or is there already.
            InputError: As `next_rows`.
        """
        self._refuse(out, overwrite, noisy)
        table = self.next_rows(count, noisy=noisy, progress=progress)
        write_tables(Path(out), iter([table]), self.classes.names)
        return len(table)

    def report(
        self,
        out: str | Path,
        *,
        max_rows: int = 200,
        noisy: str | None = None,
        clean: str | Sequence[str] | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write what the run found into one HTML file; without what rows hold where their file is gone or has changed.

        Args:
            out: The file.
            max_rows: How many of the worst rows to show.
            noisy: Where the noisy file of the run lies now, if it was moved.
            clean: Where the trusted ones lie now, in their order.
            overwrite: Replace a file that is there; an input never is.
            progress: Told what happens.

        Returns:
            Its size in bytes.

        Raises:
            SettingsError: The file is an input, or is there already.
        """
        self._refuse(out, overwrite, noisy, clean)
        progress = progress or Silent()
        found = collect(self.folder, max_rows)
        own = find_input(self.folder, "noisy", noisy)
        reasons: Reasons = {}
        why = own.missing("The nearest trusted rows are not shown")
        if why:
            progress.warn(own.missing("what rows hold is not shown"))
        else:
            wanted = np.array([row.position for row in found.worst], dtype=np.int64)
            trusted = self._trusted_names(clean, progress)
            try:
                reasons, why = self._nearest_trusted(own, trusted, wanted, progress)
            except (LabelfixError, OSError) as error:
                why = f"The nearest trusted rows are not shown: {error}"
        near = {each.file: each.file for rows in reasons.values() for each in rows}
        return write_report(Path(out), found, reasons, why, {**near, **own.files})

    def _refuse(self, out: str | Path, overwrite: bool, *sources: Any) -> None:  # noqa: ANN401 - any source
        refuse_target(Path(out), [*named(*sources), *inputs_of(self.folder)], overwrite, "out")

    def _trusted_names(self, clean: str | Sequence[str] | None, progress: Progress) -> Sequence[str]:
        """The trusted files, where rows of them do not stand in the noisy one; said where they are not found."""
        if len(self.manifest["trusted_rows"]) >= self.manifest["data"]["clean"]["rows"]:
            return ()
        found = find_input(self.folder, "clean", clean)
        if lost := found.missing("trusted rows that do not stand in the noisy file are not shown"):
            progress.warn(lost)
        return found.names

    def _nearest_trusted(
        self, own: OwnInput, trusted: Sequence[str], wanted: np.ndarray, progress: Progress
    ) -> tuple[Reasons, str]:
        """Of some rows: those that stand in the noisy file, and those of trusted files that hold inputs."""
        rows = np.asarray(self.manifest["trusted_rows"], dtype=np.int64)
        columns = replace(self._columns, id=self._columns.clean_id, label=self._columns.clean_label)
        files = [partial(self._blocks_of, name, progress, columns, self._own_settings(columns)) for name in trusted]
        device = pick_device(self.settings.compute.device)
        noisy = self._own_blocks(own, progress)
        return nearest_trusted(noisy, files, self.classifier, device, wanted, np.unique(rows), self.folder)

    @cached_property
    def _columns(self) -> Columns:
        return Columns.from_json(self.manifest["columns"])

    def _reading(self, reading: Mapping[str, Any]) -> DataSettings:
        """How a file that is none of the run's own is read."""
        return replace(
            self.settings.data, **{"class_map": None, "encoding": None, "split": None, **self.reading, **reading}
        )

    def _own_settings(self, columns: Columns | None = None) -> DataSettings:
        """How the run's own files are read; their classes are the run's, whatever map they were made with."""
        data = replace(self.settings.data, class_map=None, unlabelled=True)
        return data if columns is None else replace(data, label_column=None, id_column=None)

    def _blocks(
        self,
        rows: Any,  # noqa: ANN401
        progress: Progress,
        *,
        look_at_labels: bool = True,
        **reading: Any,  # noqa: ANN401
    ) -> NewBlocks:
        """The blocks of rows that are none of the run's own."""
        return self._blocks_of(rows, progress, self._columns, self._reading(reading), look_at_labels)

    def _own_blocks(self, own: OwnInput, progress: Progress) -> NewBlocks:
        """The blocks of the run's own noisy file."""
        return self._blocks_of(own.names[0], progress, self._columns, self._own_settings())

    def _blocks_of(
        self,
        rows: Any,  # noqa: ANN401
        progress: Progress,
        columns: Columns,
        data: DataSettings,
        look_at_labels: bool = True,
    ) -> NewBlocks:
        compute, findings = self.settings.compute, Findings()
        opened = open_rows(rows, self.classes, columns, data, compute.read_rows, findings, look_at_labels)
        for warning in findings.warnings:
            progress.warn(str(warning))
        return NewBlocks.of(opened, self.classifier.representation, compute, progress)

    def _scorer(self, min_confidence: float | None, out: str | Path | None = None) -> Scorer:
        beside = None if out is None else Path(out).with_name(f".{Path(out).name}.parts")
        threshold = float(self.manifest["min_confidence"] if min_confidence is None else min_confidence)
        device = pick_device(self.settings.compute.device)
        return Scorer(self.classifier, self.corrector, threshold, device, self.manifest["run_id"], beside)

    def _predictions(self, rows: Any, progress: Progress, out: str | Path | None = None) -> Iterator[pa.Table]:  # noqa: ANN401
        scorer, blocks = self._scorer(None, out), self._blocks(rows, progress, look_at_labels=False)
        return (prediction_table(*block) for block in scorer.predicted(blocks, progress))
