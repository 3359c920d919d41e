"""Small input tables held in memory, with the interface of `labelfix.data.tables.InputTable`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from labelfix.data.tables import InputSpec

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class MemoryTable:
    spec: InputSpec
    rows: pa.Table
    name: str = "noisy"

    def __len__(self) -> int:
        return self.rows.num_rows

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self.rows.combine_chunks().to_batches(max_chunksize=rows)


def text_table(texts: Sequence[str | None]) -> MemoryTable:
    return MemoryTable(InputSpec("text", ("text",)), pa.table({"text": pa.array(texts, pa.string())}))


def embedding_table(rows: np.ndarray) -> MemoryTable:
    width = rows.shape[1]
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, width)
    return MemoryTable(InputSpec("embedding", ("embedding",), width=width), pa.table({"embedding": column}))


def feature_table(columns: dict[str, list], categorical: tuple[str, ...] = ()) -> MemoryTable:
    arrays = {
        name: pa.array(values, pa.string() if name in categorical else pa.float64()) for name, values in columns.items()
    }
    return MemoryTable(InputSpec("table", tuple(columns), categorical), pa.table(arrays))


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def image_table(images: Sequence[bytes | Path | None]) -> MemoryTable:
    cells = [
        {"bytes": image, "path": None} if isinstance(image, bytes | None) else {"bytes": None, "path": str(image)}
        for image in images
    ]
    return MemoryTable(InputSpec("image", ("image",)), pa.table({"image": pa.array(cells, IMAGE_TYPE)}))


def random_images(count: int, side: int, seed: int = 0) -> list[np.ndarray]:
    """Noisy images, each in a colour of its own."""
    generator = np.random.default_rng(seed)
    colours = generator.integers(0, 200, (count, 1, 1, 3))
    return list((colours + generator.integers(0, 56, (count, side, side, 3))).astype(np.uint8))
