"""Kernel features of tables: nearness of rows, beside linear features."""

import json

import numpy as np
import pandas as pd
import pytest
from memory_table import embedding_table, feature_table
from safetensors.numpy import load_file
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression

from labelfix.errors import RunError, SettingsError
from labelfix.models.choice import choose_representation
from labelfix.models.saved_representation import representation_from_json
from labelfix.models.tables import kernel_fit
from labelfix.models.tables.features import TableFeatures
from labelfix.models.tables.kernel import KernelTable, ranked, waves
from labelfix.models.tables.kernel_fit import fit_map
from labelfix.models.views import Views
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings


@pytest.fixture(autouse=True)
def of_few_rows(monkeypatch):
    monkeypatch.setattr(kernel_fit, "LEAST_ROWS", 32)


def chosen(table, compute, backbone="auto"):
    return choose_representation(table, ModelSettings(backbone=backbone), compute, Silent())


def encoded(representation, table, compute):
    return representation.encode(table, compute, Silent()).features


def moons(rows, seed=0):
    inputs, truth = make_moons(rows, noise=0.2, random_state=seed)
    inputs[:, 1] = np.exp(3 * inputs[:, 1])  # what a rank does not see
    return inputs, truth


def table_of(inputs, **more):
    columns = {f"c{place}": list(column) for place, column in enumerate(inputs.T)}
    return feature_table(columns | more, tuple(more))


def test_a_linear_head_tells_half_moons_apart_by_it(compute):
    (inputs, truth), (new, hidden) = moons(800), moons(800, seed=1)
    right = {}
    for backbone in ("linear", "kernel", "auto"):
        found = chosen(table_of(inputs), compute, backbone)
        head = LogisticRegression(C=100, max_iter=1000).fit(encoded(found, table_of(inputs), compute), truth)
        right[backbone] = head.score(encoded(found, table_of(new), compute), hidden)
    assert right["linear"] < 0.9
    assert min(right["kernel"], right["auto"]) > 0.95


def test_tables_have_both_views_the_kernel_first_and_embeddings_and_few_rows_the_linear_one(compute):
    inputs, _ = moons(80)
    both = chosen(table_of(inputs), compute)
    assert isinstance(both, Views)
    assert [view.family for view in both.views] == ["kernel", "table"]
    assert both.views[0].feature_width == 10  # a component for eight rows
    for table in (embedding_table(inputs), table_of(inputs[:31]), table_of(np.ones((80, 2)))):
        assert not isinstance(chosen(table, compute), Views)


def test_six_hundred_rows_are_enough(compute, monkeypatch):
    monkeypatch.undo()
    inputs, _ = moons(600)
    assert isinstance(chosen(table_of(inputs), compute), Views)
    assert isinstance(chosen(table_of(inputs[:599]), compute), TableFeatures)


def test_training_rows_have_length_one_on_average_and_any_order_gives_the_same(compute):
    inputs, _ = moons(300)
    kinds = ["x", "y", None] * 100
    found = chosen(table_of(inputs, kind=kinds), compute, "kernel")
    features = encoded(found, table_of(inputs, kind=kinds), compute)
    assert float((features**2).sum(axis=1).mean()) == pytest.approx(1, abs=1e-5)
    order = np.random.default_rng(0).permutation(300)
    other = table_of(inputs[order], kind=[kinds[row] for row in order])
    np.testing.assert_allclose(encoded(chosen(other, compute, "kernel"), other, compute), features[order], atol=1e-4)


def test_ranks_of_numbers_count_and_equal_numbers_have_the_rank_in_their_middle():
    linear = np.array([[0.0], [0.0], [5.0], [700.0], *[[0.0]] * 28, *[[5.0]] * 16, *[[700.0]] * 16])
    found = fit_map(linear, 1)
    ranks = ranked(np.array([[-9.0], [0.0], [5.0], [6.0], [700.0], [1e9]]), found.quantiles)[:, 0] / np.sqrt(3)
    assert ranks[0] == -1
    assert ranks[5] == 1
    np.testing.assert_allclose(ranks[[1, 2, 4]], [-0.53, 0.2, 0.73], atol=0.05)
    assert ranks[2] < ranks[3] < ranks[4]


