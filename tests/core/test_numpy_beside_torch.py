"""What finished runs compute in NumPy is what torch and scikit-learn would: to 1e-6, with the same labels.

Features of every light backbone are made again by the libraries that made them, heads and correctors by torch from
their definitions.
"""

import io

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from PIL import Image
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder
from torch.nn.functional import avg_pool2d, normalize, unfold

from labelfix.correctors.calibrated import CalibratedCorrector, Scale
from labelfix.correctors.keep_unless_flagged import FlagCorrector
from labelfix.correctors.mixture import AgreementWeigher, ConstantWeigher, LossWeigher, MixtureCorrector
from labelfix.correctors.network import CorrectionWeights, NetworkCorrector
from labelfix.correctors.posterior import PosteriorCorrector
from labelfix.correctors.storage import load_corrector
from labelfix.data.inputs import HeldInputs
from labelfix.data.tables import InputSpec
from labelfix.models.classifier import new_head
from labelfix.models.head import Head
from labelfix.models.images.patch_code import PatchCode, PatchRules, raw_width
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.models.tables.features import CUT, EmbeddingFeatures, TableFeatures
from labelfix.models.tables.statistics import Statistics
from labelfix.models.text.hashed import HashedText
from labelfix.models.text.lexical import GROUPS, WORD, LexicalText, Terms
from labelfix.numerics.affine import Affine
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings

CLOSE = 1e-6
ROWS = 12
SEEDS = st.integers(0, 2**32 - 1)


def floats(generator, *shape):
    return generator.normal(size=shape).astype(np.float32)


# Features: rows, a representation of them, and what the libraries make of them.


def tables(generator):
    numbers = generator.normal(size=(ROWS, 3)) * [1, 100, 1e-3]
    numbers[generator.random(numbers.shape) < 0.1] = np.nan
    towns = generator.choice(["", "Oslo", "Rome", "unseen"], ROWS)
    mean, deviation, names, length = generator.normal(size=3), generator.random(3) + 0.1, ("", "Oslo", "Rome"), 1.7
    spec = InputSpec("table", ("a", "b", "c", "town"), ("town",))
    statistics = Statistics(tuple(mean), tuple(deviation), (names,), length, {}, {})
    columns = [pa.array(numbers[:, i], mask=np.isnan(numbers[:, i])) for i in range(3)]
    batch = pa.record_batch([*columns, pa.array(towns.tolist())], names=list(spec.columns))
    scaled = np.nan_to_num(np.clip((numbers - mean) / deviation, -CUT, CUT))
    encoder = OneHotEncoder(categories=[list(names)], handle_unknown="ignore", sparse_output=False).fit([["Oslo"]])
    theirs = torch.from_numpy(np.hstack([scaled, encoder.transform(towns[:, None])]) / length).float()
    return TableFeatures(spec, statistics), batch, theirs


def embeddings(generator):
    rows = floats(generator, ROWS, 7) * 5
    rows[0] = 0
    batch = pa.record_batch([pa.FixedSizeListArray.from_arrays(rows.ravel(), 7)], names=["e"])
    return EmbeddingFeatures(InputSpec("embedding", ("e",), width=7)), batch, normalize(torch.from_numpy(rows))


WORDS = ["market", "Bank", "goal", "TEAM", "don't", "x_1", "a", "Straße", "中文", "e\u0301te", "naïve", "42", "नमस्ते"]


def texts(generator):
    joins = np.array([" ", "  ", ", ", "\n", "\t "])
    return ["".join(w + generator.choice(joins) for w in generator.choice(WORDS, n)) for n in range(ROWS)]


def hashed(generator):
    rows, dimensions = texts(generator), int(generator.integers(2, 90))
    half, pieces = dimensions // 2, {"analyzer": "char_wb", "ngram_range": (3, 4)}
    halves = [
        HashingVectorizer(n_features=half).transform(rows).toarray(),
        HashingVectorizer(n_features=dimensions - half, **pieces).transform(rows).toarray(),
    ]
    batch = pa.record_batch([pa.array(rows)], names=["t"])
    theirs = normalize(torch.from_numpy(np.hstack(halves))).float()
    return HashedText(InputSpec("text", ("t",)), dimensions), batch, theirs


def lexical(generator):
    rows = texts(generator)
    words, of_words = terms(rows, generator, token_pattern=WORD, ngram_range=(1, 2))
    groups, of_groups = terms(rows, generator, analyzer="char_wb", ngram_range=GROUPS)
    batch = pa.record_batch([pa.array(rows)], names=["t"])
    representation = LexicalText(InputSpec("text", ("t",)), "source", len(rows), words, groups)
    return representation, batch, normalize(torch.cat([normalize(of_words), normalize(of_groups)], dim=1)).float()


