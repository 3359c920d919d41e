"""Labelled batches on the training device: from rows that live there, or read and sent ahead of their step.

Legend: N rows, B rows of a batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from labelfix.compute.ranks import ranks
from labelfix.compute.without_waiting import sent
from labelfix.data.tables import Codes
from labelfix.models.classifier import TokenBatch
from labelfix.models.features import FeatureInputs, Inputs, unwrapped
from labelfix.models.images.augment import Key
from labelfix.models.images.resident import ResidentImages, placed, resident
from labelfix.models.network_inputs import in_order
from labelfix.models.on_device import to_device
from labelfix.networks.passes import Labelled


@dataclass(frozen=True)
class Feed:
    """Rows and their labels `(N,)`."""

    inputs: Inputs
    labels: Codes
    device: torch.device

    def batches(self, wanted: Iterable[tuple[Codes, Key]]) -> Iterator[Labelled]:
        """A batch for each of some row numbers, in order, or this process's share of it; images are decoded ahead.

        Args:
            wanted: `(B,)` row numbers, and the place in the run that their augmentation depends on.
        """
        whole, wanted = itertools.tee(wanted)
        mine, numbers = itertools.tee(_share(rows, key) for rows, key in wanted)
        read = (
            Labelled(batch, torch.from_numpy(self.labels[own]), len(rows), torch.from_numpy(own))
            for (rows, _), (own, _), batch in zip(whole, numbers, in_order(self.inputs, mine), strict=True)
        )
        return _ahead(read, self.device) if self.device.type == "cuda" else (_there(each, self.device) for each in read)

    def resident(self) -> ResidentFeed | None:
        """The same rows on the device; None where they do not fit, or are texts, whose batches differ in shape."""
        rows: ResidentImages | Tensor | None = resident(self.inputs, self.device)
        rows = _features(self.inputs, self.device) if rows is None else rows
        return None if rows is None else ResidentFeed(rows, torch.from_numpy(self.labels).to(self.device))


@dataclass(frozen=True)
class ResidentFeed:
    """Rows and labels that live on the device; nothing waits for a batch, so a graph can capture its making.

    Attributes:
        rows: Images, or features `(N, D)`.
        labels: `(N,)`.
    """

    rows: ResidentImages | Tensor
    labels: Tensor

    def batches(self, wanted: Iterable[tuple[Codes, Key]]) -> Iterator[Labelled]:
        """As `Feed.batches`; nothing but row numbers leaves the host."""
        for rows, key in wanted:
            yield self.batch(sent(torch.from_numpy(rows), self.labels.device), key)

    def batch(self, rows: Tensor, key: Key) -> Labelled:
        """One batch.

        Args:
            rows: int64 `(B,)` on the device.
            key: The place in the run, as integers or tensors on the device.
        """
        images = isinstance(self.rows, ResidentImages)
        inputs = self.rows.batch_of(rows, key) if images else self.rows.index_select(0, rows)  # type: ignore[union-attr]
        return Labelled(inputs, self.labels.index_select(0, rows), numbers=rows)


def _there(batch: Labelled, device: torch.device) -> Labelled:
    numbers = None if batch.numbers is None else sent(batch.numbers, device)
    return Labelled(to_device(batch.inputs, device), sent(batch.labels, device), batch.whole, numbers)


def _ahead(batches: Iterator[Labelled], device: torch.device) -> Iterator[Labelled]:
    """Batches on a GPU, each sent on a stream of its own while the one before it is computed with."""
    aside, sent_one = torch.cuda.Stream(device), None
    for batch in batches:
        with torch.cuda.stream(aside):
            there = _there(batch, device)
            arrived = aside.record_event()
        if sent_one is not None:
            yield _claimed(*sent_one, device)
        sent_one = there, arrived
    if sent_one is not None:
        yield _claimed(*sent_one, device)


def _claimed(batch: Labelled, arrived: torch.cuda.Event, device: torch.device) -> Labelled:
    """The batch for the stream that computes: it waits for the arrival, and keeps the memory until it is done."""
    computing = torch.cuda.current_stream(device)
    computing.wait_event(arrived)
    inputs = batch.inputs[:2] if isinstance(batch.inputs, TokenBatch) else (batch.inputs,)
    for tensor in (*inputs, batch.labels, batch.numbers):
        if tensor is not None:
            tensor.record_stream(computing)
    return batch


def _share(rows: Codes, key: Key) -> tuple[Codes, Key]:
    mine = ranks().share(len(rows))
    return rows[mine], key._replace(first=mine.start)


def _features(inputs: Inputs, device: torch.device) -> Tensor | None:
    inner, rows = unwrapped(inputs)
    return placed(inner.tensor, rows, device) if isinstance(inner, FeatureInputs) else None
