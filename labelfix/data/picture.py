"""An opened image of any mode as the RGB picture that a person sees.

Greys of more than 8 bits are scaled by what their type can hold, so that images of one kind stay comparable, and by
their own values only where the type says nothing. What is transparent is laid on white.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""

TWELVE_BITS = 4096
WHITE_FROM = 192
"""A picture of one colour whose channels all reach this would not be seen on white."""

Greys = npt.NDArray[Any]

AT_ONCE = 100_000_000
"""Pixels that are decoded at once by all threads of a process; a picture of more is decoded alone."""

_room = threading.Condition()
_taken = 0


@contextmanager
def room_for(image: Image) -> Iterator[None]:
    """Wait until what `PIL.Image.open` gave may be decoded: small files hold large pictures, on many threads."""
    global _taken  # noqa: PLW0603 - there is one memory
    pixels = image.width * image.height
    del image
    with _room:
        _room.wait_for(lambda: not _taken or _taken + pixels <= AT_ONCE)
        _taken += pixels
    try:
        yield
    finally:
        with _room:
            _taken -= pixels
            _room.notify_all()


def to_rgb(image: Image) -> Image:
    """The first frame as 8-bit RGB, turned the way its camera says.

    - 16-bit greys keep their upper 8 bits; where no value reaches 4096, they are taken as 12-bit ones.
    - 32-bit whole numbers are kept if all lie in 0…255; else the least becomes black and the greatest white.
    - Floats are taken as 0…1 if all lie in that, as 0…255 if all lie in that; else as 32-bit numbers.
    - Transparent pixels are laid on white. Where everything that shows has one colour, so that only transparency draws
      the picture, it is drawn in that colour, or in black if the colour is nearly white.
    """
    image.load()
    turn = _turn(image)
    rgb = _rgb(image)
    return rgb if turn is None else rgb.transpose(turn)


def _rgb(image: Image) -> Image:
    mode = image.mode
    if mode.startswith("I;16"):
        return _grey(sixteen_bits(np.asarray(image).astype(np.uint16)))
    if mode == "I":
        values = np.asarray(image)
        # Pillow opens some 16-bit files in this mode.
        short = image.format in ("PNG", "PPM") and values.min(initial=0) >= 0
        return _grey(sixteen_bits(values) if short else whole_numbers(values))
    if mode == "F":
        return _grey(floats(np.asarray(image)))
    if mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image if mode == "RGB" else image.convert("RGB")


def sixteen_bits(values: Greys) -> Greys:
    """`uint8` of 16-bit greys, or of 12-bit ones in 16-bit files."""
    spare = 8 if values.max(initial=0) >= TWELVE_BITS else 4
    return np.asarray(values >> spare, dtype=np.uint8)


def whole_numbers(values: Greys) -> Greys:
    """`uint8` of 32-bit whole numbers."""
    if values.min(initial=0) >= 0 and values.max(initial=0) <= 255:
        return values.astype(np.uint8)
    return _stretched(values.astype(np.float64))


def floats(values: Greys) -> Greys:
    """`uint8` of floats; NaN counts as the least value, infinities as the least and the greatest."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return np.zeros(values.shape, np.uint8)
    least, most = finite.min(), finite.max()
    whole = np.nan_to_num(values.astype(np.float64), nan=least, posinf=most, neginf=least)
    if least >= 0 and most <= 1:
        whole *= 255
    elif least < 0 or most > 255:
        return _stretched(whole)
    return np.rint(whole).astype(np.uint8)


def _stretched(values: npt.NDArray[np.float64]) -> Greys:
    least, most = float(values.min()), float(values.max())
    if least == most:
        return np.clip(values, 0, 255).astype(np.uint8)
    return np.rint((values - least) * (255 / (most - least))).astype(np.uint8)


def _grey(values: Greys) -> Image:
    from PIL import Image

    return Image.fromarray(values).convert("RGB")


def _on_white(image: Image) -> Image:
    """An RGBA picture laid on white."""
    from PIL import Image

    alpha = image.getchannel("A")
    least, most = alpha.getextrema()
    if least == 255 or most == 0:
        # With nothing to be seen, the transparency is a mistake of the program that wrote it.
        return image.convert("RGB")
    # Only what shows counts: programs leave anything in pixels that do not.
    colours = image.convert("RGB")
    shows = alpha.point(lambda value: 255 * (value > 0))
    extremes = [colours.getchannel(band).histogram(shows) for band in ("R", "G", "B")]
    single = all(sum(count > 0 for count in counts) == 1 for counts in extremes)
    nearly_white = all(not any(counts[:WHITE_FROM]) for counts in extremes)
    if single and nearly_white:
        colours = Image.new("RGB", image.size)
    return Image.composite(colours, Image.new("RGB", image.size, (255, 255, 255)), alpha)


def _from_lab(image: Image) -> Image:
    from PIL import ImageCms

    made = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert made is not None
    return made


def _turn(image: Image) -> Any:  # noqa: ANN401 - an enum of Pillow's
    """How to turn an image upright; None where it is, or where its EXIF block is damaged."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a damaged block raises almost anything, and the picture is there without it
        return None
