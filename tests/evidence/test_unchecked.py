"""What is said of the rows that nobody has checked once the hard ones are answered: simulated, the hard rows known."""

import numpy as np
import pytest
import torch

from labelfix.correctors.contract import Problem
from labelfix.data.tables import UNLABELLED
from labelfix.evidence.ledger import Entry, Estimate, Ledger, paired_difference, share
from labelfix.evidence.unchecked import Answered, unanswered
from labelfix.models.features import FeatureInputs

ROWS, DRAWN, HARD = 2000, 150, 200


def ledger_of(given, corrected):
    w = np.ones(len(given))
    none = Estimate(0.0, 0.0, 0.0, len(given))
    entry = Entry("this-run", "", none, none, none, none)
    return Ledger((entry,), 2, share(given, w), share(corrected, w), paired_difference(corrected, given, w))


def draw(seed, asked):
    """A file whose hard rows are mostly wrong: what drawn rows say, what is said without the answered, and the truth.

    Args:
        seed: Of the draw.
        asked: How many of the answered rows a model that never saw them was asked about.
    """
    generator = np.random.default_rng(seed)
    hard = np.arange(ROWS) < HARD
    given = generator.random(ROWS) < np.where(hard, 0.4, 0.85)
    corrected = generator.random(ROWS) < np.where(hard, 0.5, 0.95)
    drawn = generator.choice(ROWS, DRAWN, replace=False)
    left = np.setdiff1d(np.arange(ROWS), drawn)
    answered, rest = left[hard[left]], left[~hard[left]]
    said = ledger_of(given[drawn], corrected[drawn])
    seen = answered[:asked]
    taken = Answered(given[seen], corrected[seen], len(answered), len(left)).taken_out(said)
    return said, taken, (float(given[rest].mean()), float(corrected[rest].mean()))


@pytest.mark.parametrize("asked", [HARD, 40])
def test_intervals_hold_the_truth_of_the_rows_that_are_left(asked):
    """All answered rows were asked about, as on fixed features; or a part, as where a network judges held-out rows."""
    held, plain, bias = [], [], []
    for seed in range(400):
        said, taken, truth = draw(seed, asked)
        after = taken.corrected_labels, said.corrected_labels
        for values, found in ((held, taken), (plain, said)):
            for estimate, true in zip((found.given_labels, found.corrected_labels), truth, strict=True):
                assert estimate is not None
                values.append(estimate.low <= true <= estimate.high)
            assert found.difference is not None
            values.append(found.difference.low <= truth[1] - truth[0] <= found.difference.high)
        assert after[0] is not None
        bias.append(after[0].value - truth[1])
    assert np.mean(held) > 0.93
    assert np.mean(plain) < 0.85
    assert abs(np.mean(bias)) < 0.01


def test_without_a_model_that_never_saw_them_the_interval_holds_all_that_may_be():
    said, taken, _ = draw(0, 0)
    assert said.corrected_labels is not None
    assert taken.corrected_labels is not None
    assert taken.corrected_labels.value == pytest.approx(said.corrected_labels.value)
    assert taken.corrected_labels.low < said.corrected_labels.low
    assert taken.corrected_labels.high > said.corrected_labels.high


def test_estimates_stay_shares():
    """All drawn rows are right and so few of the answered that more errors were found than drawn rows foretell."""
    said = ledger_of(np.ones(30, bool), np.ones(30, bool))
    taken = Answered(np.zeros(50, bool), np.zeros(50, bool), 50, 500).taken_out(said)
    assert taken.given_labels is not None
    assert taken.given_labels.value == taken.given_labels.high == 1
    assert 0 < taken.given_labels.low < 1


def test_before_next_asked_its_rows_were_noisy_ones():
    problem = features_problem(noisy=20, trusted=6, chosen=[1, 4, 5], unpaired=[5])
    before = unanswered(problem)
    assert before.judges.all()
    assert len(before.truth) == len(before.clean) == 3
    assert before.truth.tolist() == problem.truth[[0, 2, 3]].tolist()
    assert before.given.tolist() == [*problem.given.tolist(), *problem.paired_given[[1, 4]].tolist()]
    assert UNLABELLED not in before.given
    added = before.noisy.batch(np.array([20, 21])).numpy()
    assert added.tolist() == problem.clean.batch(np.array([1, 4])).numpy().tolist()


def features_problem(noisy, trusted, chosen, unpaired):
    """Random rows of three features and two classes.

    Args:
        noisy: Noisy rows.
        trusted: Trusted ones.
        chosen: Those that `next` chose.
        unpaired: Those without a given label.
    """
    generator = np.random.default_rng(0)
    given = generator.integers(0, 2, trusted)
    given[list(unpaired)] = UNLABELLED
    return Problem(
        noisy=FeatureInputs(generator.normal(size=(noisy, 3)).astype(np.float32)),
        given=generator.integers(0, 2, noisy),
        clean=FeatureInputs(generator.normal(size=(trusted, 3)).astype(np.float32)),
        truth=generator.integers(0, 2, trusted),
        paired_given=given,
        num_classes=2,
        sampling="random",
        new_classifier=lambda _: (_ for _ in ()).throw(AssertionError("nothing is fitted here")),
        family="head",
        device=torch.device("cpu"),
        seed=0,
        chosen=np.isin(np.arange(trusted), chosen),
    )
