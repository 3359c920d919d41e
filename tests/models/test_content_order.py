import numpy as np
import pytest

from labelfix.models.features import FeatureInputs
from labelfix.models.network_inputs import ImageInputs, TokenInputs, by_content


def features():
    generator = np.random.default_rng(0)
    return FeatureInputs(generator.normal(size=(3000, 7)).astype(np.float32))


def images():
    generator = np.random.default_rng(0)
    return ImageInputs(generator.integers(0, 256, (3000, 4, 4, 3), dtype=np.uint8), (0.5,) * 3, (0.2,) * 3, 1)


def tokens():
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 30, 3000)
    offsets = np.concatenate([[0], lengths.cumsum()])
    return TokenInputs(generator.integers(1, 900, offsets[-1]).astype(np.int32), offsets, 0)


@pytest.mark.parametrize("make", [features, images, tokens])
def test_the_order_of_the_file_leaves_no_trace(make):
    """Texts of other lengths in a batch change its padding; that must not change a row's place either."""
    inputs, generator = make(), np.random.default_rng(1)
    rows = np.arange(3000)
    labels = generator.integers(0, 3, 3000)
    shuffled = generator.permutation(3000)
    first = by_content(inputs, rows, labels)
    assert sorted(first) == list(rows)
    assert not np.array_equal(first, rows)
    assert np.array_equal(first, by_content(inputs, shuffled, labels[shuffled]))


def test_rows_of_equal_content_stand_in_the_order_of_their_labels():
    inputs = FeatureInputs(np.ones((4, 3), dtype=np.float32))
    labels = np.array([2, 0, 1, 0])
    assert list(labels[by_content(inputs, np.arange(4), labels)]) == [0, 0, 1, 2]
