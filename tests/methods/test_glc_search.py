"""GLC's search ends early, where going on no longer changes what trusted rows think of it."""

import pytest
from toy_problem import problem

from labelfix.heads import learners
from labelfix.heads.rows import load_rows


@pytest.mark.parametrize(("noise", "seed"), [(0.4, 0), (0.3, 1)])
def test_the_search_ends_where_going_on_changes_nothing(monkeypatch, noise, seed):
    made, _ = problem(noise=noise, noisy=600, clean=60, seed=seed)
    rows = load_rows(made)

    def loss():
        rows.fits.clear()
        return learners.fit_glc(rows, 8.0).nll(rows.truth.numpy())

    ended = loss()
    monkeypatch.setattr(learners, "GLC_SEARCH", (300, 1e-9))
    assert abs(ended - loss()) < 1e-3
    for too_short in ((3, 1e-5), (25, 1e-3)):
        monkeypatch.setattr(learners, "GLC_SEARCH", too_short)
        assert abs(ended - loss()) > 1e-3, too_short


def test_of_more_than_32_classes_the_loose_fit_alone_is_tried():
    assert [len(learners.ridges(classes)) for classes in (2, 32, 33, 500)] == [2, 2, 1, 1]
    assert learners.ridges(33) == learners.ridges(32)[1:]


def test_each_head_of_the_given_labels_leaves_out_a_fifth_of_the_noisy_rows():
    found = learners.given_labels(load_rows(problem(noisy=200)[0]))
    assert len(found.without) == 5
    assert found.of.bincount().tolist() == [40] * 5
