"""The trusted rows nearest to some rows of the noisy file, as the reason why their labels are doubted.

Near is a small angle between h(x), the features that the classifier's last layer reads.

Legend: n rows, M trusted rows, D features.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from labelfix.correcting import Blocks
from labelfix.data.tables import Codes
from labelfix.models.features import select
from labelfix.models.trained import TrainedClassifier
from labelfix.outputs.corrected_rows import CorrectedFile
from labelfix.outputs.report.render import Neighbour, Reasons
from labelfix.progress import Silent
from labelfix.runs import RunFolder

NEAREST = 3
"""So many of each row."""

MOST = 5_000
"""With more trusted rows than this, every so-manieth is looked at."""

NO_PAIRS = "The nearest trusted rows are not shown: none of them stands in the noisy file."


def nearest_trusted(
    blocks: Blocks,
    classifier: TrainedClassifier,
    device: torch.device,
    wanted: Codes,
    trusted: Codes,
    folder: RunFolder,
) -> tuple[Reasons, str]:
    """Find them among the trusted rows that stand in the noisy file.

    Args:
        blocks: The noisy file.
        classifier: Gives h(x).
        device: Where to compute.
        wanted: `(n,)` rows, from 0.
        trusted: `(M,)` trusted rows, in order.
        folder: The run: its corrected labels say what the trusted rows are called.

    Returns:
        The reasons, and a sentence where there are none.
    """
    if not len(trusted):
        return {}, NO_PAIRS
    trusted = trusted[:: -(-len(trusted) // MOST)]
    hidden = hidden_of(blocks, classifier, device, np.union1d(wanted, trusted))
    known = _named(folder, trusted)
    near = np.stack([hidden[row] for row in trusted.tolist()])
    reasons = {}
    for row in wanted.tolist():
        cosine = near @ hidden[row]
        best = np.argsort(-cosine, kind="stable")[:NEAREST]
        reasons[row] = [
            Neighbour(name, label, float(cosine[i]), file, number)
            for i, (name, label, file, number) in ((i, known[int(trusted[i])]) for i in best)
        ]
    return reasons, ""


def hidden_of(
    blocks: Blocks, classifier: TrainedClassifier, device: torch.device, rows: Codes
) -> dict[int, npt.NDArray[np.float32]]:
    """Row → its h(x), of length 1."""
    found: dict[int, npt.NDArray[np.float32]] = {}
    first = 0
    for table, inputs in blocks.encoded():
        inside = rows[(rows >= first) & (rows < first + len(table))]
        if len(inside):
            parts = classifier.outputs(select(inputs, inside - first), device, Silent())
            hidden = np.concatenate([values for _, _, values in parts])
            hidden /= np.maximum(np.linalg.norm(hidden, axis=1, keepdims=True), 1e-12)
            found |= dict(zip(inside.tolist(), hidden, strict=True))
        first += len(table)
    return found


def _named(folder: RunFolder, rows: Codes) -> dict[int, tuple[str, str, str, int]]:
    """Row → its id, its trusted label (which is its corrected one), and where it stands."""
    corrected = CorrectedFile(folder.corrected)
    found: dict[int, tuple[str, str, str, int]] = {}
    first = 0
    for index, size in enumerate(corrected.group_sizes):
        inside = rows[(rows >= first) & (rows < first + size)]
        if len(inside):
            table = corrected.group(index, ["id", "suggested_label", "source_file", "source_row"])
            for row in inside.tolist():
                name, *rest = (column[row - first].as_py() for column in table.columns)
                found[row] = (str(name), *rest)
        first += size
    return found
