"""Soft labels and predictions for the rows of a table, block by block: no more than a block is held.

Legend: N rows, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from labelfix.compute.ranks import ranks
from labelfix.compute.shared_blocks import Arrays, Compute, in_turn
from labelfix.correctors.contract import Corrector
from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.tables import UNLABELLED, Codes, LabelTable, Probabilities, TrainingData
from labelfix.evidence.later_rows import LaterRows
from labelfix.evidence.saved_judges import Judges
from labelfix.evidence.side_columns import SideColumns
from labelfix.models.features import Inputs
from labelfix.models.trained import TrainedClassifier
from labelfix.numerics.softmax import softmax
from labelfix.progress import Progress
from labelfix.scoring.blocks import Blocks, block_rows

Kept = Callable[[int, Compute], Iterator[Arrays]]


@dataclass(frozen=True)
class Scorer:
    """What a finished or fitted run says of rows.

    Attributes:
        corrector: Makes soft labels of what it says and of the given label.
        min_confidence: A label is changed only where its confidence reaches this.
        parts: Where blocks pass from process to process, where several work together; None where each computes all.
        judges: Give new rows their p-values; None for rows that models have learned from.
        later: Gathers what the judges say; None where nobody asks.
        kept: Given the number of blocks and what computes them, gives what is computed of them in order, now or by an
            earlier process of the run; None where nothing is kept.
    """

    classifier: TrainedClassifier
    corrector: Corrector
    min_confidence: float
    run_id: str
    parts: Path | None = None
    judges: Judges | None = None
    later: LaterRows | None = None
    kept: Kept | None = None

    def corrected(self, blocks: Blocks, progress: Progress) -> Iterator[CorrectedLabels]:
        """A soft label for every row, with or without a given label; an unreadable row keeps what it has."""
        # An unreadable row without a label gets the mean of the others: that takes a pass of its own.
        lost = any(_unknown(table) for table in blocks.tables())
        mean = self._mean(blocks, progress) if lost else None
        progress.start("correct", total=len(blocks))
        for table, said in self._each(blocks, lambda table, inputs: self._block(table, inputs, progress)):
            labels = self._labels(table, said["soft"], said["predicted"])
            if self.judges is not None and "scores" in said:
                labels = replace(labels, p_value=self._judged(self.judges, table, said))
            if table.readable is not None:
                keep_unreadable(labels, ~table.readable, mean)
            yield labels
        progress.finish()

    def _judged(self, judges: Judges, table: LabelTable, said: Arrays) -> Probabilities:
        """`(n,)` p-values of a block; a row that cannot be read has none."""
        given = table.codes if table.readable is None else np.where(table.readable, table.codes, UNLABELLED)
        if self.later is not None:
            self.later.see(given, said["predicted"], said["opinion"])
        return judges.p_values(said["scores"], given)

    def predicted(self, blocks: Blocks, progress: Progress) -> Iterator[tuple[LabelTable, Probabilities]]:
        """The classifier's calibrated probabilities of every row, `(n, K)` a block, blind to given labels."""
        progress.start("predict", total=len(blocks))
        for table, said in self._each(blocks, lambda _, inputs: self._probabilities(inputs, progress)):
            yield table, said["probabilities"]
        progress.finish()

    def _each(
        self, blocks: Blocks, compute: Callable[[LabelTable, Inputs], Arrays]
    ) -> Iterator[tuple[LabelTable, Arrays]]:
        """What is computed of every block, in order; where several processes work together, only on the first."""
        if not len(blocks):
            classes = len(self.classifier.classes)
            no_rows = np.zeros((0, classes), np.float32)
            nothing: Arrays = {"soft": no_rows, "probabilities": no_rows, "predicted": np.zeros(0, np.int64)}
            if self.judges is not None:
                nothing |= {"scores": np.zeros((0, len(self.judges.heads)), np.float32), "opinion": no_rows}
            return ((table, nothing) for table in blocks.tables())
        folder = None if ranks().alone else self.parts
        if folder is None and self.kept is None:
            return ((table, compute(table, inputs)) for table, inputs in blocks.encoded())

        def computed(numbers: range) -> Iterator[Arrays]:
            return (compute(table, inputs) for table, inputs in blocks.encoded(numbers))

        def shared(numbers: range) -> Iterator[Arrays]:
            return computed(numbers) if folder is None else in_turn(folder, numbers, computed)

        count = -(-len(blocks) // block_rows(len(self.classifier.classes)))
        said = shared(range(count)) if self.kept is None else self.kept(count, shared)
        return ((table, arrays) for arrays, table in zip(said, blocks.tables(), strict=False))

    def _probabilities(self, inputs: Inputs, progress: Progress) -> Arrays:
        parts = self.classifier.outputs(inputs, progress)
        return {"probabilities": np.concatenate([self.classifier.calibrated(logits) for _, logits, _ in parts])}

    def _block(self, table: LabelTable, inputs: Inputs, progress: Progress) -> Arrays:
        soft = np.empty((len(table), len(self.classifier.classes)), dtype=np.float32)
        predicted = np.empty(len(table), dtype=np.int64)
        found: Arrays = {"soft": soft, "predicted": predicted}
        if self.judges is not None:
            scores = np.empty((len(table), len(self.judges.heads)), dtype=np.float32)
            found |= {"scores": scores, "opinion": np.empty_like(soft)}
        for rows, logits, hidden in self.classifier.outputs(inputs, progress):
            given = table.codes[rows], None if table.opinions is None else table.opinions.take(rows)
            soft[rows] = self.corrector.soft_labels(logits, hidden, *given)
            predicted[rows] = softmax(logits / self.classifier.temperature).argmax(axis=1)
            if self.judges is not None:
                said = self.judges.say(logits, hidden, *given)
                found["scores"][rows], found["opinion"][rows] = said
        return found

    def _labels(self, table: LabelTable, soft: Probabilities, predicted: Codes) -> CorrectedLabels:
        return CorrectedLabels(
            ids=table.ids,
            given=table.codes,
            soft=soft,
            predicted=predicted,
            classes=self.classifier.classes,
            min_confidence=self.min_confidence,
            files=table.files,
            file_index=table.file_index,
            row_number=table.row_number,
            run_id=self.run_id,
            opinions=table.opinions,
        )

    def _mean(self, blocks: Blocks, progress: Progress) -> Probabilities | None:
        """`(K,)` the mean soft label of the readable rows; None where there is none."""
        total, rows = np.zeros(len(self.classifier.classes)), 0
        progress.start("look at readable rows", total=len(blocks))
        for table, said in self._each(blocks, lambda table, inputs: self._block(table, inputs, progress)):
            soft = said["soft"]
            readable = soft if table.readable is None else soft[table.readable]
            total += readable.sum(axis=0, dtype=np.float64)
            rows += len(readable)
        progress.finish()
        return (total / rows).astype(np.float32) if rows else None


def keep_unreadable(labels: CorrectedLabels, unreadable: np.ndarray, mean: Probabilities | None) -> None:
    """Rows that could not be read carry their given label with certainty; without one, the other rows' mean.

    Args:
        labels: Their soft labels are changed in place.
        unreadable: `(N,)` the rows.
        mean: `(K,)`; None where no row could be read, or none of these is without a label.
    """
    classes, given = labels.soft.shape[1], labels.given[unreadable]
    rest = np.full(classes, 1 / classes, np.float32) if mean is None else mean
    kept = np.eye(classes, dtype=np.float32)[given]
    labels.soft[unreadable] = np.where((given == UNLABELLED)[:, None], rest, kept)


def with_what_is_known(
    blocks: Iterable[CorrectedLabels], data: TrainingData, sides: SideColumns
) -> Iterator[CorrectedLabels]:
    """Corrected labels of the noisy rows, with what training knows of some of them.

    Rows that the method learned from carry what it says of them by models that had not seen them, where it says
    anything; trusted rows carry their trusted label, with certainty.

    Args:
        blocks: All rows of the noisy table, in its order.
    """
    trusted = data.trusted_codes
    start = 0
    for labels in blocks:
        here = slice(start, start + len(labels))
        soft = labels.soft.copy()
        if sides.own is not None and sides.own_at is not None:
            place = sides.own_at[here]
            soft[place >= 0] = sides.own[place[place >= 0]]
        sure = np.flatnonzero(trusted[here] != UNLABELLED)
        soft[sure] = np.eye(soft.shape[1], dtype=np.float32)[trusted[here][sure]]
        yield sides.beside(replace(labels, soft=soft), start, data.noisy.ids)
        start += len(labels)


def _unknown(table: LabelTable) -> bool:
    return table.readable is not None and bool((table.codes[~table.readable] == UNLABELLED).any())
