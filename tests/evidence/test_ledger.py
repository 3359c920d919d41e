"""The ledger compares a run with simpler ways on trusted rows that none of them saw, and says how sure it is."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from labelfix.correctors.contract import Held, JudgingModel
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.evidence import noisy_judges, rivals
from labelfix.evidence.ledger import compare, mean, paired_difference, share
from labelfix.evidence.rivals import CLEAN_ONLY, GLC, NOISY_AND_CLEAN, THIS_RUN, Rival, fit_rivals
from labelfix.heads.folds import cut_folds
from labelfix.models.features import FeatureInputs
from labelfix.progress import Silent
from labelfix.settings.run import TrainSettings

CLASSES, WIDTH = 3, 8
UNPAIRED = np.full(60, -1)


def clusters(noise=0.5, noisy=600, clean=60, seed=0):
    """Clusters that overlap a little; wrong labels are those of the next class."""
    from labelfix.correctors.contract import Problem

    generator = np.random.default_rng(seed)

    def draw(count):
        truth = np.arange(count) % CLASSES
        rows = np.eye(CLASSES, WIDTH)[truth] + generator.normal(scale=0.3, size=(count, WIDTH))
        given = np.where(generator.random(count) < noise, (truth + 1) % CLASSES, truth)
        return FeatureInputs(rows.astype(np.float32)), truth, given

    noisy_inputs, _, given = draw(noisy)
    clean_inputs, truth, clean_given = draw(clean)

    def no_classifier(generator):
        raise AssertionError("the ledger makes no classifier")

    return Problem(
        noisy=noisy_inputs,
        given=given,
        clean=clean_inputs,
        truth=truth,
        paired_given=clean_given,
        num_classes=CLASSES,
        sampling="random",
        new_classifier=no_classifier,
        family="head",
        device=torch.device("cpu"),
        seed=seed,
    )


def judges(problem, rows, by, count, project=None):
    """Judges that say the same of every class; h(x) is the row itself, or a projection of it."""

    def outputs(inputs, wanted):
        features = inputs.batch(wanted).numpy()
        hidden = features if project is None else features @ project
        return np.zeros((len(wanted), CLASSES), dtype=np.float32), hidden

    model = JudgingModel(outputs, PosteriorCorrector(np.zeros((CLASSES, CLASSES)), 1.0, 1.0))
    return Held(rows, by, (model,) * count, "trusted rows out of fold")


def out_of_fold(problem, count=4):
    rows = np.arange(len(problem.truth))
    return judges(problem, rows, cut_folds(problem.truth, 9, count).of, count)


def test_no_rival_has_seen_the_rows_that_judge_it():
    """Other labels for the rows of one fold change what is fitted without the other folds, and not what judges them."""
    problem = clusters()
    held = out_of_fold(problem)
    own = held.by == 1
    lied = np.where(own, (problem.truth + 1) % CLASSES, problem.truth)
    # One temperature is shared by all folds, so compare what it leaves alone: the order of logits.
    before = fit_rivals(problem, held, Silent())[0].log_p
    after = fit_rivals(replace(problem, truth=lied), held, Silent())[0].log_p

    def shape(log_p):
        gaps = log_p - log_p.mean(axis=1, keepdims=True)
        return gaps / np.linalg.norm(gaps, axis=1, keepdims=True)

    assert np.abs(shape(before[own]) - shape(after[own])).max() < 0.1
    assert np.abs(shape(before[~own]) - shape(after[~own])).max() > 0.3


def test_rows_that_a_network_held_out_judge_rivals_that_learned_from_the_others():
    problem = clusters()
    rows = np.arange(0, 60, 2)
    held = judges(problem, rows, np.zeros(30, dtype=np.int64), 1)
    lied = problem.truth.copy()
    lied[rows] = (lied[rows] + 1) % CLASSES
    told = [fit_rivals(replace(problem, truth=truth), held, Silent()) for truth in (problem.truth, lied)]
    for one, other in zip(*told, strict=True):
        assert np.array_equal(one.log_p, other.log_p)
        assert one.log_p.shape == (30, CLASSES)


def test_without_a_trusted_row_to_learn_from_the_run_stands_alone():
    problem = clusters()
    held = judges(problem, np.arange(60), np.zeros(60, dtype=np.int64), 1)
    ledger = compare(
        np.log(np.full((60, 3), 1 / 3)), fit_rivals(problem, held, Silent()), problem.truth, UNPAIRED, None
    )
    assert [each.name for each in ledger.entries] == [THIS_RUN]


def test_of_many_noisy_rows_rivals_learn_from_a_sample_and_say_so(monkeypatch):
    monkeypatch.setattr(rivals, "LARGE", 500)
    monkeypatch.setattr(rivals, "RIVALS_SAMPLE", 200)
    seen = []
    fit = rivals.learners.fit_as_given
    monkeypatch.setattr(rivals.learners, "fit_as_given", lambda rows: seen.append(rows) or fit(rows))
    problem = clusters()
    told = {each.name: each.about for each in fit_rivals(problem, out_of_fold(problem), Silent())}
    assert len(seen[0].given) == 200
    assert told[NOISY_AND_CLEAN].endswith("fitted to 200 of the 600 noisy rows")


def test_rivals_of_a_network_read_what_it_makes_of_the_rows():
    """A network that lost the first two features leaves rivals unable to tell the classes apart."""
    problem = replace(clusters(noise=0.0), family="network")
    rows = np.arange(60)
    blind = np.diag([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]).astype(np.float32)
    by = cut_folds(problem.truth, 9, 4).of
    sees = fit_rivals(problem, judges(problem, rows, by, 4), Silent())[0]
    guesses = fit_rivals(problem, judges(problem, rows, by, 4, blind), Silent())[0]
    assert (sees.log_p.argmax(axis=1) == problem.truth).mean() > 0.9
    assert (guesses.log_p.argmax(axis=1) == problem.truth).mean() < 0.6
    assert "this run's network" in sees.about


def test_under_flipped_labels_the_matrix_beats_labels_taken_at_their_word():
    problem = clusters(noise=0.5)
    found = fit_rivals(problem, out_of_fold(problem), Silent())
    ledger = compare(np.log(np.full((60, 3), 1 / 3)), found, problem.truth, UNPAIRED, None)
    assert ledger.entry(GLC).nll.value < ledger.entry(NOISY_AND_CLEAN).nll.value
    assert ledger.entry(CLEAN_ONLY).nll_gain.low > 0
    assert ledger.entries[-1].name == THIS_RUN
    assert ledger.entry(THIS_RUN).nll.value == pytest.approx(np.log(3))


def test_labels_are_compared_on_the_rows_that_have_both():
    """Four pairs: given right on 1 of 4, corrected on 3 of 4; the fifth row has no given label."""
    log_p = np.log(np.full((5, 2), 0.5))
    truth, given = np.zeros(5, dtype=np.int64), np.array([0, 1, 1, 1, -1])
    ledger = compare(log_p, [], truth, given, np.array([0, 0, 0, 1, -1]))
    assert ledger.given_labels.value == 0.25
    assert ledger.corrected_labels.value == 0.75
    assert ledger.difference.value == 0.5
    assert ledger.difference.rows == 4
    assert compare(log_p, [], truth, given, None).to_json()["difference"] is None


def test_a_paired_difference_counts_by_hand():
    """10 rows, 3 won, 1 lost. (3 − 1)/12 ± 1.96 · sqrt(3 + 1 + 1 − 2²/12)/12 around it, and .2 itself."""
    after = np.array([1, 1, 1, 0, 1, 1, 1, 1, 0, 0], dtype=bool)
    before = np.array([0, 0, 0, 1, 1, 1, 1, 1, 0, 0], dtype=bool)
    found = paired_difference(after, before, np.ones(10))
    half = 1.959964 * np.sqrt(5 - 4 / 12) / 12
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(2 / 12 - half), pytest.approx(2 / 12 + half))


def test_rows_without_a_difference_do_not_prove_that_there_is_none():
    same = np.ones(8, dtype=bool)
    found = paired_difference(same, same, np.ones(8))
    assert found.value == 0
    assert found.high > 0.15
    assert found.low < -0.15


def test_rows_that_stand_for_many_count_for_many_and_widen_the_interval():
    hits = np.array([True] * 10 + [False] * 10)
    weights = np.array([3.0] * 10 + [1.0] * 10)
    weighted, plain = share(hits, weights), share(hits, np.ones(20))
    assert weighted.value == pytest.approx(0.75)
    assert share(hits, 2 * np.ones(20)).low == pytest.approx(plain.low)
    assert paired_difference(hits, ~hits, weights).value == pytest.approx(0.5)


def test_intervals_of_the_mean_cover_as_promised():
    generator = np.random.default_rng(0)
    draws = generator.exponential(size=(400, 200))
    covered = [mean(each, np.ones(200)) for each in draws]
    assert 0.92 <= np.mean([each.low <= 1 <= each.high for each in covered]) <= 0.98


def test_one_judged_row_gives_figures_without_ends():
    log_p = np.log(np.array([[0.7, 0.3]]))
    rival = Rival(CLEAN_ONLY, "", log_p)
    written = compare(log_p, [rival], np.array([0]), np.array([-1]), None).to_json()
    assert written["entries"][0]["nll"] == {"value": pytest.approx(-np.log(0.7)), "low": None, "high": None, "rows": 1}


def test_noisy_rows_are_asked_by_fits_that_did_not_learn_them(monkeypatch):
    """Four fits on three quarters each; the run's stand-in knows all given labels, so it says each of them once."""
    problem = clusters(noise=0.2, clean=30)
    held = out_of_fold(problem)
    learned = []

    def method(part, settings, progress):
        learned.append(part.given)
        return SimpleNamespace(classifier=None)

    monkeypatch.setitem(noisy_judges.METHODS, "mlc", method)
    monkeypatch.setattr(
        noisy_judges, "network_outputs", lambda _, inputs, rows, device: (np.eye(3)[problem.given[rows]], None)
    )
    found = noisy_judges.ask_noisy_rows(problem, held, TrainSettings(), Silent())
    assert [len(given) for given in learned] == [450] * 4
    assert (
        sum(np.bincount(given, minlength=3) for given in learned).tolist() == (3 * np.bincount(problem.given)).tolist()
    )
    assert found.hits[THIS_RUN].all()
    assert found.hits[NOISY_AND_CLEAN].mean() == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(
    ("noisy", "judged", "asked"), [(500, 49, True), (499, 49, False), (500, 50, False), (6000, 20, True)]
)
def test_five_hundred_noisy_rows_are_asked_where_fewer_than_fifty_trusted_ones_judge(noisy, judged, asked):
    problem = SimpleNamespace(family="head", taught=None, given=np.zeros(noisy))
    assert noisy_judges.asks(problem, SimpleNamespace(rows=np.zeros(judged))) == asked


