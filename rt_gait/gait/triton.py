"""A gait model on a Triton server, for files: nothing is lost, and the result is waited for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from rt_gait.gait.embedder import PipelineEmbedder, Waited, open_network, window_shape
from rt_gait.gait.flow import SIDE_PX
from rt_gait.gait.live import LiveGaitEmbedder
from rt_gait.gait.network import Job, Network, Request, batches, embeddings
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.health import ignore
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.served import PATIENT_DEADLINE_SECS, Pending, ServedModels
from rt_gait.serving.triton import TritonClient
from rt_gait.types import Embedding, Window

IN_FLIGHT = 4
"""Full batches under way at once: enough to keep a server busy while answers are read."""


_WARM_UP_WINDOWS = (1, 8)
"""The first batch of a size can take half a second more than the next."""


def open_served(
    info: ModelInfo,
    client: TritonClient,
    *,
    live: bool,
    stopped: Callable[[], bool],
    note: Callable[[bool], None] = ignore,
) -> PipelineEmbedder:
    """Open a gait model on a server, and warm it up.

    Args:
        info: The model.
        client: The connection.
        live: Whether results are not to be waited for.
        stopped: Whether the run is to end: long waits then do.
        note: Told, for a live run, when the server is taken to be away, and when to be back.

    Raises:
        ModelError: the server has another model of that name, or none.
        ServerError: it does not answer.
    """
    network, served = connect(info, client, stopped=stopped)
    patient = TritonGaitEmbedder(network, served)
    for count in _WARM_UP_WINDOWS:
        patient.embed([_blank(info)] * count)
    return LiveGaitEmbedder(network, served, note=note) if live else patient


def connect(
    info: ModelInfo, client: TritonClient, *, stopped: Callable[[], bool] = lambda: False
) -> tuple[Network, ServedModels]:
    """Return a gait model's network, its batches as large as both sides allow, and the server's.

    Raises:
        ModelError: the server has another model of that name, or none.
        ServerError: it does not answer.
    """
    network = open_network(info)
    served = ServedModels(client, network.models, stopped=stopped)
    network.models = served.models
    return network, served


class TritonGaitEmbedder(Waited):
    """A gait model on a server; a server that goes away for a while only costs time.

    Args:
        network: What it asks.
        served: The connection.
    """

    def __init__(self, network: Network, served: ServedModels) -> None:
        self.info = network.models[0]
        self.shape = window_shape(self.info)
        self._network = network
        self._served = served

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        """Embed windows, in order, as many in one request as the model allows.

        Raises:
            ServerError: the server has been away for too long.
            ModelError: it refuses, or another network answered.
            StopRequested: the run is to end.
        """
        under_way: deque[_UnderWay] = deque()
        found: list[Embedding] = []
        for part in batches(self.info, windows):
            if len(under_way) == IN_FLIGHT:
                found += under_way.popleft().land()
            under_way.append(_UnderWay(part, self._network.job(part), self._served))
        while under_way:
            found += under_way.popleft().land()
        return found


class _UnderWay:
    """One batch of windows whose first requests have left."""

    def __init__(self, windows: Sequence[Window], job: Job, served: ServedModels) -> None:
        self._windows, self._job, self._served = windows, job, served
        self._requests = next(job)
        self._calls = self._send(self._requests)

    def land(self) -> list[Embedding]:
        """Wait for the answers, and ask for whatever depends on them."""
        while True:
            answers = [
                self._served.insist(request.model, request.batch, call)[0]
                for request, call in zip(self._requests, self._calls, strict=True)
            ]
            try:
                self._requests = self._job.send(answers)
            except StopIteration as end:
                return embeddings(self._windows, end.value)
            self._calls = self._send(self._requests)

    def _send(self, requests: Sequence[Request]) -> list[Pending]:
        return [
            self._served.send(r.model, r.batch, timeout_secs=PATIENT_DEADLINE_SECS)
            for r in requests
        ]


def _blank(info: ModelInfo) -> Window:
    frames = window_shape(info).frames
    if info.text("modality") == "flow":
        return Window(0, 0.0, 0.0, np.zeros((frames, SIDE_PX, SIDE_PX, 2), np.float16))
    return Window(0, 0.0, 0.0, np.zeros((frames, HEIGHT_PX, WIDTH_PX), np.uint8))
