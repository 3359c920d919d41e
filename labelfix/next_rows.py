"""The rows of a finished run that are worth a person's answer, with what they hold.

Legend: N rows of the run, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import torch

from labelfix.correcting import Blocks
from labelfix.data.tables import ClassNames, Codes
from labelfix.evaluation import READ, labels_of
from labelfix.evidence.next_labels import candidates, choose, worth
from labelfix.models.trained import TrainedClassifier
from labelfix.nearest import hidden_of
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.outputs.report.inputs import cells_of
from labelfix.outputs.soft_labels import CLASSES


def next_rows(
    rows: CorrectedFile,
    blocks: Blocks,
    classifier: TrainedClassifier,
    device: torch.device,
    trusted: Sequence[int],
    count: int,
    places: Mapping[str, str] | None = None,
) -> pa.Table:
    """Choose them.

    Args:
        rows: The run's corrected labels.
        blocks: The noisy file.
        classifier: Gives h(x).
        device: Where to compute.
        trusted: Rows that were trusted, from 0.
        count: How many rows.
        places: Source file of a row → where it lies now; None reads them as they are named.

    Returns:
        At most `count` rows, most worth asking first: `id`, the input columns (of an image its path), `label` (empty,
        for the answer), `given_label`, `likeliest_label` and `second_label` with their probabilities, `source_file`
        and `source_row`.
    """
    about = corrected_metadata(rows)
    classes = ClassNames(about.classes)
    value, suggested, first = np.empty(len(rows)), np.empty(len(rows), dtype=np.int64), 0
    columns = [*READ, *([CLASSES] if CLASSES in rows.schema.names else [])]
    for first, group in groups(rows, columns):
        labels = labels_of(group, classes, about.min_confidence, about.run_id)
        here = slice(first, first + len(group))
        value[here], suggested[here] = worth(labels.soft, labels.corrected), labels.suggested
    usable = np.ones(len(rows), dtype=bool)
    usable[np.asarray(trusted, dtype=np.int64)] = False
    found = candidates(value, usable, count)
    hidden = hidden_of(blocks, classifier, device, np.sort(found))
    features = np.stack([hidden[row] for row in found.tolist()]) if len(found) else np.zeros((0, 1), np.float32)
    chosen = found[choose(value[found], suggested[found], features, count)]
    return _described(rows, chosen, classes, columns, places)


def _described(
    rows: CorrectedFile,
    chosen: Codes,
    classes: ClassNames,
    columns: Sequence[str],
    places: Mapping[str, str] | None,
) -> pa.Table:
    about = corrected_metadata(rows)
    parts: dict[int, dict[str, object]] = {}
    for first, group in groups(rows, columns):
        inside = chosen[(chosen >= first) & (chosen < first + len(group))]
        if not len(inside):
            continue
        part = group.take(pa.array(inside - first))
        labels = labels_of(part, classes, about.min_confidence, about.run_id)
        order = np.argsort(-labels.soft, axis=1, kind="stable")[:, :2]
        for place, row in enumerate(inside.tolist()):
            likeliest, second = order[place].tolist()
            parts[row] = {
                "id": part["id"][place].as_py(),
                "given_label": classes.name(int(labels.given[place])),
                "likeliest_label": classes.names[likeliest],
                "likeliest_probability": round(float(labels.soft[place, likeliest]), 6),
                "second_label": classes.names[second],
                "second_probability": round(float(labels.soft[place, second]), 6),
                "source_file": part["source_file"][place].as_py(),
                "source_row": part["source_row"][place].as_py(),
            }
    ordered = [parts[row] for row in chosen.tolist()]
    cells = cells_of([(str(each["source_file"]), int(str(each["source_row"]))) for each in ordered], about, places)
    names = [name for name in about.input_columns if any(name in found for found in cells.values())]
    told = []
    for each in ordered:
        held = cells.get((str(each["source_file"]), int(str(each["source_row"]))), {})
        inputs = {name: held.get(name) for name in names}
        told.append({"id": each["id"], **inputs, "label": "", **{k: v for k, v in each.items() if k != "id"}})
    return pa.Table.from_pylist(told)
