"""A gait network in two parts: one sees each silhouette once, the other joins those of a window.

Windows of a track overlap: at thirty silhouettes and a stride of ten, twenty have been seen before.
A set network (Chao et al., "GaitSet", AAAI 2019) treats every silhouette alone until its maximum
over time, so what it made of them can be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rt_gait.errors import ModelError
from rt_gait.gait.inputs import only_input
from rt_gait.gait.network import Job, Request, batches
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import FloatArray, UInt8Array, Window

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
        ModelError: the two do not fit together.
    """

    def __init__(self, info: ModelInfo) -> None:
        frame = info.part("frame_model")
        only_input(frame, (HEIGHT_PX, WIDTH_PX), ("TYPE_UINT8",))
        if [len(o.dims) for o in frame.outputs] != [1]:
            raise ModelError(f"model {frame.name!r}: should have one output, [features]")
        only_input(info, (int(info.number("frames")), frame.outputs[0].dims[0]), ("TYPE_FP32",))
        self.models: tuple[ModelInfo, ...] = (info, frame)
        self._features: dict[bytes, FloatArray] = {}

    def job(self, windows: Sequence[Window]) -> Job:
        """Ask for the silhouettes not met before, together, and then for the N windows."""
        head, frame = self.models
        steps = [[step.tobytes() for step in window.pixels] for window in windows]
        used = dict.fromkeys(key for window in steps for key in window)
        found = {key: self._features[key] for key in used if key in self._features}
        new = [key for key in used if key not in found]
        parts = batches(frame, new)
        answers = yield [Request(frame, _pixels(part)) for part in parts]
        for part, answer in zip(parts, answers, strict=True):
            # Copied: a view would keep the whole batch alive.
            found.update((key, row.copy()) for key, row in zip(part, answer, strict=True))
        self._features.update(found)
        self._keep_latest(used)
        features = np.stack([found[key] for window in steps for key in window])
        (vectors,) = yield [Request(head, features.reshape(len(windows), -1, features.shape[1]))]
        return vectors

    def _keep_latest(self, used: Iterable[bytes]) -> None:
        for key in used:
            self._features[key] = self._features.pop(key)
        for key in list(self._features)[: max(len(self._features) - SILHOUETTES_KEPT, 0)]:
            del self._features[key]


def _pixels(silhouettes: Sequence[bytes]) -> UInt8Array:
    return np.frombuffer(b"".join(silhouettes), np.uint8).reshape(-1, HEIGHT_PX, WIDTH_PX)
