"""Images that stay encoded until a batch needs them: decoded on threads, cut out at random in training.

The encoded bytes lie in one memory-mapped file, so that neither the images nor their pixels have to fit into
memory. Pillow lets go of the interpreter's lock while it decodes and scales, so threads do what processes would,
without copies between them. What comes out depends on neither their number nor their pace.

Legend: N rows, B rows of a batch, S side in pixels.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.data.arrays import RowNumbers
from labelfix.data.tables import InputTable
from labelfix.models.cache import Taker, cached
from labelfix.models.contents import ImageFiles, contents_hash, image_bytes, windows
from labelfix.models.images.augment import Key, uniform
from labelfix.models.images.pixels import MOST_THREADS, cores, decoded, pool
from labelfix.models.images.transforms import crop_box, evaluation, resized_crop
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

WINDOW = 256
"""Images copied together."""

CHEAP = 4096
"""Bytes of an encoded image up to which decoding it takes no longer than handing it to a thread."""

CROP_DRAWS = 23
"""Random numbers for one image: ten tries of (area, ratio), the place, and whether to mirror."""


@dataclass(frozen=True)
class EncodedImages:
    """Encoded images and how a model wants them; a training pass cuts out a random part and mirrors every other one.

    Attributes:
        data: `uint8 (total,)` the encoded images, one after the other.
        offsets: `int64 (N + 1,)` image i is `data[offsets[i]:offsets[i + 1]]`.
        smallest_crop: Share of the image's area that the smallest random part has.
        workers: Threads that decode; 0 decodes where the batch is asked for.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    name: str
    config: dict[str, Any]
    smallest_crop: float
    workers: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def side(self) -> int:
        """S."""
        return int(self.config["input_size"][-1])

    def batch(self, rows: RowNumbers, augment: Key | None = None) -> Tensor:
        """`float32 (B, 3, S, S)`, normalised; in memory channels come last."""
        return self.start(rows, augment)()

    def start(self, rows: RowNumbers, augment: Key | None = None) -> Callable[[], Tensor]:
        """Start decoding a batch on the threads; what comes back waits for it."""
        images = np.empty((len(rows), self.side, self.side, 3), dtype=np.float32)
        fill = self._filler(images, rows, augment)
        if self.workers == 0:
            tasks: list[Callable[[], object]] = [functools.partial(fill, i) for i in range(len(rows))]
        else:
            tasks = [pool(self.workers).submit(fill, i).result for i in range(len(rows))]

        def finish() -> Tensor:
            for task in tasks:
                task()
            return torch.from_numpy(images).permute(0, 3, 1, 2)

        return finish

    def keys(self, rows: RowNumbers) -> npt.NDArray[np.uint64]:
        """A number for each image that depends on its bytes alone."""
        hashes = (hashlib.blake2b(self._bytes(row), digest_size=8).digest() for row in rows)
        return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)

    def _bytes(self, row: int) -> bytes:
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def _filler(self, images: npt.NDArray[np.float32], rows: RowNumbers, augment: Key | None) -> Callable[[int], None]:
        """What decodes image i of the batch into its place; everything random is drawn here, before any thread."""
        scale = 1 / (255 * np.asarray(self.config["std"], dtype=np.float32))
        shift = np.asarray(self.config["mean"], dtype=np.float32) / np.asarray(self.config["std"], dtype=np.float32)
        whole = evaluation(self.config)
        drawn = None if augment is None else uniform(augment, CROP_DRAWS, len(rows), torch.device("cpu")).numpy().T

        def fill(i: int) -> None:
            row = int(rows[i])
            with decoded(self._bytes(row), self.name, row + 1) as image:
                if drawn is None:
                    pixels = whole(image)
                else:
                    box = crop_box(image.height, image.width, self.smallest_crop, drawn[i, :-1])
                    pixels = resized_crop(image, box, self.config)
                    pixels = pixels[:, ::-1] if drawn[i, -1] < 0.5 else pixels
            np.multiply(pixels, scale, out=images[i])
            images[i] -= shift

        return fill


def encode_images(
    table: InputTable, config: dict[str, Any], smallest_crop: float, compute: ComputeSettings, progress: Progress
) -> EncodedImages:
    """Put a table's encoded images, unchanged, into one file of the cache."""
    files = ImageFiles(table, compute.read_rows)
    key = hashlib.sha256(b"encoded images 1" + contents_hash(table, compute.read_rows, progress).encode()).hexdigest()

    def make(writer: Taker) -> None:
        writer.append("data", np.empty(0, dtype=np.uint8))
        writer.append("offsets", np.zeros(1, dtype=np.int64))
        end = 0
        progress.start(f"copy {table.name}", len(table))
        row = 1
        for batch in windows(table, WINDOW, compute.read_rows):
            lengths = []
            for image in image_bytes(batch.column(0), table.name, row):
                writer.append("data", np.frombuffer(image, dtype=np.uint8))
                lengths.append(len(image))
            ends = end + np.cumsum(lengths, dtype=np.int64)
            writer.append("offsets", ends)
            end, row = int(ends[-1]), row + batch.num_rows
            progress.advance(batch.num_rows)
        progress.finish()
        files.refuse_changed()

    arrays = cached(compute, key, f"images of {table.name}", make, progress)
    workers = compute.workers
    if workers is None:
        workers = 0 if len(arrays["data"]) <= CHEAP * len(table) else min(cores(), MOST_THREADS)
    return EncodedImages(arrays["data"], arrays["offsets"], table.name, config, smallest_crop, workers)
