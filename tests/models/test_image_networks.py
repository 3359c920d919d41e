"""ResNet-32, timm models, and the pixels they read."""

import io

import numpy as np
import pytest
import torch
from first_weights import assert_the_generator_alone_decides
from memory_table import image_table, png, random_images
from PIL import Image
from torch import nn

from labelfix.errors import InputError, SettingsError
from labelfix.models.choice import choose_representation
from labelfix.models.encoder_folder import check_folder
from labelfix.models.images.encoder import FrozenTimm
from labelfix.models.images.fine_tuned import take_apart
from labelfix.models.images.pixels import open_image
from labelfix.models.images.small import BasicBlock, ResNet32, SmallImages
from labelfix.models.images.timm_models import create, data_config
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings

CPU = torch.device("cpu")


def images(side, count=3):
    return image_table([png(pixels) for pixels in random_images(count, side)])


def choose(table, compute, **settings):
    return choose_representation(table, ModelSettings(**settings), compute, Silent())


def test_resnet32_with_ten_classes_has_464_154_parameters():
    module = SmallImages(images(8).spec).new_classifier(10, torch.Generator().manual_seed(0))
    assert sum(parameter.numel() for parameter in module.parameters()) == 464_154
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in module.modules()) == 32


def test_resnet32_starts_kaiming_normal():
    """Standard deviation √(2 / fan-in) of every convolution, and of the head: √(2/64)."""
    module = SmallImages(images(8).spec).new_classifier(10, torch.Generator().manual_seed(0))
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            deviation = (2 / (layer.in_channels * 9)) ** 0.5
            assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.15)
    assert float(module.head.weight.detach().std()) == pytest.approx((2 / 64) ** 0.5, rel=0.15)


def test_the_shortcut_takes_every_other_pixel_and_pads_channels_with_zeros_on_both_sides():
    block = BasicBlock(2, 4, 2).eval()
    for layer in (block.conv1, block.conv2):
        nn.init.zeros_(layer.weight)  # the inner way adds nothing
    image = torch.arange(32, dtype=torch.float32).reshape(1, 2, 4, 4)
    out = block(image)
    assert torch.equal(out[:, 1:3], image[:, :, ::2, ::2])
    assert not out[:, [0, 3]].any()


def test_resnet32_takes_other_sizes_and_leaves_its_input_alone():
    network = ResNet32(torch.Generator().manual_seed(0)).train()
    image = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    assert network(image).shape == (2, 64)
    assert torch.equal(image, before)


def test_the_generator_alone_decides_the_first_weights(timm_folder, compute):
    table = images(8)
    for representation in (SmallImages(table.spec), choose(table, compute, backbone=str(timm_folder), freeze=False)):
        assert_the_generator_alone_decides(representation)


@pytest.mark.parametrize("settings", [{"backbone": "resnet32"}, {"freeze": False}])
@pytest.mark.parametrize("side", [28, 90])
def test_resnet32_is_taken_where_it_is_named_or_a_network_is_to_be_trained(side, settings, compute):
    chosen = choose(images(side), compute, **settings)
    assert isinstance(chosen, SmallImages)
    assert not chosen.frozen
    assert chosen.side == 32


def test_pixels_of_the_right_size_are_kept_as_they_are(compute):
    raw = random_images(4, 32)
    inputs = SmallImages(images(32).spec).encode(image_table([png(pixels) for pixels in raw]), compute, Silent())
    np.testing.assert_array_equal(inputs.pixels, raw)


def test_images_of_any_size_are_scaled_to_one(compute):
    table = image_table([png(random_images(1, side)[0][: side - 3]) for side in (20, 32, 90)])
    representation = SmallImages(table.spec, 40)
    assert representation.encode(table, compute, Silent()).pixels.shape == (3, 40, 40, 3)


