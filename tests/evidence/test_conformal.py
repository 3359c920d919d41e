"""p-values of "the given label is right": uniform or larger where it is, and what flagging by them keeps."""

from types import SimpleNamespace

import numpy as np
import pytest

from labelfix.evidence import gather
from labelfix.evidence.guarantee import class_weights, p_values, p_values_per_class
from labelfix.outputs.flag_rules import benjamini_hochberg


def test_a_p_value_is_the_share_of_rightly_labelled_rows_that_look_as_bad():
    """Held scores .1 .3 (fold 0) and .2 (fold 1). A row scored .25 by both: .1 and .2 look as bad, (2 + 1) / 4."""
    held, by = np.array([0.1, 0.3, 0.2]), np.array([0, 0, 1])
    scores = [np.array([0.25, 0.05]), np.array([0.25, 0.05])]
    p = p_values(held, by, np.ones(3), scores, np.ones(2))
    assert p == pytest.approx([3 / 4, 1 / 4])


def test_scores_that_differ_only_in_how_they_were_rounded_are_equal():
    """Trusted rows at 1 exactly, a noisy one a few units of single precision below: it is not the worst of all."""
    scores = [np.array([1 - 3e-7, 0.5], dtype=np.float32)]
    p = p_values(np.ones(99), np.zeros(99, np.int64), np.ones(99), scores, np.ones(2))
    assert p == pytest.approx([1, 1 / 100])


def test_weights_count_rows_of_a_class_as_often_as_it_is_there():
    """Weights 2 and .5; the new row is of the class that weighs 2: (2 + 2) / (2.5 + 2)."""
    p = p_values(np.array([0.1, 0.9]), np.zeros(2, np.int64), np.array([2.0, 0.5]), [np.array([0.5])], np.array([2.0]))
    assert p == pytest.approx([4 / 4.5])


def test_rows_drawn_at_random_weigh_the_same():
    classes = np.array([0, 0, 0, 1])
    assert class_weights(classes, np.array([900.0, 10.0]), True, "random").tolist() == [1, 1]


def test_rows_drawn_per_class_weigh_what_makes_their_shares_those_of_right_labels():
    """Two of each class drawn, nine times as many right labels of class 0: 1.8 and .2."""
    weights = class_weights(np.array([0, 0, 1, 1]), np.array([900.0, 100.0]), True, "per-class")
    assert weights == pytest.approx([1.8, 0.2])


def false_share(generator, per_class, weighted, level):
    """One draw: two classes, 90 % and 10 % of the rows; the rare one scores lower though it is rightly labelled."""
    classes = generator.choice(2, 3000, p=[0.9, 0.1])
    wrong = generator.random(3000) < 0.2
    centre = np.where(classes == 0, 1.0, 3.0)
    score = np.where(wrong, generator.normal(-3, 1, 3000), generator.normal(centre, 1))
    trusted = np.repeat([0, 1], 200) if per_class else generator.choice(2, 400, p=[0.9, 0.1])
    held = generator.normal(np.where(trusted == 0, 1.0, 3.0), 1)
    weights = np.ones(2)
    if weighted:
        weights = class_weights(trusted, np.bincount(classes[~wrong], minlength=2).astype(float), True, "per-class")
    p = p_values(held, np.zeros(400, np.int64), weights[trusted], [score], weights[classes])
    flagged = benjamini_hochberg(p, level)
    return float((flagged & ~wrong).sum() / max(flagged.sum(), 1))


@pytest.mark.parametrize(("per_class", "weighted"), [(False, False), (True, True)])
@pytest.mark.parametrize("level", [0.1, 0.2])
def test_the_expected_share_of_false_flags_is_kept(per_class, weighted, level):
    generator = np.random.default_rng(7)
    found = np.array([false_share(generator, per_class, weighted, level) for _ in range(150)])
    assert found.mean() <= level + found.std() / np.sqrt(150)
    assert found.mean() > 0.3 * level


def test_without_weights_a_draw_per_class_breaks_it():
    """Half of the calibration rows are then of the class that scores high: others look worse than they are."""
    generator = np.random.default_rng(7)
    found = [false_share(generator, True, False, 0.2) for _ in range(100)]
    assert np.mean(found) > 0.25


def test_where_classes_have_p_values_of_their_own_each_keeps_its_level():
    """Class 1 scores lower though it is rightly labelled: pooled it looks worse than it is, on its own it does not."""
    generator = np.random.default_rng(3)
    classes, trusted = generator.choice(2, 20_000, p=[0.8, 0.2]), np.repeat([0, 1], 1000)
    score = generator.normal(np.where(classes == 0, 2.0, 0.0), 1)
    held = generator.normal(np.where(trusted == 0, 2.0, 0.0), 1)
    by = np.arange(2000) % 3
    found = p_values_per_class(held, by, trusted, [score] * 3, classes)
    for c in (0, 1):
        assert (found[classes == c] <= 0.1).mean() == pytest.approx(0.1, abs=0.03)
    assert found.min() >= 1 / 1001 - 1e-7
    pooled = p_values(held, by, np.ones(2000), [score] * 3, np.ones(20_000))
    assert (pooled[classes == 1] <= 0.1).mean() > 0.15


@pytest.mark.parametrize(("fewest", "per_class"), [(999, False), (1000, True)])
def test_a_thousand_right_rows_of_every_class_are_enough_for_p_values_of_its_own(fewest, per_class, monkeypatch):
    label = np.repeat([0, 1], [fewest, 1500])
    right = gather.RightLabels(label, np.zeros_like(label), np.linspace(0, 1, len(label)), np.ones(2))
    monkeypatch.setattr(gather, "_scores", lambda *_: {"000": np.full(4, 0.5)})
    given = np.array([0, 0, 1, 1])
    problem = SimpleNamespace(
        sampling="per-class", num_classes=2, given=given, paired_given=label, truth=label, checkpoints=None
    )
    found = SimpleNamespace(asked=SimpleNamespace(paired=True), fitted=SimpleNamespace(held=()))
    assert gather.guarantee_of(problem, found, right)[1].per_class == per_class
