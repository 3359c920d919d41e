import numpy as np
import pytest
import torch
from memory_table import text_table

from labelfix.errors import SettingsError
from labelfix.models.text.hashed import HashedText
from labelfix.progress import Silent

TEXTS = ["Oil prices fall again", "The match was won in overtime", "", None, "中文文本", "  ", "a b"]


def features(texts, compute, dimensions=1024):
    table = text_table(texts)
    return HashedText(table.spec, dimensions).encode(table, compute, Silent()).features


def test_features_have_unit_norm_and_a_text_without_letters_is_zero(compute):
    found = features(TEXTS, compute)
    assert found.dtype == np.float32
    assert found.shape == (7, 1024)
    norms = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(norms[[0, 1, 4, 6]], 1, atol=1e-6)
    assert norms[2] == norms[3] == norms[5] == 0


def test_words_and_ngrams_weigh_the_same(compute):
    found = features(TEXTS[:2], compute)
    np.testing.assert_allclose((found[:, :512] ** 2).sum(axis=1), 0.5, atol=1e-6)


def test_a_text_has_the_same_bytes_whatever_stands_beside_it(compute):
    together = features(TEXTS, compute)
    for row, text in enumerate(TEXTS):
        assert features([text], compute)[0].tobytes() == together[row].tobytes()


def test_similar_texts_are_nearer_than_different_ones(compute):
    found = features(["oil prices fall", "oil price falls", "the match was won"], compute)
    assert found[0] @ found[1] > 0.3 > abs(found[0] @ found[2])


def test_an_odd_number_of_dimensions_is_kept(compute):
    assert features(TEXTS, compute, 7).shape == (7, 7)


def test_fewer_than_two_dimensions_are_refused():
    with pytest.raises(SettingsError, match="text_dimensions = 1 must be at least 2"):
        HashedText(text_table([]).spec, 1)


def test_the_generator_alone_decides_the_first_weights():
    hashed = HashedText(text_table([]).spec, 8)
    one, two, other = (hashed.new_classifier(3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)
