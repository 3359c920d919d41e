"""Whether given labels depend on more than the true class, as far as noisy rows can tell.

If the noise is the same for all rows of a class, P(y' | x) = Σ_y P(y | x) T[y, y']: a good classifier and a matrix say
all there is to say about given labels, and a model that learns given labels from x directly, with its many
parameters, predicts them worse on rows it has not seen. Where that model is as good or better, x says something of
the given label that the class does not, and a matrix fitted to the noisy rows takes it for truth.

Legend: S rows, K classes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from labelfix.correction.transition import Matrix
from labelfix.data.tables import Codes

CLEARLY = -8.5
"""Below this many standard errors the class explains given labels better than a direct model does. Noise that people
and heuristics make was measured from −7.2 to +12 on 1,500 to 3,600 rows, noise drawn from a matrix from −10 to −32
(docs/experiments.md). The two come close, and CIFAR-10N's people (−38 and less) err like a matrix."""


def advantage_of_direct_model(
    log_f: npt.NDArray[np.floating], matrix: Matrix, given: Codes, direct: npt.NDArray[np.float64]
) -> float:
    """By how many standard errors a direct model of given labels is likelier than classifier and matrix.

    Args:
        log_f: `(S, K)` log P(y | x).
        matrix: `(K, K)` T.
        given: `(S,)` given labels.
        direct: `(S,)` −log n(y'|x) by models that did not see the row.

    Returns:
        The mean difference of log-likelihoods in standard errors; 0 with fewer than two rows.
    """
    if len(given) < 2:
        return 0.0
    said = (np.exp(log_f) * matrix[:, given].T).sum(axis=1)
    difference = -np.log(np.maximum(said, 1e-12)) - direct
    spread = float(difference.std(ddof=1)) / math.sqrt(len(given))
    return float(difference.mean()) / max(spread, 1e-12)
