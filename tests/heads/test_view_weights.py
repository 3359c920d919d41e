"""Views weigh as much as they help to say given labels that were left out."""

import numpy as np
import pytest

from labelfix.heads import view_weights


def choose_weights(parts, given):
    """Of rows that are all noisy."""
    return view_weights.choose_weights(parts, np.arange(len(given)), given)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def views(seed=0, rows=600):
    """Given labels, a view that tells much of them, one that tells the rest, and one that tells nothing."""
    draw = np.random.default_rng(seed)
    given = draw.integers(3, size=rows)
    told = unit(np.eye(3)[given] + draw.normal(scale=0.7, size=(rows, 3)))
    other = unit(np.eye(3)[given] + draw.normal(scale=0.7, size=(rows, 3)))
    nothing = unit(draw.normal(size=(rows, 40)))
    return given, told, other, nothing


def test_a_view_that_helps_weighs_more_than_one_that_tells_nothing():
    given, told, other, nothing = views()
    assert choose_weights([told, other], given)[1] >= 0.7
    assert choose_weights([told, nothing], given) == (1.0, min(view_weights.WEIGHTS))
    assert choose_weights([told, other, nothing], given)[2] == min(view_weights.WEIGHTS)


def test_the_order_of_rows_does_not_matter():
    given, told, other, nothing = views(1)
    order = np.random.default_rng(2).permutation(len(given))
    parts = [told, other, nothing]
    assert choose_weights([part[order] for part in parts], given[order]) == choose_weights(parts, given)


@pytest.mark.parametrize("rows", [0, 3, 9])
def test_too_few_rows_and_one_view_choose_nothing(rows):
    given, told, other, _ = views(rows=max(rows, 1))
    assert choose_weights([told[:rows], other[:rows]], given[:rows]) == (1.0, 1.0)
    assert choose_weights([told], given) == (1.0,)


def test_of_many_rows_some_are_asked_and_of_many_classes_fewer_heads(monkeypatch):
    seen = []
    monkeypatch.setattr(view_weights, "_loss", lambda features, labels, of: seen.append(len(features)) or 0.0)
    given, told, other, _ = views(rows=5_000)
    assert choose_weights([told, other], given) == (1.0, 1.0), "where all are alike the view stays as it is"
    assert seen == [4_000] * 4
    assert view_weights.WEIGHTS == (0.25, 0.5, 0.7, 1.0)


@pytest.mark.parametrize(("rows", "asked"), [(9, False), (10, True)])
def test_two_rows_for_each_of_five_parts_are_enough_to_choose(rows, asked, monkeypatch):
    seen = []
    monkeypatch.setattr(view_weights, "_loss", lambda *_: seen.append(1) or 0.0)
    given, told, other, _ = views(rows=rows)
    choose_weights([told, other], given)
    assert bool(seen) == asked
