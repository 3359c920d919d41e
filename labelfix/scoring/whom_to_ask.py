"""Whom to ask about a row: the source whose answer is expected to make most labels right for its price.

Asked about a row with soft label q, source s says j with probability Σ_c q_c T_s[c, j], and the row's soft label
becomes q' ∝ q exp(w_s L_s[·, j]), as the run weighs its sources. What that is worth is how much likelier the row's
label is then right, in the mean over j; a trusted answer makes it 1.

Legend: K classes, S sources.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labelfix.correctors.calibrated import CalibratedCorrector
from labelfix.correctors.contract import Corrector
from labelfix.correctors.sources import SourcesCorrector
from labelfix.data.arrays import Floats
from labelfix.data.chosen_rows import TRUSTED
from labelfix.data.tables import Probabilities
from labelfix.errors import SettingsError


@dataclass(frozen=True)
class Asker:
    """What it costs to ask, and what may come of it.

    Attributes:
        label_terms: `(S, K, K + 1)` log T.
        weights: `(S,)` of the terms in the soft label.
        costs: Source, or `trusted` → price of an answer; nobody else is asked.
    """

    names: Sequence[str]
    label_terms: Floats
    weights: Floats
    costs: Mapping[str, float]

    def whom(self, soft: Probabilities, heard: Collection[str]) -> tuple[str, float, float]:
        """Whom to ask about a row, how many labels more that makes right, and its price; "" where nobody is left.

        Args:
            soft: `(K,)` the row's soft label.
            heard: Who has said something of it already.
        """
        offers = [(name, self.gain(soft, name), price) for name, price in self.costs.items() if name not in heard]
        return max(offers, key=lambda offer: offer[1] / max(offer[2], 1e-9), default=("", 0.0, 0.0))

    def gain(self, soft: Probabilities, name: str) -> float:
        """How much likelier the label of a row is right after an answer."""
        now = float(soft.max())
        if name == TRUSTED:
            return 1 - now
        place = list(self.names).index(name)
        q, terms = soft.astype(np.float64), self.label_terms[place, :, :-1]
        says = np.exp(terms) / np.exp(terms).sum(axis=1, keepdims=True)
        later = np.log(np.maximum(q, 1e-12))[:, None] + self.weights[place] * terms
        chosen = later.argmax(axis=0)  # the label after each answer
        right = float((q[chosen] * says[chosen, np.arange(len(chosen))]).sum())
        return max(right - now, 0.0)


def asker_of(corrector: Corrector, names: Sequence[str], costs: Mapping[str, float]) -> Asker:
    """The asker of a run.

    Args:
        costs: Source, or `trusted` → price of an answer.

    Raises:
        SettingsError: There is no such source, or the run does not weigh sources.
    """
    inner = corrector.inner if isinstance(corrector, CalibratedCorrector) else corrector
    if not isinstance(inner, SourcesCorrector):
        remedy = "train it with --label-columns or --sources"
        raise SettingsError(f"--cost: the run does not weigh several sources; {remedy}")
    for name in costs:
        if name != TRUSTED and name not in names:
            shown = ", ".join((*names[:8], TRUSTED))
            raise SettingsError(f"--cost {name}=...: there is no such source; there are {shown}")
    return Asker(names, inner.label_terms, inner.weights, costs)
