"""Images that are decoded when a batch needs them, and the transforms of timm's data configurations."""

import io

import numpy as np
import pytest
import torch
from memory_table import image_table, png, random_images
from PIL import Image

from labelfix.errors import InputError
from labelfix.models.features import select
from labelfix.models.images.augment import Key, uniform
from labelfix.models.images.encoded import EncodedImages, encode_images
from labelfix.models.images.transforms import crop_box, evaluation, resized_crop
from labelfix.models.network_inputs import by_content, in_order
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings

CONFIG = {
    "input_size": [3, 16, 16],
    "interpolation": "bicubic",
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.3, 0.4],
    "crop_pct": 0.8,
    "crop_mode": "center",
}


def encoded(tmp_path, images, smallest=0.08, **settings):
    compute = ComputeSettings(cache_dir=str(tmp_path / "cache"), **settings)
    return encode_images(image_table(images), CONFIG, smallest, compute, Silent())


def files(count=7, side=24):
    return [png(pixels[: side - i]) for i, pixels in enumerate(random_images(count, side))]


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("size", [(30, 21), (21, 30), (16, 16), (9, 9)])
def test_the_evaluation_transform_is_timms(mode, size):
    from timm.data import create_transform

    config = CONFIG | {"crop_mode": mode}
    image = Image.fromarray(random_images(1, 30)[0]).resize(size)
    theirs = create_transform(**config, normalize=False)(image).numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(evaluation(config)(image), theirs)


def test_an_evaluation_batch_is_timms_transform_of_the_images(tmp_path):
    from timm.data import create_transform

    images = files()
    batch = encoded(tmp_path, images).batch(np.array([3, 0]))
    prepare = create_transform(**CONFIG)
    expected = torch.stack([prepare(Image.open(io.BytesIO(images[row]))) for row in (3, 0)])
    torch.testing.assert_close(batch, expected, rtol=1e-5, atol=1e-5)
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_a_random_crop_is_distributed_as_torchvisions():
    """Means and spreads of area, ratio and place of 4,000 boxes beside torchvision's own."""
    from torchvision.transforms.v2 import RandomResizedCrop

    theirs = RandomResizedCrop(16, scale=(0.2, 1.0))
    image = torch.zeros(3, 60, 100)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = [theirs.make_params([image]) for _ in range(4000)]
    drawn = uniform(Key(0, 0, 0), 22, 4000, torch.device("cpu")).numpy().T
    ours = np.array([crop_box(60, 100, 0.2, row) for row in drawn])
    torchvisions = np.array([[each[name] for name in ("top", "left", "height", "width")] for each in made])
    for found, expected in ((ours, torchvisions),):
        np.testing.assert_allclose(found.mean(axis=0), expected.mean(axis=0), rtol=0.05)
        np.testing.assert_allclose(found.std(axis=0), expected.std(axis=0), rtol=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 5)])
def test_a_crop_lies_within_images_of_any_shape(shape):
    for row in np.random.default_rng(0).random((200, 22)):
        top, left, height, width = crop_box(*shape, 0.08, row)
        assert top >= 0
        assert left >= 0
        assert 1 <= height <= shape[0] - top
        assert 1 <= width <= shape[1] - left


def test_a_training_batch_holds_scaled_parts_of_the_images_and_every_other_one_is_mirrored(tmp_path):
    pixels = random_images(1, 24)[0]
    inputs = encoded(tmp_path, [png(pixels)], 0.3)
    key, rows = Key(1, 0, 0), np.zeros(60, dtype=np.int64)
    batch = inputs.batch(rows, key)
    drawn = uniform(key, 23, 60, torch.device("cpu")).numpy().T
    mirrored = 0
    for image, row in zip(batch.permute(0, 2, 3, 1).numpy(), drawn, strict=True):
        part = resized_crop(Image.fromarray(pixels), crop_box(24, 24, 0.3, row[:-1]), CONFIG)
        scaled = (part / 255 - np.array(CONFIG["mean"])) / np.array(CONFIG["std"])
        plain, mirror = np.abs(image - scaled).max(), np.abs(image - scaled[:, ::-1]).max()
        assert min(plain, mirror) < 1e-4 < max(plain, mirror)
        mirrored += mirror < plain
    assert 18 < mirrored < 42


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_threads_changes_nothing(workers, tmp_path):
    wanted = [(np.array([i % 7, 3, 6 - i % 7]), Key(5, 0, i) if i % 3 else None) for i in range(8)]
    none = list(in_order(encoded(tmp_path, files(), workers=0), wanted))
    inputs = encoded(tmp_path, files(), workers=workers)
    for found, expected in zip(in_order(inputs, wanted), none, strict=True):
        assert torch.equal(found, expected)


def test_batches_are_decoded_ahead_and_come_in_order(tmp_path):
    inputs = select(encoded(tmp_path, files(), workers=2), np.arange(6, -1, -1))
    asked = []

    def wanted():
        for i in range(7):
            asked.append(i)
            yield np.array([i]), None

    batches = in_order(inputs, wanted())
    first = next(batches)
    assert 1 < len(asked) < 7, "some are under way, and not all are in memory"
    found = [first, *batches]
    for i, batch in enumerate(found):
        assert torch.equal(batch, inputs.batch(np.array([i])))


def test_small_images_are_decoded_without_threads_and_large_ones_with(tmp_path):
    assert encoded(tmp_path, files()).workers == 0
    large = [png(random_images(1, 64)[0])]
    assert encoded(tmp_path, large).workers >= 1
    assert encoded(tmp_path, large, workers=0).workers == 0


def test_encoded_images_lie_in_a_file_and_not_in_memory(tmp_path):
    images = files()
    inputs = encoded(tmp_path, images)
    assert isinstance(inputs, EncodedImages)
    assert isinstance(inputs.data, np.memmap)
    assert inputs.data.tobytes() == b"".join(images)
    assert len(inputs) == 7


def test_a_path_gives_the_batches_that_its_bytes_give(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, data in zip(paths, files(3), strict=True):
        path.write_bytes(data)
    ours = encoded(tmp_path, paths).batch(np.arange(3))
    assert torch.equal(ours, encoded(tmp_path / "other", files(3)).batch(np.arange(3)))


def test_the_order_by_content_of_encoded_images_is_that_of_their_bytes(tmp_path):
    images = files()
    straight = encoded(tmp_path, images)
    turned = encoded(tmp_path, images[::-1])
    labels = np.zeros(7, dtype=np.int64)
    first = by_content(straight, np.arange(7), labels)
    second = by_content(turned, np.arange(7), labels)
    assert [images[i] for i in first] == [images[::-1][i] for i in second]
    assert first.tolist() != list(range(7))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_image_is_named_with_its_row(workers, tmp_path):
    inputs = encoded(tmp_path, [*files(2), b"no image"], workers=workers)
    with pytest.raises(InputError, match=r"noisy, row 3: the image cannot be decoded .*--skip-unreadable"):
        inputs.batch(np.array([0, 2]))
