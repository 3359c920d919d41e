"""A bound on the share of wrong rows: held against every order in which few rows can be drawn."""

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from scipy.stats import chisquare

from labelfix.numerics.rate_by_betting import (
    Draws,
    draw_order,
    draws_of,
    estimate,
    lower_bound,
    upper_bound,
    wealth_above,
    wealth_below,
)
from labelfix.runs.reading_plan import Bet, Counted

WEIGHTS = np.array([0.4, 1.0, 2.5, 0.8, 1.6])
PREDICTED = np.array([0.02, 0.3, 0.7, 0.0, 0.5])
CONTROLS: dict[Counted, np.ndarray] = {1.0: PREDICTED, 0.5: PREDICTED / 2, 0.0: 0 * PREDICTED, "below": PREDICTED**2}
LIKE_PREDICTIONS = [Bet(1.0, 0.9)]


def every_order(weights):
    """All orders of drawing rows without replacement, each with its probability, multiplied out by hand."""
    for order in permutations(range(len(weights))):
        chance, left = 1.0, sum(weights)
        for row in order:
            chance *= weights[row] / left
            left -= weights[row]
        yield np.array(order), chance


@pytest.mark.parametrize("wrong", [(0, 0, 1, 0, 0), (1, 0, 1, 0, 1), (1, 1, 1, 1, 0), (0, 0, 0, 0, 0)])
@pytest.mark.parametrize("bet", [Bet(1.0, 0.1), Bet(0.5, 0.6), Bet("below", 0.97), Bet(1.0, 0.97)])
def test_bets_on_the_true_share_neither_win_nor_lose_in_the_mean(wrong, bet):
    e = np.array(wrong, dtype=float)
    share = e.mean()
    below, above, guess = np.zeros(5), np.zeros(5), np.zeros(5)
    for order, chance in every_order(WEIGHTS):
        draws = draws_of(order, WEIGHTS, CONTROLS, 5)
        below += chance * np.exp(wealth_below(draws, e[order], share, [bet]))
        above += chance * np.exp(wealth_above(draws, e[order], share, [bet]))
        guess += chance * np.array([estimate(draws[: n + 1], e[order][: n + 1], bet.counted) for n in range(5)])
    # Bets that cannot lose, as all is known of the last rows, may win more.
    assert below[:3] == pytest.approx(np.ones(3), abs=1e-12) or share in (0, 1)
    assert above[:3] == pytest.approx(np.ones(3), abs=1e-12) or share in (0, 1)
    assert guess == pytest.approx(np.full(5, share), abs=1e-12)


def test_a_wrong_bound_is_called_proven_as_rarely_as_promised_at_any_time():
    """Of all orders, with the luckiest moment to stop in each: the exact probability, for both sides and all truths."""
    alpha, bets = 0.3, [Bet(1.0, 0.5), Bet("below", 0.9), Bet(0.0, 0.9)]
    weights, controls = WEIGHTS[:4], {kind: c[:4] for kind, c in CONTROLS.items()}
    orders = [(order, chance, draws_of(order, weights, controls, 4)) for order, chance in every_order(weights)]
    for wrong in product((0.0, 1.0), repeat=4):
        e = np.array(wrong)
        too_low = too_high = 0.0
        for order, chance, draws in orders:
            too_low += chance * (upper_bound(draws, e[order], bets, alpha) < e.mean() - 1e-9)
            too_high += chance * (lower_bound(draws, e[order], bets, alpha) > e.mean() + 1e-9)
        assert too_low <= alpha
        assert too_high <= alpha


def test_draws_are_what_a_loop_over_the_rest_says():
    order = np.array([2, 0, 4, 1, 3])
    draws = draws_of(order, WEIGHTS, CONTROLS, 5)
    for t in range(5):
        rest = order[t:]
        pi = WEIGHTS[rest] / WEIGHTS[rest].sum()
        assert draws.chance[t] == pytest.approx(pi[0])
        for kind, c in CONTROLS.items():
            found = draws.controls[kind]
            assert found.own[t] == c[order[t]]
            assert found.left[t] == pytest.approx(c[rest].sum())
            assert found.highest[t] == pytest.approx(((1 - c[rest]) / pi).max())
            assert found.lowest[t] == pytest.approx((c[rest] / pi).max())


