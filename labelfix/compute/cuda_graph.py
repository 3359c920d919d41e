"""A function of tensors that runs as a CUDA graph: captured once, then replayed.

A step of a small network is hundreds of kernels of a few microseconds each, and the processor that launches them one
by one is slower than the GPU. A graph launches all of them at once. What may run in one: the function reads its
tensor arguments and tensors that stay where they are, changes such tensors in place, waits for nothing, and does the
same operations whatever the values are.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from labelfix.errors import first_line

WARM_UP = 2
"""Calls before the capture. They are real ones: what an optimiser or a library sets up at first is set up in them."""


class Replayed:
    """Calls a function; on a GPU by replaying a graph of it from the third call on.

    On a CPU, and where a capture fails, every call is the function's own.

    Args:
        function: Called with the buffers, which have the shapes and types of the arguments of the first call. Whatever
            Python state it changes has to be put right by the caller: a replay does not run it.
        told: Called once, with a sentence, where a capture fails.
        forget: Called after a failed capture: drops tensors that only the capture made.

    Attributes:
        wanted: Whether a capture is tried; false after one has failed.
    """

    def __init__(
        self,
        function: Callable[..., None],
        device: torch.device,
        told: Callable[[str], None],
        forget: Callable[[], None],
    ) -> None:
        self._function = function
        self._device = device
        self._told = told
        self._forget = forget
        self._buffers: list[Tensor] | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._calls = 0
        self.wanted = True

    @property
    def captured(self) -> bool:
        """Whether calls are replays."""
        return self._graph is not None

    def __call__(self, *arguments: Tensor) -> None:
        """Copy the arguments into the buffers and run."""
        if self._buffers is None:
            self._buffers = [torch.empty_like(a, device=self._device) for a in arguments]
        for buffer, argument in zip(self._buffers, arguments, strict=True):
            buffer.copy_(argument, non_blocking=True)
        if self._stream is not None and self._graph is None and self.wanted and self._calls == WARM_UP:
            self._capture(self._stream)
        self._calls += 1
        if self._graph is not None:
            self._graph.replay()
        elif self._stream is not None and self._calls <= WARM_UP:
            self._aside(self._stream)
        else:
            self._function(*self._buffers)

    def _aside(self, stream: torch.cuda.Stream) -> None:
        """Run on the stream of the capture: what autograd and the libraries remember of a stream is then the same."""
        assert self._buffers is not None
        current = torch.cuda.current_stream(self._device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            self._function(*self._buffers)
        current.wait_stream(stream)

    def _capture(self, stream: torch.cuda.Stream) -> None:
        assert self._buffers is not None
        graph = torch.cuda.CUDAGraph()
        current = torch.cuda.current_stream(self._device)
        try:
            # Threads that decode images may go on meanwhile, so only this one is watched for what a graph forbids.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self._function(*self._buffers)
        except RuntimeError as error:
            # A failed capture leaves its stream the current one.
            torch.cuda.set_stream(current)
            self._forget()
            self.wanted = False
            self._told(f"steps run one by one: they cannot be captured as a CUDA graph ({first_cause(error)})")
            return
        self._graph = graph


def first_cause(error: BaseException) -> str:
    """What went wrong first: the end of a failed capture raises an error of its own that does not say it."""
    while error.__context__ is not None:
        error = error.__context__
    return first_line(error)
