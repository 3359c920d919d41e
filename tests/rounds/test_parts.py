"""The parts of a round: which trusted rows judge, the mean of two fits, and which fit is kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from transformers import BertConfig, BertModel

from labelfix.correctors.calibrated import CalibratedCorrector, Scale
from labelfix.correctors.contract import FittedModel, Held, OwnRows, Problem
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.data.tables import ClassNames, InputSpec
from labelfix.evidence import gather
from labelfix.evidence.calibrate import scaled_as
from labelfix.evidence.picked import Drawn
from labelfix.heads.finished_model import judging_head
from labelfix.heads.folds import FOLDS, cut_folds
from labelfix.methods.mlc import anchored
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.models.images.small_network import TrainableImages
from labelfix.models.text.learnt import train_upper_half
from labelfix.numerics.linear_heads import LinearHead
from labelfix.progress import Silent
from labelfix.rounds.average import Part, average
from labelfix.rounds.choice import BOTH, FROZEN, LEARNT, Judged, choose, judged
from labelfix.rounds.features import lesson
from labelfix.rounds.teachers import refused, taught_rows
from labelfix.settings.methods import MlcSettings
from labelfix.settings.run import TrainSettings

CLASSES = 3


def problem(rows=120, trusted=48, width=5, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, CLASSES, rows + trusted)
    features = generator.normal(size=(rows + trusted, width)) + 2 * np.eye(CLASSES, width)[truth]
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    given = np.where(generator.random(rows + trusted) < 0.3, (truth + 1) % CLASSES, truth)
    return Problem(
        noisy=FeatureInputs(features[:rows]),
        given=given[:rows],
        clean=FeatureInputs(features[rows:]),
        truth=truth[rows:],
        paired_given=given[rows:],
        num_classes=CLASSES,
        sampling="random",
        new_classifier=linear(width),
        family="head",
        device=torch.device("cpu"),
        seed=0,
    )


def test_every_fold_has_rows_that_teach_and_rows_that_judge_and_chosen_rows_teach():
    drawn = taught_rows(problem())
    assert drawn.sum() == 30  # five eighths of 48
    for fold in range(FOLDS):
        inside = drawn[cut_folds(problem().truth, 0).inside(fold)]
        assert 0 < inside.sum() < len(inside)
    for label in range(CLASSES):
        assert 0.5 < drawn[problem().truth == label].mean() < 0.75
    chosen = np.arange(48) < 6
    np.testing.assert_array_equal(taught_rows(replace(problem(), chosen=chosen)), drawn | chosen)


@pytest.mark.parametrize(("rows", "epochs"), [(64, 60), (640, 30), (1280, 16)])
def test_small_sets_of_images_are_gone_through_until_three_hundred_steps_or_sixty_times(rows, epochs):
    """Batches of 64, and 16 of a quarter of the rows where they are so few: 16 passes are 320 steps of 1,280 rows."""
    made = problem(rows=rows)
    task = lesson(TrainableImages(InputSpec("image", ("image",)), 16), made, made.noisy, MlcSettings())
    assert task.training.plan.epochs == epochs
    asked = lesson(TrainableImages(InputSpec("image", ("image",)), 16), made, made.noisy, MlcSettings(epochs=2))
    assert asked.training.plan.epochs == 2


def test_three_eighths_of_the_trusted_rows_judge():
    assert (~taught_rows(problem(trusted=160))).mean() == pytest.approx(3 / 8, abs=0.02)


@pytest.mark.parametrize(("trusted", "enough"), [(53, False), (54, True)])
def test_fifty_four_trusted_rows_are_enough_so_that_twenty_judge(trusted, enough):
    assert (refused(problem(trusted=trusted)) == "") == enough
    assert (~taught_rows(problem(trusted=54))).sum() >= 20


def test_a_fit_is_judged_by_the_rows_that_no_feature_has_seen_alone():
    one = problem()
    one = replace(one, taught=taught_rows(one))
    fitted = anchored.solve(one, MlcSettings(), Silent())
    assert fitted.held is not None
    np.testing.assert_array_equal(fitted.held.rows, np.flatnonzero(one.unseen))
    assert fitted.metrics["classifier_right"]["rows"] == one.unseen.sum()
    assert np.isfinite(fitted.metrics["out_of_fold_nll"]["classifier"])
    # What taught is learned from all the same: with other labels there, the classifier is another.
    lost = replace(one, truth=np.where(one.taught, 0, one.truth))
    assert not torch.equal(
        anchored.solve(lost, MlcSettings(), Silent()).classifier.head.weight, fitted.classifier.head.weight
    )


def test_a_fit_is_spoken_for_by_another_with_the_same_rows():
    one, names = problem(), ClassNames(("a", "b", "c"))
    other = replace(one, noisy=turned(one.noisy), clean=turned(one.clean))
    speaks = replace(one, taught=taught_rows(one))
    fits = [anchored.solve(each, MlcSettings(), Silent()) for each in (speaks, other)]
    said = gather.judge(speaks, fits[0], TrainSettings(), names, Silent(), Drawn())
    found = said.said_of(other, fits[1])
    assert found.figures == said.figures
    assert found.fitted.min_confidence == said.fitted.min_confidence
    assert found.fitted.metrics["classifier_right"]["rows"] == speaks.unseen.sum()
    assert found.fitted.classifier is fits[1].classifier
    np.testing.assert_array_equal(found.p_values, said.p_values)
    for own, kept in zip(fits[1].held.models, found.judges.heads, strict=True):
        np.testing.assert_array_equal(own.head.affine().weight, kept.weight)


def test_a_scale_is_taken_over_with_the_figures():
    one = problem()
    fit = fit_of(one, 1, turned=False)
    scale = Scale(np.full(CLASSES, 0.5), np.zeros(CLASSES))
    judged_by = replace(fit, corrector=CalibratedCorrector(fit.corrector, scale))
    found = scaled_as(fit, judged_by)
    expected = softmax(0.5 * np.log(fit.own_rows.soft.astype(np.float64)), axis=1)
    np.testing.assert_allclose(found.own_rows.soft, expected, atol=1e-6)
    assert found.own_rows.label_score is None
    assert found.corrector == judged_by.corrector
    assert scaled_as(fit, fit) is fit
    assert scaled_as(judged_by, judged_by) is judged_by  # scaled by its own method


def test_nothing_but_the_upper_half_of_the_layers_learns():
    config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=5, num_attention_heads=1, intermediate_size=4)
    encoder = BertModel(config)
    train_upper_half(encoder)
    learns = {name.split(".")[2] for name, weight in encoder.named_parameters() if weight.requires_grad}
    assert learns == {"2", "3", "4"}
    plain = torch.nn.Sequential(torch.nn.Linear(2, 2))
    train_upper_half(plain)
    assert all(weight.requires_grad for weight in plain.parameters())


def turned(inputs):
    """The same rows with their features in another order and of another length."""
    return FeatureInputs(inputs.features[:, ::-1] * np.float32(2))


def linear(width):
    return lambda generator: Classifier(torch.nn.Identity(), width, CLASSES, generator)


def with_columns(some, columns, scale):
    """The problem with some of its features, scaled."""
    noisy, clean = (
        FeatureInputs((inputs.features[:, columns] * scale).astype(np.float32)) for inputs in (some.noisy, some.clean)
    )
    return replace(some, noisy=noisy, clean=clean, new_classifier=linear(len(columns)))


def fit_of(some, seed, turned):
    """A fit that learned nothing: everything in it is drawn."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (CLASSES, some.noisy.features.shape[1]), (CLASSES,)
    heads = [LinearHead(*(torch.randn(*shape, generator=generator) for shape in shapes)) for _ in range(6)]
    numbers = np.random.default_rng(seed)
    correctors = [
        PosteriorCorrector(
            numbers.normal(size=(3, 3)), numbers.uniform(0.6, 1.5), 1.0, heads[5].affine() if turned else None
        )
        for _ in range(5)
    ]
    module = some.new_classifier(generator)
    module.load_state_dict({"head.weight": heads[0].weight, "head.bias": heads[0].bias})
    judges = tuple(judging_head(*both) for both in zip(heads[1:5], correctors[1:], strict=True))
    soft = softmax(numbers.normal(size=(len(some.given), 3)), axis=1).astype(np.float32)
    own = OwnRows(soft, soft[np.arange(len(soft)), some.given], "somehow")
    rows = np.arange(len(some.truth))
    held = Held(rows, cut_folds(some.truth, 0).of, judges, "somehow")
    return FittedModel(module.eval(), 1.0, correctors[0], None, 0.6, own_rows=own, held=held)


