"""Classes by their own words: what the representation of a text makes of the words for each class.

Legend: K classes, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.inputs import HeldInputs
from labelfix.errors import SettingsError
from labelfix.models.representation import Representation
from labelfix.models.views import joined, parts_of, views_of
from labelfix.progress import Progress
from labelfix.settings.model import WORDS, ComputeSettings

Described = npt.NDArray[np.float32]
"""`(K, D)` features of each class's words."""


def describe_classes(
    representation: Representation, words: Sequence[str], compute: ComputeSettings, progress: Progress
) -> Described:
    """The features of each class's words by the encoders of texts; other views say nothing of them.

    Where no encoder reads the texts, their own words do: these know a class only where its words stand in the data.

    Raises:
        SettingsError: It is trained along, or reads no text.
    """
    if not representation.frozen or representation.spec.part("text") is None:
        raise SettingsError("--class-descriptions needs a text column and fixed features; leave the file away")
    frozen: Any = representation
    views, weights = views_of(frozen)
    readers = [view for view in views if view.spec.kind == "text"]
    readers = [view for view in readers if view.family not in WORDS] or readers
    parts = []
    for view, own in zip(views, weights, strict=True):
        if view not in readers:
            parts.append(np.zeros((len(words), view.feature_width), np.float32))
            continue
        # A text of several columns has its words in the first.
        columns = [words, *([""] * len(words) for _ in view.spec.columns[1:])]
        batch = pa.record_batch([pa.array(c, pa.string()) for c in columns], names=list(view.spec.columns))
        held = HeldInputs(view.spec, "the class descriptions", (batch,))
        parts.append(joined(parts_of(view, view.encode(held, compute, progress).features), own))
    return np.hstack(parts)
