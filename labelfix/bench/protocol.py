"""How a data set becomes noisy rows, trusted rows and test rows, for one seed.

The generator of seed s is NumPy's default one, seeded with 1000 + s, and is used in this order:

1. where there is no test file, a fifth of the rows, at random, is the test part;
2. rows without a given or a true label are dropped, the rest is shuffled and cut;
3. noise is drawn where the plan makes it, with as many numbers at rate 0, so that all rates of UNIF and FLIP share
   what follows;
4. G = min(trusted per class · K, share · rows) rows, uniformly at random, are trusted, topped up to two of each class
   (`trusted_draw = "per-class"`: the first rows of every class in a random order); the others are the noisy
   rows.

Classes that neither labels nor truth of the rows show are dropped, and test rows of theirs with them.

Legend: N rows of the set, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelfix.bench.plan import NONE, Noise, Plan
from labelfix.data.labels.classes import natural_order
from labelfix.data.labels.noise import FEATURE_KINDS, draw_noise
from labelfix.data.opinions import Opinions, coded
from labelfix.data.tables import Codes
from labelfix.errors import SettingsError
from labelfix.models.features import FeatureInputs, Inputs

Labels = npt.NDArray[np.object_]
"""Class names, None where there is no label."""

FIRST_SEED = 1000
"""Added to the seed of a run, so that its rows are not drawn by the numbers that its training draws."""

TEST_SHARE = 5
"""In a set without a test file, one row in so many is a test row."""

LEAST_A_CLASS = 2
"""Trusted rows of each class at least: one to train and one to judge."""


@dataclass(frozen=True)
class LabelledRows:
    """A data set, encoded.

    Attributes:
        truth: `(N,)` true labels.
        given: `(N,)` given labels; None where the plan makes them.
        first_view: Numbers of the first view, which noise that looks at features looks at; None for all of them. The
            noise of a set is thus the same whatever stands beside its encoder.
        opinions: What several sources say, labels as positions in `words`; None where there is one label a row.
    """

    inputs: Inputs
    truth: Labels
    given: Labels | None = None
    test_inputs: Inputs | None = None
    test_truth: Labels | None = None
    first_view: int | None = None
    opinions: Opinions | None = None
    words: tuple[str, ...] = ()

    @property
    def features(self) -> npt.NDArray[np.float32]:
        """`(N, D)`, for noise that looks at them.

        Raises:
            SettingsError: The rows are images or texts that are not encoded.
        """
        if not isinstance(self.inputs, FeatureInputs):
            raise SettingsError(f"noise of the kinds {', '.join(FEATURE_KINDS)} needs features: freeze = true")
        return self.inputs.features[:, : self.first_view]


@dataclass(frozen=True)
class Cut:
    """One seed's rows.

    Attributes:
        noisy_truth: Their true labels, which no method sees.
        test: Rows of the test file, or of the set where there is none.
        opinions: What several sources say of the noisy rows; None where there is one label a row.
    """

    classes: tuple[str, ...]
    noisy: Codes
    given: Codes
    noisy_truth: Codes
    clean: Codes
    truth: Codes
    clean_given: Codes
    test: Codes
    test_truth: Codes
    opinions: Opinions | None = None
    clean_opinions: Opinions | None = None


def cut(rows: LabelledRows, noise: Noise | None, plan: Plan, seed: int) -> Cut:
    """Cut a data set by the protocol; see the module's docstring.

    Args:
        noise: The noise to make; None where the set brings given labels.

    Raises:
        SettingsError: The set has too few rows or classes.
    """
    generator = np.random.default_rng(FIRST_SEED + seed)
    pool, test = np.arange(len(rows.truth)), np.zeros(0, dtype=np.int64)
    test_names: Labels | None = rows.test_truth
    if test_names is None:
        shuffled = generator.permutation(len(pool))
        size = len(pool) // TEST_SHARE
        test, pool, test_names = shuffled[:size], shuffled[size:], rows.truth[shuffled[:size]]
    else:
        test = np.arange(len(test_names))
    pool = pool[_present(rows.truth[pool])]
    if rows.given is not None:
        pool = pool[_present(rows.given[pool])]
    pool = pool[generator.permutation(len(pool))[: plan.rows]]
    names = set(rows.truth[pool]) | (set(rows.given[pool]) if rows.given is not None else set())
    if rows.opinions is not None:
        names |= {rows.words[code] for code in np.unique(rows.opinions.take(pool).label)}
    if len(names) < 2 or len(pool) < 10:
        raise SettingsError(f"{len(pool)} labelled rows of {len(names)} classes are too few to measure on")
    classes = natural_order(sorted(names))
    codes = {name: code for code, name in enumerate(classes)}
    truth = _coded(rows.truth[pool], codes)
    if rows.given is not None:
        given = _coded(rows.given[pool], codes)
    else:
        assert noise is not None
        given = _made(noise, rows, pool, truth, len(classes), generator)
    per_class = plan.trusted_draw == "per-class"
    trusted = (_trusted_of_each if per_class else _trusted)(truth, classes, plan, generator)
    noisy = np.setdiff1d(np.arange(len(pool)), trusted)
    test_codes = _coded(test_names, codes)
    kept = test_codes >= 0
    opinions = None if rows.opinions is None else coded(rows.opinions.take(pool), rows.words, codes)
    return Cut(
        classes=classes,
        noisy=pool[noisy],
        given=given[noisy],
        noisy_truth=truth[noisy],
        clean=pool[trusted],
        truth=truth[trusted],
        clean_given=given[trusted],
        test=test[kept],
        test_truth=test_codes[kept],
        opinions=None if opinions is None else opinions.take(noisy),
        clean_opinions=None if opinions is None else opinions.take(trusted),
    )


def _trusted(truth: Codes, classes: tuple[str, ...], plan: Plan, generator: np.random.Generator) -> Codes:
    size = min(plan.trusted_per_class * len(classes), int(len(truth) * plan.trusted_share))
    shuffled = generator.permutation(len(truth))
    chosen, rest = shuffled[:size], shuffled[size:]
    counts = np.bincount(truth[chosen], minlength=len(classes))
    more = [rest[truth[rest] == c][: max(LEAST_A_CLASS - counts[c], 0)] for c in range(len(classes))]
    return np.sort(np.concatenate([chosen, *more])).astype(np.int64)


def _trusted_of_each(truth: Codes, classes: tuple[str, ...], plan: Plan, generator: np.random.Generator) -> Codes:
    """Positions of the same number of trusted rows of every class, in order."""
    size = plan.trusted_per_class
    shuffled = generator.permutation(len(truth))
    chosen = [shuffled[truth[shuffled] == c][:size] for c in range(len(classes))]
    for name, rows in zip(classes, chosen, strict=True):
        if len(rows) < size:
            raise SettingsError(f"{len(rows)} rows of class {name!r} are fewer than trusted_per_class = {size}")
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _made(
    noise: Noise, rows: LabelledRows, pool: Codes, truth: Codes, num_classes: int, generator: np.random.Generator
) -> Codes:
    kind = "unif" if noise.kind == NONE else noise.kind
    features = rows.features[pool] if kind in FEATURE_KINDS else None
    return draw_noise(kind, truth, num_classes, noise.rate, generator, features)


def _present(labels: Labels) -> npt.NDArray[np.bool_]:
    return np.array([label is not None for label in labels], dtype=bool)


def _coded(labels: Labels, codes: dict[str, int]) -> Codes:
    return np.array([codes.get(label, -1) for label in labels], dtype=np.int64)
