"""No network judges what it has seen: other labels for the rows that it judges change nothing that it says of them."""

from dataclasses import replace

import numpy as np
import pytest
from toy_problem import CLASSES, problem, whole

from labelfix.data.split import split_clean, with_choosers
from labelfix.heads.folds import FOLDS, cut_folds
from labelfix.methods.table import METHODS
from labelfix.networks import finished_model, training
from labelfix.progress import Silent
from labelfix.settings.methods import METHOD_SETTINGS


def fit(method, made, **settings):
    return METHODS[method](made, METHOD_SETTINGS[method](**settings), Silent()).held


def said(made, held, part):
    """Soft labels and probabilities of the rows of a part, by what judges them."""
    model, rows = held.models[part], held.rows[held.by == part]
    logits, hidden = model.outputs(made.clean, rows)
    soft = model.corrector.soft_labels(logits, hidden, np.zeros(len(rows), dtype=np.int64))
    return np.concatenate([soft, logits / model.temperature], axis=1)


def changed(made, held, part):
    """The problem with every label of a part's rows, true and given, turned by one class."""
    truth, given, rows = made.truth.copy(), made.paired_given.copy(), held.rows[held.by == part]
    truth[rows], given[rows] = (truth[rows] + 1) % CLASSES, (given[rows] + 1) % CLASSES
    return replace(made, truth=truth, paired_given=given)


def as_dealt(patch, made, held):
    """Parts may be dealt class by class: keep them as they were dealt from the right labels."""

    def dealt(truth, seed, count=FOLDS, by_class=True):
        assert len(truth) == len(held.rows)
        return cut_folds(made.truth[held.rows], seed, count, by_class)

    patch.setattr(finished_model, "cut_folds", dealt)
    patch.setattr(training, "split_clean", lambda _, *rest: split_clean(made.truth, *rest))
    patch.setattr(training, "with_choosers", lambda split, _, *rest: with_choosers(split, made.truth, *rest))


def assert_unseen(made, method, **settings):
    held = fit(method, made, **settings)
    for part in (0, len(held.models) - 1):
        with pytest.MonkeyPatch.context() as patch:
            as_dealt(patch, made, held)
            other = changed(made, held, part)
            again = fit(method, other, **settings)
        assert np.array_equal(again.rows, held.rows)
        assert np.array_equal(again.by, held.by)
        assert np.allclose(said(made, held, part), said(other, again, part), atol=1e-6), part


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"confident-learning", "mlc"}))
def test_what_is_chosen_of_a_network_is_chosen_without_the_rows_that_judge(method):
    """Its weights, its best epoch, its temperature, and its matrix or share."""
    made, _ = whole(noisy=150, clean=240)
    assert_unseen(made, method, epochs=2, keep_best=True)


def test_the_papers_recipe_is_judged_by_rows_that_chose_nothing():
    made, _ = whole(noisy=150, clean=240)
    assert_unseen(made, "mlc", recipe="paper", epochs=2, keep_best=True)


def test_confident_learning_is_judged_by_rows_that_chose_nothing():
    pytest.importorskip("cleanlab")
    made, _ = whole(noisy=150, clean=240)
    assert_unseen(made, "confident-learning", epochs=2, folds=2)


def test_where_an_epoch_is_chosen_half_of_the_held_out_rows_judge_nothing():
    made, _ = whole(noisy=150, clean=240)
    without, chosen = fit("glc", made, epochs=2), fit("glc", made, epochs=2, keep_best=True)
    stopped = fit("glc", made, epochs=2, early_stop=1)
    assert len(without.rows) == 2 * len(chosen.rows) == 48
    assert set(chosen.rows) < set(without.rows)
    assert np.array_equal(chosen.rows, stopped.rows)


def test_soft_labels_of_the_run_are_chosen_by_all_held_out_rows():
    """The four choices without a part lie around the one of all, and each is another."""
    made, _ = whole(noisy=300, clean=240)
    fitted = METHODS["glc"](made, METHOD_SETTINGS["glc"](epochs=5), Silent())
    parts = [model.temperature for model in fitted.held.models]
    assert len(parts) == len(set(parts)) == FOLDS
    assert min(parts) < fitted.temperature < max(parts)


@pytest.mark.parametrize(
    ("method", "tenths"),
    [("clean-only", 1), ("bayes", 1), ("mixed", 1), ("distillation", 1), ("glc", 2.5), ("mlc", 2.5)],
)
def test_where_trusted_rows_count_for_themselves_a_judge_lacks_a_tenth_of_them_and_else_a_quarter(method, tenths):
    made, _ = problem(noisy=200, clean=80)
    held = fit(method, made)
    assert max(np.bincount(held.by)) == 8 * tenths
