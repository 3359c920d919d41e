"""Confident learning flags the rows that cleanlab's default does."""

import numpy as np
import pytest

from labelfix.numerics.label_issues import flagged


def drawn(rows, classes, seed, noise=0.3):
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.full(classes, 3.0))
    truth = generator.choice(classes, rows, p=shares)
    given = np.where(generator.random(rows) < noise, generator.choice(classes, rows, p=shares), truth)
    scores = 2 * np.eye(classes)[truth] + generator.normal(size=(rows, classes))
    p = np.exp(scores)
    return given, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("rows", "classes"), [(400, 2), (1000, 4), (3000, 25), (120, 12)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_rows_are_cleanlabs(rows, classes, seed):
    cleanlab = pytest.importorskip("cleanlab.filter")
    given, p = drawn(rows, classes, seed)
    expected = cleanlab.find_label_issues(given, p, n_jobs=1)
    assert expected.sum() > 5
    # Counts are made whole by their remainders, and of equal remainders it is anybody's choice which goes up.
    assert (flagged(given, p) != expected).mean() <= (0.01 if classes > 4 else 0)


def test_a_class_that_nobody_is_called_flags_nothing_and_needs_nothing():
    given, p = drawn(300, 3, 4)
    given = np.where(given == 2, 0, given)
    found = flagged(given, p)
    assert found.any()
    assert not found[p.argmax(axis=1) == given].any()


def test_right_labels_are_left_alone():
    given, p = drawn(500, 3, 5, noise=0.0)
    assert flagged(given, np.eye(3)[given] * 0.9 + 0.05).sum() == 0
