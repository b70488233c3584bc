"""A person segmenter on a Triton server, so that a camera box needs no accelerator.

A frame cannot go on without its people, so every frame waits for the answer: until it comes for
files; for live sources a second, or a few, at most, and not at all while the server is known to be
away. Frames without an answer go on without people, and say so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from rt_gait.detect.yolo_seg import YoloSegDetector
from rt_gait.errors import ServerError
from rt_gait.serving.call import Arrays
from rt_gait.serving.health import Health, ignore
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.served import ServedModels
from rt_gait.types import Detections, UInt8Array

LIVE_DEADLINE_SECS = 1.0
"""For the picture of one camera; those of n have n times as long ..."""
LONGEST_DEADLINE_SECS = 3.0
"""... up to this, so that a frozen server does not hold up the end of a run."""


class TritonDetector:
    """A person segmenter of the model repository, run by a server.

    Args:
        info: The model.
        served: The connection.
        min_score: People scored lower are not reported.
        live: Whether frames cannot wait.
        note: Told, for a live run, when the server is taken to be away, and when to be back.

    Raises:
        ModelError: the network does not have the layout that YoloSegDetector reads.
    """

    def __init__(
        self,
        info: ModelInfo,
        served: ServedModels,
        *,
        min_score: float,
        live: bool,
        note: Callable[[bool], None] = ignore,
    ) -> None:
        self.key = info.key
        self._info = info
        self._served = served
        self._health = Health(served.probe, time.monotonic, note) if live else None
        # The server may take smaller batches than we would send.
        self._decoder = YoloSegDetector(served.models[0], min_score=min_score, engine=self)

    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Find the people of one picture [H, W, 3] uint8, best score first."""
        return self.detect_all([image_bgr])[0]

    def detect_all(self, images_bgr: Sequence[UInt8Array]) -> list[Detections]:
        """Find the people of several pictures, as many in one request as the model allows.

        Raises:
            ServerError: a file's server has been away for too long.
            ModelError: the server refuses, or has another network than before.
            StopRequested: the run is to end.
        """
        if self._health is None:
            return self._decoder.detect_all(images_bgr)
        nobody = [Detections.none(missing=True)] * len(images_bgr)
        self._health.poll()
        if self._health.is_open:
            return nobody
        try:
            return self._decoder.detect_all(images_bgr)
        except ServerError:  # counted by whoever sees the missing detections
            self._health.trouble()
            return nobody

    def run(self, batch: npt.NDArray[Any]) -> Arrays:
        """Return the network's outputs for [N, 3, H, W]."""
        if self._health is None:
            return self._served.insist(self._info, batch)
        limit_secs = min(LIVE_DEADLINE_SECS * len(batch), LONGEST_DEADLINE_SECS)
        return self._served.send(self._info, batch, timeout_secs=limit_secs).outputs()
