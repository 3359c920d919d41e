"""Random draws of a training pass are functions of their place in the run, on any device, for any batch."""

import numpy as np
import pytest
import torch

from labelfix.models.features import FeatureInputs, select
from labelfix.models.images.augment import Key, augment, crop_draws, hashed, normalisation, uniform
from labelfix.models.images.resident import resident
from labelfix.models.network_inputs import ImageInputs

CPU = torch.device("cpu")


def image_inputs(count=40, side=8):
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return ImageInputs(pixels, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), 2)


def test_the_draws_of_a_place_are_fixed_for_good():
    """A resumed run of another version of torch or NumPy goes on with the same crops."""
    assert hashed(Key(7, 2, 3, 1), 2, 3, CPU).tolist() == [
        [4038275368, 2727499296, 4060453033],
        [559365107, 1372135204, 1233656532],
    ]


def test_integers_and_tensors_name_the_same_place():
    place = Key(*(torch.tensor(word) for word in (-3, 1, 1 << 40, 2)))
    assert torch.equal(hashed(place, 4, 9, CPU), hashed(Key(-3, 1, 1 << 40, 2), 4, 9, CPU))


def test_every_word_of_the_place_counts():
    places = [Key(*(words)) for words in np.random.default_rng(0).integers(0, 3, (200, 4)).tolist()]
    first = {place: hashed(place, 1, 1, CPU).item() for place in places}
    assert len(set(first.values())) == len(first)
    assert hashed(Key(1 << 32, 0, 0), 1, 1, CPU) != hashed(Key(0, 0, 0), 1, 1, CPU)


def test_a_row_draws_the_same_whatever_the_size_of_its_batch():
    assert torch.equal(hashed(Key(1, 2, 3), 5, 100, CPU)[:2, :10], hashed(Key(1, 2, 3), 2, 10, CPU))


def test_draws_are_uniform_and_uncorrelated():
    drawn = torch.stack([uniform(Key(0, 0, step), 4, 64, CPU) for step in range(200)]).numpy()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    shares = np.histogram(drawn, 20, (0, 1))[0] / drawn.size
    np.testing.assert_allclose(shares, 0.05, atol=0.004)
    flat = drawn.transpose(1, 0, 2).reshape(4, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(4)).max() < 0.03
    for lag in (1, 64):
        assert abs(np.corrcoef(flat[0][:-lag], flat[0][lag:])[0, 1]) < 0.03


def test_offsets_reach_both_ends_and_half_of_the_images_are_mirrored():
    offsets, flips = crop_draws(Key(0, 0, 0), 4000, 4, CPU)
    counts = np.stack([np.bincount(each.numpy(), minlength=9) for each in offsets])
    assert counts.shape == (2, 9)
    assert counts.min() > 370
    assert float(flips.float().mean()) == pytest.approx(0.5, abs=0.03)


def test_augmenting_is_a_function_of_offsets_and_flips():
    inputs = image_inputs(2)
    by = normalisation(inputs.mean, inputs.std)
    middle = torch.full((2, 2), 2)
    out = augment(inputs.tensor, middle, torch.tensor([False, True]), 2, by)
    plain = inputs.batch(np.arange(2))
    assert torch.equal(out[0], plain[0])
    assert torch.equal(out[1], plain[1].flip(2))
    assert out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("key", [None, Key(3, 1, 4, 1), Key(*(torch.tensor(word) for word in (3, 1, 4, 1)))])
def test_images_on_a_device_give_the_batches_they_give_elsewhere(key):
    inputs = select(image_inputs(), np.arange(39, 9, -1))
    there = resident(inputs, CPU)
    rows = np.array([4, 0, 4, 29])
    assert len(there) == 30
    assert torch.equal(there.batch(rows, key), inputs.batch(rows, key))
    assert torch.equal(there.batch_of(torch.from_numpy(rows), key), inputs.batch(rows, key))


def test_other_inputs_are_not_put_on_a_device():
    assert resident(FeatureInputs(np.zeros((3, 2), np.float32)), CPU) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_draws_and_augments_as_the_cpu_does_and_a_graph_draws_anew():
    gpu = torch.device("cuda")
    inputs = image_inputs()
    there, rows = resident(inputs, gpu), torch.arange(10, device=gpu)
    step = torch.zeros((), dtype=torch.int64, device=gpu)
    there.batch_of(rows, Key(0, 0, step))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = there.batch_of(rows, Key(0, 0, step))
    for number in (0, 5):
        step.fill_(number)
        graph.replay()
        expected = inputs.batch(np.arange(10), Key(0, 0, number))
        torch.testing.assert_close(out.cpu(), expected, rtol=1e-6, atol=1e-6)
