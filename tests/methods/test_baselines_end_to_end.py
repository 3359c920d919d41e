"""The baselines as whole networks: what teaches them, what does not, and what their soft labels are made of."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from toy_problem import CLASSES, soft_labels, whole

from labelfix.compute.checkpoints import Checkpoints
from labelfix.data.split import split_clean
from labelfix.methods import confident_learning
from labelfix.methods.table import METHODS
from labelfix.networks import training
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.interval import CheckpointInterval
from labelfix.settings.methods import METHOD_SETTINGS


def fit(method, made, progress=None, **settings):
    options = {"epochs": 10} | settings
    return METHODS[method](made, METHOD_SETTINGS[method](**options), progress or Silent())


def weights(fitted):
    return b"".join(value.numpy().tobytes() for value in fitted.classifier.state_dict().values())


def turned(made):
    """The problem with every given label replaced by the next class."""
    return replace(made, given=(made.given + 1) % CLASSES)


def posterior(made, fitted):
    """P(y | x) · T[y, y'], normalised, by hand."""
    logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(len(made.given)), made.device)
    said = softmax(logits.astype(float) / fitted.temperature, axis=1)
    joint = said * np.array(fitted.metrics["transition"])[:, made.given].T
    return joint / joint.sum(axis=1, keepdims=True)


class Rows(Silent):
    """Counts the rows that were trained on."""

    count = 0

    def advance(self, amount=1, **facts):
        self.count += amount


def test_clean_only_learns_the_same_whatever_the_given_labels_are():
    made, _ = whole(noisy=300)
    one, other = fit("clean-only", made), fit("clean-only", turned(made))
    assert weights(one) == weights(other)
    assert np.array_equal(soft_labels(made, one), soft_labels(turned(made), other))


def test_clean_only_takes_as_many_rows_an_epoch_as_training_on_the_noisy_ones():
    made, _ = whole(noisy=300, clean=40)
    trusted, noisy = Rows(), Rows()
    fit("clean-only", made, trusted)
    fit("noisy-only", made, noisy, warmup_epochs=0)
    assert trusted.count == noisy.count == 10 * 300


@pytest.mark.parametrize("method", ["clean-only", "bayes", "finetune", "confident-learning"])
def test_trusted_rows_that_are_held_out_teach_nothing(method):
    """Their labels judge; here they are all wrong. (Distillation scales its teacher's targets by them.)"""
    made, _ = whole(noisy=200)
    held_out = split_clean(made.truth, CLASSES, 0.2, made.seed).held_out
    truth = made.truth.copy()
    truth[held_out] = (truth[held_out] + 1) % CLASSES
    assert len(held_out) > 10
    options = {"folds": 2} if method == "confident-learning" else {}
    one = fit(method, made, **options)
    # The parts depend on the classes: keep them as they were drawn from the right labels.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "split_clean", lambda _, *rest: split_clean(made.truth, *rest))
        other = fit(method, replace(made, truth=truth), **options)
    assert weights(one) == weights(other)
    assert one.temperature != other.temperature


@pytest.mark.parametrize("method", ["bayes", "finetune"])
def test_the_soft_label_is_the_classifier_times_a_matrix_near_that_of_the_noise(method):
    made, _ = whole(noise=0.4, noisy=1500, clean=150, paired=False)
    fitted = fit(method, made)
    assert np.abs(np.array(fitted.metrics["transition"]) - (0.2 + 0.4 * np.eye(CLASSES))).max() < 0.15
    assert np.allclose(soft_labels(made, fitted), posterior(made, fitted), atol=1e-5)


def test_fine_tuning_goes_on_from_the_given_labels_at_a_low_rate_and_moves_little():
    made, _ = whole(noise=0.3, noisy=300)
    of_given = fit("noisy-only", made, warmup_epochs=0)
    low, lower, high = (fit("finetune", made, fine_tuning_rate=rate) for rate in (0.1, 1e-6, 10.0))

    def moved(fitted):
        ends = [f.classifier.state_dict() for f in (of_given, fitted)]
        return sum(float((ends[1][name] - value).pow(2).sum()) for name, value in ends[0].items()) ** 0.5

    assert moved(lower) < 1e-3 < moved(low) < moved(high)