def test_simple_random_samples_are_betted_on_as_published():
    """Without predictions: the wealth of Waudby-Smith and Ramdas (2024, section 5), whose bet is λ = f / (1 − m_t)."""
    e = np.array([0, 0, 1, 0, 0, 0, 1, 0], dtype=float)
    rows, bound, bet = 40, 0.3, 0.6
    draws = draws_of(np.arange(rows), np.ones(rows), {0.0: np.zeros(rows)}, len(e))
    published, found = 0.0, 0.0
    for t, value in enumerate(e):
        mean_of_rest = (rows * bound - found) / (rows - t)
        published += np.log1p(bet / (1 - mean_of_rest) * (mean_of_rest - value))
        found += value
    assert wealth_below(draws, e, bound, [Bet(0.0, bet)])[-1] == pytest.approx(published, abs=1e-12)


def test_a_row_that_is_taken_for_wrong_never_helps_to_prove_that_few_are():
    generator = np.random.default_rng(3)
    rows, read, bets = 60, 25, [Bet(1.0, 0.4), Bet("above", 0.95)]
    for _ in range(50):
        weights, predicted = generator.uniform(0.3, 3, rows), generator.uniform(0, 0.8, rows)
        draws = draws_of(generator.permutation(rows), weights, {1.0: predicted, "above": predicted**2}, read)
        e = (generator.random(read) < 0.2).astype(float)
        worse = e.copy()
        worse[generator.integers(read)] = 1.0
        bound = generator.uniform(0.05, 0.9)
        assert (wealth_below(draws, worse, bound, bets) <= wealth_below(draws, e, bound, bets) + 1e-12).all()
        assert (wealth_above(draws, worse, bound, bets) >= wealth_above(draws, e, bound, bets) - 1e-12).all()


def test_bounds_are_where_the_wealth_passes_what_is_asked():
    generator = np.random.default_rng(0)
    weights, predicted = generator.uniform(0.3, 3, 200), generator.uniform(0, 0.5, 200)
    bets, alpha = [Bet(1.0, 0.3), Bet(1.0, 0.6)], 0.05
    draws = draws_of(generator.permutation(200), weights, {1.0: predicted}, 80)
    e = (generator.random(80) < 0.4).astype(float)
    high, low = upper_bound(draws, e, bets, alpha), lower_bound(draws, e, bets, alpha)
    assert 0 < low < estimate(draws, e, 1.0) < high < 1
    for bound, wealth in ((high, wealth_below), (low, wealth_above)):
        sign = 1 if bound is high else -1
        assert wealth(draws, e, bound + sign * 1e-6, bets).max() >= np.log(20)
        assert wealth(draws, e, bound - sign * 1e-6, bets).max() < np.log(20)


def test_who_has_read_every_row_knows_the_share():
    generator = np.random.default_rng(1)
    weights = generator.uniform(0.3, 3, 50)
    order = generator.permutation(50)
    e = (np.arange(50) % 10 == 0).astype(float)[order]
    draws = draws_of(order, weights, {1.0: np.full(50, 0.1)}, 50)
    assert upper_bound(draws, e, LIKE_PREDICTIONS, 0.05) == pytest.approx(0.1, abs=1e-12)
    assert lower_bound(draws, e, LIKE_PREDICTIONS, 0.05) == pytest.approx(0.1, abs=1e-12)


def test_nothing_read_proves_nothing():
    draws = draws_of(np.arange(5), WEIGHTS, CONTROLS, 0)
    assert (
        upper_bound(draws, np.zeros(0), LIKE_PREDICTIONS, 0.05),
        lower_bound(draws, np.zeros(0), LIKE_PREDICTIONS, 0.05),
    ) == (1.0, 0.0)


def test_rows_are_drawn_with_the_chances_that_are_told():
    generator = np.random.default_rng(5)
    weights = np.array([1.0, 2.0, 4.0])
    orders = [tuple(draw_order(weights, generator.random(3)).tolist()) for _ in range(6000)]
    expected = {tuple(order.tolist()): chance for order, chance in every_order(weights)}
    counted = [orders.count(order) for order in expected]
    assert chisquare(counted, [6000 * chance for chance in expected.values()]).pvalue > 0.001


def test_the_bounds_narrow_as_more_is_read():
    generator = np.random.default_rng(2)
    draws = draws_of(generator.permutation(500), np.ones(500), {1.0: np.zeros(500)}, 300)
    e = (np.arange(300) % 20 == 7).astype(float)
    found = [
        tuple(side(draws[:n], e[:n], LIKE_PREDICTIONS, 0.05) for side in (lower_bound, upper_bound))
        for n in (10, 50, 100, 300)
    ]
    assert all(a[0] <= b[0] and a[1] >= b[1] for a, b in pairwise(found))
    assert isinstance(draws[:10], Draws)
    assert len(draws[:10]) == 10
