"""Making timm models and the transforms that their data configurations name."""

from __future__ import annotations

from typing import Any

from torch import nn

from labelfix.errors import SettingsError, first_line
from labelfix.models.encoder_folder import EncoderFolder, pickles
from labelfix.models.head import WEIGHTS

KEYS = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
"""The parts of a data configuration that determine the evaluation transform."""


def create(folder: EncoderFolder, **options: Any) -> nn.Module:  # noqa: ANN401 - passed on
    """The model of a folder with its weights.

    Raises:
        SettingsError: It cannot be loaded.
    """
    import timm

    found = pickles(folder.path)
    if found and not (folder.path / WEIGHTS).is_file():
        # timm looks for this name first, and then for some pickles before it looks for other safetensors.
        raise SettingsError(
            f"backbone = {folder.name!r}: a pickle ({found[0]}), which labelfix does not open, lies there and no "
            f"{WEIGHTS}; rename the safetensors file to that, or take the pickle away"
        )
    try:
        model: nn.Module = timm.create_model(f"local-dir:{folder.path}", pretrained=True, **options)
    except Exception as error:  # noqa: BLE001 - damaged folders raise almost anything
        raise SettingsError(
            f"backbone = {folder.name!r}: the model cannot be loaded ({first_line(error)}); copy the whole model again"
        ) from None
    return model


def data_config(model: nn.Module, image_size: int | None, name: str) -> dict[str, Any]:
    """What `timm.data.create_transform` takes, as plain values.

    Args:
        image_size: Side in pixels; None takes the model's own.

    Raises:
        SettingsError: The model reads one size only, or no colour images.
    """
    from timm.data import resolve_model_data_config

    config: dict[str, Any] = {key: value for key, value in resolve_model_data_config(model).items() if key in KEYS}
    config = {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()}
    channels, *sides = config["input_size"]
    if channels != 3:
        raise SettingsError(f"backbone = {name!r}: reads {channels} channels, not colour images; give another model")
    fixed = getattr(model, "pretrained_cfg", {}).get("fixed_input_size", False)
    if image_size is not None and [image_size, image_size] != sides:
        if fixed:
            raise SettingsError(f"backbone = {name!r}: reads {sides[0]}×{sides[1]} pixels only; leave out image_size")
        sides = [image_size, image_size]
    if sides[0] != sides[1]:
        raise SettingsError(f"backbone = {name!r}: does not read square images; give another model")
    return config | {"input_size": [channels, *sides]}
