"""What is loaded: a model on a Triton server, or the same model in this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.served import ServedModels, wait_until_ready
from rt_gait.serving.tensorrt.held_out import held_out
from rt_gait.serving.triton import TritonClient

Batch = npt.NDArray[Any]


class Reply(Protocol):
    """A batch on its way."""

    @property
    def done(self) -> bool:
        """Whether waiting is over."""
        ...

    def outputs(self) -> list[Batch]:
        """Wait for the outputs.

        Raises:
            ServerError: there was no answer.
        """
        ...


class Request(Protocol):
    """A batch [N, ...] that can be sent again and again."""

    def send(self, timeout_secs: float, /) -> Reply:
        """Send it."""
        ...

    def ask(self, timeout_secs: float, /) -> list[Batch]:
        """Send it and wait for the outputs.

        Raises:
            ServerError: there was no answer.
        """
        ...


class Engine(Protocol):
    """A model that answers batches."""

    info: ModelInfo
    """Its configuration, with the largest batch that it takes here."""

    def prepare(self, batch: Batch) -> Request:
        """Make a batch [N, ...] ready."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


@dataclass(frozen=True)
class Target:
    """Which model, and where; every process that loads it opens it for itself."""

    models_dir: Path
    model: str
    endpoint: Endpoint | None
    """None for this process."""
    wait_secs: float = 10.0
    """For the server to be ready."""

    @property
    def where(self) -> str:
        """In a word."""
        return "in-process" if self.endpoint is None else "triton"

    def open(self) -> Engine:
        """Open it.

        Raises:
            UsageError: there is no such model, or it does not take silhouettes.
            ModelError: it cannot be run, or no server is ready in time, or it has another model.
        """
        info = gait_model_info(self.models_dir, self.model)
        inputs_of(info)
        if self.endpoint is None:
            return InProcess(info)
        client = TritonClient(self.endpoint)
        wait_until_ready(client, self.wait_secs)
        return Served(info, client)


class Served:
    """An :class:`Engine` on a Triton server."""

    def __init__(self, info: ModelInfo, client: TritonClient) -> None:
        self.client = client
        self.models = ServedModels(client, [info])
        (self.info,) = self.models.models

    def prepare(self, batch: Batch) -> Request:
        """Make the request once."""
        return self.models.prepare(self.info, batch)

    def close(self) -> None:
        """End the connection."""
        self.client.close()


class InProcess:
    """An :class:`Engine` by ONNX Runtime, one batch at a time, as a run without a server has it."""

    def __init__(self, info: ModelInfo) -> None:
        self.info = info
        self._network = OnnxModel(info.onnx_path, info)
        self._thread = ThreadPoolExecutor(1)

    def prepare(self, batch: Batch) -> Request:
        """Queue it behind the others when it is sent; there is no time limit."""
        return _Local(lambda: self._thread.submit(self._network.run, batch))

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


class _Local:
    def __init__(self, submit: Callable[[], Future[list[Batch]]]) -> None:
        self._submit = submit

    def send(self, _timeout_secs: float) -> Reply:
        return _Future(self._submit())

    def ask(self, _timeout_secs: float) -> list[Batch]:
        return self._submit().result()


class _Future:
    def __init__(self, future: Future[list[Batch]]) -> None:
        self._future = future

    @property
    def done(self) -> bool:
        return self._future.done()

    def outputs(self) -> list[Batch]:
        return self._future.result()


def inputs_of(info: ModelInfo) -> Batch:
    """Return inputs [K, ...] of a model: silhouettes of the people in the sample clips.

    Raises:
        UsageError: it takes something else.
    """
    if info.parameters.get("kind") == "stream":
        raise UsageError(
            f"{info.name!r} is the last part of two, which says nothing alone; "
            "rt_gait.bench.stream measures both as a run uses them, rt-gait bench pipeline the run"
        )
    found = held_out(info)
    if found is None:
        raise UsageError(f"expected a model of windows of silhouettes, not {info.name!r}")
    return found


def batch_from(inputs: Batch, first: int, count: int) -> Batch:
    """Return ``count`` inputs from ``first`` on, going round."""
    return inputs[np.arange(first, first + count) % len(inputs)]
