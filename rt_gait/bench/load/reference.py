"""Whether what was served is what the network should say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.bench.load.answers import Sample
from rt_gait.bench.load.engine import batch_from, inputs_of
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import PLAN, SOURCE_MODEL, ModelInfo, load_info, model_names

_AT_ONCE = 8


class Reference:
    """The answers of a model's ONNX file, run in this process, to every input of the bench.

    A TensorRT plan is compared with the ONNX model it was built from.
    """

    def __init__(self, info: ModelInfo) -> None:
        self._vectors: npt.NDArray[Any] | None = None
        self.model: str | None = None
        """What it is compared with, ``name@digest``; None where that is not here."""
        source = _source(info)
        if source is None:
            return
        inputs, network = inputs_of(info), OnnxModel(source.onnx_path, source)
        parts = [inputs[k : k + _AT_ONCE] for k in range(0, len(inputs), _AT_ONCE)]
        self._vectors = np.concatenate([network.run(part)[0] for part in parts])
        self.model = source.key

    def cosines(self, samples: Sequence[Sample]) -> dict[str, float | None]:
        """Compare answers; least and mean cosine, None without any or without a reference."""
        if self._vectors is None or not samples:
            return {"cosine_min": None, "cosine_mean": None}
        ours = np.concatenate([s.vectors for s in samples]).astype(np.float64)
        right = [batch_from(self._vectors, s.first, len(s.vectors)) for s in samples]
        theirs = np.concatenate(right).astype(np.float64)
        lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosines = (ours * theirs).sum(axis=1) / lengths
        return {"cosine_min": float(cosines.min()), "cosine_mean": float(cosines.mean())}


def _source(info: ModelInfo) -> ModelInfo | None:
    if info.platform != PLAN:
        return info
    name, models_dir = info.text(SOURCE_MODEL).partition("@")[0], info.folder.parent
    if name == info.name or name not in model_names(models_dir):
        return None
    source = load_info(models_dir, name)
    return source if source.key == info.text(SOURCE_MODEL) else None
