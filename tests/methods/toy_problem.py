"""A toy problem for methods: three well separated clusters with noisy labels."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from labelfix.correctors.contract import Problem
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.networks.loop import network_outputs

CLASSES, WIDTH = 3, 8


def problem(noise=0.4, noisy=900, clean=90, paired=True, seed=0):
    """Three well separated clusters on the sphere; wrong labels are uniform over the other classes."""
    generator = np.random.default_rng(seed)
    centres = np.eye(CLASSES, WIDTH)

    def draw(count):
        truth = generator.integers(0, CLASSES, count)
        rows = centres[truth] + generator.normal(scale=0.25, size=(count, WIDTH))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        wrong = generator.random(count) < noise
        given = np.where(wrong, (truth + generator.integers(1, CLASSES, count)) % CLASSES, truth)
        return FeatureInputs(rows.astype(np.float32)), truth, given

    noisy_inputs, noisy_truth, given = draw(noisy)
    clean_inputs, truth, clean_given = draw(clean)
    made = Problem(
        noisy=noisy_inputs,
        given=given,
        clean=clean_inputs,
        truth=truth,
        paired_given=clean_given if paired else np.full(clean, -1),
        num_classes=CLASSES,
        sampling="random",
        new_classifier=lambda g: Classifier(torch.nn.Identity(), WIDTH, CLASSES, g),
        family="head",
        device=torch.device("cpu"),
        seed=seed,
    )
    return made, noisy_truth


def whole(**options):
    """The toy problem for a network of two layers."""

    def new_classifier(generator):
        first = nn.utils.skip_init(nn.Linear, WIDTH, 16)
        with torch.no_grad():
            first.weight.normal_(0, 0.5, generator=generator)
            first.bias.zero_()
        return Classifier(nn.Sequential(first, nn.Tanh()), 16, CLASSES, generator)

    made, truth = problem(**options)
    return replace(made, family="network", new_classifier=new_classifier), truth


def soft_labels(made, fitted):
    logits, hidden = network_outputs(fitted.classifier, made.noisy, np.arange(len(made.noisy)), made.device)
    return fitted.corrector.soft_labels(logits, hidden, made.given)


def blurred(made, scale):
    """The problem with features in which classes overlap."""
    draw = np.random.default_rng(1)
    noisy, clean = (
        FeatureInputs((each.features + draw.normal(scale=scale, size=each.features.shape)).astype(np.float32))
        for each in (made.noisy, made.clean)
    )
    return replace(made, noisy=noisy, clean=clean)
