"""Corrected labels made block by block."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from labelfix.data.row_order import RowOrder
from labelfix.data.tables import ClassNames, LabelTable, TrainingData
from labelfix.evidence.side_columns import SideColumns
from labelfix.models.features import FeatureInputs
from labelfix.progress import Silent
from labelfix.scoring import blocks
from labelfix.scoring.blocks import HeldBlocks
from labelfix.scoring.scorer import Scorer, with_what_is_known

ROWS = 11
SOFT = np.random.default_rng(0).dirichlet(np.ones(3), ROWS).astype(np.float32)
GIVEN = np.array([0, 1, -1, 2, -1, 0, 1, 2, -1, 1, 0])


class Classifier:
    """Its features are the soft labels themselves."""

    classes = ClassNames(("a", "b", "c"))
    temperature = 1.0

    def outputs(self, inputs, progress):
        features = inputs.batch(np.arange(len(inputs))).numpy()
        for start in range(0, len(features), 2):
            part = slice(start, min(start + 2, len(features)))
            progress.advance(part.stop - part.start)
            yield part, np.log(features[part]), features[part]


class Corrector:
    def soft_labels(self, logits, hidden, given, opinions=None):
        return np.asarray(hidden)


@pytest.fixture(params=[1, 2, 4, 100])
def block(request, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", request.param)


def table(readable=None):
    return LabelTable(
        name="noisy",
        ids=pa.array([f"r{row}" for row in range(ROWS)]),
        codes=GIVEN,
        classes=Classifier.classes,
        inputs=None,
        files=("a", "b"),
        file_index=np.repeat([0, 1], [5, 6]).astype(np.int32),
        row_number=np.concatenate([np.arange(1, 6), np.arange(1, 7)]),
        label_column="label",
        id_column="id",
        readable=readable,
    )


def corrected(readable=None):
    scorer = Scorer(Classifier(), Corrector(), 0.5, "run", Path("parts"))
    return scorer.corrected(HeldBlocks(table(readable), FeatureInputs(SOFT.copy())), Silent())


def joined(blocks):
    """The columns of all blocks, one after the other."""
    parts = list(blocks)
    names = ("given", "soft", "predicted", "row_number")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return SimpleNamespace(ids=pa.concat_arrays([part.ids for part in parts]), **columns)


def test_every_row_is_corrected_once_and_in_order(block):
    labels = joined(corrected())
    assert labels.ids.to_pylist() == [f"r{row}" for row in range(ROWS)]
    np.testing.assert_array_equal(labels.soft, SOFT)
    np.testing.assert_array_equal(labels.given, GIVEN)
    np.testing.assert_array_equal(labels.predicted, SOFT.argmax(axis=1))
    assert labels.row_number.tolist() == [*range(1, 6), *range(1, 7)]


def test_an_unreadable_row_keeps_its_label_and_without_one_gets_the_mean_of_all_readable_rows(block):
    readable = np.ones(ROWS, bool)
    readable[[1, 2]] = False
    soft = joined(corrected(readable)).soft
    np.testing.assert_array_equal(soft[1], [0, 1, 0])
    np.testing.assert_allclose(soft[2], SOFT[readable].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(soft[readable], SOFT[readable])


def test_where_no_row_can_be_read_nothing_is_preferred(block):
    soft = joined(corrected(np.zeros(ROWS, bool))).soft
    np.testing.assert_allclose(soft[2], 1 / 3)
    np.testing.assert_array_equal(soft[0], [1, 0, 0])


def test_trusted_rows_carry_their_label_and_rows_learned_from_what_the_method_says(block):
    clean = SimpleNamespace(codes=np.array([2, 0, 1]))
    data = TrainingData(table(), clean, np.array([9, -1, 3]), "id", "random")
    own = np.random.default_rng(1).dirichlet(np.ones(3), len(data.noisy_rows)).astype(np.float32)
    sides = SideColumns(own=own, own_at=RowOrder(data.noisy_rows, ROWS).to_file(np.arange(len(own)), -1))
    soft = joined(with_what_is_known(corrected(), data, sides)).soft
    expected = SOFT.copy()
    expected[data.noisy_rows] = own
    expected[9], expected[3] = [0, 0, 1], [0, 1, 0]
    np.testing.assert_array_equal(soft, expected)