def terms(rows, generator, **kind):
    """Terms of one kind with random directions, and the rows on these by scikit-learn and torch."""
    known = TfidfVectorizer(**kind, sublinear_tf=True).fit(rows[::2])
    names = tuple(known.get_feature_names_out())
    directions = np.linalg.qr(generator.normal(size=(len(names), min(5, len(names)))))[0].T.astype(np.float32)
    theirs = torch.from_numpy(known.transform(rows).toarray()) @ torch.from_numpy(directions).double().T
    return Terms(names, known.idf_.astype(np.float32), directions), theirs


def patches(generator):
    rules = PatchRules(int(generator.integers(12, 17)), patch=4)
    atoms, raw = (6, 3), raw_width(9)
    code = PatchCode(
        rules,
        atoms,
        floats(generator, 9, 48) * 0.3,
        floats(generator, 9) * 0.1,
        floats(generator, raw),
        floats(generator, raw, 5),
        floats(generator, raw, 2) * 0.01,
    )
    images = generator.integers(0, 256, (ROWS, rules.side, rules.side, 3)).astype(np.uint8)
    images[0] = 128
    streams = [io.BytesIO() for _ in images]
    for stream, image in zip(streams, images, strict=True):
        Image.fromarray(image).save(stream, "png")
    column = pa.array([{"bytes": s.getvalue(), "path": None} for s in streams])
    theirs = torch.stack([patches_by_torch(code, torch.from_numpy(image)) for image in images])
    return PatchFeatures(InputSpec("image", ("i",)), code), pa.record_batch([column], names=["i"]), theirs


def patches_by_torch(code, image):
    """One image's features by `unfold`, quarter by quarter, in double precision."""
    pixels = image.permute(2, 0, 1).double()
    raw, mirrored = raw_by_torch(code, pixels), raw_by_torch(code, pixels.flip(2))
    projection, handed = (torch.from_numpy(each).double() for each in (code.projection, code.handed))
    alike = ((raw + mirrored) / 2 - torch.from_numpy(code.mean)) @ projection
    return torch.cat([normalize(alike, dim=0, eps=1e-12), (raw - mirrored) / 2 @ handed]).float()


def raw_by_torch(code, pixels):
    rules, places = code.rules, torch.tensor(code.atoms).cumsum(0)[:-1].tolist()
    filters, offsets = (torch.from_numpy(each).double().tensor_split(places) for each in (code.filters, code.offsets))
    parts = []
    for scale, (of_patches, shift) in enumerate(zip(filters, offsets, strict=True)):
        at_scale = avg_pool2d(pixels, 2) if scale else pixels
        seen = unfold(at_scale[None], rules.patch)[0]
        seen = seen - seen.mean(dim=0)
        seen = seen / (seen.square().mean(dim=0) + rules.contrast).sqrt()
        likeness = of_patches @ seen - shift[:, None]
        side = at_scale.shape[1] - rules.patch + 1
        parts += [quarters((sign * likeness - rules.threshold).relu().reshape(-1, side, side)) for sign in (1, -1)]
    return torch.cat([(torch.cat(parts) + rules.softening).sqrt(), quarters(pixels)])


def quarters(maps):
    """`(4 C,)` the mean of each quarter of C maps, one quarter after the other."""
    half = maps.shape[1] // 2
    return torch.cat(
        [
            maps[:, a, b].mean(dim=(1, 2))
            for a in (slice(half), slice(half, None))
            for b in (slice(half), slice(half, None))
        ]
    )


# Correctors: one of each kind, and what it is by torch in single precision.


def posterior(generator, classes, width):
    terms, turn = (
        generator.normal(size=(classes, classes)),
        Affine(floats(generator, classes, width), floats(generator, classes)),
    )

    def soft(logits, hidden, given):
        turned = (
            torch.log_softmax(logits / 1.3, 1) + hidden @ torch.from_numpy(turn.weight).T + torch.from_numpy(turn.bias)
        )
        return torch.softmax(0.8 * torch.log_softmax(turned, 1) + torch.from_numpy(terms).float()[:, given].T, 1)

    return PosteriorCorrector(terms, 0.8, 1.3, turn), soft


def calibrated(generator, classes, width):
    inner, soft_of = posterior(generator, classes, width)
    slope, shift = generator.random(classes) + 0.5, generator.normal(size=classes)

    def soft(logits, hidden, given):
        log_p = soft_of(logits, hidden, given).double().clamp_min(1e-12).log()
        return torch.softmax(torch.from_numpy(slope) * log_p + torch.from_numpy(shift), 1)

    return CalibratedCorrector(inner, Scale(slope, shift)), soft


