"""Noise rates and their intervals, on made data whose truth is known."""

import numpy as np
import pytest

from labelfix.data.intervals import share_interval
from labelfix.data.labels.noise_rate import RateInterval
from labelfix.evidence.noise_rate import Opinion, _power, assumed, estimate


def world(generator, rate, shares, rows=4000):
    """Truth, given labels under UNIF-like noise, and an opinion about them that is good but not perfect."""
    classes = len(shares)
    truth = generator.choice(classes, rows, p=shares)
    shift = generator.integers(1, classes, rows)
    given = np.where(generator.random(rows) < rate, (truth + shift) % classes, truth)
    logits = generator.normal(0, 1, (rows, classes)) + 2.5 * np.eye(classes)[truth] + 1.5 * np.eye(classes)[given]
    soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, given, soft.astype(np.float32)


def drawn(generator, rate, shares, with_opinion=True):
    truth, given, soft = world(generator, rate, shares)
    classes = len(shares)
    pairs = generator.choice(len(truth), 400, replace=False)
    others = np.setdiff1d(np.arange(len(truth)), pairs)
    opinion = Opinion(soft[others], given[others], soft[pairs]) if with_opinion else None
    found = estimate(truth[pairs], given[pairs], given[others], classes, "random", opinion)
    return found, (truth != given).mean(), truth, given


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.6])
def test_intervals_hold_the_true_rate(rate):
    """Of draws at random, which an opinion narrows; those without one: tests/data/test_noise_coverage.py."""
    generator = np.random.default_rng(int(1000 * rate))
    hits = []
    for _ in range(100):
        found, true, *_ = drawn(generator, rate, [0.55, 0.25, 0.12, 0.08])
        hits.append(found.rate.low <= true <= found.rate.high)
    assert np.mean(hits) >= 0.90


def test_a_models_opinion_makes_the_interval_narrower():
    generator = np.random.default_rng(1)
    with_it, without = ([], [])
    for _ in range(20):
        seed = int(generator.integers(1 << 30))
        for kept, use in ((with_it, True), (without, False)):
            rate = drawn(np.random.default_rng(seed), 0.3, [0.25] * 4, use)[0].rate
            kept.append(rate.high - rate.low)
    assert np.mean(with_it) < 0.85 * np.mean(without)


def test_an_opinion_has_no_say_where_rows_were_drawn_per_class():
    truth, given, soft = world(np.random.default_rng(6), 0.3, [0.6, 0.4])
    pairs = np.concatenate([np.flatnonzero(truth == c)[:100] for c in range(2)])
    others = np.setdiff1d(np.arange(len(truth)), pairs)
    opinion = Opinion(soft[others], given[others], soft[pairs])
    with_it, without = (estimate(truth[pairs], given[pairs], given[others], 2, "per-class", o) for o in (opinion, None))
    assert with_it == without


def test_trusted_rows_drawn_per_class_are_weighted():
    """The rare class is mislabelled far more often: counted as drawn the rate reads as twice what it is."""
    generator = np.random.default_rng(2)
    truth = generator.choice(2, 20_000, p=[0.9, 0.1])
    given = np.where(generator.random(20_000) < np.where(truth == 0, 0.1, 0.4), 1 - truth, truth)
    pairs = np.concatenate([np.flatnonzero(truth == c)[:300] for c in range(2)])
    found = estimate(truth[pairs], given[pairs], given, 2, "per-class", None)
    assert (truth[pairs] != given[pairs]).mean() > 0.22
    assert found.rate.value == pytest.approx((truth != given).mean(), abs=0.03)
    assert found.rate.low < 0.13 < found.rate.high


def test_rates_of_classes_and_the_matrix_are_those_of_the_true_classes():
    generator = np.random.default_rng(3)
    found, _, truth, given = drawn(generator, 0.3, [0.5, 0.3, 0.2])
    for c, each in enumerate(found.classes):
        assert each.low - 0.03 < (given[truth == c] != c).mean() < each.high + 0.03
    for row in found.transition:
        assert sum(cell.value for cell in row) == pytest.approx(1)


def test_without_pairs_there_is_a_rate_and_no_interval():
    generator = np.random.default_rng(4)
    truth, given, _ = world(generator, 0.3, [0.25] * 4)
    soft = np.full((len(given), 4), 0.1, dtype=np.float32)
    soft[np.arange(len(given)), given] = 0.7
    found = assumed(soft, given, np.full((4, 4), 0.1) + 0.6 * np.eye(4))
    assert found.rate.value == pytest.approx(0.3, abs=1e-6)
    assert found.rate.low is None
    assert not found.coverage


