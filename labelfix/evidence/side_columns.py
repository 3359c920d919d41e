"""What evidence and side checks say of the rows of the noisy table, as columns beside their corrected labels.

Legend: N rows of the noisy table, n of them in training, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from labelfix.correctors.contract import SoftRows
from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.tables import Codes, Probabilities


@dataclass(frozen=True)
class SideColumns:
    """Results of evidence and side checks for every row of the noisy table.

    Attributes:
        p_value: `(N,)` of "the given label is right"; NaN where there is none. None without judges.
        duplicate_of: `(N,)` an earlier row of the same content and another label, -1 without. None where nobody looked.
        outlier_score: `(N,)` in [0, 1]. None where nobody looked.
        own: `(n, K)` what the method says of the rows it learned from by models that had not seen them. None where the
            corrector judges them too.
        own_at: `(N,)` where each row stands in `own`; -1 for rows that do not.
    """

    p_value: Probabilities | None = None
    duplicate_of: Codes | None = None
    outlier_score: Probabilities | None = None
    own: SoftRows | None = None
    own_at: Codes | None = None

    def beside(self, labels: CorrectedLabels, start: int, ids: pa.Array) -> CorrectedLabels:
        """A block with its columns; `ids` are `(N,)` of all rows."""
        here = slice(start, start + len(labels))
        of = None if self.duplicate_of is None else self.duplicate_of[here]
        return replace(
            labels,
            p_value=None if self.p_value is None else self.p_value[here],
            duplicate_of=None if of is None else ids.take(pa.array(of, mask=of < 0)).cast(pa.string()),
            outlier_score=None if self.outlier_score is None else self.outlier_score[here],
        )
