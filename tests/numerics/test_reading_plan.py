"""Which rows are drawn, and how is betted: what makes bounds come sooner."""

import numpy as np
import pytest

from labelfix.numerics.rate_by_betting import draw_order, draws_of, wealth_below
from labelfix.numerics.reading_plan import Design, design, growth, moved_to
from labelfix.runs.reading_plan import Bet


def errors(rows: int = 2000) -> np.ndarray:
    """Most rows are surely right, a tenth are doubtful."""
    generator = np.random.default_rng(0)
    return np.where(generator.random(rows) < 0.1, generator.beta(1, 3, rows), generator.beta(0.3, 100, rows))


def test_doubtful_rows_are_drawn_more_often_and_none_never():
    error = errors()
    weights = design(error, 0.05).weights(error)
    assert weights[error > 0.3].mean() > 2 * weights[error < 0.01].mean()
    assert weights.min() > 0.2
    assert weights.mean() == pytest.approx(1)


def test_a_bound_is_proven_with_fewer_rows_than_from_a_simple_random_sample():
    """Of 100 sets whose rows are wrong as often as is predicted."""
    generator = np.random.default_rng(1)
    error = errors()
    bound = 1.5 * error.mean()
    active, uniform = design(error, bound), design(np.full(len(error), error.mean()), bound)
    needed: dict[str, list[int]] = {"active": [], "uniform": []}
    for _ in range(100):
        wrong = (generator.random(len(error)) < error).astype(float)
        for name, chosen, weights in (
            ("active", active, active.weights(error)),
            ("uniform", uniform, np.ones(len(error))),
        ):
            order = draw_order(weights, generator.random(len(error)))
            predicted = error if name == "active" else np.zeros(len(error))
            draws = draws_of(order, weights, predicted, chosen.below, len(order))
            wealth = wealth_below(draws, wrong[order], bound, chosen.below)
            proven = np.flatnonzero(wealth >= np.log(20))
            needed[name].append(int(proven[0]) + 1 if len(proven) else len(error))
    assert np.mean(needed["active"]) < 0.6 * np.mean(needed["uniform"])


@pytest.mark.parametrize("error", [errors(), np.random.default_rng(6).beta(0.1, 6, 3000)], ids=["doubtful", "clean"])
def test_where_a_model_takes_too_many_for_wrong_no_other_bet_is_better(error):
    """It is betted that fewer are wrong than a bound which the model takes for passed, as if half as many were."""
    bound = 0.7 * error.mean()
    chosen = design(error, bound)
    best = growth(error, chosen, bound / 2, bound, "below")
    for k in (0.0, 0.5, 1.0):
        for part in (0.3, 0.6, 0.8, 0.97):
            other = Design(chosen.uniform, (Bet(k, part),), chosen.above)
            assert growth(error, other, bound / 2, bound, "below") <= best + 1e-12


def test_growth_says_about_how_fast_the_wealth_grows():
    generator = np.random.default_rng(2)
    error = errors()
    bound = 2 * error.mean()
    chosen = design(error, bound)
    weights = chosen.weights(error)
    last = chosen.below[-1:]
    gained = []
    for _ in range(200):
        wrong = (generator.random(len(error)) < error).astype(float)
        order = draw_order(weights, generator.random(len(error)))
        draws = draws_of(order, weights, error, last, 30)
        gained.append(wealth_below(draws, wrong[order[:30]], bound, last)[-1] / 30)
    told = growth(error, Design(chosen.uniform, last, chosen.above), error.mean(), bound, "below")
    assert np.mean(gained) == pytest.approx(told, abs=4 * np.std(gained) / 200**0.5)


@pytest.mark.parametrize("bound", [0.001, 0.02, 0.3, 0.97])
@pytest.mark.parametrize(
    "error",
    [np.zeros(50), np.ones(50), np.full(7, 0.5), np.array([0.3]), errors(300)],
    ids=["sure", "wrong", "even", "one", "usual"],
)
def test_any_prediction_and_bound_give_a_plan(error, bound):
    found = design(error, bound)
    assert (found.weights(error) > 0).all()
    assert all(0 <= bet.counted <= 1 and 0 < bet.part < 1 for bet in (*found.below, *found.above))


def test_probabilities_are_moved_to_a_mean():
    assert moved_to(errors(), 0.2).mean() == pytest.approx(0.2)
