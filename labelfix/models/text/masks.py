"""Attention masks that are ready to be used.

The transformers library makes the mask of its layers from the padding, and first asks whether there is any: on a GPU
the host waits for that answer in every pass. The batch knows it. So most encoders get a mask of four dimensions, which
the library takes as it is, or none where nothing is padded.

Legend: B rows of a batch, L tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelfix.models.classifier import TokenBatch

LOCAL = ("sliding_window", "local_attention", "attention_window", "attention_chunk_size")
"""What configurations call it where tokens see near ones only, which such a mask would not say."""


def ready_mask(batch: TokenBatch) -> Tensor | None:
    """bool `(B, 1, L, L)` which tokens each token sees; None where it sees all."""
    if not batch.padded:
        return None
    length = batch.attention_mask.shape[1]
    return batch.attention_mask.bool()[:, None, None, :].expand(-1, 1, length, -1)


def takes_ready_masks(model: nn.Module) -> bool:
    """Whether a network of the library says the same with such masks as with its own; some need the padding elsewhere.

    Args:
        model: An encoder or a classifier, on the CPU, with the library's `config`; called with two short texts.
    """
    if any(getattr(model.config, name, None) for name in LOCAL):
        return False
    ids = torch.tensor([[5, 6, 7, 8], [6, 7, 1, 1]])
    masks = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    training = model.training
    try:
        model.eval()
        with torch.inference_mode():
            return all(
                _alike(model, batch) for batch in (TokenBatch(ids, masks), TokenBatch(ids[:1], masks[:1], False))
            )
    except Exception:  # noqa: BLE001 - what an encoder makes of a mask that it does not know
        return False
    finally:
        model.train(training)


def _alike(model: nn.Module, batch: TokenBatch) -> bool:
    own, ready = (
        model(input_ids=batch.input_ids, attention_mask=m)[0] for m in (batch.attention_mask, ready_mask(batch))
    )
    if own.ndim == 3:  # what is said of the padding does not count
        own, ready = (each[batch.attention_mask.bool()] for each in (own, ready))
    return torch.allclose(own, ready, rtol=1e-4, atol=1e-5)
