"""Which rows are drawn, and how is betted: what makes bounds come sooner."""

import numpy as np
import pytest
from scipy.special import rel_entr

from labelfix.numerics.rate_by_betting import draw_order, draws_of, wealth_below
from labelfix.numerics.reading_plan import border, design, growth, moved_to
from labelfix.runs.reading_plan import Bet


def errors(rows=2000):
    """Most rows are surely right, a tenth are doubtful."""
    generator = np.random.default_rng(0)
    return np.where(generator.random(rows) < 0.1, generator.beta(1, 3, rows), generator.beta(0.3, 100, rows))


def test_doubtful_rows_are_drawn_more_often_and_none_never():
    error = errors()
    weights = design(error, 0.05).weights(error)
    assert weights[error > 0.3].mean() > 2 * weights[error < 0.01].mean()
    assert weights.min() > 0.05
    assert weights.mean() == pytest.approx(1)


def test_a_bound_is_proven_with_fewer_rows_than_from_a_simple_random_sample():
    """Of 50 sets whose rows are wrong as often as is predicted."""
    generator = np.random.default_rng(1)
    error = errors()
    bound = 1.5 * error.mean()
    active, uniform = design(error, bound), design(np.full(len(error), error.mean()), bound)
    needed = {"active": [], "uniform": []}
    for _ in range(50):
        wrong = (generator.random(len(error)) < error).astype(float)
        for name, chosen, weights in (
            ("active", active, active.weights(error)),
            ("uniform", uniform, np.ones(len(error))),
        ):
            order = draw_order(weights, generator.random(len(error)))
            controls = chosen.controls(error if name == "active" else np.full(len(error), error.mean()))
            draws = draws_of(order, weights, controls, len(order))
            wealth = wealth_below(draws, wrong[order], bound, chosen.below)
            proven = np.flatnonzero(wealth >= np.log(20))
            needed[name].append(int(proven[0]) + 1 if len(proven) else len(error))
    assert np.mean(needed["active"]) < 0.6 * np.mean(needed["uniform"])


@pytest.mark.parametrize("share", [0.3, 1.0, 2.2])
def test_no_other_bet_grows_faster_where_the_model_is_right(share):
    """The best of the plan against every other of its kind, on either side of the bound."""
    error = errors()
    bound = share * error.mean()
    side = "below" if share > 1 else "above"
    found = design(error, bound)
    weights, controls = found.weights(error), found.controls(error) | {k: k * error for k in (0.0, 0.5, 1.0)}
    own = found.below if side == "below" else found.above
    best = growth(error, weights, controls, own, bound, side)
    if abs(share - 1) > 0.3:
        for kind in controls:
            others = [Bet(kind, part) for part in (0.1, 0.3, 0.6, 0.8, 0.97)]
            assert growth(error, weights, controls, others, bound, side) <= best + 1e-9
    assert best > 0 or share == 1


@pytest.mark.parametrize("bound", [0.02, 0.25])
def test_at_the_border_each_row_tells_as_much_and_no_bets_beat_those_on_it(bound):
    """The growth of the design comes close to KL(q, p), which no bets on a set with these probabilities exceed."""
    error = np.clip(errors(), 0.002, 0.998)
    p = border(error, bound)
    told = rel_entr(error, p) + rel_entr(1 - error, 1 - p)
    inside = (p > 1.1e-5) & (p < 1 - 1.1e-5)
    assert p.mean() == pytest.approx(bound, rel=0.01)
    assert told[inside] == pytest.approx(told.max(), rel=1e-3)
    found = design(error, bound)
    side = "below" if error.mean() < bound else "above"
    own = found.below if side == "below" else found.above
    grown = growth(error, found.weights(error), found.controls(error), own, bound, side)
    assert 0.6 * told.max() < grown <= 1.001 * told.max()


def test_where_a_model_takes_too_many_for_wrong_the_bound_is_proven_all_the_same():
    """A third as many are wrong as predicted, and the bound lies between: fewer rows than without predictions."""
    generator = np.random.default_rng(4)
    error = errors()
    truth, bound = moved_to(error, error.mean() / 3), 0.7 * error.mean()
    chosen, uniform = design(error, bound), design(np.full(len(error), error.mean()), bound)
    needed = {"chosen": [], "uniform": []}
    for _ in range(30):
        wrong = (generator.random(len(error)) < truth).astype(float)
        for name, plan, predicted in (
            ("chosen", chosen, error),
            ("uniform", uniform, np.full(len(error), error.mean())),
        ):
            weights = plan.weights(predicted)
            order = draw_order(weights, generator.random(len(error)))
            draws = draws_of(order, weights, plan.controls(predicted), len(order))
            proven = np.flatnonzero(wealth_below(draws, wrong[order], bound, plan.below) >= np.log(20))
            needed[name].append(int(proven[0]) + 1 if len(proven) else len(error))
    assert np.mean(needed["chosen"]) < 0.8 * np.mean(needed["uniform"])


def test_growth_says_about_how_fast_the_wealth_grows():
    generator = np.random.default_rng(2)
    error = errors()
    bound = 2 * error.mean()
    chosen = design(error, bound)
    weights, controls, last = chosen.weights(error), chosen.controls(error), chosen.below[-1:]
    gained = []
    for _ in range(200):
        wrong = (generator.random(len(error)) < error).astype(float)
        order = draw_order(weights, generator.random(len(error)))
        draws = draws_of(order, weights, controls, 30)
        gained.append(wealth_below(draws, wrong[order[:30]], bound, last)[-1] / 30)
    told = growth(error, weights, controls, last, bound, "below")
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
    assert all(((c >= 0) & (c <= 1)).all() for c in found.controls(error).values())
    assert all(0 < bet.part < 1 for bet in (*found.below, *found.above))


def test_probabilities_are_moved_to_a_mean():
    assert moved_to(errors(), 0.2).mean() == pytest.approx(0.2)
