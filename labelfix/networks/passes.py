"""Forward passes in pieces, with masks that are functions of their place in the run.

Legend: B rows of a batch, K classes, D features.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from labelfix.compute.devices import Precision, arithmetic
from labelfix.compute.ranks import ranks
from labelfix.errors import TrainingError
from labelfix.models.classifier import Batch, Classifier, ClassifierOutput, TokenBatch
from labelfix.networks.lookahead import frozen_statistics

T = TypeVar("T")


class Labelled(NamedTuple):
    """A batch with its labels, on the training device.

    Attributes:
        labels: `(B,)` int64.
        whole: Rows of the batch that this is one process's share of; 0 where it is whole.
        numbers: `(B,)` int64 their row numbers in the whole set; None if not requested.
    """

    inputs: Batch
    labels: Tensor
    whole: int = 0
    numbers: Tensor | None = None

    @property
    def rows(self) -> int:
        """B, counted over all processes."""
        return self.whole or len(self.labels)

    def pieces(self, count: int) -> list[Labelled]:
        """The batch cut into at most `count` parts of about equal size, in order."""
        if count == 1:
            return [self]
        labels = self.labels.chunk(count)
        numbers = [None] * len(labels) if self.numbers is None else self.numbers.chunk(count)
        if isinstance(self.inputs, TokenBatch):
            both = zip(self.inputs.input_ids.chunk(count), self.inputs.attention_mask.chunk(count), strict=True)
            inputs: Sequence[Batch] = [TokenBatch(*part, self.inputs.padded) for part in both]
        else:
            inputs = self.inputs.chunk(count)
        return [Labelled(*part[:2], 0, part[2]) for part in zip(inputs, labels, numbers, strict=True)]


def joined(first: Batch, second: Batch) -> Batch:
    """Two batches as one, in order; texts are padded to the longer of both."""
    if not isinstance(first, TokenBatch):
        return torch.cat([first, second])
    longest = max(first.input_ids.shape[1], second.input_ids.shape[1])

    def padded(tokens: Tensor) -> Tensor:
        return functional.pad(tokens, (0, longest - tokens.shape[1]))

    ids, mask = (torch.cat([padded(a), padded(b)]) for a, b in zip(first[:2], second[:2], strict=True))
    differ = first.input_ids.shape[1] != second.input_ids.shape[1]
    return TokenBatch(ids, mask, first.padded or second.padded or differ)


def forward(classifier: Classifier, inputs: Batch, precision: Precision) -> ClassifierOutput:
    """Logits `(B, K)` and features `(B, D)` of a batch, in float32 or better whatever the pass computed in."""
    return forward_all(classifier, [(inputs, contextlib.nullcontext())], precision)[0]


def forward_all(
    classifier: Classifier,
    batches: Sequence[tuple[Batch, contextlib.AbstractContextManager[None]]],
    precision: Precision,
) -> list[ClassifierOutput]:
    """The same for several batches at the same weights, which are brought to the precision of the passes once.

    Args:
        classifier: Its weights do not move meanwhile.
        batches: Each with the context of its pass.
    """
    found = []
    with arithmetic(classifier.head.weight.device, precision, remember=len(batches) > 1):
        for inputs, context in batches:
            with context:
                said = classifier(inputs)
            found.append(ClassifierOutput(_wide(said.logits), _wide(said.hidden)))
    return found


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


@contextlib.contextmanager
def masks(seed: int | None, device: torch.device) -> Iterator[None]:
    """Dropout draws its masks from this seed; the caller's generators are left alone. None leaves them as they are."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def draws_masks(classifier: Classifier, inputs: Batch) -> bool:
    """Whether a training pass draws random numbers, for dropout, stochastic depth or the like.

    Args:
        classifier: In training mode; its statistics are left alone.
        inputs: A batch, of which two rows are used.
    """
    texts = isinstance(inputs, TokenBatch)
    few = TokenBatch(inputs.input_ids[:2], inputs.attention_mask[:2], inputs.padded) if texts else inputs[:2]
    device = next(classifier.parameters()).device

    def state() -> list[Tensor]:
        host = torch.get_rng_state()
        return [host, torch.cuda.get_rng_state(device)] if device.type == "cuda" else [host]

    with torch.no_grad(), frozen_statistics(classifier), masks(0, device):
        before = state()
        classifier(few)
        return any(not torch.equal(a, b) for a, b in zip(before, state(), strict=True))


def with_layout(values: Sequence[Tensor], like: Sequence[Tensor]) -> list[Tensor]:
    """The values in the memory formats of others: fused optimisers walk through both as they lie in memory."""
    return [
        value if value.stride() == other.stride() else torch.empty_like(other).copy_(value)
        for value, other in zip(values, like, strict=True)
    ]


def out_of_memory(error: RuntimeError) -> bool:
    """Whether the device ran out of memory: torch has an error type for it, cuBLAS and cuDNN only a message."""
    return isinstance(error, torch.OutOfMemoryError) or "_ALLOC_FAILED" in str(error)


class Memory:
    """How many pieces a batch is split into; doubled whenever memory runs out, which people are told."""

    def __init__(self, pieces: int = 1, told: Callable[[str], None] | None = None) -> None:
        self.pieces = pieces
        self._told = told

    def attempt(self, work: Callable[[int], T], rows: int) -> T:
        """Run `work` with the current number of pieces, doubling it each time memory runs out.

        Args:
            rows: Of the largest batch.

        Raises:
            TrainingError: One row at a time is too much.
        """
        while True:
            try:
                return work(self.pieces)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                if not ranks().alone:  # the others wait for this process's sums, not for another cut
                    raise TrainingError(
                        f"the device's memory ran out; --accumulate {2 * self.pieces} sends each batch through the "
                        "network in that many pieces"
                    ) from error
                if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
                    raise
                if self.pieces >= rows:
                    raise TrainingError(
                        "the device's memory does not hold the network and a single row; "
                        "try a smaller backbone, shorter texts or smaller images, --precision bf16, or --device cpu"
                    ) from error
            # Here the error is gone, and with it the frames that held the tensors of the failed attempt.
            self.pieces *= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if self._told is not None:
                self._told(
                    f"the memory ran out: batches go through the network in {self.pieces} pieces from here on "
                    f"(--accumulate {self.pieces} says so from the start)"
                )
