"""Images of every mode that files come in become the picture that a person sees."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, features

from labelfix.data.picture import to_rgb

RAMP = np.tile(np.arange(16, dtype=np.uint8) * 17, (4, 1))
"""4 by 16 pixels: black on the left, white on the right."""


def decoded(image, format_, **options):
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return opened(stream.getvalue())


def opened(data):
    rgb = to_rgb(Image.open(io.BytesIO(data)))
    assert rgb.mode == "RGB"
    return np.asarray(rgb)


def grey(pixels):
    assert (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, 0]


def wide(top):
    """The ramp from 0 to `top`."""
    return np.tile(np.linspace(0, top, 16), (4, 1))


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_greys_keep_their_upper_eight_bits(format_):
    values = wide(65535).astype(np.uint16)
    image = Image.fromarray(values.astype(np.int32)) if format_ == "PPM" else Image.fromarray(values)
    np.testing.assert_array_equal(grey(decoded(image, format_)), values >> 8)


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_twelve_bit_greys_in_sixteen_bit_files_reach_from_black_to_white(format_):
    values = wide(4095).astype(np.uint16)
    np.testing.assert_array_equal(grey(decoded(Image.fromarray(values), format_)), values >> 4)


def test_a_dark_sixteen_bit_image_stays_dark():
    """Its scale is that of the type: a value of 5000 is the same grey in every image."""
    values = np.full((4, 4), 5000, np.uint16)
    assert (decoded(Image.fromarray(values), "PNG") == 5000 >> 8).all()


def test_big_endian_sixteen_bit_files_are_read_like_little_endian_ones():
    values = wide(65535).astype(np.uint16)
    pgm = b"P5\n16 4\n65535\n" + values.astype(">u2").tobytes()
    np.testing.assert_array_equal(grey(opened(pgm)), values >> 8)


def test_whole_numbers_of_32_bits_within_a_byte_are_kept():
    np.testing.assert_array_equal(grey(decoded(Image.fromarray(RAMP.astype(np.int32)), "TIFF")), RAMP)


@pytest.mark.parametrize(("least", "most"), [(0, 100_000), (-1000, 3000)])
def test_other_whole_numbers_of_32_bits_reach_from_their_least_to_their_greatest(least, most):
    values = np.tile(np.linspace(least, most, 16), (4, 1)).astype(np.int32)
    found = grey(decoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_allclose(found.astype(int), RAMP, atol=1)
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize(("scale", "shift"), [(1 / 255, 0), (1, 0), (1e6, -1e7)])
def test_floats_from_zero_to_one_to_255_and_of_any_range_keep_their_contrast(scale, shift):
    values = (RAMP * scale + shift).astype(np.float32)
    np.testing.assert_allclose(grey(decoded(Image.fromarray(values), "TIFF")).astype(int), RAMP, atol=1)


def test_a_dark_float_image_between_zero_and_one_stays_dark():
    assert (decoded(Image.fromarray(np.full((4, 4), 0.2, np.float32)), "TIFF") == 51).all()


def test_floats_that_are_no_numbers_are_black_and_spoil_nothing():
    values = wide(1).astype(np.float32)
    values[0, 5], values[1, 0] = np.nan, np.inf
    found = grey(decoded(Image.fromarray(values), "TIFF"))
    assert (found[0, 5], found[1, 0]) == (0, 255)
    np.testing.assert_array_equal(found[2:], RAMP[2:])


def test_a_palette_gives_its_colours():
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert decoded(image, "PNG").tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]]


@pytest.mark.parametrize("format_", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_becomes_white(format_):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([9, 0, 0, 0, 255, 0, 0, 0, 255])
    found = decoded(image, format_, transparency=0)
    assert found.tolist() == [[[255, 255, 255], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(mode):
    image = Image.merge("LA", [Image.fromarray(RAMP), Image.new("L", (16, 4), 128)]).convert(mode)
    expected = np.rint(RAMP * (128 / 255) + 255 * (127 / 255))
    np.testing.assert_allclose(grey(decoded(image, "PNG")).astype(int), expected, atol=1)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (230, 230, 255)])
def test_a_picture_drawn_by_transparency_alone_is_black_on_white(colour):
    """A black icon, and a white one that white would swallow."""
    image = Image.new("RGB", (16, 4), colour)
    image.putalpha(Image.fromarray(RAMP))
    np.testing.assert_array_equal(grey(decoded(image, "PNG")), 255 - RAMP)


def test_what_lies_under_transparent_pixels_plays_no_part():
    """Programs write anything there; a white icon on transparent black is a white icon."""
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[1:3, 1:3] = 255
    expected = np.full((4, 4), 255)
    expected[1:3, 1:3] = 0
    np.testing.assert_array_equal(grey(decoded(Image.fromarray(pixels), "PNG")), expected)


def test_a_coloured_icon_keeps_its_colour():
    image = Image.new("RGB", (2, 1), (200, 0, 0))
    image.putalpha(Image.fromarray(np.array([[255, 0]], np.uint8)))
    assert decoded(image, "PNG").tolist() == [[[200, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("alpha", [0, 255])
def test_an_alpha_channel_that_hides_all_or_nothing_is_passed_over(alpha):
    image = Image.fromarray(RAMP).convert("RGB")
    image.putalpha(alpha)
    np.testing.assert_array_equal(grey(decoded(image, "PNG")), RAMP)


def test_one_bit_images_are_black_and_white():
    image = Image.fromarray(RAMP > 100)
    assert image.mode == "1"
    np.testing.assert_array_equal(grey(decoded(image, "PNG")), np.where(RAMP > 100, 255, 0))


def test_a_cmyk_jpeg_has_the_colours_of_its_inks():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    found = decoded(image, "JPEG", quality=95)
    np.testing.assert_allclose(found.reshape(-1, 3).mean(axis=0), [255, 0, 0], atol=3)


@pytest.mark.parametrize("format_", ["GIF", "WEBP"])
def test_of_an_animation_the_first_frame_is_read(format_):
    if format_ == "WEBP" and not features.check("webp"):
        pytest.skip("this Pillow cannot write WebP")
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if format_ == "WEBP" else {}
    found = decoded(frames[0], format_, save_all=True, append_images=frames[1:], duration=100, **options)
    assert (found == [255, 0, 0]).all()


def test_lab_colours_become_rgb():
    image = Image.new("LAB", (4, 4), (255, 128, 128))
    np.testing.assert_allclose(to_rgb(image), 255, atol=4)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF"])
def test_an_image_of_any_format_is_turned_as_its_exif_block_says(format_):
    upright = {"JPEG": "L", "PNG": "I;16", "TIFF": "I;16"}[format_]
    values = wide(65535).astype(np.uint16) if upright == "I;16" else RAMP
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"quality": 100} if format_ == "JPEG" else {}
    found = decoded(Image.fromarray(values), format_, exif=exif, **options)
    assert found.shape == (16, 4, 3)
    np.testing.assert_allclose(grey(found)[:, 0].astype(int), RAMP[0], atol=2)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0garbage that is no TIFF block",
        b"Exif\0\0II*\0" + struct.pack("<I", 8) + struct.pack("<H", 40) + b"\x12\x01",
        b"Exif\0\0II*\0" + struct.pack("<IHHHII", 8, 1, 0x0112, 3, 1, 99) + b"\0" * 4,
        b"Exif\0\0II*\0" + struct.pack("<IHHHII", 8, 1, 0x0112, 2, 50_000, 9_000_000),
    ],
    ids=["no block", "cut off", "orientation 99", "orientation beyond the end"],
)
def test_a_broken_exif_block_never_stops_an_image(block):
    found = decoded(Image.fromarray(RAMP), "JPEG", exif=block, quality=100)
    np.testing.assert_allclose(grey(found).astype(int), RAMP, atol=2)
