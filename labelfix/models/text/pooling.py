"""From token vectors to one vector a text, as sentence-transformers' pooling layers do it.

Legend: B rows of a batch, L tokens, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor

from labelfix.errors import SettingsError
from labelfix.models.encoder_folder import EncoderFolder

CODE = {
    "cls": "tokens[:, 0]",
    "max": "tokens.masked_fill(mask == 0, -1e9).amax(dim=1)",
    "mean": "(tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)",
    "mean_sqrt_len_tokens": "(tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1).sqrt()",
    "weightedmean": "(tokens * mask * mask.cumsum(1)).sum(dim=1) / (mask * mask.cumsum(1)).sum(dim=1).clamp(min=1)",
    "lasttoken": "tokens[torch.arange(len(tokens)), (mask.sum(dim=1).squeeze(1).long() - 1).clamp(min=0)]",
}
"""The ways of pooling, in the order in which several are put together, as they stand in model cards.

`tokens` is `(B, L, D)`, `mask` is `(B, L, 1)` of 0.0 and 1.0 with the padding on the right.
"""

_OLD_NAMES = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "weightedmean": "weightedmean_tokens"}


def pool(tokens: Tensor, mask: Tensor, ways: tuple[str, ...]) -> Tensor:
    """One vector a text.

    Args:
        tokens: `(B, L, D)` last hidden state.
        mask: `(B, L, 1)` 1.0 for tokens and 0.0 for padding, which stands on the right.
        ways: Keys of `CODE`; the results of several are put side by side.
    """
    return torch.cat([_pool(tokens, mask, way) for way in ways], dim=1)


def _pool(tokens: Tensor, mask: Tensor, way: str) -> Tensor:
    lengths = mask.sum(dim=1)
    if way == "cls":
        return tokens[:, 0]
    if way == "max":
        return tokens.masked_fill(mask == 0, -1e9).amax(dim=1)
    if way == "lasttoken":
        return tokens[torch.arange(len(tokens), device=tokens.device), (lengths.squeeze(1).long() - 1).clamp(min=0)]
    weights = mask * mask.cumsum(dim=1) if way == "weightedmean" else mask
    total = (tokens * weights).sum(dim=1)
    if way == "mean_sqrt_len_tokens":
        return total / lengths.clamp(min=1).sqrt()
    return total / weights.sum(dim=1).clamp(min=1)


def named_pooling(folder: EncoderFolder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pooling that a folder's sentence-transformers files name; the mean where they name none.

    Returns:
        Keys of `CODE`, and the names of further modules of the folder, which labelfix does not apply.
    """
    modules = folder.optional_json("modules.json") or []
    ways: tuple[str, ...] = ("mean",)
    others: list[str] = []
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind == "Pooling":
            ways = _ways(folder.optional_json(f"{module['path']}/config.json") or {}, folder.name)
        elif kind not in ("Transformer", "Normalize"):
            others.append(kind)
    return ways, tuple(others)


def _ways(config: dict[str, object], name: str) -> tuple[str, ...]:
    chosen = config.get("pooling_mode")
    if chosen is None:
        keys = {way: f"pooling_mode_{_OLD_NAMES.get(way, way)}" for way in CODE}
        ways = tuple(way for way, key in keys.items() if config.get(key))
    else:
        ways = (chosen,) if isinstance(chosen, str) else tuple(chosen)  # type: ignore[arg-type]
    unknown = [way for way in ways if way not in CODE]
    if unknown:
        raise SettingsError(f"backbone = {name!r}: its pooling {unknown[0]!r} is not one of {', '.join(CODE)}")
    return ways or ("mean",)
