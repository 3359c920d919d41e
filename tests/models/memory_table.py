"""Small input tables held in memory, with the interface of `labelfix.data.tables.InputTable`."""

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from PIL import Image

from labelfix.data.inputs import categories
from labelfix.data.numbers import read_dates
from labelfix.data.tables import InputSpec

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class MemoryTable:
    spec: InputSpec
    rows: pa.Table
    name: str = "noisy"

    def __len__(self):
        return self.rows.num_rows

    def batches(self, rows):
        yield from self.rows.combine_chunks().to_batches(max_chunksize=rows)


def text_table(texts):
    return MemoryTable(InputSpec("text", ("text",)), pa.table({"text": pa.array(texts, pa.string())}))


def embedding_table(rows):
    width = rows.shape[1]
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, width)
    return MemoryTable(InputSpec("embedding", ("embedding",), width=width), pa.table({"embedding": column}))


def feature_table(columns, categorical=(), dates=()):
    texts = {*categorical, *dates}
    arrays = {name: pa.array(cells, pa.string() if name in texts else pa.float64()) for name, cells in columns.items()}
    arrays |= {name: categories(arrays[name]) for name in categorical}
    arrays |= {name: read_dates(arrays[name]) for name in dates}
    return MemoryTable(InputSpec("table", tuple(columns), categorical, dates=dates), pa.table(arrays))


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def image_table(images):
    cells = [
        {"bytes": image, "path": None} if isinstance(image, bytes | None) else {"bytes": None, "path": str(image)}
        for image in images
    ]
    return MemoryTable(InputSpec("image", ("image",)), pa.table({"image": pa.array(cells, IMAGE_TYPE)}))


def random_images(count, side, seed=0):
    """Noisy images, each in a colour of its own."""
    generator = np.random.default_rng(seed)
    colours = generator.integers(0, 200, (count, 1, 1, 3))
    return list((colours + generator.integers(0, 56, (count, side, side, 3))).astype(np.uint8))
