"""How a data set becomes noisy rows, trusted rows and test rows, for one seed.

The generator of seed s is NumPy's default one, seeded with 1000 + s, and is used in this order:

1. where there is no test file, a fifth of the rows, at random, is the test part;
2. rows without a given or a true label are dropped, the rest is shuffled and cut;
3. noise is drawn where the plan makes it;
4. G = min(trusted per class · K, share · rows) rows, uniformly at random, are trusted, topped up to two of each class;
   the others are the noisy rows.

Classes that neither labels nor truth of the rows show are dropped, and test rows of theirs with them.

Legend: N rows of the set, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelfix.bench.plan import NEAREST, DataEntry, Noise, Plan
from labelfix.data.classes import natural_order
from labelfix.data.noise import Matrix, corrupt, nearest_class, transition_matrix
from labelfix.data.tables import Codes
from labelfix.errors import SettingsError

Labels = npt.NDArray[np.object_]
"""Class names, None where there is no label."""

FIRST_SEED = 1000
TEST_SHARE = 5
LEAST_A_CLASS = 2


@dataclass(frozen=True)
class LabelledRows:
    """A data set, encoded.

    Attributes:
        features: `(N, D)` float32.
        truth: `(N,)` true labels.
        given: `(N,)` given labels; None where the plan makes them.
        test_features: `(·, D)` of the test file; None without one.
        test_truth: Its true labels.
    """

    features: npt.NDArray[np.float32]
    truth: Labels
    given: Labels | None = None
    test_features: npt.NDArray[np.float32] | None = None
    test_truth: Labels | None = None


@dataclass(frozen=True)
class Cut:
    """One seed's rows.

    Attributes:
        classes: Class names in natural order.
        noisy: Rows of the set that are noisy.
        given: Their given labels.
        noisy_truth: Their true labels, which no method sees.
        clean: Rows of the set that are trusted.
        truth: Their labels.
        clean_given: Their given labels.
        test: Rows of the test file, or of the set where there is none.
        test_truth: Their labels.
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


def cut(rows: LabelledRows, entry: DataEntry, plan: Plan, seed: int) -> Cut:
    """Cut a data set by the protocol; see the module's docstring.

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
    if len(names) < 2 or len(pool) < 10:
        raise SettingsError(
            f"{entry.name}: {len(pool)} labelled rows of {len(names)} classes are too few to measure on"
        )
    classes = natural_order(sorted(names))
    codes = {name: code for code, name in enumerate(classes)}
    truth = _coded(rows.truth[pool], codes)
    if rows.given is not None:
        given = _coded(rows.given[pool], codes)
    else:
        assert entry.noise is not None
        given = corrupt(truth, _matrix(entry.noise, rows.features[pool], truth, len(classes)), generator)
    trusted = _trusted(truth, len(classes), plan, generator)
    noisy = np.setdiff1d(np.arange(len(pool)), trusted)
    test_codes = _coded(test_names, codes)
    kept = test_codes >= 0
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
    )


def _trusted(truth: Codes, num_classes: int, plan: Plan, generator: np.random.Generator) -> Codes:
    """Positions of the trusted rows, in order."""
    size = min(plan.trusted_per_class * num_classes, int(len(truth) * plan.trusted_share))
    shuffled = generator.permutation(len(truth))
    chosen, rest = shuffled[:size], shuffled[size:]
    counts = np.bincount(truth[chosen], minlength=num_classes)
    more = [rest[truth[rest] == c][: max(LEAST_A_CLASS - counts[c], 0)] for c in range(num_classes)]
    return np.sort(np.concatenate([chosen, *more])).astype(np.int64)


def _matrix(noise: Noise, features: npt.NDArray[np.float32], truth: Codes, num_classes: int) -> Matrix:
    if noise.kind == NEAREST:
        return nearest_class(features, truth, num_classes, noise.rate)
    return transition_matrix(noise.kind, num_classes, noise.rate)


def _present(labels: Labels) -> npt.NDArray[np.bool_]:
    return np.array([label is not None for label in labels], dtype=bool)


def _coded(labels: Labels, codes: dict[str, int]) -> Codes:
    return np.array([codes.get(label, -1) for label in labels], dtype=np.int64)