@pytest.mark.parametrize(("rows", "right", "contradicted"), [(25, 16, True), (30, 20, False)])
def test_trusted_rows_contradict_noisy_ones_where_so_few_right_ones_would_be_rare(rows, right, contradicted):
    """Of given labels .8 are said. At most 16 of 25 trusted ones are right in 4.7 % of draws, 20 of 30 in 6.1 %."""
    said = noisy_judges.Agreement({THIS_RUN: np.arange(1000) < 800})
    assert said.contradicted(np.arange(rows) < right, np.ones(rows)) == contradicted


def test_rows_drawn_per_class_weigh_what_their_class_does():
    """20 rows a class; class 0 is nine tenths of all. The run is right on class 0 alone: .9 of all rows, not .5."""
    truth = np.repeat([0, 1], 20)
    log_f = np.log(np.tile([0.9, 0.1], (40, 1)))
    weights = np.array([0.9, 0.1])[truth] / 20 * 40
    found = compare(log_f, [], truth, np.full(40, -1), None, weights)
    assert found.entry(THIS_RUN).accuracy.value == pytest.approx(0.9)


def test_shares_of_right_labels_hold_those_of_the_noisy_rows_that_are_there():
    """A third of 600 rows was drawn: the other rows have a share of their own, which varies too."""
    held = {True: [], False: []}
    for seed in range(400):
        generator = np.random.default_rng(seed)
        right = generator.permutation(np.arange(600) < 480)
        drawn, left = right[:200], right[200:]
        truth = np.zeros(200, dtype=np.int64)
        for known in held:
            given = np.where(drawn, 0, 1)
            log_f = np.log(np.full((200, 2), 0.5))
            ledger = compare(log_f, (), truth, given, given, noisy_rows=400 if known else None)
            assert ledger.given_labels is not None
            held[known].append(ledger.given_labels.low <= left.mean() <= ledger.given_labels.high)
    assert np.mean(held[True]) > 0.93
    assert np.mean(held[False]) < 0.91
