"""Trained classifiers can be differentiated the way the look-ahead does it: functionally, forwards and backwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from memory_table import embedding_table, image_table, png, random_images, text_table
from torch.func import functional_call, jvp

from labelfix.models.representation import choose_representation
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings


def make(kind, compute, bert_folder, timm_folder):
    if kind == "text fine-tuned":
        table, settings = (
            text_table(["the cat", "a dog sat on", "goal wins"]),
            ModelSettings(backbone=str(bert_folder), freeze=False),
        )
    elif kind == "mlp":
        table, settings = embedding_table(np.eye(3, 5)), ModelSettings(backbone="mlp")
    else:
        table = image_table([png(pixels) for pixels in random_images(3, 16)])
        backbone = "auto" if kind == "resnet32" else str(timm_folder)
        settings = ModelSettings(backbone=backbone, freeze=False, image_size=None if kind == "resnet32" else 32)
    representation = choose_representation(table, settings, compute, torch.device("cpu"), Silent())
    inputs = representation.encode(table, compute, Silent())
    return representation.new_classifier(3, torch.Generator().manual_seed(0)), inputs.batch(np.arange(3))


@pytest.mark.parametrize("kind", ["resnet32", "timm fine-tuned", "text fine-tuned", "mlp"])
def test_the_forward_derivative_agrees_with_the_backward_one(kind, compute, bert_folder, timm_folder):
    module, batch = make(kind, compute, bert_folder, timm_folder)
    module.double().eval()
    batch = batch.double() if isinstance(batch, torch.Tensor) else batch
    names = [name for name, _ in module.named_parameters()]
    weights = tuple(parameter.detach() for parameter in module.parameters())
    generator = torch.Generator().manual_seed(1)
    direction = tuple(torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in weights)

    def logits(*values):
        return functional_call(module, dict(zip(names, values, strict=True)), (batch,)).logits

    _, forward = jvp(logits, weights, direction)
    leaves = tuple(w.clone().requires_grad_() for w in weights)
    out = logits(*leaves)
    weighting = torch.randn(out.shape, generator=generator, dtype=out.dtype)
    gradients = torch.autograd.grad((out * weighting).sum(), leaves, allow_unused=True)
    backward = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True) if g is not None)
    torch.testing.assert_close((forward * weighting).sum(), backward, rtol=1e-8, atol=1e-8)
