"""Problems of a few rows for networks that are trained as a whole, on any device: of numbers, images, photos and texts.

Photos are images that stay encoded until a batch needs them.
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import nn

from labelfix.correctors.contract import Problem
from labelfix.models.classifier import Classifier
from labelfix.models.encoder_folder import quiet
from labelfix.models.features import FeatureInputs
from labelfix.models.images.encoded import EncodedImages
from labelfix.models.network_inputs import ImageInputs, TokenInputs
from labelfix.models.text.fine_tuned import SequenceBackbone

CLASSES, NOISY, TRUSTED = 3, 80, 36

SHORT = {
    "epochs": 2,
    "batch_size": 16,
    "clean_batch_size": 6,
    "warmup_epochs": 1,
    "warmup_steps": 3,
    "learning_rate": 0.01,
    "synthetic_sets": 2,
    "ramp_begin": 0.0,
}
"""Settings that make a training short, where a method has them."""


def small_problem(family, device, **more):
    """A problem of the family.

    Args:
        family: `network`, `image`, `photo` or `text`.
        device: Where it is trained.
        more: Other fields than these.
    """
    generator = np.random.default_rng(0)
    truth = generator.integers(0, CLASSES, NOISY + TRUSTED)
    given = np.where(generator.random(NOISY) < 0.3, generator.integers(0, CLASSES, NOISY), truth[:NOISY])
    inputs, network = FAMILIES[family]
    rows = inputs(truth, generator)
    fields = {
        "noisy": rows(slice(0, NOISY)),
        "given": given,
        "clean": rows(slice(NOISY, None)),
        "truth": truth[NOISY:],
        "paired_given": np.full(TRUSTED, -1),
        "num_classes": CLASSES,
        "sampling": "random",
        "new_classifier": network,
        "family": "image" if family == "photo" else family,
        "device": device,
        "seed": 3,
    }
    return Problem(**fields | more)


def numbers(truth, generator):
    features = (np.eye(CLASSES, 6)[truth] + 0.3 * generator.normal(size=(len(truth), 6))).astype(np.float32)
    return lambda part: FeatureInputs(features[part])


def of_numbers(generator):
    torch.manual_seed(1)
    return Classifier(nn.Sequential(nn.Linear(6, 8), nn.Tanh()), 8, CLASSES, generator)


def pixels_of(truth, generator):
    base = generator.integers(0, 256, (CLASSES, 6, 6, 3))
    return (0.6 * base[truth] + 0.4 * generator.integers(0, 256, (len(truth), 6, 6, 3))).astype(np.uint8)


def pictures(truth, generator):
    pixels = pixels_of(truth, generator)
    return lambda part: ImageInputs(pixels[part], (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), margin=1)


def photos(truth, generator):
    pixels = pixels_of(truth, generator)
    usual = {"interpolation": "bicubic", "crop_pct": 1.0, "crop_mode": "center"}
    config = {"input_size": [3, 6, 6], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]} | usual

    def png(image):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "png")
        return np.frombuffer(file.getvalue(), dtype=np.uint8)

    def encoded(part):
        files = [png(image) for image in pixels[part]]
        offsets = np.cumsum([0, *map(len, files)])
        return EncodedImages(np.concatenate(files), offsets, "photos", config, smallest_crop=0.5, workers=0)

    return encoded


def of_pictures(generator):
    torch.manual_seed(1)
    layers = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten()
    return Classifier(nn.Sequential(*layers), 16, CLASSES, generator)


def texts(truth, generator):
    words = [np.append(generator.integers(10, 40, generator.integers(2, 7)), 4 + label) for label in truth]

    def tokens(part):
        some = words[part]
        return TokenInputs(np.concatenate(some).astype(np.int32), np.cumsum([0, *map(len, some)]), padding_id=0)

    return tokens


def of_texts(generator):
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    with quiet():
        config = BertConfig(vocab_size=40, num_labels=CLASSES, attention_probs_dropout_prob=0.0, **sizes)
        backbone = SequenceBackbone(BertForSequenceClassification(config), CLASSES)
    del backbone.last
    return Classifier(backbone, 16, CLASSES, generator)


FAMILIES = {
    "network": (numbers, of_numbers),
    "image": (pictures, of_pictures),
    "photo": (photos, of_pictures),
    "text": (texts, of_texts),
}
