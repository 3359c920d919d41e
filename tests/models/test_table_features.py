from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from memory_table import embedding_table, feature_table

from labelfix.errors import InputError, SettingsError
from labelfix.models.choice import choose_representation
from labelfix.models.tables.features import EmbeddingFeatures
from labelfix.models.tables.statistics import fit_statistics
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings

CPU = torch.device("cpu")


class Told(Silent):
    def __init__(self):
        self.said, self.warned = [], []

    def say(self, message):
        self.said.append(message)

    def warn(self, message):
        self.warned.append(message)


def encode(table, compute, rows=None, told=None, backbone="linear"):
    representation = choose_representation(table, ModelSettings(backbone=backbone), compute, told or Silent())
    return representation.encode(rows or table, compute, Silent()).features


def test_numbers_are_standardised_and_rows_have_length_one_on_average(compute):
    """Column a: mean 2, population deviation √2; column b is constant. The root mean square length is 1."""
    table = feature_table({"a": [0.0, 1.0, 2.0, 3.0, 4.0], "b": [7.0] * 5})
    found = encode(table, compute)
    np.testing.assert_allclose(found[:, 0], np.array([-2, -1, 0, 1, 2]) / math.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(found[:, 1], 0)
    assert float((found**2).sum(axis=1).mean()) == pytest.approx(1, abs=1e-6)


def test_numbers_and_categories_together_have_length_one_on_average(compute):
    generator = np.random.default_rng(0)
    numbers = [None if i % 7 == 0 else float(x) for i, x in enumerate(generator.normal(3, 5, 200))]
    table = feature_table({"n": numbers, "c": [["x", "y", None][i % 3] for i in range(200)]}, ("c",))
    assert float((encode(table, compute) ** 2).sum(axis=1).mean()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("rows", "far"), [(40, 1), (400, 2)])
def test_single_numbers_far_from_all_others_do_not_make_these_alike(rows, far):
    plain = np.random.default_rng(0).normal(3, 5, rows)
    strayed = np.concatenate([np.full(far, 1e9), plain[far:]])
    (usual, kept) = (fit_statistics(feature_table({"a": list(cells)}), 100) for cells in (plain, strayed))
    # A fence lies 10 times 4.65 deviations beyond the 1 % quantile, and 1 row in 200 there adds .005 · 49 to the mean.
    assert kept.mean[0] == pytest.approx(usual.mean[0], abs=1.6 * usual.deviation[0])
    assert kept.deviation[0] < 9 * usual.deviation[0]


@pytest.mark.parametrize(
    "cells", [[0.0] * 300 + [500.0] * 3, [*np.arange(400.0), *[1e6] * 3], [*np.arange(300.0), 3200.0]]
)
def test_numbers_that_recur_or_are_not_so_far_count_as_they_stand(cells):
    statistics = fit_statistics(feature_table({"a": cells}), 100)
    assert statistics.mean[0] == pytest.approx(np.mean(cells))
    assert statistics.deviation[0] == pytest.approx(np.std(cells))


def test_a_missing_number_becomes_the_mean_and_is_counted(compute):
    told = Told()
    found = encode(feature_table({"a": [1.0, None, 3.0, math.nan]}), compute, told=told)
    assert found[1, 0] == found[3, 0] == 0
    assert "noisy: column 'a' has 2 missing values of 4, filled with the mean" in told.said


def test_a_column_without_any_number_is_all_zeros(compute):
    found = encode(feature_table({"a": [None, None], "b": [1.0, 3.0]}), compute)
    np.testing.assert_array_equal(found, [[0, -1], [0, 1]])


def test_categories_are_one_hot_and_a_missing_one_is_one_of_them(compute):
    told = Told()
    found = encode(feature_table({"c": ["x", None, "y", "x"]}, ("c",)), compute, told=told)
    np.testing.assert_allclose(found, [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]], atol=1e-6)
    assert "noisy: column 'c' has 1 missing values of 4, kept as a category" in told.said


def test_new_rows_take_the_statistics_of_the_training_rows(compute):
    training = feature_table({"a": [0.0, 2.0], "c": ["x", "y"]}, ("c",))
    rows = feature_table({"a": [1.0, 4.0], "c": ["never seen", "y"]}, ("c",))
    found = encode(training, compute, rows) * math.sqrt(2)
    np.testing.assert_allclose(found, [[0, 0, 0], [3, 0, 1]], atol=1e-6)


def test_a_number_far_out_is_cut_at_ten_deviations(compute):
    found = encode(feature_table({"a": [-1.0, 1.0]}), compute, feature_table({"a": [1e30, -50.0]}))
    np.testing.assert_allclose(found[:, 0], [10, -10])


def test_only_the_hundred_most_frequent_categories_get_a_feature(compute):
    told = Told()
    values = [f"v{i}" for i in range(120)] + ["v7", "v119"]
    found = encode(feature_table({"c": values}, ("c",)), compute, told=told)
    assert found.shape[1] == 100
    assert found[7].any()
    assert found[119].any()
    assert told.warned == ["noisy: column 'c' has 120 categories; the 100 most frequent are used"]


def test_the_rows_read_at_once_do_not_change_the_statistics():
    generator = np.random.default_rng(0)
    table = feature_table({"a": list(generator.normal(1e6, 1, 9000)), "c": ["x", "y", "z"] * 3000}, ("c",))
    assert fit_statistics(table, 1000) == fit_statistics(table, 8192) == fit_statistics(table, 77)


@pytest.mark.parametrize("values", [[1.0, math.inf], [1e200, -1e200]])
def test_numbers_that_cannot_be_standardised_are_refused(values):
    with pytest.raises(InputError, match="column 'a' holds infinity or numbers too large"):
        fit_statistics(feature_table({"a": values}), 100)


def test_embeddings_are_scaled_to_unit_norm_row_by_row(compute):
    found = encode(embedding_table(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -0.5]])), compute)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0, -1]], atol=1e-7)


def test_the_hidden_layer_gives_features_of_length_about_one():
    table = embedding_table(np.zeros((1, 300)))
    module = EmbeddingFeatures(table.spec, 256).new_classifier(4, torch.Generator().manual_seed(0))
    rows = torch.nn.functional.normalize(torch.randn(500, 300, generator=torch.Generator().manual_seed(1)), dim=1)
    hidden = module(rows).hidden.detach()
    assert hidden.shape == (500, 256)
    assert 0.8 < float(hidden.norm(dim=1).mean()) < 1.2


def test_a_hidden_layer_is_not_a_head_on_fixed_features(compute):
    table = embedding_table(np.zeros((1, 3)))
    linear, mlp = (
        choose_representation(table, ModelSettings(backbone=name), compute, Silent()) for name in ("auto", "mlp")
    )
    assert (linear.frozen, linear.feature_width) == (True, 3)
    assert (mlp.frozen, mlp.feature_width) == (False, 128)


@pytest.mark.parametrize("backbone", ["hashed-text", "resnet32", "hf:some/model", "nonsense"])
def test_other_backbones_are_refused_for_tables(compute, backbone):
    with pytest.raises(SettingsError, match="does not read tables; they take kernel and linear"):
        encode(feature_table({"a": [1.0]}), compute, backbone=backbone)
