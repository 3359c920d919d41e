import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from labelfix.numerics.row_dependence import PRIOR, Dependence, _Problem, choose, fit_dependence, mixed_terms

K = 3
EXPECTED = np.full((K, K), 0.1) + 0.7 * np.eye(K)


def rows(seed, count, noise):
    """log f, log g and given labels: `noise(generator, f, lean)` gives P(y' | x, y) of each row, `(count, K, K)`."""
    generator = np.random.default_rng(seed)
    log_f = log_softmax(3 * generator.normal(size=(count, K)), axis=1)
    lean = softmax(2 * generator.normal(size=(count, K)), axis=1)
    f = np.exp(log_f)
    truth = (f.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1).clip(max=K - 1)
    said = noise(lean)
    given = (said[np.arange(count), truth].cumsum(axis=1) < generator.random((count, 1))).sum(axis=1).clip(max=K - 1)
    return log_f, np.log(np.einsum("nc,ncj->nj", f, said)), given


def by_matrix(lean):
    return np.broadcast_to(EXPECTED, (len(lean), K, K))


def by_row(lean):
    """Half of a label is what the row leans to, whatever the class."""
    return 0.5 * EXPECTED + 0.5 * lean[:, None, :]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_slope_of_the_likelihood(gamma):
    log_f, log_g, given = rows(0, 50, by_row)
    problem = _Problem(np.exp(log_f), log_g, given, EXPECTED)
    terms = np.random.default_rng(1).normal(size=(K, K))
    powered = problem._powered(gamma)
    _, slope = problem._loss(terms, powered)

    for place in range(K * K):
        step = np.zeros(K * K)
        step[place] = 1e-6
        up, down = (problem._loss(terms + sign * step.reshape(K, K), powered)[0] for sign in (1, -1))
        assert slope[place] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-5)


def test_without_dependence_the_terms_are_those_of_em():
    """γ = 0 maximises the likelihood that EM over a transition matrix climbs, its prior of given labels included."""
    log_f, log_g, given = rows(2, 2000, by_matrix)
    f, matrix = np.exp(log_f), EXPECTED
    for _ in range(500):
        share = f * matrix[:, given].T
        share /= share.sum(axis=1, keepdims=True)
        counts = share.T @ np.eye(K)[given] + PRIOR * EXPECTED
        matrix = counts / counts.sum(axis=1, keepdims=True)
    problem = _Problem(f, log_g, given, EXPECTED)

    assert np.exp(problem.fit(np.log(EXPECTED), 0.0)) == pytest.approx(matrix, abs=2e-3)


def test_noise_of_a_matrix_tells_no_dependence():
    weights = [fit_dependence(*rows(seed, 3000, by_matrix), EXPECTED, EXPECTED).weight for seed in range(6)]

    assert np.median(weights) == 0
    assert max(weights) < 0.3


def test_noise_that_follows_the_row_is_told():
    found = fit_dependence(*rows(3, 3000, by_row), EXPECTED, EXPECTED)
    own = np.log(EXPECTED)

    assert found.gamma >= 0.5
    assert found.weight > 0.9
    # What the row explains, the given label no longer says of the class.
    gap = found.label_terms.diagonal().mean() - found.label_terms[~np.eye(K, dtype=bool)].mean()
    assert gap < 0.8 * (own.diagonal().mean() - own[~np.eye(K, dtype=bool)].mean())


def test_terms_go_from_a_matrix_to_what_was_told():
    told = Dependence(0.5, 0.64, 3 * np.eye(K))

    found = mixed_terms(told, EXPECTED, np.eye(K), trust=0.8)

    assert found == pytest.approx(0.64 * 0.5 * (0.5 * 0.8 * 3 + 0.5) * np.eye(K) + 0.36 * np.log(EXPECTED))
    assert mixed_terms(told, EXPECTED, np.eye(K), trust=1.7) == pytest.approx(
        0.64 * 0.5 * (0.5 * 3 + 0.5) * np.eye(K) + 0.36 * np.log(EXPECTED)
    )
    nothing = Dependence(1.0, 0.0, told.label_terms)
    assert mixed_terms(nothing, EXPECTED, np.eye(K), 0.8) == pytest.approx(np.log(EXPECTED))


def candidates(*worse_by):
    """Losses at γ = 0, ¼, …, of which the later ones are so many standard errors worse than the first."""
    spread = np.tile([-1.0, 1.0], 200)
    error = spread.std(ddof=1) / np.sqrt(400)
    return [np.zeros(400)] + [each * error + spread for each in worse_by]


def test_the_largest_dependence_within_two_standard_errors_is_taken():
    assert choose(candidates(0.5, 1.9, 2.1))[0] == 0.5
    assert choose(candidates(0.5, 1.9))[0] == 0.5
    assert choose(candidates(2.1, 2.1))[0] == 0


def test_the_weight_grows_with_what_stands_out_of_noise_and_with_the_dependence():
    assert choose(candidates(-1.9))[1] == 0
    assert choose(candidates(-3.0))[1] == pytest.approx((1 - 16 / 81) * 0.25)
    assert choose(candidates(-10.0))[1] == pytest.approx(0.9984 * 0.25)
    assert choose(candidates(0.0, -10.0))[1] == pytest.approx(0.9984)
    assert choose(candidates(0.0, 0.0, -10.0))[1] == pytest.approx(0.9984)
    assert choose(candidates(3.0))[1] == 0


def test_many_classes_are_read_from_fewer_rows():
    classes, count = 300, 20_000
    generator = np.random.default_rng(0)
    given = generator.integers(classes, size=count)
    even = np.full((count, classes), -np.log(classes))
    matrix = np.full((classes, classes), 1 / classes)

    found = fit_dependence(even, even, given, matrix, matrix)

    assert found.weight == 0