def test_an_interval_that_moves_with_its_row_keeps_its_value_inside():
    cell = RateInterval(0.2, 0.15, 0.26, 40)
    for factor in (0.5, 0.7, 1.0, 1.4, 2.0, 4.9):
        moved = cell.scaled(factor)
        assert moved.low < moved.value < moved.high
        assert moved.low <= cell.low
        assert moved.high >= cell.high


def test_a_class_without_pairs_has_no_rate():
    generator = np.random.default_rng(5)
    truth, given, _ = world(generator, 0.2, [0.5, 0.5, 0.0][:2])
    found = estimate(truth[:200], given[:200], given, 3, "random", None)
    assert found.classes[2].value is None
    assert found.to_json(["a", "b", "c"])["classes"][2]["class"] == "c"


def test_an_opinion_narrows_the_interval_by_what_it_explains_less_a_tenth():
    """It explains 47 % of the variance of 800 pairs; models that learned other pairs are not as good as strangers."""
    draw = np.random.default_rng(0)
    wrong = np.arange(800) % 2
    said = np.where(draw.random(800) < 0.85, wrong, 1 - wrong) * 0.8 + 0.1
    pairs = np.zeros((800, 2), dtype=np.float32)
    pairs[np.arange(800), wrong] = 1 - said
    nobody = np.zeros(400_000, dtype=np.int64)
    opinion = Opinion(np.full((400_000, 2), 0.5, dtype=np.float32), nobody, pairs)
    rate = estimate(np.zeros(800, dtype=np.int64), wrong, nobody, 2, "random", opinion).rate
    low, high = share_interval(400, 800)
    unexplained = 1 - np.corrcoef(wrong, said)[0, 1] ** 2
    assert 1.05 < ((rate.high - rate.low) / (high - low)) ** 2 / unexplained < 1.3


@pytest.mark.parametrize(("pairs", "misses"), [(45, 0.01), (45, 0.02), (100, 0.02)])
def test_an_opinion_that_hardly_ever_errs_is_not_taken_for_one_that_never_does(pairs, misses):
    """Of so few pairs most draws show no miss; the interval held the rate in 75 to 85 of 100 draws."""
    draw = np.random.default_rng(0)
    rows, held, draws = pairs + 600, 0, 200
    for _ in range(draws):
        wrong = draw.random(rows) < 0.2
        said = np.where(wrong ^ (draw.random(rows) < misses), 0.97, 0.03) + draw.normal(0, 0.01, rows)
        soft = np.stack([1 - said, said], axis=1).astype(np.float32)
        truth, given = wrong.astype(np.int64), np.zeros(rows, dtype=np.int64)
        opinion = Opinion(soft[pairs:], given[pairs:], soft[:pairs])
        rate = estimate(truth[:pairs], given[:pairs], given[pairs:], 2, "random", opinion).rate
        held += rate.low <= wrong[pairs:].mean() <= rate.high
    assert held >= 0.93 * draws


def test_a_pair_has_no_say_in_how_far_the_opinion_of_its_own_quarter_counts():
    draw = np.random.default_rng(0)
    wrong = (draw.random(40) < 0.5) * 1.0
    said = 0.3 * wrong + 0.9 * draw.random(40)
    before = _power(wrong, said)
    said[0] = 1.5 - said[0]
    assert np.flatnonzero(_power(wrong, said) == before).tolist() == list(range(0, 40, 4))


@pytest.mark.parametrize(("classes", "by_the_opinion"), [(30, True), (31, False)])
def test_an_opinion_says_cells_of_the_matrix_of_up_to_thirty_classes(classes, by_the_opinion):
    generator = np.random.default_rng(4)
    truth, given, soft = world(generator, 0.3, [1 / classes] * classes, rows=9000)
    pairs, others = np.arange(6000), np.arange(6000, 9000)
    opinion = Opinion(soft[others], given[others], soft[pairs])
    found = estimate(truth[pairs], given[pairs], given[others], classes, "random", opinion)
    counted = estimate(truth[pairs], given[pairs], given[others], classes, "random", None)
    assert (found.transition != counted.transition) == by_the_opinion
    assert found.rate != counted.rate
