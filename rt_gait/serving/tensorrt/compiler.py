"""The two things that are wanted of TensorRT, whichever way it is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.tensorrt.report import DlaLayers
from rt_gait.serving.tensorrt.request import BuildRequest

Batch = npt.NDArray[Any]


class Engine(Protocol):
    """A plan that is loaded."""

    def run(self, batch: Batch) -> list[Batch]:
        """Return the model's outputs, each [N, ...] in the type of the configuration.

        Args:
            batch: [N, ...], N within the engine's profile.

        Raises:
            ModelError: the engine fails.
        """
        ...

    def latencies(self, batch: Batch) -> npt.NDArray[Any]:
        """Return the seconds of some hundreds of runs, [R] float64, copies both ways included."""
        ...


class Compiler(Protocol):
    """Builds plans and opens them, on this device."""

    @property
    def name(self) -> str:
        """What it is, for the report."""
        ...

    @property
    def version(self) -> str:
        """TensorRT's version, ``major.minor.patch``."""
        ...

    @property
    def typed(self) -> bool:
        """Whether the ONNX file alone says what layers compute in, as from TensorRT 11 on."""
        ...

    def build(self, request: BuildRequest, plan: Path, timing_cache: Path) -> DlaLayers | None:
        """Write an engine to ``plan``; read and update the timing cache.

        Returns:
            What a DLA can take of it; None without one, or where that is not told.

        Raises:
            ModelError: TensorRT does not take the network, or no engine can be built.
        """
        ...

    def open(self, plan: Path, info: ModelInfo, dla_core: int | None = None) -> Engine:
        """Load a plan; ``info`` is its configuration, or that of the model it was built from.

        Raises:
            ModelError: it is no plan for this device and this TensorRT.
        """
        ...


def installed() -> Compiler | None:
    """Return the TensorRT that is installed: its Python module, or else trtexec, or nothing."""
    from rt_gait.serving.tensorrt import api, trtexec

    return api.find() or trtexec.find()


def find_compiler() -> Compiler:
    """Return the TensorRT that is installed.

    Raises:
        ModelError: there is none; the message has the command that builds in a container.
    """
    compiler = installed()
    if compiler is None:
        raise ModelError(
            "there is no TensorRT here: neither the Python module tensorrt nor trtexec. Build on "
            "the device that will serve the model, in its container: "
            "docker compose -f docker/compose.yaml run --rm build-jetson gait3d --precision fp16 "
            "(build-x86 on a PC; docs/docker.md)"
        )
    return compiler
