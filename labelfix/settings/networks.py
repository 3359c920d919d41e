"""What the settings of all methods are, and how networks are trained by mini-batches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from labelfix.settings.base import check_choices, require

Family = Literal["head", "network", "image", "text"]
"""What is trained: a linear head on fixed features, or a network as a whole."""


@dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """What the settings of all methods are."""

    on_heads: ClassVar[tuple[str, ...] | None] = None
    """Settings that count on fixed features; None for all."""

    only_on_heads: ClassVar[tuple[str, ...]] = ()
    """Settings that do not count for networks that are trained as a whole."""

    def counting(self, family: Family) -> frozenset[str]:
        """Names of the settings that the method reads when it trains such a classifier."""
        every = frozenset(f.name for f in fields(self))
        if family == "head":
            return every if self.on_heads is None else frozenset(self.on_heads)
        return every - frozenset(self.only_on_heads)

    def weighs_sources(self, family: Family) -> bool:  # noqa: ARG002 - of MLC's recipes one does
        """Whether the method hears each of several sources of labels; others read one label a row."""
        return False


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(MethodSettings):
    """How a network is trained by mini-batches.

    Fields that are None take the value that suits what is trained: a linear head on fixed features, a small
    network on feature vectors (`mlp`), a whole image classifier, or a whole text encoder.
    """

    epochs: int | None = None
    """Passes over the noisy rows. Default: 60 for heads and small networks, 10 for images, 3 for text encoders."""

    batch_size: int | None = None
    """Noisy rows a step. Default: 64 for heads and small networks, 100 for images, 16 for text encoders."""

    optimizer: Literal["sgd", "adam", "adamw"] | None = None
    """Optimiser of the classifier; the look-ahead is exact for all of them. Default: sgd, and adamw for text encoders."""

    learning_rate: float | None = None
    """Learning rate of the classifier. Default: 0.3 divided by the mean squared norm of the features for heads, 0.05 for small networks, 0.1 for images, 2e-5 for text encoders."""

    head_learning_rate: float | None = None
    """Learning rate of the classifier's head, for pretrained backbones whose own should be lower. Default: that of the rest."""

    frozen_epochs: int = 0
    """First epochs (those of the warm-up count) in which only the head is trained."""

    clip_norm: float | None = None
    """The classifier's gradient is shortened to this norm where it is longer; the look-ahead takes that into account. Default: no clipping."""

    momentum: float = 0.9
    """Momentum of SGD."""

    nesterov: bool = False
    """Nesterov's momentum for SGD."""

    weight_decay: float | None = None
    """Weight decay of the classifier. Default: 1e-5 for heads, 5e-4 for small networks and images, 0.01 for text encoders."""

    schedule: Literal["cosine", "step", "constant", "linear"] = "cosine"
    """Learning rate over the run: cosine to zero, divided by ten at two and at five sixths of the epochs (as the published code of MLC does), linear to zero after a tenth in which it rises, or constant."""

    early_stop: int | None = None
    """Stop after this many epochs without a better result on half of the held-out trusted rows, which then judge nothing. Default: train all epochs."""

    keep_best: bool = False
    """End with the weights of the epoch that was best on half of the held-out trusted rows, which then judge nothing, not with the last ones."""

    history_steps: int = 0
    """Write a row of history every so many steps as well; 0 writes one an epoch."""

    held_out: float = 0.2
    """Share of the trusted rows kept out of training, to judge it; none where there are fewer than ten a class."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("epochs", "batch_size", "clean_batch_size", "early_stop"):
            value = getattr(self, name, None)
            require(value is None or value >= 1, f"{name} = {value} must be at least 1")
        for name in ("learning_rate", "head_learning_rate", "clip_norm"):
            value = getattr(self, name)
            require(value is None or value > 0, f"{name} = {value} must be above 0")
        require(
            self.weight_decay is None or self.weight_decay >= 0,
            f"weight_decay = {self.weight_decay} must be at least 0",
        )
        for name in ("frozen_epochs", "history_steps"):
            require(getattr(self, name) >= 0, f"{name} = {getattr(self, name)} must be at least 0")
        require(0 <= self.momentum < 1, f"momentum = {self.momentum} must be in [0, 1)")
        require(not self.nesterov or self.momentum > 0, "nesterov = true needs momentum above 0")
        require(0 <= self.held_out < 1, f"held_out = {self.held_out} must be in [0, 1)")
        warmup = getattr(self, "warmup_epochs", None)
        require(warmup is None or warmup >= 0, f"warmup_epochs = {warmup} must be at least 0")


@dataclass(frozen=True, kw_only=True)
class FineTuningSettings(NetworkSettings):
    """How a network goes on with trusted rows alone."""

    fine_tuning_epochs: int | None = None
    """Epochs of fine-tuning, each of as many rows as there are noisy ones. Default: a fifth of the epochs."""

    fine_tuning_rate: float = 0.1
    """Learning rate of fine-tuning, relative to that before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        epochs = self.fine_tuning_epochs
        require(epochs is None or epochs >= 1, f"fine_tuning_epochs = {epochs} must be at least 1")
        require(self.fine_tuning_rate > 0, f"fine_tuning_rate = {self.fine_tuning_rate} must be above 0")