@pytest.mark.parametrize("turned", [False, True])
def test_the_mean_of_two_fits_is_the_geometric_mean_of_all_that_they_say(turned):
    both = problem(width=7)
    columns = np.arange(4), np.array([4, 1, 5, 6])
    scales = np.ones(4), np.array([0.5, 0.5, 1.0, 2.0])
    first, second = (with_columns(both, *each) for each in zip(columns, scales, strict=True))
    fits = fit_of(first, 1, turned), fit_of(second, 2, True)
    mean = average(both, *(Part(*each, 7) for each in zip(fits, columns, scales, strict=True)))

    def said(some, classifier, corrector, inputs, given):
        x = inputs.features.astype(np.float64)
        head = classifier.head
        logits = x @ head.weight.detach().double().numpy().T + head.bias.detach().double().numpy()
        return log_softmax(logits, axis=1), np.log(corrector.soft_labels(logits, inputs.features, given))

    each = [said(p, f.classifier, f.corrector, p.noisy, p.given) for p, f in zip((first, second), fits, strict=True)]
    found = said(both, mean.classifier, mean.corrector, both.noisy, both.given)
    for number in range(2):
        expected = log_softmax((each[0][number] + each[1][number]) / 2, axis=1)
        np.testing.assert_allclose(found[number], expected, atol=2e-4)
    expected = softmax(np.log(np.stack([f.own_rows.soft for f in fits]).astype(np.float64)).mean(axis=0), axis=1)
    np.testing.assert_allclose(mean.own_rows.soft, expected, atol=1e-6)
    for fold, judge in enumerate(mean.held.models):
        inside = np.flatnonzero(mean.held.by == fold)
        logs = []
        for some, fit in ((first, fits[0]), (second, fits[1]), (both, None)):
            model = judge if fit is None else fit.held.models[fold]
            logs.append(
                np.log(model.corrector.soft_labels(*model.outputs(some.clean, inside), some.paired_given[inside]))
            )
        np.testing.assert_allclose(logs[2], log_softmax((logs[0] + logs[1]) / 2, axis=1), atol=2e-4)


