import numpy as np
import pyarrow as pa
import pytest

from labelfix.data.corrected_labels import CorrectedLabels
from labelfix.data.tables import ClassNames


@pytest.fixture
def make_labels():
    """Builds `CorrectedLabels` from class names and soft labels."""

    def make(given, soft, *, classes=("cat", "dog"), ids=None, file="noisy.csv", value_type="string", **rest):
        names = list(classes)
        return CorrectedLabels(
            ids=pa.array(ids if ids is not None else [f"r{row}" for row in range(1, len(given) + 1)]),
            given=np.array([-1 if label is None else names.index(label) for label in given], np.int64),
            soft=np.array(soft, np.float32).reshape(len(given), len(names)),
            predicted=np.array(soft, np.float32).reshape(len(given), len(names)).argmax(axis=1).astype(np.int64),
            classes=ClassNames(tuple(names), value_type),
            min_confidence=rest.get("min_confidence", 0.6),
            files=rest.get("files", (file,)),
            file_index=np.array(rest.get("file_index", [0] * len(given)), np.int32),
            row_number=np.array(rest.get("rows", range(1, len(given) + 1)), np.int64),
            run_id="0123456789abcdef",
        )

    return make
