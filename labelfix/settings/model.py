"""Settings of the classifier and of the device it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelfix.settings.base import check_choices, require


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The classifier f_w: what turns an input into features h(x), and the head on top."""

    backbone: str = "auto"
    """What turns inputs into features: `auto`; `hashed-text`, `resnet32`, `linear` or `mlp` (no download); a local folder; `hf:NAME` or `timm:NAME` (a name is looked up on the hub unless it is cached). `auto` is hashed-text for text, resnet32 for images up to 64 pixels and an untrained timm resnet18 above, linear for tables and embeddings."""

    freeze: bool | None = None
    """Keep a pretrained backbone fixed and compute its features once. Default: yes on a CPU, no on a GPU."""

    hidden_units: int = 128
    """Units of the hidden layer of the `mlp` backbone."""

    text_dimensions: int = 1024
    """Dimensions of the hashed text features."""

    max_tokens: int = 256
    """Longest text that a transformers backbone reads, in tokens; the rest is cut off."""

    image_size: int | None = None
    """Side of the square, in pixels, that images are scaled to. Default: 32 for resnet32, the model's own for timm."""

    encode_batch_size: int = 64
    """Rows encoded at once by a frozen backbone."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("hidden_units", "text_dimensions", "max_tokens", "encode_batch_size"):
            require(getattr(self, name) >= 1, f"{name} = {getattr(self, name)} must be at least 1")
        require(self.image_size is None or self.image_size >= 8, f"image_size = {self.image_size} must be at least 8")


@dataclass(frozen=True, kw_only=True)
class ComputeSettings:
    """Where and how the work is done. Nothing here may change the result beyond rounding."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of training and encoding; `auto` takes a GPU where there is one."""

    offline: bool = False
    """Never ask a hub, even for a name; only what is on this disk is used."""

    cache_dir: str | None = None
    """Folder of the feature cache. Default: `LABELFIX_CACHE_DIR`, else the user's cache directory."""

    read_rows: int = 8192
    """Rows read from the inputs at once; bounds the memory, never the result."""

    def __post_init__(self) -> None:
        check_choices(self)
        require(self.read_rows >= 1, f"read_rows = {self.read_rows} must be at least 1")
