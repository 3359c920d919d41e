"""The labels of a run as `labelfix export` would write them, and how likely each is wrong.

Legend: N rows that are certified.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labelfix.data.tables import ClassNames, Codes
from labelfix.errors import SettingsError
from labelfix.outputs.column_arrays import codes, values
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.outputs.exports import with_min_confidence
from labelfix.runs import RunFolder
from labelfix.scoring.match_truth import columns_of, labels_of

JUDGED = ("suggested_label", "confidence", "action", "corrected_label", "is_label_issue")


@dataclass(frozen=True)
class Exported:
    """The rows whose labels nobody has checked, with the labels that an export gives them.

    Attributes:
        position: `(N,)` places in `corrected.parquet`, counted from 0.
        label: `(N,)` the exported label's place in the classes.
        error: `(N,)` probability that it is wrong, by the soft label.
        trusted: Rows left out, as a person has given their labels.
        dropped: Rows left out, as the export leaves them out.
        unread: Rows of the noisy file that are not in the run (images that cannot be read): they keep what they had.
    """

    position: Codes
    label: Codes
    error: npt.NDArray[np.float64]
    classes: ClassNames
    trusted: int
    dropped: int
    unread: int

    def __len__(self) -> int:
        return len(self.position)


def exported_labels(folder: RunFolder, min_confidence: float | None, drop_issues: bool) -> Exported:
    """Read them.

    Raises:
        SettingsError: There is no row whose label could be wrong.
    """
    rows = CorrectedFile(folder.corrected)
    manifest = folder.read_manifest(whole=True)
    about = corrected_metadata(rows)
    classes = ClassNames(about.classes)
    error = np.empty(len(rows))
    label = np.empty(len(rows), dtype=np.int64)
    issue = np.empty(len(rows), dtype=bool)
    for first, group in groups(rows, list(dict.fromkeys([*columns_of(rows), *JUDGED]))):
        here = slice(first, first + len(group))
        judged = with_min_confidence(group, min_confidence)
        label[here] = codes(judged["corrected_label"], classes.codes)
        issue[here] = values(judged["is_label_issue"])
        soft = labels_of(group.select(columns_of(rows)), classes, about.min_confidence, about.run_id).soft
        error[here] = 1 - soft[np.arange(len(group)), label[here]].astype(np.float64)
    open_rows = np.ones(len(rows), dtype=bool)
    open_rows[np.asarray(manifest["trusted_rows"], dtype=np.int64)] = False
    trusted = int((~open_rows).sum())
    dropped = int((open_rows & issue).sum()) if drop_issues else 0
    kept = open_rows & ~issue if drop_issues else open_rows
    if not kept.any():
        raise SettingsError(f"{folder.path}: every exported label was given by a person; there is nothing to certify")
    position = np.flatnonzero(kept)
    unread = max(int(manifest["data"]["noisy"]["rows"]) - len(rows), 0)
    return Exported(position, label[position], np.clip(error[position], 0, 1), classes, trusted, dropped, unread)


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