def losses(*values):
    values = np.array(values, dtype=np.float64)
    return Judged(values, values < 0.7)


def test_a_fit_is_kept_where_it_gains_more_than_its_standard_error():
    before = losses(*([1.0, 0.2, 0.9, 0.4] * 5))
    better, alike = losses(*([0.4, 0.1, 0.5, 0.3] * 5)), losses(*([0.2, 1.0, 0.9, 0.39] * 5))
    kept = choose({FROZEN: before, LEARNT: better, BOTH: alike})
    assert kept.name == LEARNT
    assert (
        kept.line
        == "learning features helped: 50.0 % → 100.0 % of the 20 trusted rows that no feature has seen are right"
    )
    kept = choose({FROZEN: before, LEARNT: alike, BOTH: alike})
    assert kept.name == FROZEN
    assert "the run on fixed features is kept" in kept.line
    assert choose({FROZEN: before, LEARNT: before, BOTH: better}).line.endswith("the mean of learnt and fixed features")
    barely = losses(*([0.2, 0.25, 0.5, 0.3] * 5))  # the best, but not by a standard error
    assert choose({FROZEN: before, LEARNT: barely, BOTH: better}).name == BOTH


def test_a_fit_that_is_surer_and_right_less_often_is_said_to_be_that():
    surer = losses(*([0.1, 0.1, 0.1, 0.1] * 4 + [0.1, 0.8, 0.1, 0.1]))
    line = choose({FROZEN: losses(*([0.6] * 20)), LEARNT: surer, BOTH: losses(*([0.6] * 20))}).line
    assert line.startswith("learning features helped: its probabilities are better (log loss 0.600 → 0.135), though ")
    assert "100.0 % → 95.0 % of the 20 trusted rows" in line
    alike = losses(*([0.1] * 20))
    line = choose({FROZEN: losses(*([0.6] * 20)), LEARNT: alike, BOTH: losses(*([0.6] * 20))}).line
    assert "(log loss 0.600 → 0.100), and 100.0 % → 100.0 % of" in line


def test_paired_rows_count_by_classifier_and_soft_label_and_others_by_the_classifier():
    some = problem()
    some = replace(some, paired_given=np.where(np.arange(48) < 24, some.paired_given, -1))
    model = fit_of(some, 3, turned=True)
    found = judged(some, model, np.ones(48, dtype=bool))
    for row in (3, 40):
        own = model.held.models[model.held.by[row]]
        logits, hidden = own.outputs(some.clean, np.array([row]))
        loss = -log_softmax(logits.astype(np.float64), axis=1)[0, some.truth[row]]
        if row < 24:
            soft = own.corrector.soft_labels(logits, hidden, some.paired_given[[row]])
            loss = (loss - np.log(soft[0, some.truth[row]])) / 2
        assert found.losses[row] == pytest.approx(loss, abs=1e-5)
