"""Rows for `gpu.py`: CIFAR-10 from a folder, or images and texts that are made on the spot."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from labelfix.data.labels.noise import corrupt, transition_matrix

CLASSES = 10


def png(pixels):
    """An image of 8 bits as a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", compress_level=1)
    return file.getvalue()


def made_images(rows, side, seed):
    """Images of ten classes, each a pattern under noise: what is timed on them is what CIFAR-10 takes.

    Args:
        rows: How many.
        side: In pixels.
        seed: Of patterns and noise.
    """
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, CLASSES, rows)
    patterns = np.random.default_rng(0).integers(0, 256, (CLASSES, side, side, 3))
    noise = generator.integers(0, 256, (64, side, side, 3))
    pixels = (0.5 * patterns[truth] + 0.5 * noise[generator.integers(0, len(noise), rows)]).astype(np.uint8)
    return with_ids([{"bytes": png(each), "path": None} for each in pixels], [f"class {code}" for code in truth])


def with_ids(images, labels):
    """The columns id, image and label."""
    return pa.table({"id": [str(row) for row in range(len(labels))], "image": images, "label": labels})


def cifar(folder):
    """Training and test images with true labels, and what people said of the training images, in their order.

    Args:
        folder: Holds train.parquet and test.parquet (id, image as {bytes, path}, label) and cifar10n.parquet (id,
            label, aggre, random1), as published by uoft-cs/cifar10 and UCSC-REAL/cifar-10-100n (CC BY-NC 4.0).
    """
    train, test = (pq.read_table(folder / f"{name}.parquet") for name in ("train", "test"))
    noise = pq.read_table(folder / "cifar10n.parquet")
    place = {key: row for row, key in enumerate(noise["id"].to_pylist())}
    order = pa.array([place[key] for key in train["id"].to_pylist()])
    said = {name: noise[name].take(order).cast(pa.string()).to_pylist() for name in ("aggre", "random1")}
    # Ids and paths of these files name the class.
    plain = [with_ids(strip(each), each["label"].cast(pa.string()).to_pylist()) for each in (train, test)]
    return plain[0], plain[1], said


def strip(table):
    """The images without their paths."""
    return [{"bytes": each["bytes"], "path": None} for each in table["image"].to_pylist()]


def write_set(folder, train, test, given, trusted_per_class):
    """noisy.parquet, gold.parquet, truth.parquet and test.parquet.

    Args:
        folder: Made where it is not there.
        train: Rows with true labels.
        test: Likewise.
        given: Their given labels, or a kind of noise and its rate.
        trusted_per_class: Trusted rows, drawn by class and not among the noisy ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names, truth = np.unique(train["label"].to_pylist(), return_inverse=True)
    generator = np.random.default_rng(0)
    drawn = [generator.permutation(np.flatnonzero(truth == code))[:trusted_per_class] for code in range(len(names))]
    gold = np.concatenate(drawn)
    rest = generator.permutation(np.setdiff1d(np.arange(len(truth)), gold))
    if isinstance(given, tuple):
        said = names[corrupt(truth, transition_matrix(given[0], len(names), given[1]), generator)].tolist()
    else:
        said = given
    noisy = train.take(pa.array(rest))
    labels = pa.array([said[row] for row in rest.tolist()])
    pq.write_table(noisy.set_column(2, "label", labels), folder / "noisy.parquet")
    pq.write_table(noisy.drop_columns(["image"]), folder / "truth.parquet")
    pq.write_table(train.take(pa.array(gold)), folder / "gold.parquet")
    pq.write_table(test, folder / "test.parquet")
