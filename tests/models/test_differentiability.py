"""Trained classifiers can be differentiated the way the look-ahead does it: functionally, forwards and backwards."""

import contextlib
import copy

import numpy as np
import pytest
import torch
from memory_table import embedding_table, image_table, png, random_images, text_table
from torch.func import functional_call, jvp

from labelfix.methods.mlc.step import Labelled, MlcTrainer
from labelfix.models.choice import choose_representation
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks import lookahead_trainer
from labelfix.networks.lookahead_trainer import plain_attention
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings


def make(kind, compute, bert_folder, timm_folder, vit_folder):
    if kind == "text fine-tuned":
        table, settings = (
            text_table(["the cat", "a dog sat on", "goal wins"]),
            ModelSettings(backbone=str(bert_folder), freeze=False),
        )
    elif kind == "mlp":
        table, settings = embedding_table(np.eye(3, 5)), ModelSettings(backbone="mlp")
    else:
        table = image_table([png(pixels) for pixels in random_images(3, 16)])
        folders = {"timm fine-tuned": timm_folder, "vision transformer": vit_folder}
        settings = ModelSettings(backbone=str(folders.get(kind, kind)), freeze=False)
    representation = choose_representation(table, settings, compute, Silent())
    inputs = representation.encode(table, compute, Silent())
    return representation.new_classifier(3, torch.Generator().manual_seed(0)), inputs.batch(np.arange(3))


@pytest.mark.parametrize("kind", ["resnet32", "timm fine-tuned", "vision transformer", "text fine-tuned", "mlp"])
def test_the_forward_derivative_agrees_with_the_backward_one(kind, compute, bert_folder, timm_folder, vit_folder):
    module, batch = make(kind, compute, bert_folder, timm_folder, vit_folder)
    module.double().eval()
    batch = batch.double() if isinstance(batch, torch.Tensor) else batch
    names = [name for name, _ in module.named_parameters()]
    weights = tuple(parameter.detach() for parameter in module.parameters())
    generator = torch.Generator().manual_seed(1)
    direction = tuple(torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in weights)

    def logits(*values):
        return functional_call(module, dict(zip(names, values, strict=True)), (batch,)).logits

    with plain_attention():
        _, forward = jvp(logits, weights, direction)
    leaves = tuple(w.clone().requires_grad_() for w in weights)
    out = logits(*leaves)
    weighting = torch.randn(out.shape, generator=generator, dtype=out.dtype)
    gradients = torch.autograd.grad((out * weighting).sum(), leaves, allow_unused=True)
    backward = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True) if g is not None)
    torch.testing.assert_close((forward * weighting).sum(), backward, rtol=1e-8, atol=1e-8)


def meta_gradient(module, batch, how):
    """A_t of one step on three rows, dropout and all."""
    generator = torch.Generator().manual_seed(1)
    module = copy.deepcopy(module).train()
    lcn = LabelCorrectionNetwork(module.feature_width, 3, 8, 4, False, generator)
    own, of_lcn = (torch.optim.SGD(network.parameters(), lr=0.02) for network in (module, lcn))
    trainer = MlcTrainer(classifier=module, lcn=lcn, optimizer=own, lcn_optimizer=of_lcn, derivative=how, seed=3)
    trainer.step(*(Labelled(batch, torch.tensor(labels)) for labels in ([0, 1, 2], [1, 1, 0], [2, 0, 1])))
    return torch.cat([parameter.grad.ravel() for parameter in lcn.parameters()])


@pytest.mark.parametrize("kind", ["vision transformer", "text fine-tuned"])
def test_the_step_uses_fused_attention_but_where_forward_mode_needs_the_plain_form(
    kind, compute, bert_folder, timm_folder, vit_folder, monkeypatch
):
    module, batch = make(kind, compute, bert_folder, timm_folder, vit_folder)
    exact = meta_gradient(module, batch, "jvp")
    assert float(exact.norm()) > 0
    for how, error in (("fd1", 2e-2), ("fd2", 1e-2)):
        assert float((meta_gradient(module, batch, how) - exact).norm() / exact.norm()) < error
    monkeypatch.setattr(lookahead_trainer, "plain_attention", contextlib.nullcontext)
    with pytest.raises(NotImplementedError, match="forward AD"):
        meta_gradient(module, batch, "jvp")
