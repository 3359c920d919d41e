"""Corrected labels as values: ids, given and soft labels, and all that follows from these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.arrays import Codes
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, ClassNames, Probabilities


@dataclass(frozen=True)
class CorrectedLabels:
    """What labelfix thinks of every row: the product.

    Attributes:
        ids: `(N,)` ids in the noisy file's order.
        given: `(N,)` codes of the given labels, -1 where there was none.
        soft: `(N, K)` corrected soft labels, columns in class order, rows sum to 1.
        predicted: `(N,)` codes of the classifier's own prediction, blind to the given label.
        min_confidence: A label is changed only where its confidence reaches this.
        files: The files the rows came from.
        file_index: `(N,)` position in `files`.
        row_number: `(N,)` row within the file, counted from 1.
        run_id: Id of the run that made them.
        p_value: `(N,)` conformal p-value of "the given label is right"; NaN where there is none. None without judges.
        duplicate_of: `(N,)` the id of an earlier row with the same content and another label, as text; None where
            nobody looked.
        outlier_score: `(N,)` how unlike the trusted rows it is, in [0, 1]; None where nobody looked.
        opinions: What each of several sources says of the rows; None where there is one column of labels.
    """

    ids: pa.Array
    given: Codes
    soft: Probabilities
    predicted: Codes
    classes: ClassNames
    min_confidence: float
    files: tuple[str, ...]
    file_index: npt.NDArray[np.int32]
    row_number: npt.NDArray[np.int64]
    run_id: str = ""
    p_value: Probabilities | None = None
    duplicate_of: pa.Array | None = None
    outlier_score: Probabilities | None = None
    opinions: Opinions | None = None

    def __len__(self) -> int:
        return len(self.given)

    @cached_property
    def suggested(self) -> Codes:
        """`(N,)` the arg-max of the soft label; the first of equals."""
        return np.asarray(self.soft.argmax(axis=1), dtype=np.int64)

    @cached_property
    def confidence(self) -> Probabilities:
        """`(N,)` probability of the suggested label, in [0, 1]."""
        return np.asarray(self.soft.max(axis=1), dtype=np.float32)

    @cached_property
    def label_score(self) -> Probabilities:
        """`(N,)` probability that the given label is right, in [0, 1], lower is worse; NaN where there is none."""
        score = self.soft[np.arange(len(self)), np.maximum(self.given, 0)].astype(np.float32)
        return np.where(self.given == UNLABELLED, np.float32("nan"), score).astype(np.float32)

    @cached_property
    def is_label_issue(self) -> npt.NDArray[np.bool_]:
        """`(N,)` suggested ≠ given and confidence ≥ threshold; never for a row without a given label."""
        sure = self.confidence >= np.float32(self.min_confidence)
        return np.asarray((self.given != UNLABELLED) & (self.suggested != self.given) & sure)

    @cached_property
    def corrected(self) -> Codes:
        """`(N,)` suggested where the label is an issue or missing, else given."""
        change = self.is_label_issue | (self.given == UNLABELLED)
        return np.where(change, self.suggested, self.given).astype(np.int64)

    @cached_property
    def action(self) -> npt.NDArray[np.str_]:
        """`(N,)` relabel (an issue) · review (suggested ≠ given below the threshold) · fill (no given label) · keep."""
        differs = self.suggested != self.given
        return np.select(
            [self.given == UNLABELLED, self.is_label_issue, differs],
            ["fill", "relabel", "review"],
            default="keep",
        )
