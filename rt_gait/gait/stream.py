"""A gait network in two parts: one sees each silhouette once, the other joins those of a window.

Windows of a track overlap: at thirty silhouettes and a stride of ten, twenty have been seen before.
A set network (Chao et al., "GaitSet", AAAI 2019) treats every silhouette alone until its maximum
over time, so what it made of them can be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rt_gait.errors import ModelError
from rt_gait.gait.inputs import Batch, only_input
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import FloatArray, Window

SILHOUETTES_KEPT = 2560
"""Enough for 64 people with 30 silhouettes in a window and 10 new ones until the next; 50 MiB at
4096 features. Beyond, silhouettes are encoded again: slower, and the same."""


class StreamNetwork:
    """Windows of silhouettes to vectors, by the two models of a ``kind`` of ``stream``.

    What is kept is filed under the silhouette's own bytes: no track, jump in time or other file
    can ever be mistaken for another, and there is nothing to be forgotten but what is old.

    Args:
        info: The window part; its parameter ``frame_model`` names the other one.

    Raises:
        ModelError: a network is missing or broken, or the two do not fit together.
    """

    def __init__(self, info: ModelInfo) -> None:
        frame = info.part("frame_model")
        only_input(frame, (HEIGHT_PX, WIDTH_PX), ("TYPE_UINT8",))
        if [len(o.dims) for o in frame.outputs] != [1]:
            raise ModelError(f"model {frame.name!r}: should have one output, [features]")
        only_input(info, (int(info.number("frames")), frame.outputs[0].dims[0]), ("TYPE_FP32",))
        self._frame = OnnxModel(frame.onnx_path, frame)
        self._frames_in_request = max(frame.max_batch_size, 1)
        self._window = OnnxModel(info.onnx_path, info)
        self._features: dict[bytes, FloatArray] = {}

    def run(self, windows: Sequence[Window]) -> Batch:
        """Return [N, D] of N windows; silhouettes not met before leave in one request."""
        steps = [[step.tobytes() for step in window.pixels] for window in windows]
        used = dict.fromkeys(key for window in steps for key in window)
        self._encode([key for key in used if key not in self._features])
        features = np.stack([self._features[key] for window in steps for key in window])
        self._keep_latest(used)
        return self._window.run(features.reshape(len(windows), -1, features.shape[1]))[0]

    def _encode(self, keys: Sequence[bytes]) -> None:
        for start in range(0, len(keys), self._frames_in_request):
            part = keys[start : start + self._frames_in_request]
            pixels = np.frombuffer(b"".join(part), np.uint8).reshape(-1, HEIGHT_PX, WIDTH_PX)
            for key, features in zip(part, self._frame.run(pixels)[0], strict=True):
                self._features[key] = features.copy()  # a view would keep the whole batch alive

    def _keep_latest(self, used: Iterable[bytes]) -> None:
        for key in used:
            self._features[key] = self._features.pop(key)
        for key in list(self._features)[: max(len(self._features) - SILHOUETTES_KEPT, 0)]:
            del self._features[key]
