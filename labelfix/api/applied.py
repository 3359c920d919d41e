"""A finished run applied to rows: the classifier alone, or labels corrected."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labelfix.api.opened import OpenedRun
from labelfix.compute.ranks import joined_ranks, ranks
from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.evidence.later_rows import PREDICTED, LaterRows, other_shares
from labelfix.evidence.saved_judges import Judges
from labelfix.outputs.corrected_rows import CorrectedFile, counts_of
from labelfix.outputs.exports import corrected_table, prediction_table, with_evidence, write_corrected, write_tables
from labelfix.outputs.progress_bars import listener
from labelfix.progress import Progress, Silent
from labelfix.remote import as_path
from labelfix.scoring.blocks import NewBlocks
from labelfix.scoring.kept_rows import pieces_of
from labelfix.scoring.scorer import Kept

LOOK = "look at some of its labels, in `labelfix flag`, before you use them"

TableLike = Any
"""A path, an Arrow table, a pandas or polars frame, or a `datasets.Dataset`."""


class AppliedRun(OpenedRun):
    """What a run says of rows, the same or new ones."""

    def predict(self, rows: TableLike, *, progress: Progress | bool | None = None) -> pa.Table:
        """Classify rows, blind to any label they carry.

        Args:
            rows: A path or a table with the input columns of the run.
            progress: Told what happens; True shows bars.

        Returns:
            One row each: `id, predicted_label, confidence, probabilities` (list in class order), `source_file,
            source_row`.
        """
        with self._pieces_of_this():
            return pa.concat_tables(self._predictions(rows, listener(progress))).combine_chunks()

    def predict_to(
        self, out: str | Path, rows: TableLike, *, overwrite: bool = False, progress: Progress | bool | None = None
    ) -> int:
        """Classify rows and write what `predict` gives to a file, block by block, in bounded memory.

        Args:
            out: The file: .parquet, .csv or .tsv (also .gz), .jsonl or .json.
            rows: As for `predict`.
            overwrite: Replace a file that is there; an input never is.
            progress: Told what happens; True shows bars.

        Returns:
            How many rows.

        Raises:
            SettingsError: The file is an input, or is there already.
        """
        self._refuse(out, overwrite, rows)
        rows_written = 0

        def counted() -> Iterator[pa.Table]:
            nonlocal rows_written
            for table in self._predictions(rows, listener(progress), out):
                rows_written += len(table)
                yield table

        with joined_ranks() as here, self._pieces_of_this():
            if here.first:
                write_tables(as_path(out), counted(), self.classes.names)
            else:
                deque(counted(), maxlen=0)
            here.wait()
        return rows_written

    def correct(
        self,
        rows: TableLike,
        *,
        min_confidence: float | None = None,
        soft_top_k: int | None = None,
        progress: Progress | bool | None = None,
        **reading: Any,  # noqa: ANN401
    ) -> pa.Table:
        """Correct the labels of rows, the same or new ones.

        Args:
            rows: A path or a table with the input columns of the run.
            min_confidence: Change a label only where the confidence reaches this. Default: as in the run.
            soft_top_k: Give only this many classes of each soft label. Default: as in the run.
            progress: Told what happens; True shows bars.
            reading: Fields of `DataSettings` for these rows: `label_column="votes"`, or `unlabelled=True` where they
                have no label column.

        Returns:
            The columns of `corrected.parquet`, a row each in their order: what `correct_to` writes.

        Raises:
            InputError: The rows do not fit the run.
        """
        with self._pieces_of_this():
            labels, said = self._labels(rows, listener(progress), min_confidence, None, reading)
            written = self._written(soft_top_k, reading)
            table = pa.concat_tables([corrected_table(block, **written) for block in labels]).combine_chunks()
            return with_evidence(table, said())

    def correct_to(
        self,
        out: str | Path,
        rows: TableLike,
        *,
        min_confidence: float | None = None,
        soft_top_k: int | None = None,
        overwrite: bool = False,
        progress: Progress | bool | None = None,
        **reading: Any,  # noqa: ANN401
    ) -> Mapping[str, int]:
        """Correct the labels of rows and write them to a file as `corrected.parquet` is, block by block.

        Args:
            out: The file: .parquet, .csv or .tsv (also .gz), .jsonl or .json.
            rows: As for `correct`.
            min_confidence: As for `correct`.
            soft_top_k: As for `correct`.
            overwrite: Replace a file that is there; an input never is.
            progress: Told what happens; True shows bars.
            reading: As for `correct`.

        Returns:
            Rows of each action: `keep`, `relabel`, `review`, `fill`.

        Raises:
            SettingsError: The file is an input, or is there already.
        """
        self._refuse(out, overwrite, rows, self._reading_with(reading).class_map)
        with joined_ranks() as here, self._pieces_of_this():
            labels, said = self._labels(rows, listener(progress), min_confidence, out, reading)
            actions: Mapping[str, int] = {}
            if here.first:
                actions = write_corrected(as_path(out), labels, **self._written(soft_top_k, reading), closing=said)
            else:
                deque(labels, maxlen=0)
            here.wait()
        return actions

    def correct_batch(
        self,
        rows: pa.Table,
        *,
        min_confidence: float | None = None,
        soft_top_k: int | None = None,
        **reading: Any,  # noqa: ANN401
    ) -> pa.Table:
        """Correct the labels of some of many rows: what `correct` says of them, and nothing of all of them together.

        Args:
            rows: The rows, with the input columns of the run; their features are not kept.
            min_confidence: As for `correct`.
            soft_top_k: As for `correct`.
            reading: As for `correct`.

        Raises:
            InputError: The rows do not fit the run.
        """
        blocks = self._blocks(rows, Silent(), self._reading_with(reading), keep_features=False)
        scorer = replace(self._scorer(min_confidence), judges=self._judges)
        written = self._written(soft_top_k, reading)
        labels = scorer.corrected(blocks, Silent())
        return pa.concat_tables([corrected_table(block, **written) for block in labels]).combine_chunks()

    @cached_property
    def _judges(self) -> Judges | None:
        """What gives new rows their p-values."""
        predictor = self.classifier.predictor
        return Judges.load(self.folder.judges, predictor.num_classes, predictor.feature_width)

    def _predictions(self, rows: TableLike, progress: Progress, out: str | Path | None = None) -> Iterator[pa.Table]:
        blocks = self._blocks(rows, progress, self._reading_with({}), look_at_labels=False)
        scorer = replace(self._scorer(None, out), kept=self._kept("predicted", blocks, progress))
        counts = np.zeros(len(self.classes), dtype=np.int64)
        for table, probabilities in scorer.predicted(blocks, progress):
            counts += np.bincount(probabilities.argmax(axis=1), minlength=len(counts))
            yield prediction_table(table, probabilities)
        (own,) = counts_of(CorrectedFile(self.folder.corrected), self.classes, ("predicted_label",))
        if why := other_shares(PREDICTED, counts, own, self.classes):
            progress.warn(f"{blocks.rows.source.name}: rows unlike those of the run: {why}")

    def _labels(
        self,
        rows: TableLike,
        progress: Progress,
        min_confidence: float | None,
        out: str | Path | None,
        reading: Mapping[str, Any],
    ) -> tuple[Iterator[CorrectedLabels], Callable[[], dict[str, Any]]]:
        """Corrected labels, block by block; and what may be said of the rows once all blocks are there."""
        blocks = self._blocks(rows, progress, self._reading_with(reading))
        later = None if self._judges is None else LaterRows(self._judges, self.classes, len(blocks))
        kept = self._kept("corrected", blocks, progress)
        scorer = replace(self._scorer(min_confidence, out), judges=self._judges, later=later, kept=kept)

        def said() -> dict[str, Any]:
            return {} if later is None else self._said_of(later, blocks, progress)

        return scorer.corrected(blocks, progress), said

    @contextmanager
    def _pieces_of_this(self) -> Iterator[None]:
        """What is kept of a command on the way goes once it is done."""
        self._pieces.clear()
        yield
        for pieces in self._pieces:
            pieces.forget()

    def _kept(self, asked: str, blocks: NewBlocks, progress: Progress) -> Kept | None:
        """Keeps what is computed of blocks; None where nothing is kept."""
        parts = (self.folder.classifier, self.folder.corrector, self.folder.judges)
        pieces = pieces_of(blocks, asked, parts, progress) if ranks().alone else None
        if pieces is None:
            return None
        self._pieces.append(pieces)
        return lambda count, compute: pieces.through(range(count), compute)

    def _said_of(self, later: LaterRows, blocks: NewBlocks, progress: Progress) -> dict[str, Any]:
        """What may be said of new rows, beside the run's own; a warning for each way in which they are unlike these."""
        own = self.manifest["data"]["noisy"]["content_hash"] == blocks.rows.source.content_hash()
        rows = CorrectedFile(self.folder.corrected)
        given, predicted = counts_of(rows, self.classes, ("given_label", "predicted_label"))
        figures = later.figures(given, predicted, own)
        for why in () if own else figures["new_rows"]["not_met"]:
            progress.warn(f"{blocks.rows.source.name}: rows unlike those of the run: {why}; {LOOK}")
        return figures

    def _written(self, soft_top_k: int | None, reading: Mapping[str, Any]) -> dict[str, Any]:
        """How corrected labels become a table."""
        data = self._reading_with(reading)
        return {
            "spec": self.columns.spec,
            "id_column": data.id_column or self.columns.id,
            "soft_top_k": soft_top_k or self.settings.soft_top_k,
            "encoding": data.encoding,
        }
