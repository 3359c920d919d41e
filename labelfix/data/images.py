"""Finding images that cannot be decoded, before hours of training run into one."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa

from labelfix.data.picture import room_for, to_rgb

BATCH_ROWS = 256
PLAIN = ("RGB", "L", "1", "CMYK", "YCbCr")
"""Modes whose colours need nothing besides."""

DECODING_THREADS = 8

NO_FILE = "there is no such file"


def unreadable(batches: Iterator[pa.RecordBatch], most_pixels: int) -> Iterator[tuple[int, str, str]]:
    """Decode every image once.

    Args:
        batches: Batches of one column `struct<bytes, path>`.
        most_pixels: One with more pixels is not decoded: a few kilobytes may hold a picture that fills the memory.

    Yields:
        For every image that cannot be decoded: its position counted from 0, its path or "", and the reason.
    """
    from PIL import Image

    done = 0
    # Pillow has a limit of its own, and refuses from twice that on.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, most_pixels)
    # Pillow releases the interpreter lock while it decodes.
    with ThreadPoolExecutor(min(DECODING_THREADS, os.cpu_count() or 1)) as pool:
        for batch in batches:
            cells = batch.column(0)
            for start in range(0, len(cells), BATCH_ROWS):
                images = cells.slice(start, BATCH_ROWS).to_pylist()
                for offset, reason in enumerate(pool.map(partial(_reason, most_pixels), images)):
                    if reason is not None:
                        image = images[offset]
                        yield done + start + offset, (image or {}).get("path") or "", reason
            done += len(cells)


def _reason(most_pixels: int, image: dict[str, Any] | None) -> str | None:
    """Why an image cannot be decoded; None where it can."""
    from PIL import Image, UnidentifiedImageError

    if not image or (image["bytes"] is None and image["path"] is None):
        return "there is no image"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if image["bytes"] is None and os.path.exists(image["path"]) and not os.path.isfile(image["path"]):
                return "it is no file"  # a pipe would be waited for
            stream = image["path"] if image["bytes"] is None else io.BytesIO(image["bytes"])
            with Image.open(stream) as opened:
                if (pixels := opened.width * opened.height) > most_pixels:
                    return f"it has {pixels:,} pixels, more than --max-pixels {most_pixels}"
                # A JPEG is read whole but scaled down while it is decoded, which is several times as fast.
                opened.draft("RGB", (1, 1))
                with room_for(opened):
                    opened.load()
                    if opened.has_transparency_data or opened.mode not in PLAIN:
                        # What colours mean is looked up apart from decoding, and may be damaged; one pixel shows it.
                        to_rgb(opened.crop((0, 0, 1, 1)))
    except FileNotFoundError:
        return NO_FILE
    except UnidentifiedImageError:
        size = len(image["bytes"]) if image["bytes"] is not None else os.path.getsize(image["path"])
        return "it is no image" if size else "it is empty, 0 bytes"
    except Exception as error:  # decoders raise whatever their format's library does
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error).strip()
        return said.splitlines()[0][:100] if said else type(error).__name__
    return None
