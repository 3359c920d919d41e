"""No training path waits for the device in a block of steps: counted on the stand-in, by torch's own check on a GPU."""

import gc
import weakref

import pytest
import torch
from separate_device import Traffic, watched
from small_problems import of_texts, small_problem
from training_paths import cases, fit, watched_blocks

from labelfix.models.classifier import TokenBatch
from labelfix.models.images.augment import Key
from labelfix.models.text import masks
from labelfix.networks.feed import Feed
from labelfix.networks.run_steps import StepRunner


def test_the_stand_in_counts_what_a_host_waits_for(device):
    if device.type == "cuda":
        pytest.skip("counts are the stand-in's")
    rows = torch.arange(6.0)
    with watched(Traffic()) as seen:
        there = rows.to(device)
        there[torch.tensor([0, 1])].pow(2)
    assert (sum(seen.blocking.values()), sum(seen.waits.values())) == (2, 0)
    with watched(Traffic()) as seen:
        there = rows.pin_memory().to(device, non_blocking=True)
        assert there.double().dtype == torch.float64
    assert (sum(seen.queued.values()), sum(seen.blocking.values()), sum(seen.casts.values())) == (1, 0, 1)
    for wait in (
        lambda: float(there.sum()),
        lambda: there[there > 2],
        there.cpu,
        there.tolist,
        lambda: there.nonzero(),
    ):
        with watched(Traffic()) as seen:
            wait()
        assert sum(seen.waits.values()) == 1
    with watched(Traffic()) as seen:
        assert not rows.pin_memory().to(device).equal(there.new_zeros(6))
    assert (sum(seen.blocking.values()), sum(seen.waits.values())) == (1, 1)


@pytest.mark.parametrize(("family", "path"), cases())
def test_no_block_of_steps_waits_or_copies_from_ordinary_memory(device, family, path):
    with watched_blocks(device) as blocks:
        fit(family, path, device, epochs=1 if family == "text" else 2)
    assert blocks
    for block in blocks:
        assert not block.traffic.waits
        assert not block.traffic.blocking
        # A graph holds no copy from the host at all; texts and photos are sent.
        assert not (block.resident and block.traffic.queued)
    assert {block.resident for block in blocks} == {family in ("network", "image") and path != "mlnt"}


def test_a_text_encoder_that_makes_its_own_masks_waits_for_them(device, monkeypatch):
    """What ready masks save: a wait in each of the passes of a step."""
    if device.type == "cuda":
        pytest.skip("counts are the stand-in's")
    monkeypatch.setattr("labelfix.models.text.fine_tuned.takes_ready_masks", lambda model: False)
    with watched_blocks(device) as blocks:
        fit("text", "mlc-paper", device, epochs=1, warmup_epochs=0)
    waits = sum((block.traffic.waits for block in blocks), blocks[0].traffic.waits.__class__())
    assert sum(waits.values()) == 4 * 5
    assert all("transformers" in place for place in waits)


@pytest.mark.parametrize("family", ["text", "photo"])
def test_batches_are_sent_from_pinned_memory(device, family):
    made = small_problem(family, device)
    feed = Feed(made.noisy, made.given, device)
    rows = [torch.arange(start, start + 8).numpy() for start in (0, 8, 16)]
    with watched(Traffic()) as seen:
        found = list(feed.batches((some, Key(3, 0, 0)) for some in rows))
    assert not seen.blocking
    on_the_host = Feed(made.noisy, made.given, torch.device("cpu")).batches((some, Key(3, 0, 0)) for some in rows)
    for there, here in zip(found, on_the_host, strict=True):
        tensors = [[*(each.inputs[:2] if family == "text" else (each.inputs,)), *each[1::2]] for each in (there, here)]
        for one, other in zip(*tensors, strict=True):
            assert one.device.type == device.type
            assert one.stride() == other.stride()
            assert torch.equal(one.cpu(), other)


def test_what_a_training_held_on_the_device_is_gone_without_a_collector(device):
    """Graphs and resident rows hold each other: a memory that is full is not freed by waiting for the collector."""
    runners = []
    begin = StepRunner.begin

    def noted(self, *rows):
        runners.append((weakref.ref(self), *(weakref.ref(feed) for feed in self._feeds)))
        return begin(self, *rows)

    gc.collect()
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StepRunner, "begin", noted)
            fit("image", "mlc-paper", device)
        assert runners
        assert not any(each() for runner in runners for each in runner)
    finally:
        gc.enable()


PADDED = TokenBatch(torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]]))
WHOLE = TokenBatch(PADDED.input_ids[:1], PADDED.attention_mask[:1], padded=False)


def test_ready_masks_say_what_the_library_makes_of_the_padding():
    backbone = of_texts(torch.Generator().manual_seed(0)).backbone.eval()
    assert backbone.reads_ready_masks
    ready = [backbone(batch) for batch in (PADDED, WHOLE)]
    backbone.reads_ready_masks = False
    for found, batch in zip(ready, (PADDED, WHOLE), strict=True):
        assert torch.allclose(found, backbone(batch), atol=1e-6)
    assert masks.ready_mask(WHOLE) is None
    assert masks.ready_mask(PADDED)[1, 0].tolist() == [[True, True, False]] * 3


def test_encoders_that_need_the_padding_get_it(monkeypatch):
    """By what they say of short texts, or where their tokens see near ones only."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    model = BertForSequenceClassification(config)
    assert masks.takes_ready_masks(model)
    model.config.sliding_window = 64
    assert not masks.takes_ready_masks(model)
    del model.config.sliding_window
    plain = BertForSequenceClassification.forward

    def forward(self, input_ids, attention_mask):
        if attention_mask is None or attention_mask.ndim != 2:
            raise ValueError("not a mask of two dimensions")
        return plain(self, input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(BertForSequenceClassification, "forward", forward)
    assert not masks.takes_ready_masks(model)
