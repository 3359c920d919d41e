"""Settings of Meta Label Correction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from labelfix.errors import SettingsError
from labelfix.settings.base import require
from labelfix.settings.networks import Family, NetworkSettings

Recipe = Literal["anchored", "paper", "published"]

OF_ROUNDS = ("epochs", "batch_size", "learning_rate", "head_learning_rate", "weight_decay", "clip_norm")
"""What is read while an encoder learns features, of the settings of networks."""

PUBLISHED: dict[str, Any] = {
    "clean_split": "redrawn",
    "held_out": 0.0,
    "warmup_epochs": 0,
    "schedule": "step",
    "meta_interval": 1,
    "keep_best": False,
    "early_stop": None,
}
"""What the `published` recipe fixes, beside trusted rows a step: half as many in either clean batch as noisy ones."""

FIXED = (*PUBLISHED, "clean_batch_size", "warmup_steps")
"""What it does not read."""

PUBLISHED_EPOCHS: dict[Family, int] = {"image": 120}
"""Where its commands say how many."""

PUBLISHED_RATE = 3e-4
"""The learning rate of the label correction network, as published."""


@dataclass(frozen=True, kw_only=True)
class MlcSettings(NetworkSettings):
    """Meta Label Correction (Zheng, Awadallah and Dumais, AAAI 2021).

    The classifier learns the noisy rows from soft labels that a label correction network makes out of the
    classifier's features h(x) and the given label. That network is judged by what its labels do: the classifier takes
    a look-ahead step on them, and the loss of the result on trusted rows is differentiated with respect to the network
    (the meta-gradient). So noise may depend on the input, and no transition matrix has to be estimated.

    The parts of `anchored` on fixed features, in order: f_g, the trusted rows alone; T0, how labels go wrong; the
    members S1 (learns the Bayes posterior of f_g and T0), GLC8 (gold loss correction) and N1 (the given labels as they
    are), each with four folds of the trusted rows; their stack f_s, weighted by the folds they have not seen; T_m, T0
    fitted to the noisy rows; the network q = softmax(a log f_s + b log T + δ), twelve steps of the implicit
    meta-gradient; the classifier on q; the posterior, fitted to trusted rows whose given label is known. Regularisation,
    weights and temperatures are chosen on trusted rows out of fold; nothing is left to set.

    Fields that are None take the value that suits what is trained: a linear head on fixed features, a small
    network on feature vectors (`mlp`), a whole image classifier, or a whole text encoder.

    Source: Guoqing Zheng, Ahmed Hassan Awadallah and Susan Dumais, "Meta Label Correction for Noisy Label Learning",
    AAAI 2021.
    """

    recipe: Recipe | None = None
    """`paper` is the paper's method: a free label correction network trained by the look-ahead meta-gradient. `published` is the published code's procedure as it is, to stand beside its figures: it settles how trusted rows are used, the schedule and, on images, 120 epochs. Both train whole networks, for comparisons. `anchored` solves the same objective on fixed features, holds the label correction network in place by the trusted rows and has no further settings; with `--no-freeze` it is what the encoder learns from, and what is fitted to its features. Default: anchored."""

    rounds: int = 1
    """With `--no-freeze`: how often the encoder learns features from the soft labels of the fit before, each time from its pretrained weights, and the fit is made again on them."""

    clean_batch_size: int | None = None
    """Trusted rows a step in each of the two clean batches: the one that trains and the one that judges the look-ahead. Default: 32 for heads and small networks, 16 for images, 8 for text encoders."""

    warmup_epochs: int | None = None
    """Epochs in which the classifier learns the given labels; its view of the trusted rows then gives the label correction network its start. The published code has none: 0. Default: 3 for heads and small networks, 1 otherwise."""

    warmup_steps: int = 300
    """Steps in which the label correction network then learns to undo the noise estimated on the trusted rows."""

    lcn_hidden: int | None = None
    """Hidden units of the label correction network. Default: 128, and 768 for text encoders."""

    lcn_embedding: int = 128
    """Dimensions of the label embedding."""

    lcn_learning_rate: float | None = None
    """Learning rate of the label correction network under the meta-gradient (Adam with amsgrad). Default: 3e-4, as published; 1e-3 for heads and small networks without a warm-up, where 3e-4 hardly moves. Higher rates collapse on several real sets."""

    skip: bool = False
    """A learned gate a(x, y') that mixes the given label into the corrected one."""

    lookahead: int = 1
    """k, the steps of the classifier between two updates of the label correction network, whose meta-gradients are chained by γ."""

    meta_interval: int = 1
    """Take the meta-gradient on every n-th step only: cheaper, with fewer updates of the label correction network. Needs `lookahead = 1`."""

    derivative: Literal["fd1", "fd2", "jvp"] = "fd1"
    """How the derivative of the noisy rows' logits along the meta-gradient is taken: one extra forward pass, two, or exactly by forward mode."""

    clean_split: Literal["fixed", "redrawn"] = "fixed"
    """`fixed`: trusted rows are cut once into disjoint train, meta and held-out parts. `redrawn`: the published halves of each batch, drawn anew from one pool."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rounds", "lcn_hidden", "lcn_embedding", "lookahead", "meta_interval", "warmup_steps"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"{name} = {value} must be at least 1")
        require(
            self.lcn_learning_rate is None or self.lcn_learning_rate > 0,
            f"lcn_learning_rate = {self.lcn_learning_rate} must be above 0",
        )
        require(self.lookahead == 1 or self.meta_interval == 1, "meta_interval above 1 needs lookahead = 1")

    @property
    def anchored(self) -> bool:
        """Whether the recipe is the default one."""
        return self.recipe in (None, "anchored")

    def recipe_for(self, family: Family) -> Recipe:
        """The recipe, which has to suit what is trained.

        Raises:
            SettingsError: `anchored`, for a network that is trained as a whole.
        """
        if self.anchored and family != "head":
            raise SettingsError(
                "mlc's default, recipe = anchored, corrects labels on fixed features and does not train a whole network: "
                "leave --backbone out (texts and images can then learn their features by --no-freeze), or add "
                "--set recipe=paper to train the network by the paper's own method"
            )
        return self.recipe or "anchored"

    def weighs_sources(self, family: Family) -> bool:
        return family == "head" and self.anchored

    @property
    def counting_in_rounds(self) -> frozenset[str]:
        """Names of the settings that are read where an encoder learns features."""
        return frozenset(("recipe", "rounds", *OF_ROUNDS))

    def counting(self, family: Family) -> frozenset[str]:
        """Names of the settings that the recipe reads when it trains such a classifier."""
        every = super().counting(family) - {"rounds"}
        if self.recipe_for(family) == "paper":
            return every
        if self.recipe_for(family) == "published":
            return every - frozenset(FIXED)
        return frozenset(("recipe",))

    def as_published(self, batch_size: int, family: Family) -> MlcSettings:
        """The same with what the published procedure fixes, for `batch_size` noisy rows a step."""
        return replace(
            self,
            **PUBLISHED,
            recipe="published",
            clean_batch_size=max(batch_size // 2, 1),
            epochs=self.epochs or PUBLISHED_EPOCHS.get(family),
            lcn_learning_rate=self.lcn_learning_rate or PUBLISHED_RATE,
        )
