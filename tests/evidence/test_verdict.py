"""The verdict says what the ledger shows, and how little a few rows show."""

from dataclasses import replace

import numpy as np
import pytest

from labelfix.evidence.ledger import Estimate, compare
from labelfix.evidence.noisy_judges import Agreement
from labelfix.evidence.rivals import CLEAN_ONLY, CONFIDENT_LEARNING, GLC, NOISY_AND_CLEAN, THIS_RUN, Rival
from labelfix.evidence.verdict import conclude, labels_of


def said(sure, rows=400, wrong=0):
    """`(R, 2)` log-probabilities: `sure` on class 0, and on class 1 for the first `wrong` rows."""
    p = np.full(rows, sure)
    p[:wrong] = 1 - sure
    return np.log(np.stack([p, 1 - p], axis=1))


def ledger(run, others, given=None, corrected=None, agreement=None, one_class=False):
    rows = len(run)
    rivals = [Rival(name, f"about {name}", log_p) for name, log_p in others.items()]
    given = np.full(rows, -1) if given is None else given
    found = compare(run, rivals, np.zeros(rows, dtype=np.int64), given, corrected, None, agreement)
    # Rows of one class keep the figures easy to see; only the verdict on one class minds.
    return found if one_class else replace(found, judged_classes=2)


def labels(rows, wrong):
    return (np.arange(rows) < wrong).astype(np.int64)


def test_where_correction_helps_the_corrected_labels_are_to_be_used():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}, labels(400, 160), labels(400, 40)))
    assert (found.labels, found.classifier) == ("use", THIS_RUN)
    assert found.sentence == (
        "use the corrected labels: about 90% of the corrected labels are right, 60% of the given ones "
        "(400 rows you checked; 87% to 93%)"
    )


def test_where_correction_harms_nothing_is_to_be_changed():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}, labels(400, 20), labels(400, 60)))
    assert found.labels == "keep"
    assert found.sentence.startswith("keep the given labels, they are better than the corrected ones: about 85%")


def test_on_clean_data_there_is_nothing_to_gain():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}, labels(400, 0), labels(400, 0)))
    assert found.labels == "keep"
    assert "gains nothing worth having" in found.sentence


def test_few_pairs_leave_it_open():
    found = conclude(ledger(said(0.9, 20), {CLEAN_ONLY: said(0.7, 20)}, labels(20, 5), labels(20, 5)))
    assert found.labels == "unclear"
    assert "only 20 trusted rows judge this, too few" in found.sentence


def test_without_pairs_the_labels_are_not_measurable():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}))
    assert found.labels == "not measurable"
    assert "no trusted row is a row of the noisy file with a label there" in found.sentence


def test_with_too_few_pairs_that_is_said_and_not_that_there_are_none():
    given = np.where(np.arange(400) < 2, 0, -1)
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}, given))
    assert found.labels == "not measurable"
    assert "only 2 trusted rows are rows of the noisy file with a label there; check more" in found.sentence


def test_trusted_rows_of_one_class_judge_nothing():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.99)}, labels(400, 160), labels(400, 40), one_class=True))
    assert found.labels == "not measurable"
    assert found.sentence.startswith("all 400 trusted rows that could judge the labels are of one class")


@pytest.mark.parametrize("better", [CLEAN_ONLY, GLC, CONFIDENT_LEARNING, NOISY_AND_CLEAN])
def test_a_better_classifier_is_marked_and_makes_no_advice(better):
    """That its classifier is right on more of these rows says nothing of the labels that the method would write."""
    found = conclude(ledger(said(0.6), {better: said(0.95)}, labels(400, 160), labels(400, 40)))
    assert found.classifier == better
    assert "--method" not in found.sentence
    assert found.sentence == conclude(ledger(said(0.6), {}, labels(400, 160), labels(400, 40))).sentence


def test_a_rival_that_is_ahead_by_chance_is_not_marked():
    """It is surer on half of the rows and less sure on the other half: +.01 on average, with an error of .03."""
    rows = np.arange(400)
    shift = np.where(rows % 2, 0.61, -0.59)
    other = np.stack([np.log(0.5) + shift / 2, np.log(0.5) - shift / 2], axis=1)
    found = conclude(ledger(np.log(np.full((400, 2), 0.5)), {NOISY_AND_CLEAN: other}))
    assert found.classifier == THIS_RUN


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(0.03, -0.005, 0.065, 200), "use"),
        (Estimate(-0.03, -0.065, 0.005, 200), "keep"),
        (Estimate(0.004, -0.01, 0.018, 800), "keep"),
        (Estimate(0.01, -0.04, 0.06, 100), "unclear"),
        (Estimate(0.006, 0.002, 0.010, 4000), "use"),
        (Estimate(0.004, 0.001, 0.007, 4000), "keep"),
        (Estimate(0.0, -0.025, 0.025, 300), "unclear"),
        (Estimate(0.0, -0.017, 0.017, 600), "keep"),
    ],
)
def test_labels_are_judged_by_the_difference_and_its_error(estimate, expected):
    assert labels_of(estimate) == expected


def says(**shares):
    """What 4,000 noisy rows say: entry → how often it says their given label."""
    names = {"run": THIS_RUN, "cleanlab": CONFIDENT_LEARNING, "glc": GLC}
    return Agreement({names[name]: np.arange(4000) < share * 4000 for name, share in shares.items()})


def test_few_trusted_rows_leave_it_to_noisy_ones():
    """8 rows: the run is surer of them, but cleanlab's classifier says .75 of given labels where the run says .70."""
    others = {CONFIDENT_LEARNING: said(0.8, 8), GLC: said(0.6, 8)}
    found = ledger(said(0.9, 8), others, agreement=says(run=0.70, cleanlab=0.75, glc=0.69))
    verdict = conclude(found)
    assert found.noisy_rows_heard
    assert verdict.classifier == CONFIDENT_LEARNING


def test_noisy_rows_are_not_heard_where_trusted_ones_contradict_them():
    """Right on 3 of 12 trusted rows and on .75 of given labels: P(at most 3 of 12 at .75) = .0004."""
    others = {CONFIDENT_LEARNING: said(0.8, 12, wrong=9)}
    found = ledger(said(0.9, 12), others, agreement=says(run=0.55, cleanlab=0.75))
    assert not found.noisy_rows_heard
    assert conclude(found).classifier == THIS_RUN


def test_rows_drawn_per_class_contradict_by_what_they_weigh():
    """Right on all of class 0, nine tenths of the rows, and none of class 1: .9 is no contradiction of .95, .5 is."""
    agreement = says(run=0.95)
    right, weights = np.repeat([True, False], 10), np.repeat([1.8, 0.2], 10)
    assert not agreement.contradicted(right, weights)
    assert agreement.contradicted(right, np.ones(20))


def test_of_entries_that_noisy_rows_do_not_tell_apart_trusted_ones_choose():
    """One row of 4,000 apart is within a standard error, √2 of them (Agresti and Min's half rows count); 40 are not."""
    others = {CONFIDENT_LEARNING: said(0.7, 8), GLC: said(0.9, 8)}
    near = ledger(said(0.6, 8), others, agreement=says(run=0.5, cleanlab=0.75, glc=0.74975))
    assert conclude(near).classifier == GLC
    apart = ledger(said(0.6, 8), others, agreement=says(run=0.5, cleanlab=0.75, glc=0.74))
    assert conclude(apart).classifier == CONFIDENT_LEARNING
