"""The steps of an epoch, a block at a time: one by one from batches of the host, or as a graph from resident rows.

A block is some windows of the look-ahead, at least five steps. Windows begin with the epoch; its last one may be
shorter. What a block does depends on its length alone, so one graph serves every block of that length.

Legend: S steps of an epoch, n of a block, B rows of a batch, G groups of the optimiser.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.compute.cuda_graph import Replayed
from labelfix.compute.ranks import ranks
from labelfix.data.split import CleanSplit
from labelfix.data.tables import Codes
from labelfix.models.images.augment import Key
from labelfix.networks.feed import Feed
from labelfix.networks.loop import rates_on_device
from labelfix.networks.schedule import batches_of
from labelfix.networks.trainer import Labelled, Trainer
from labelfix.networks.watch import Tally

LEAST_STEPS = 5
"""Steps of a block at least."""

STREAMS = (0, 1, 2)
"""Streams of random numbers for augmentation: of noisy, clean training and clean meta rows."""

FIGURES = ("corrected_loss", "clean_loss", "entropy", "changed", "gate", "meta_loss", "meta_norm", "gamma")
ALWAYS = FIGURES[:4]
"""Those that every watched step has."""


@dataclass(frozen=True)
class EpochRows:
    """Which rows every step of an epoch takes, and at which learning rates.

    Attributes:
        noisy: `(S, B)` row numbers.
        clean: `(S, Bc)` of clean training rows; Bc = 0 where none train.
        meta: `(S, Bm)` of clean meta rows; those of a window's first step are held over it, unless the trainer wants
            others in every step. Bm = 0 where there are none.
        rates: `(S, G)` learning rates.
    """

    epoch: int
    noisy: Codes
    clean: Codes
    meta: Codes
    rates: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.noisy)


def draw_rows(
    count: int, split: CleanSplit, sizes: tuple[int, int], redrawn: bool, seed: int, epoch: int, lengths: Codes | None
) -> tuple[Codes, Codes, Codes]:
    """The row numbers of an epoch's batches; a function of (seed, epoch).

    Args:
        count: Noisy rows.
        sizes: Noisy and clean rows of a batch.
        redrawn: The published way: both clean batches are halves of one, drawn from all trusted rows.
        epoch: From 0.
        lengths: `(N,)` of texts, which are put together by length.

    Returns:
        `(S, B)` noisy, `(S, Bc)` clean training and `(S, Bm)` clean meta rows; of an empty part none.
    """
    rows = np.arange(count, dtype=np.int64)
    noisy = np.stack(batches_of(rows, sizes[0], None, seed, epoch, stream=20, lengths=lengths))
    steps, size = len(noisy), sizes[1]
    if redrawn:
        drawn = np.stack(batches_of(np.concatenate([split.train, split.meta]), 2 * size, steps, seed, epoch, stream=21))
        half = drawn.shape[1] // 2
        return noisy, drawn[:, half:], drawn[:, :half]
    none = np.zeros((steps, 0), dtype=np.int64)
    clean, meta = (
        np.stack(batches_of(part, size, steps, seed, epoch, stream)) if len(part) else none
        for part, stream in ((split.train, 22), (split.meta, 23))
    )
    return noisy, clean, meta


def from_resident_rows(trainer: Trainer, device: torch.device) -> bool:
    """Whether steps work from rows on the device: on a GPU, for networks without dropout, in one process."""
    return device.type != "cpu" and trainer.seed is None and ranks().alone


class StepRunner:
    """Runs an epoch's steps.

    Args:
        interval: The meta-gradient is taken on every such step.
        tally: Sums up the figures of one step a block.
        resident: Whether to work from rows on the device, in blocks that a graph can hold.
        told: Called with what a person should know.
    """

    def __init__(
        self,
        trainer: Trainer,
        noisy: Feed,
        clean: Feed,
        seed: int,
        interval: int,
        tally: Tally,
        resident: bool,
        told: Callable[[str], None],
    ) -> None:
        self.trainer, self.tally = trainer, tally
        self._noisy, self._clean, self._seed, self._interval, self._told = noisy, clean, seed, interval, told
        feeds = (noisy.resident(), clean.resident()) if resident else (None, None)
        self._feeds = feeds if None not in feeds else None
        self._replayed: dict[tuple[int, int], Replayed] = {}
        self._capturing = True
        self._streams: list[Iterator[Labelled | None]] = []
        self._tensors: list[Tensor] = []
        self._meta: Labelled | None = None
        self._held_over = trainer.lookahead if trainer.holds_meta else 1
        period = math.lcm(trainer.lookahead, interval)
        self.block = period * -(-LEAST_STEPS // period)

    def begin(self, rows: EpochRows, first: int) -> None:
        """Get ready for an epoch, from some step on that begins a block."""
        self._rows, self._first = replace(rows, meta=self._held(rows.meta)), first
        if self._feeds is None:
            self._streams = [
                feed.batches(self._wanted(numbers, stream, first)) if numbers.shape[1] else itertools.repeat(None)
                for feed, numbers, stream in (
                    (self._noisy, self._rows.noisy, STREAMS[0]),
                    (self._clean, self._rows.clean, STREAMS[1]),
                    (self._clean, self._rows.meta, STREAMS[2]),
                )
            ]
            return
        if not isinstance(self.trainer.optimizer.param_groups[0]["lr"], Tensor):
            rates_on_device(self.trainer.optimizer)
        device = self._noisy.device
        parts = (self._rows.noisy, self._rows.clean, self._rows.meta, self._rows.rates.astype(np.float32))
        self._tensors = [torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in parts]
        steps = np.arange(len(rows), dtype=np.int64)
        places = np.stack([np.full_like(steps, rows.epoch), steps, self._window_start(steps)], axis=1)
        self._tensors.append(torch.from_numpy(places).to(device))

    def run(self) -> int:
        """The next block; returns the number of its steps, 0 at the end of the epoch."""
        first = self._first
        count = min(self.block, len(self._rows) - first)
        if count == 0:
            return 0
        before = self.trainer.steps
        if self._feeds is None:
            self._one_by_one(first, count)
        else:
            key = (count, len(self.trainer.weights))
            if key not in self._replayed:
                self._replayed[key] = self._captured(count)
            replayed = self._replayed[key]
            replayed.wanted &= self._capturing
            replayed(*(tensor[first : first + count] for tensor in self._tensors))
            self._capturing &= replayed.wanted  # what cannot be captured at one length cannot be at another
        self.trainer.steps = before + count
        self._first = first + count
        return count

    def close(self) -> None:
        """Let go of graphs and rows: they hold each other, and the device's memory, until a collector comes by."""
        self._replayed.clear()
        self._feeds, self._streams, self._tensors, self._meta = None, [], [], None

    def _one_by_one(self, first: int, count: int) -> None:
        noisy, clean, meta = self._streams
        for i in range(count):
            for group, rate in zip(self.trainer.optimizer.param_groups, self._rows.rates[first + i], strict=True):
                group["lr"] = float(rate)
            rows = next(noisy)
            assert rows is not None
            self._step(i, count, rows, next(clean), lambda: next(meta))

    def _captured(self, count: int) -> Replayed:
        assert self._feeds is not None
        noisy_feed, clean_feed = self._feeds
        assert noisy_feed is not None
        assert clean_feed is not None

        def block(noisy: Tensor, clean: Tensor, meta: Tensor, rates: Tensor, places: Tensor) -> None:
            for i in range(count):
                for g, group in enumerate(self.trainer.optimizer.param_groups):
                    group["lr"].copy_(rates[i, g])
                epoch, step, window = places[i, 0], places[i, 1], places[i, 2]
                keys = [Key(self._seed, epoch, at, s) for at, s in zip((step, step, window), STREAMS, strict=True)]
                self._step(
                    i,
                    count,
                    noisy_feed.batch(noisy[i], keys[0]),
                    clean_feed.batch(clean[i], keys[1]) if clean.shape[1] else None,
                    lambda i=i, key=keys[2]: clean_feed.batch(meta[i], key) if meta.shape[1] else None,  # type: ignore[misc]
                )

        return Replayed(block, self._noisy.device, self._told, self._forget)

    def _step(
        self, i: int, count: int, noisy: Labelled, clean: Labelled | None, meta: Callable[[], Labelled | None]
    ) -> None:
        wanted = i % self._interval == 0
        if wanted and i % self._held_over == 0:
            self._meta = meta()
        watched = i == (count - 1) - (count - 1) % self._interval
        seen = self.trainer.step(noisy, clean, self._meta if wanted else None, watch=watched, last=i == count - 1)
        if seen is not None:
            self.tally.add([getattr(seen, name) for name in FIGURES], seen.mass, seen.given)

    def _wanted(self, numbers: Codes, stream: int, first: int) -> Iterator[tuple[Codes, Key]]:
        """The batches that are left of an epoch; of the meta rows one a window, or one a step with a meta-gradient."""
        for step in range(first, len(numbers)):
            if stream == STREAMS[2] and (step % self._held_over or step % self._interval):
                continue
            yield numbers[step], Key(self._seed, self._rows.epoch, step, stream)

    def _held(self, meta: Codes) -> Codes:
        return meta[self._window_start(np.arange(len(meta), dtype=np.int64))]

    def _window_start(self, steps: Codes) -> Codes:
        return steps - steps % self._held_over

    def _forget(self) -> None:
        self.trainer.restart_window()
        for optimizer in self.trainer.optimizers().values():
            optimizer.zero_grad()
