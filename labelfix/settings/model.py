"""Settings of the classifier and of the device it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labelfix.settings.base import check_choices, require
from labelfix.settings.interval import CheckpointInterval

WORDS = ("hashed-text", "lexical")
"""Backbones of texts that need no encoder."""

TABLES = ("linear", "kernel", "mlp")
"""Backbones of tables."""


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The classifier f_w: what turns an input into features h(x), and the head on top."""

    backbone: str | tuple[str, ...] = "auto"
    """What turns inputs into features: `auto`; `lexical`, `hashed-text`, `patches`, `resnet32`, `linear`, `kernel` or `mlp` (no download); a local folder; `hf:NAME` or `timm:NAME` (a name is looked up on the hub unless it is cached). `auto` is lexical for text, patches for images (resnet32 where a network is trained as a whole), kernel and linear for tables, linear for embeddings. Named several times, the features of all stand side by side."""

    lexical: bool = True
    """Put the words of a text, and a lower layer of the encoder, beside the features of a single frozen encoder. `--no-lexical` takes the encoder alone."""

    freeze: bool = True
    """Keep a pretrained backbone fixed and compute its features once. Without it an encoder, or a small network for images, learns from what that run says, and the better of both is kept; methods other than `mlc`, and `recipe = paper`, train the network as a whole."""

    hidden_units: int = 128
    """Units of the hidden layer of the `mlp` backbone."""

    text_dimensions: int = 1024
    """Dimensions of the hashed text features."""

    max_tokens: int = 256
    """Longest text that a transformers backbone reads, in tokens; the rest is cut off."""

    image_size: int | None = None
    """Side of the square, in pixels, that images are scaled to. Default: the images' own side, 16 to 64, for patches; 32 for resnet32; the model's own for timm."""

    smallest_crop: float = 0.08
    """Share of an image's area that the smallest random crop shows while a timm model is trained; 1 always shows as much as fits a crop of at most 4:3."""

    encode_batch_size: int = 64
    """Rows encoded at once by a frozen backbone."""

    @property
    def backbones(self) -> tuple[str, ...]:
        """Every backbone that is named; commas separate them too, but in the name of a folder."""
        if not isinstance(self.backbone, str):
            return self.backbone
        named = [self.backbone] if Path(self.backbone).expanduser().is_dir() else self.backbone.split(",")
        return tuple(name.strip() for name in named)

    @property
    def text_views(self) -> tuple[str, ...]:
        """What makes the features of a text: the backbones that are named, and the words beside a single encoder."""
        (name, *others) = self.backbones
        if name == "auto":
            return ("lexical", *others)
        return (name, "lexical") if self.completes_encoder else self.backbones

    @property
    def completes_encoder(self) -> bool:
        """Whether the words, and a lower layer, stand beside the last layer of a text encoder."""
        (name, *others) = self.backbones
        return self.lexical and self.freeze and not others and name not in ("auto", *WORDS)

    def __post_init__(self) -> None:
        check_choices(self)
        require(all(self.backbones) and len(self.backbones) > 0, "backbone names nothing; leave it out for auto")
        for name in ("hidden_units", "text_dimensions", "max_tokens", "encode_batch_size"):
            require(getattr(self, name) >= 1, f"{name} = {getattr(self, name)} must be at least 1")
        require(0 < self.smallest_crop <= 1, f"smallest_crop = {self.smallest_crop} must be above 0 and at most 1")
        require(self.image_size is None or self.image_size >= 8, f"image_size = {self.image_size} must be at least 8")


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """Where and how the work is done. Nothing here may change the result beyond rounding."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of training and encoding; `auto` takes a GPU where there is one."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """What forward passes of training compute in: `fp32`, or `bf16` by autocast, about twice as fast on devices with units for it. Weights, clean gradients, norms and the label correction network stay in fp32."""

    accumulate: int = 1
    """Pieces in which a batch goes through the network, its gradient being summed up: less memory for the same batch. It grows by itself where the memory runs out. BatchNorm sees one piece at a time."""

    offline: bool = False
    """Never ask a hub, even for a name; only what is on this disk is used."""

    cache_dir: str | None = None
    """Folder of the feature cache. Default: `LABELFIX_CACHE_DIR`, else the user's cache directory."""

    read_rows: int = 8192
    """Rows read from the inputs at once; bounds the memory, never the result."""

    workers: int | None = None
    """Threads that decode images; 0 decodes where they are needed. Default: one for every core, at most 16; 0 for images so small that threads do not help."""

    checkpoint_every: str = "10m"
    """How often the state of training is kept, so that a killed run can go on: `30s`, `10m`, `1h`, `2epochs`, or `0` for never."""

    def __post_init__(self) -> None:
        check_choices(self)
        require(self.workers is None or self.workers >= 0, f"workers = {self.workers} must be at least 0")
        require(self.accumulate >= 1, f"accumulate = {self.accumulate} must be at least 1")
        require(self.read_rows >= 1, f"read_rows = {self.read_rows} must be at least 1")
        require(self.read_rows < 1 << 31, f"read_rows = {self.read_rows} must be less than 2,147,483,648")
        CheckpointInterval.parse(self.checkpoint_every)
