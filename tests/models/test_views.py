"""Several views of a row side by side."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from memory_table import text_table
from transformers import AutoModel, AutoTokenizer

from labelfix.data.inputs import HeldInputs
from labelfix.errors import RunError, SettingsError
from labelfix.models import views
from labelfix.models.choice import choose_representation
from labelfix.models.learnt import place_of
from labelfix.models.saved_representation import is_cheap
from labelfix.models.text import encoder
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings

TEXTS = ["the cat sat", "a big dog ran", "the market falls", "goal wins", "the cat ran", "a dog sat on the mat"] * 3


@pytest.fixture
def chosen(compute):
    def choose(**settings):
        return choose_representation(text_table(TEXTS), ModelSettings(**settings), compute, Silent())

    return choose


def encoded(representation, compute):
    return representation.encode(text_table(TEXTS), compute, Silent()).features


def test_text_without_an_encoder_is_lexical(chosen):
    assert chosen().family == "lexical"
    assert chosen(backbone="hashed-text").family == "hashed-text"


def test_a_frozen_encoder_has_the_words_beside_it_unless_told_otherwise(chosen, bert_folder):
    both = chosen(backbone=str(bert_folder))
    assert [view.family for view in both.views] == ["transformers", "lexical"]
    assert both.weights == ((1.0, 1.0), (1.0,))  # of two layers, and of the words: see docs/decisions/views.md
    alone = chosen(backbone=str(bert_folder), lexical=False)
    assert (alone.family, alone.part_count) == ("transformers", 1)
    assert chosen(backbone=str(bert_folder), freeze=False).family == "transformers-fine-tuned"


def test_backbones_that_are_named_stand_side_by_side(chosen, bert_folder):
    for named in (("hashed-text", str(bert_folder)), f"hashed-text,{bert_folder}", ["hashed-text", str(bert_folder)]):
        found = chosen(backbone=named)
        assert [view.family for view in found.views] == ["hashed-text", "transformers"]
        assert found.weights == ((1.0,), (1.0,))


def test_the_lower_layer_is_that_at_two_thirds_of_the_depth(chosen, bert_folder, compute):
    text = chosen(backbone=str(bert_folder)).views[0]
    last, lower = np.split(encoded(text, compute), 2, axis=1)
    np.testing.assert_array_equal(last, encoded(chosen(backbone=str(bert_folder), lexical=False), compute))
    tokenizer = AutoTokenizer.from_pretrained(bert_folder)
    model = AutoModel.from_pretrained(bert_folder).eval()
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    layer = round(2 / 3 * model.config.num_hidden_layers)
    states = model(**batch, output_hidden_states=True).hidden_states[layer].detach()
    mask = batch["attention_mask"].unsqueeze(2)
    mean = ((states * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    np.testing.assert_allclose(lower, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-5)
    assert layer < model.config.num_hidden_layers


def test_both_layers_of_an_encoder_that_learned_are_read_as_before(chosen, bert_folder, compute, tmp_path):
    both = chosen(backbone=str(bert_folder)).weighed((0.5, 2.0, 1.0))
    place = place_of(both)
    encoder = place.encoder
    encoder.keep(encoder.new_classifier(3, torch.Generator()), tmp_path)
    learnt = place.with_learnt(encoder.kept(tmp_path))
    assert [view.family for view in learnt.views] == ["lexical", "transformers"]
    assert learnt.weights == ((0.5,), (0.5, 2.0))
    assert place.beside(encoder.kept(tmp_path)).weights == ((0.5, 2.0), (1.0,), (0.5, 2.0))
    np.testing.assert_allclose(  # nothing was learned yet
        encoded(learnt.views[1], compute), encoded(both.views[0], compute), atol=1e-6
    )


def test_a_layer_that_is_not_there_is_named(chosen, bert_folder, compute):
    text = replace(chosen(backbone=str(bert_folder)).views[0], lower_layer=9)
    with pytest.raises(RunError, match=f"{bert_folder}: has no layer 9; train again"):
        encoded(text, compute)


def test_wide_states_and_a_single_layer_have_no_lower_one(chosen, bert_folder, monkeypatch):
    monkeypatch.setattr(encoder, "WIDEST", 8)
    assert chosen(backbone=str(bert_folder)).views[0].part_count == 1
    monkeypatch.undo()
    monkeypatch.setattr(encoder, "LOWER_LAYER", 0.1)
    assert chosen(backbone=str(bert_folder)).views[0].part_count == 1


def test_each_view_stands_in_its_own_columns_times_its_weight(chosen, bert_folder, compute):
    both = chosen(backbone=str(bert_folder)).weighed([0.5, 0.25, 2.0])
    first, second = (encoded(view, compute) for view in both.views)
    last, lower = np.split(first, 2, axis=1)
    found = encoded(both, compute)
    assert found.dtype == np.float32
    expected = [last * np.float32(0.5), lower * np.float32(0.25), second * np.float32(2)]
    np.testing.assert_array_equal(found, np.hstack(expected))
    for part, weighed in zip(both.split(found), expected, strict=True):
        np.testing.assert_array_equal(part, weighed)
    assert both.feature_width == found.shape[1] == first.shape[1] + second.shape[1]
    assert both.identity != chosen(backbone=str(bert_folder)).identity


def test_many_rows_lie_in_the_cache_and_have_the_same_features(chosen, bert_folder, compute, monkeypatch):
    both = chosen(backbone=str(bert_folder))
    expected = encoded(both, compute)
    monkeypatch.setattr(views, "IN_MEMORY", 0)
    monkeypatch.setattr(views, "BLOCK", 5)
    found = encoded(both, compute)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, expected)


def test_rows_that_pass_by_have_the_same_features(chosen, bert_folder, compute):
    both = chosen(backbone=str(bert_folder))
    batch = pa.record_batch([pa.array(TEXTS[4:9], pa.string())], names=["text"])
    held = both.encode(HeldInputs(both.spec, "new rows", (batch,)), compute, Silent()).features
    np.testing.assert_allclose(held, encoded(both, compute)[4:9], atol=1e-5)
    assert not is_cheap(both)
    assert is_cheap(chosen(backbone=("hashed-text", "lexical")))


def test_the_classifier_is_one_linear_head_on_all_views(chosen, bert_folder):
    module = chosen(backbone=str(bert_folder)).new_classifier(3, torch.Generator())
    assert [name for name, _ in module.named_parameters()] == ["head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (("lexical", "lexical"), "one is named twice"),
        (("lexical", "resnet32"), "'resnet32' does not read text"),
        ("lexical,", "names nothing"),
        ((), "names nothing"),
    ],
)
def test_backbones_that_cannot_stand_together_are_refused(backbone, message, chosen):
    with pytest.raises(SettingsError, match=message):
        chosen(backbone=backbone)


def test_a_network_that_is_trained_along_cannot_stand_beside_others(chosen, bert_folder):
    with pytest.raises(SettingsError, match="is trained as a whole and cannot stand beside others"):
        chosen(backbone=("lexical", str(bert_folder)), freeze=False)