def test_at_most_so_many_rows_teach_and_they_are_the_same_in_any_order(compute, monkeypatch):
    monkeypatch.setattr(kernel_fit, "SAMPLE", 60)
    inputs, _ = moons(200)
    order = np.random.default_rng(0).permutation(200)
    one, other = (chosen(table_of(rows), compute, "kernel") for rows in (inputs, inputs[order]))
    assert one.feature_width == 7
    np.testing.assert_allclose(one.map.quantiles, other.map.quantiles, atol=1e-6)


def test_what_was_saved_says_the_same_and_damage_is_told(compute, tmp_path):
    inputs, _ = moons(100)
    table = table_of(inputs, kind=["x", "y"] * 50)
    found = chosen(table, compute, "kernel")
    found.write_parts(tmp_path)
    back = representation_from_json("kernel", found.to_json(), table.spec, tmp_path)
    assert isinstance(back, KernelTable)
    np.testing.assert_array_equal(encoded(back, table, compute), encoded(found, table, compute))
    with pytest.raises(RunError, match="kernel.safetensors"):
        representation_from_json("kernel", found.to_json() | {"width": 3}, table.spec, tmp_path)


def test_the_card_makes_the_same_features(compute, tmp_path):
    inputs, _ = moons(100)
    kinds = ["x", "y"] * 50
    table = table_of(inputs, kind=kinds)
    found = chosen(table, compute, "kernel")
    found.write_parts(tmp_path)
    assert set(load_file(tmp_path / "kernel.safetensors")) == {"quantiles", "projections", "centre", "components"}
    card, space = found.feature_card(), {}
    exec("\n".join(["import torch", *card.imports]) + "\n" + card.code, space)
    frame = pd.DataFrame({"c0": inputs[:, 0], "c1": inputs[:, 1], "kind": kinds})
    made = space["features"](frame, json.loads(json.dumps(found.to_json())), tmp_path).numpy()
    np.testing.assert_allclose(made, encoded(found, table, compute), atol=1e-6)


def test_one_view_alone_can_be_asked_for_and_others_not(compute):
    table = table_of(moons(50)[0])
    assert isinstance(chosen(table, compute, "linear"), TableFeatures)
    assert isinstance(chosen(table, compute, "kernel"), KernelTable)
    assert isinstance(chosen(table, compute, "kernel,linear"), Views)
    for names in ("kernel,mlp", "linear,linear", "mlp,mlp"):
        with pytest.raises(SettingsError, match="does not read tables"):
            chosen(table, compute, names)
    with pytest.raises(SettingsError, match="does not read embeddings; they take linear or mlp"):
        chosen(embedding_table(np.ones((50, 2))), compute, "kernel")


def test_the_kernel_is_materns_with_a_width_of_seven_tenths_of_the_distance_between_rows():
    """Ranks have variance 1, so that two rows are √2 apart in the root mean square."""
    found = fit_map(np.random.default_rng(0).normal(size=(4000, 1)), 1)
    assert found.projections.shape == (1, 512)
    assert found.components.shape == (1024, 16)  # one number has no more above rounding
    assert found.quantiles.shape == (1, 257)
    for distance in (0.3, 1.0, 2.0):
        one, other = waves(np.array([[-0.5], [distance - 0.5]]), found.projections)
        d = np.sqrt(3) * distance / (0.7 * np.sqrt(2))
        assert one @ other == pytest.approx((1 + d) * np.exp(-d), abs=0.03)


@pytest.mark.parametrize(("rows", "components"), [(640, 80), (2000, 128)])
def test_a_component_stands_for_eight_rows_and_twenty_thousand_rows_teach(rows, components):
    assert fit_map(np.random.default_rng(0).normal(size=(rows, 3)), 3).components.shape[1] == components
    assert kernel_fit.SAMPLE == 20_000


@pytest.mark.parametrize(("backbone", "told"), [("kernel", True), ("kernel,linear", True), ("auto", False)])
def test_too_few_rows_for_a_kernel_that_is_named_are_told(compute, backbone, told):
    heard = Silent()
    heard.warn = lambda message: warned.append(message)
    warned = []
    table = table_of(moons(31)[0])
    found = choose_representation(table, ModelSettings(backbone=backbone), compute, heard)
    assert isinstance(found, TableFeatures)
    assert warned == (
        ["noisy: kernel needs 600 rows that differ, and there are 31 rows; linear alone is used"] if told else []
    )