def test_greys_palettes_and_sixteen_bits_become_rgb():
    grey = (np.arange(64, dtype=np.uint8).reshape(8, 8) * 4).astype(np.uint8)
    for image in (
        Image.fromarray(grey),
        Image.fromarray(grey.astype(np.uint16) * 256),
        Image.fromarray(grey).quantize(256),
    ):
        stream = io.BytesIO()
        image.save(stream, format="PNG")
        opened = np.asarray(open_image(stream.getvalue()))
        np.testing.assert_allclose(opened[:, :, 0].astype(int), grey, atol=1)
        assert opened.shape == (8, 8, 3)


def test_an_image_is_turned_the_way_its_camera_says():
    pixels = np.zeros((4, 8, 3), dtype=np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", exif=exif, quality=100)
    turned = np.asarray(open_image(stream.getvalue()))
    assert turned.shape == (8, 4, 3)
    assert turned[:3].min() > 200
    assert turned[5:].max() < 55


@pytest.mark.parametrize(("broken", "reason"), [(b"no image", "not an image format"), (None, "truncated|decoded")])
@pytest.mark.parametrize("backbone", ["patches", "resnet32", "timm"])
@pytest.mark.parametrize("side", [24, 80])
def test_an_image_that_cannot_be_decoded_is_named_with_its_row(broken, reason, side, backbone, compute, timm_folder):
    good = png(random_images(1, side)[0])
    table = image_table([good, good, broken or good[: len(good) // 2]])
    trained = {"backbone": str(timm_folder), "freeze": False} if backbone == "timm" else {"backbone": backbone}
    representation = choose(images(side), compute, **trained)
    with pytest.raises(
        InputError, match=rf"noisy, row 3: the image cannot be decoded \(.*({reason}).*--skip-unreadable"
    ):
        representation.encode(table, compute, Silent()).batch(np.arange(3))


def test_frozen_timm_features_are_those_of_timm_with_unit_norm(timm_folder, compute):
    import timm

    raw = random_images(3, 50)
    table = image_table([png(pixels) for pixels in raw])
    chosen = choose(table, compute, backbone=str(timm_folder))
    assert isinstance(chosen, FrozenTimm)
    found = chosen.encode(table, compute, Silent()).features
    model = timm.create_model(f"local-dir:{timm_folder}", pretrained=True, num_classes=0).eval()
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    with torch.no_grad():
        expected = model(torch.stack([prepare(Image.fromarray(pixels)) for pixels in raw]))
    np.testing.assert_allclose(found, torch.nn.functional.normalize(expected, dim=1), atol=1e-6)


def test_the_image_size_of_a_convolutional_model_can_be_chosen(timm_folder, compute):
    table = images(50)
    chosen = choose(table, compute, backbone=str(timm_folder), image_size=48, freeze=False)
    assert chosen.encode(table, compute, Silent()).batch(np.arange(2)).shape == (2, 3, 48, 48)


def test_a_model_that_reads_one_size_only_says_so():
    import timm

    model = timm.create_model("test_vit", num_classes=0)
    with pytest.raises(SettingsError, match="reads 160×160 pixels only; leave out image_size"):
        data_config(model, 96, "timm:test_vit")
    assert data_config(model, None, "timm:test_vit")["input_size"] == [3, 160, 160]


def test_a_model_whose_last_layer_cannot_be_replaced_is_refused_for_fine_tuning(timm_folder):
    model = create(check_folder(timm_folder, "tiny"), num_classes=0)
    config = data_config(model, None, "tiny")
    assert take_apart(model, config) == model.num_features

    class Squared(nn.Module):
        """Its classifier does more than its last linear layer."""

        pretrained_cfg = {"architecture": "squared"}

        def __init__(self):
            super().__init__()
            self.last = nn.Identity()

        def reset_classifier(self, classes):
            self.last = nn.Linear(3, classes)

        def get_classifier(self):
            return self.last

        def forward(self, batch):
            return self.last(batch.mean(dim=(2, 3))) ** 2

    with pytest.raises(
        SettingsError, match="squared has no ordinary last layer and cannot be fine-tuned; use --freeze"
    ):
        take_apart(Squared(), config)
