"""Builds plans that are the ONNX files, and runs them by ONNX Runtime.

It stands in for TensorRT in tests of what is around it, and proves nothing of TensorRT.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.tensorrt.request import BuildRequest


class StandInCompiler:
    """A ``Compiler``; ``noise`` makes its engines answer at random."""

    name, version, typed = "stand-in", "10.3.0", False

    def __init__(self, *, noise: bool = False) -> None:
        self.noise = noise

    def build(self, request: BuildRequest, plan: Path, timing_cache: Path) -> None:
        plan.write_bytes(request.info.onnx_path.read_bytes())
        timing_cache.write_bytes(b"timings")

    def open(self, plan: Path, info: ModelInfo, dla_core: int | None = None) -> StandInEngine:
        return StandInEngine(plan, noise=self.noise)


class StandInEngine:
    def __init__(self, plan: Path, *, noise: bool = False) -> None:
        self._model, self._noise = OnnxModel(plan), noise

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        outputs = self._model.run(batch)
        rng = np.random.default_rng(0)
        return [rng.normal(size=o.shape) for o in outputs] if self._noise else outputs

    def latencies(self, batch: np.ndarray) -> np.ndarray:
        return np.array([0.002, 0.003])
