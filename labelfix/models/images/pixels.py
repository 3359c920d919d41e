"""Images from bytes to pixels, many at a time and in order.

Legend: B rows of a batch, S side in pixels.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.picture import room_for, to_rgb
from labelfix.errors import first_line, input_error
from labelfix.models.contents import image_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_THREADS = 16
"""Threads that decode, unless told otherwise."""


PICTURE = """\
def picture(path):
    image = ImageOps.exif_transpose(Image.open(path))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
"""
"""How the example in a classifier's README opens an image of 8 bits; it gives what `open_image` gives."""


def open_image(data: bytes) -> Image:
    """The image as RGB, as `labelfix.data.picture.to_rgb` makes it of any mode."""
    from PIL import Image

    return to_rgb(Image.open(io.BytesIO(data)))


def square(image: Image, side: int) -> npt.NDArray[np.uint8]:
    """`uint8 (S, S, 3)`: the whole image, scaled to a square where it is not one of that size."""
    from PIL import Image

    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image)


@contextmanager
def decoded(data: bytes, name: str, row: int) -> Iterator[Image]:
    """The image as `open_image` gives it, for as long as it is needed; large ones wait for each other.

    Raises:
        InputError: It cannot be decoded; the error says which image it is.
    """
    from PIL import Image

    with ExitStack() as held:
        try:
            image = Image.open(io.BytesIO(data))
            held.enter_context(room_for(image))
            rgb = to_rgb(image)
        except Exception as error:  # noqa: BLE001 - image plugins raise almost anything
            what = f"the image cannot be decoded ({_reason(error)})"
            raise input_error(name, what, "replace it, remove the row, or pass --skip-unreadable", row) from None
        del image
        yield rgb
        del rgb


def decode_window(
    column: pa.Array, name: str, row: int, shape: Callable[[Image], npt.NDArray[Any]], workers: int | None
) -> npt.NDArray[Any]:
    """Decode a window of an image column on threads; Pillow lets go of the interpreter's lock meanwhile.

    Args:
        column: `struct<bytes, path>`.
        shape: Makes an array of an RGB image; always of one shape.
        workers: Threads; 0 for none, None for one a core.

    Returns:
        `(B, …)` in the column's order.
    """

    def decode(numbered: tuple[int, bytes]) -> npt.NDArray[Any]:
        with decoded(numbered[1], name, numbered[0]) as image:
            return shape(image)

    numbered = enumerate(image_bytes(column, name, row), start=row)
    threads = min(cores(), MOST_THREADS) if workers is None else workers
    return np.stack(list(map(decode, numbered) if threads == 0 else pool(threads).map(decode, numbered)))


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def pool(threads: int) -> ThreadPoolExecutor:
    """The threads that decode; there is one pool of a size in a process."""
    return ThreadPoolExecutor(threads, thread_name_prefix="labelfix-decode")


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not an image format that Pillow knows"
    return first_line(error)