def flags(generator, classes, width):
    margins = generator.random((classes, classes))

    def soft(logits, hidden, given):
        p = torch.softmax(logits.double() / 1.3, 1).float()
        rows, likeliest = torch.arange(len(p)), p.argmax(1)
        gap = p[rows, likeliest] - p[rows, given]
        flagged = gap.double() >= torch.from_numpy(margins)[given, likeliest]
        share = torch.where(flagged | (gap <= 0), 0.0, 1.001 * gap + 1e-4)
        share = (share / (1 + share))[:, None]
        return p * (1 - share) + share * torch.nn.functional.one_hot(given, classes)

    return FlagCorrector(margins, 1.3), soft


def mixture(weigher, weights):
    def make(generator, classes, width):
        kept, weights_of = weigher(generator, classes, width), weights

        def soft(logits, hidden, given):
            v = (0.7 * (weights_of(kept, logits, hidden, given) / 2.0).clamp(max=1))[:, None]
            one_hot = torch.nn.functional.one_hot(given, classes)
            return (1 - v) * torch.softmax(logits / 1.3, 1) + v * one_hot

        return MixtureCorrector(kept, 2.0, 0.7, 1.3), soft

    return make


def loss_weights(weigher, logits, hidden, given):
    loss = torch.nn.functional.cross_entropy(logits, given, reduction="none")[:, None]
    first, bias, second, last = (
        torch.from_numpy(getattr(weigher, name)).float() for name in weigher.__dataclass_fields__
    )
    return torch.sigmoid((loss * first + bias).relu() @ second + last)


def agreement_weights(weigher, logits, hidden, given):
    gradient = torch.from_numpy(weigher.gradient)
    slope = torch.softmax(logits.double(), 1) - torch.nn.functional.one_hot(given, logits.shape[1])
    ones = torch.ones(len(hidden), 1, dtype=torch.float64)
    return (slope * (torch.cat([hidden.double(), ones], 1) @ gradient.T)).sum(1).clamp_min(0)


def correction_network(skip):
    def make(generator, classes, width):
        drawn = torch.Generator().manual_seed(int(generator.integers(2**31)))
        lcn = LabelCorrectionNetwork(width, classes, 6, 4, skip, drawn)

        def soft(logits, hidden, given):
            with torch.inference_mode():
                said = lcn(hidden, given)
            return torch.softmax(said.soft.clamp_min(1e-12).log() / 1.2, 1)

        return NetworkCorrector(CorrectionWeights.of(lcn), 1.2, 1.3), soft

    return make


CORRECTORS = {
    "posterior": posterior,
    "calibrated": calibrated,
    "flags": flags,
    "mixture by loss": mixture(lambda g, k, d: LossWeigher(*(g.normal(size=n) for n in (5, 5, 5, 1))), loss_weights),
    "mixture by agreement": mixture(lambda g, k, d: AgreementWeigher(g.normal(size=(k, d + 1))), agreement_weights),
    "mixture": mixture(lambda g, k, d: ConstantWeigher(), lambda w, logits, hidden, given: torch.ones(len(given))),
    "network": correction_network(skip=False),
    "network that keeps labels": correction_network(skip=True),
}


@pytest.mark.parametrize("corrector", CORRECTORS)
@pytest.mark.parametrize("backbone", [tables, embeddings, hashed, lexical, patches])
@settings(max_examples=5)
@given(seed=SEEDS)
def test_a_finished_run_says_of_new_rows_what_torch_would(backbone, corrector, seed, tmp_path_factory):
    generator = np.random.default_rng(seed)
    representation, batch, features = backbone(generator)
    inputs = representation.encode(
        HeldInputs(representation.spec, "new", (batch,)), ComputeSettings(workers=0), Silent()
    )
    np.testing.assert_allclose(inputs.features, features, atol=CLOSE)

    classes, units = int(generator.integers(2, 6)), 8 if backbone is embeddings and seed % 2 else None
    network = new_head(features.shape[1], units, classes, torch.Generator().manual_seed(seed % 2**31))
    with torch.no_grad():
        network.head.weight.normal_(0, 2.0, generator=torch.Generator().manual_seed(seed % 2**31))
        logits, hidden = network(features)
    head = Head.of(network)
    ours, kept = CORRECTORS[corrector](generator, classes, head.feature_width)
    folder = tmp_path_factory.mktemp("corrector")
    ours.save(folder)
    given = generator.integers(0, classes, ROWS)
    said = head.say(inputs, np.arange(ROWS))
    soft = load_corrector(folder, classes, head.feature_width).soft_labels(*said, given)

    with torch.inference_mode():
        theirs = kept(logits, hidden, torch.from_numpy(given)).float().numpy()
    np.testing.assert_allclose(soft, theirs, atol=CLOSE)
    sure = np.diff(np.sort(theirs, axis=1)[:, -2:], axis=1)[:, 0] > 2 * CLOSE  # two as likely may change places
    np.testing.assert_array_equal(soft.argmax(axis=1)[sure], theirs.argmax(axis=1)[sure])
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=CLOSE)
