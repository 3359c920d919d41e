"""The trusted rows nearest to some rows of the noisy file, as the reason why their labels are doubted.

Near is a small angle between h(x), the features that the classifier's last layer reads.

Legend: n rows, M trusted rows, D features.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import UNLABELLED, Codes, Probabilities
from labelfix.errors import LabelfixError
from labelfix.models.features import Inputs, select
from labelfix.models.trained import TrainedClassifier
from labelfix.outputs.corrected_rows import CorrectedFile, rows_at
from labelfix.outputs.report.render import Neighbour, Reasons
from labelfix.progress import Silent
from labelfix.runs import RunFolder
from labelfix.scoring.blocks import Blocks

NEAREST = 3
"""So many of each row."""

MOST = 5_000
"""With more trusted rows than this, only every n-th is looked at."""

NONE = (
    "The nearest trusted rows are not shown: none of them stands in the noisy file, "
    "and the trusted file holds no inputs or is gone."
)


@dataclass
class _Trusted:
    """Trusted rows that can be shown.

    Attributes:
        names: Id, trusted label, file and row of each.
        hidden: h(x) of each, of length 1.
    """

    names: list[tuple[str, str, str, int]] = field(default_factory=list)
    hidden: list[npt.NDArray[np.float32]] = field(default_factory=list)


def nearest_trusted(
    noisy: Blocks,
    files: Sequence[Callable[[], Blocks]],
    classifier: TrainedClassifier,
    wanted: Codes,
    paired: Codes,
    folder: RunFolder,
) -> tuple[Reasons, str]:
    """Find them among the trusted rows that stand in the noisy file, and among those of trusted files.

    Args:
        files: Opens each trusted file; one that holds no inputs or is gone is passed over.
        wanted: `(n,)` rows of the noisy file, from 0.
        paired: Trusted rows among them, in order.
        folder: The run: its corrected labels say what these are called.

    Returns:
        The reasons, and a sentence where there are none.
    """
    paired = paired[:: max(-(-len(paired) // MOST), 1)]
    hidden = hidden_of(noisy, classifier, np.union1d(wanted, paired))
    named = _named(folder, paired)
    known = _Trusted([named[row] for row in paired.tolist()], [hidden[row] for row in paired.tolist()])
    for opened in files:
        with contextlib.suppress(LabelfixError, OSError):
            _take_up(opened(), classifier, known)
    if not known.names:
        return {}, NONE
    near = np.stack(known.hidden)
    reasons = {}
    for row in wanted.tolist():
        cosine = near @ hidden[row]
        best = np.argsort(-cosine, kind="stable")[:NEAREST].tolist()
        reasons[row] = [
            Neighbour(name, label, float(cosine[i]), file, number)
            for i, (name, label, file, number) in ((i, known.names[i]) for i in best)
        ]
    return reasons, ""


def _take_up(blocks: Blocks, classifier: TrainedClassifier, known: _Trusted) -> None:
    """Add the labelled rows of a trusted file, but for those that are known already: the same content and label."""
    there = {(label, _rounded(hidden)) for (_, label, *_), hidden in zip(known.names, known.hidden, strict=True)}
    step = -(-len(blocks) // MOST)
    first = 0
    for table, inputs in blocks.encoded():
        ids = [str(name) for name in table.ids.to_pylist()]
        every = range(-first % step, len(table), step)
        rows = [i for i in every if table.codes[i] != UNLABELLED]
        first += len(table)
        if not rows:
            continue
        hidden = _hidden(classifier, select(inputs, np.array(rows, dtype=np.int64)))
        for i, own in zip(rows, hidden, strict=True):
            label = table.classes.names[int(table.codes[i])]
            if (label, _rounded(own)) not in there:
                known.hidden.append(own)
                known.names.append((ids[i], label, table.files[table.file_index[i]], int(table.row_number[i])))


def _rounded(hidden: npt.NDArray[np.float32]) -> bytes:
    """What equal contents have in common, however their batches were made up."""
    return (np.round(hidden, 4) + 0.0).tobytes()  # no negative zeros


def hidden_of(blocks: Blocks, classifier: TrainedClassifier, rows: Codes) -> dict[int, npt.NDArray[np.float32]]:
    """Row → its h(x), of length 1."""
    found: dict[int, npt.NDArray[np.float32]] = {}
    first = 0
    for table, inputs in blocks.encoded():
        inside = rows[(rows >= first) & (rows < first + len(table))]
        if len(inside):
            hidden = _hidden(classifier, select(inputs, inside - first))
            found |= dict(zip(inside.tolist(), hidden, strict=True))
        first += len(table)
    return found


def _hidden(classifier: TrainedClassifier, inputs: Inputs) -> Probabilities:
    hidden = np.concatenate([values for _, _, values in classifier.outputs(inputs, Silent())])
    return np.asarray(hidden / np.maximum(np.linalg.norm(hidden, axis=1, keepdims=True), 1e-12))


def _named(folder: RunFolder, rows: Codes) -> dict[int, tuple[str, str, str, int]]:
    """Row → its id, its trusted label (which is its corrected one), and where it stands."""
    columns = ("id", "suggested_label", "source_file", "source_row")
    found = rows_at(CorrectedFile(folder.corrected), rows, columns)
    return {
        row: (str(told["id"]), told["suggested_label"], told["source_file"], told["source_row"])
        for row, told in found.items()
    }
