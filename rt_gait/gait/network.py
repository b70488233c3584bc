"""What a gait model asks of its engine: one batch, or several that build on each other.

A network is a generator of requests, so that ONNX Runtime in this process, a Triton server that is
waited for and one that is not can all run the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from rt_gait.gait.inputs import Batch, model_input
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import Embedding, Window

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One batch for one model."""

    model: ModelInfo
    batch: Batch
    """[N, ...] for its only input."""


Job: TypeAlias = Generator[list[Request], list[Batch], Batch]
"""Yields requests that may run at once, is sent their first outputs in order, and returns the
[N, D] of its windows."""


class Network(Protocol):
    """A gait model, whatever runs it."""

    models: tuple[ModelInfo, ...]
    """The models of the repository it asks, first the one that it is named for. A server may take
    smaller batches: whoever talks to it puts in models that say so."""

    def job(self, windows: Sequence[Window]) -> Job:
        """Begin to embed N windows, at most the model's ``max_batch_size``."""
        ...


class WholeNetwork:
    """A gait model that takes windows as they are.

    Raises:
        ModelError: its configuration asks for something that rt-gait does not make.
    """

    def __init__(self, info: ModelInfo) -> None:
        self.models: tuple[ModelInfo, ...] = (info,)
        self._batch = model_input(info)

    def job(self, windows: Sequence[Window]) -> Job:
        """Ask for all windows at once."""
        (vectors,) = yield [Request(self.models[0], self._batch(windows))]
        return vectors


def batches(info: ModelInfo, items: Sequence[Item]) -> list[Sequence[Item]]:
    """Cut items into stretches that a model takes in one request."""
    size = info.largest_batch
    return [items[start : start + size] for start in range(0, len(items), size)]


def finish(job: Job, answer: Callable[[list[Request]], list[Batch]]) -> Batch:
    """Run a job to its end.

    Args:
        job: What to run.
        answer: Returns the first outputs of requests, in order.
    """
    try:
        requests = next(job)
        while True:
            requests = job.send(answer(requests))
    except StopIteration as end:
        vectors: Batch = end.value
        return vectors


def embeddings(windows: Sequence[Window], vectors: Batch) -> list[Embedding]:
    """Return what a model said of windows, [N, D] in order, at unit length."""
    rows = vectors.astype(np.float32).reshape(len(windows), -1)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return [
        Embedding(w.track_id, w.end_secs, v, w.quality) for w, v in zip(windows, rows, strict=True)
    ]