def test_fine_tuning_mends_what_noise_that_no_majority_outvotes_has_taught():
    """Two of three labels of class 0 say 1."""
    made, truth = whole(noise=0, noisy=600)
    given = np.where((truth == 0) & (np.arange(600) % 3 > 0), 1, truth)
    made = replace(made, given=given, paired_given=np.full_like(made.paired_given, -1))

    def right(method, **settings):
        logits, _ = network_outputs(fit(method, made, **settings).classifier, made.noisy, np.arange(600), made.device)
        return (logits.argmax(axis=1) == truth)[truth == 0].mean()

    assert right("noisy-only") < 0.3
    assert right("finetune", fine_tuning_epochs=5) > 0.5


def test_the_share_of_the_given_label_follows_the_trusted_rows_that_were_held_out():
    made, _ = whole(noise=0.4, noisy=1000, clean=150)
    share = fit("distillation", made).metrics["share"]
    assert share == pytest.approx(0.6 / (0.6 + 1), abs=0.06)
    less, _ = whole(noise=0.1, noisy=1000, clean=150)
    assert fit("distillation", less).metrics["share"] > share + 0.05


def test_a_student_of_the_teacher_alone_is_blind_to_the_given_labels_and_one_of_the_mixture_is_not():
    made, _ = whole(noisy=300)
    for share, same in ((0.0, True), (0.5, False)):
        one, other = (fit("distillation", problem, given_share=share) for problem in (made, turned(made)))
        assert (weights(one) == weights(other)) is same


def test_the_soft_label_of_a_student_is_the_mixture():
    made, _ = whole(noisy=200)
    fitted = fit("distillation", made, given_share=0.25)
    logits, _ = network_outputs(fitted.classifier, made.noisy, np.arange(200), made.device)
    expected = 0.75 * softmax(logits.astype(float) / fitted.temperature, axis=1) + 0.25 * np.eye(CLASSES)[made.given]
    assert np.allclose(soft_labels(made, fitted), expected, atol=1e-6)


def test_most_rows_that_cleanlab_flags_are_wrong_and_most_wrong_ones_are_flagged():
    made, truth = whole(noise=0.3, noisy=600)
    fitted = fit("confident-learning", made, epochs=20)
    changed, wrong = fitted.own_rows.soft.argmax(axis=1) != made.given, made.given != truth
    assert wrong[changed].mean() > 0.9
    assert changed[wrong].mean() > 0.9
    assert fitted.metrics["flagged"] == changed.sum()


def test_every_fold_is_judged_by_a_network_that_saw_the_others_and_the_trusted_rows(monkeypatch):
    made, _ = whole(noisy=90)
    learned = {}

    def recorded(some, classifier, name):
        features = some.problem.noisy.batch(np.arange(len(some.problem.given))).numpy()
        learned[name] = {row.tobytes() for row in features}, some.split
        return training.train_phase(some, classifier, name)

    monkeypatch.setattr(confident_learning, "train_phase", recorded)
    fitted = fit("confident-learning", made, folds=3, epochs=2)
    everything = {row.tobytes() for row in made.noisy.batch(np.arange(90)).numpy()}
    without = [everything - learned[f"fold-{fold}"][0] for fold in (1, 2, 3)]
    assert [len(rows) for rows in without] == [30, 30, 30]
    assert set.union(*without) == everything
    assert len(learned["without-flagged"][0]) == 90 - fitted.metrics["flagged"]
    expected = split_clean(made.truth, CLASSES, 0.2, made.seed)
    for _, split in learned.values():
        assert sorted(split.train) == sorted(np.concatenate([expected.train, expected.meta]))


def test_folds_that_were_trained_before_an_interruption_are_not_trained_again(monkeypatch, tmp_path):
    made, _ = whole(noisy=90)
    whole_run = fit("confident-learning", made, folds=3, epochs=2)
    kept = replace(made, checkpoints=Checkpoints(tmp_path, CheckpointInterval.parse("1epoch")))
    train, trained, stop_at = training.train, [], ["fold-3"]

    def recorded(*arguments, phase, **more):
        trained.append(phase)
        if phase in stop_at:
            raise KeyboardInterrupt
        return train(*arguments, phase=phase, **more)

    monkeypatch.setattr(training, "train", recorded)
    with pytest.raises(KeyboardInterrupt):
        fit("confident-learning", kept, folds=3, epochs=2)
    stop_at.clear()
    resumed = fit("confident-learning", kept, folds=3, epochs=2)
    assert trained == ["fold-1", "fold-2", "fold-3", "fold-3", "without-flagged"]
    assert weights(resumed) == weights(whole_run)
    assert resumed.own_rows.soft.tobytes() == whole_run.own_rows.soft.tobytes()
