"""What a client sends when windows of tracks fall due, with state here or on the server."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from rt_gait.bench.stream_state.models import STRIDE, sequence_model
from rt_gait.bench.wire import of_sequence
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.gait.stream import StreamNetwork
from rt_gait.serving.call import Arrays, Call
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.triton import TritonClient
from rt_gait.types import FloatArray, UInt8Array, Window

_DEADLINE_SECS = 60.0
_NOISE = np.random.default_rng(0).integers(0, 256, (256, HEIGHT_PX, WIDTH_PX), np.uint8)
Round: TypeAlias = list[tuple[str, bytes]]
"""Models, and the requests to them that leave together."""
Steps: TypeAlias = Generator[Round, list[Arrays], FloatArray]
"""Yields rounds, is sent their answers, and returns the embeddings [M, D] of windows."""


@dataclass
class Wire:
    """A connection, and what has gone over it."""

    client: TritonClient
    requests: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    def send(self, model: str, request: bytes) -> Call:
        """Send a request."""
        self.requests += 1
        self.bytes_up += len(request)
        return self.client.infer(model, request, timeout_secs=_DEADLINE_SECS)

    def read(self, call: Call) -> Arrays:
        """Wait for an answer.

        Raises:
            ServerError: the server is away or too slow.
            ModelError: it refuses.
        """
        self.bytes_down += call.reply().ByteSize()
        return call.arrays()


class Way(Protocol):
    """One way of keeping state."""

    name: str
    models: tuple[str, ...]
    frames_a_tick: int
    """How many silhouettes of a track are sent together."""

    def job(self, tracks: Sequence[int], frames: int) -> Steps:
        """Begin the windows of tracks, some of which may not be full yet.

        Args:
            tracks: Whose silhouettes there are.
            frames: How many each has had, with those.
        """
        ...

    def begin(self) -> None:
        """Walk anew: what was kept is void."""
        ...


class ClientState:
    """rt-gait's own: features come back, and windows of them leave."""

    name = "client"
    frames_a_tick = STRIDE

    def __init__(self, client: TritonClient, info: ModelInfo) -> None:
        self._client, self._info = client, info
        self._frames = int(info.number("frames"))
        self.begin()
        self.models = tuple(model.name for model in self._network.models)

    def begin(self) -> None:
        """Forget all features."""
        self._network = StreamNetwork(self._info)

    def job(self, tracks: Sequence[int], frames: int) -> Steps:
        """Ask for the features of new silhouettes, then for the windows."""
        if frames < self._frames:
            return np.zeros((0, 0), np.float32)
        windows = [
            Window(t, 0.0, 0.0, silhouettes(t, frames - self._frames, self._frames)) for t in tracks
        ]
        steps = self._network.job(windows)
        requests = next(steps)
        while True:
            answers = yield [(r.model.name, ask(self._client, r.model, r.batch)) for r in requests]
            try:
                requests = steps.send([arrays[0] for arrays in answers])
            except StopIteration as end:
                vectors: FloatArray = end.value
                return vectors


class ServerState:
    """A sequence a track: new silhouettes leave, and an embedding comes back when one is due."""

    def __init__(self, client: TritonClient, name: str, count: int) -> None:
        self._client = client
        self.name, self.frames_a_tick = name, count
        self.models: tuple[str, ...] = (sequence_model(count),)
        self._began: set[int] = set()

    def begin(self) -> None:
        """Say with the next request of each track that it is the first."""
        self._began.clear()

    def job(self, tracks: Sequence[int], frames: int) -> Steps:
        """Ask each track's sequence: Triton takes one item a request there."""
        count = self.frames_a_tick
        (model,) = self.models
        requests = []
        for track in tracks:
            batch = silhouettes(track, frames - count, count)[None]
            plain = self._client.request(model, {"silhouettes": batch}, ["embedding"])
            begins = track not in self._began
            requests.append((model, of_sequence(plain, track + 1, begins=begins)))
        self._began.update(tracks)
        answers = yield requests
        found = [arrays[0] for arrays in answers if arrays[0].size]
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)


def open_ways(client: TritonClient, info: ModelInfo) -> list[Way]:
    """Return all ways of one connection."""
    return [
        ClientState(client, info),
        ServerState(client, "server", STRIDE),
        ServerState(client, "frame", 1),
    ]


def ask(client: TritonClient, info: ModelInfo, batch: Any) -> bytes:
    """Return a request for the first output of a model with one input."""
    return client.request(info.name, {info.inputs[0].name: batch}, [info.outputs[0].name])


def silhouettes(track: int, first: int, count: int) -> UInt8Array:
    """Return [count, 64, 44] of a track, each unlike every other of every track."""
    numbers = np.arange(first, first + count, dtype=np.uint32)
    made = _NOISE[(numbers + 37 * track) % len(_NOISE)]
    stamps = np.stack([np.full_like(numbers, track), numbers], axis=1)
    made[:, 0, :8] = stamps.view(np.uint8)
    return made
