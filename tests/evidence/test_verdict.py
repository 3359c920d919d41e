"""The verdict says what the ledger shows, and how little a few rows show."""

import numpy as np
import pytest

from labelfix.evidence.agreement import Agreement
from labelfix.evidence.ledger import Estimate, compare
from labelfix.evidence.rivals import CLEAN_ONLY, CONFIDENT_LEARNING, GLC, NOISY_AND_CLEAN, THIS_RUN, Rival
from labelfix.evidence.verdict import METHOD, conclude, labels_of
from labelfix.settings.methods import METHOD_SETTINGS


def said(sure, rows=400, wrong=0):
    """`(R, 2)` log-probabilities: `sure` on class 0, and on class 1 for the first `wrong` rows."""
    p = np.full(rows, sure)
    p[:wrong] = 1 - sure
    return np.log(np.stack([p, 1 - p], axis=1))


def ledger(run, others, given=None, corrected=None, agreement=None):
    rows = len(run)
    rivals = [Rival(name, f"about {name}", log_p) for name, log_p in others.items()]
    given = np.full(rows, -1) if given is None else given
    return compare(run, rivals, np.zeros(rows, dtype=np.int64), given, corrected, None, agreement)


def labels(rows, wrong):
    return (np.arange(rows) < wrong).astype(np.int64)


def test_where_correction_helps_the_corrected_labels_are_to_be_used():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}, labels(400, 160), labels(400, 40)))
    assert (found.labels, found.classifier) == ("use", THIS_RUN)
    assert "use the corrected labels: of corrected labels 90.0% are right, of given ones 60.0%" in found.sentence


def test_where_correction_harms_nothing_is_to_be_changed():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}, labels(400, 20), labels(400, 60)))
    assert found.labels == "keep"
    assert "the given labels are better than any correction here, change nothing" in found.sentence


def test_on_clean_data_there_is_nothing_to_gain():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}, labels(400, 0), labels(400, 0)))
    assert found.labels == "keep"
    assert "gain nothing worth having" in found.sentence


def test_few_pairs_leave_it_open():
    found = conclude(ledger(said(0.9, 20), {CLEAN_ONLY: said(0.7, 20)}, labels(20, 5), labels(20, 5)))
    assert found.labels == "unclear"
    assert "only 20 trusted rows judge this, too few" in found.sentence


def test_without_pairs_the_labels_are_not_measurable():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.7)}))
    assert found.labels == "not measurable"
    assert "not measurable without pairs" in found.sentence


def test_trusted_rows_that_do_better_alone_are_recommended_and_more_of_them():
    found = conclude(ledger(said(0.8, wrong=120), {CLEAN_ONLY: said(0.8, wrong=40), GLC: said(0.8, wrong=80)}))
    assert found.classifier == CLEAN_ONLY
    assert "the trusted rows alone do better than this run, add trusted rows or use --method clean-only" in (
        found.sentence
    )


def test_a_rival_that_is_ahead_by_chance_is_not_recommended():
    """It is surer on half of the rows and less sure on the other half: +.01 on average, with an error of .03."""
    rows = np.arange(400)
    shift = np.where(rows % 2, 0.61, -0.59)
    other = np.stack([np.log(0.5) + shift / 2, np.log(0.5) - shift / 2], axis=1)
    found = conclude(ledger(np.log(np.full((400, 2), 0.5)), {NOISY_AND_CLEAN: other}))
    assert found.classifier == THIS_RUN


def test_where_the_trusted_rows_do_as_well_alone_more_of_them_are_asked_for():
    found = conclude(ledger(said(0.9), {CLEAN_ONLY: said(0.9)}))
    assert found.classifier == THIS_RUN
    assert "more of them would help most" in found.sentence


def test_a_run_without_rivals_is_told_so():
    found = conclude(ledger(said(0.9), {}))
    assert found.classifier == THIS_RUN
    assert "no trusted row was left to compare it with" in found.sentence


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(0.03, -0.005, 0.065, 200), "use"),
        (Estimate(-0.03, -0.065, 0.005, 200), "keep"),
        (Estimate(0.004, -0.01, 0.018, 800), "keep"),
        (Estimate(0.01, -0.04, 0.06, 100), "unclear"),
    ],
)
def test_labels_are_judged_by_the_difference_and_its_error(estimate, expected):
    assert labels_of(estimate) == expected


def test_every_recommendation_names_a_method_that_exists():
    assert set(METHOD.values()) <= set(METHOD_SETTINGS)


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
    assert "of 4,000 given labels that neither had learned it says 75.0% against 70.0% by this run" in verdict.sentence


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
