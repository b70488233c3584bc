"""A plan that TensorRT's Python module has loaded, and its memory on the device.

Classes: TensorRT Python API reference, ``ICudaEngine``, ``IExecutionContext``.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.tensorrt.compiler import Batch
from rt_gait.serving.tensorrt.cuda import Cuda, empty

_WARM_UP_RUNS, _RUNS = 20, 200


class PythonEngine:
    """An :class:`~.compiler.Engine`, its memory as large as the largest batch so far needed."""

    def __init__(self, engine: Any, info: ModelInfo, runtime: Any) -> None:
        self._runtime = runtime  # must outlive the engine
        self._info, self._cuda = info, Cuda()
        self._context = engine.create_execution_context()
        if self._context is None:
            raise ModelError(
                f"TensorRT makes no execution context of {info.name!r}, most likely for want of "
                "memory: end what else uses the GPU, or build for smaller batches (--batch 1,4,8)"
            )
        self._memory: dict[str, tuple[int, int]] = {}

    def run(self, batch: Batch) -> list[Batch]:
        """Return the model's outputs."""
        (source,) = self._info.inputs
        batch = np.ascontiguousarray(batch)
        outputs = [empty((len(batch), *s.dims), s.data_type) for s in self._info.outputs]
        if not self._context.set_input_shape(source.name, batch.shape):
            raise ModelError(
                f"model {self._info.name!r}: its engine does not take a batch of {len(batch)}"
            )
        self._cuda.to_device(self._bind(source.name, batch.nbytes), batch)
        addresses = [
            self._bind(spec.name, array.nbytes)
            for spec, array in zip(self._info.outputs, outputs, strict=True)
        ]
        if not self._context.execute_async_v3(self._cuda.stream):
            raise ModelError(f"model {self._info.name!r}: its engine fails on {len(batch)} inputs")
        for array, address in zip(outputs, addresses, strict=True):
            self._cuda.to_host(array, address)
        self._cuda.wait()
        return outputs

    def latencies(self, batch: Batch) -> npt.NDArray[np.float64]:
        """Return the seconds of each of some hundreds of runs, copies included."""
        for _ in range(_WARM_UP_RUNS):
            self.run(batch)
        seconds = np.empty(_RUNS)
        for k in range(_RUNS):
            start = time.perf_counter()
            self.run(batch)
            seconds[k] = time.perf_counter() - start
        return seconds

    def _bind(self, name: str, size_bytes: int) -> int:
        address, held_bytes = self._memory.get(name, (0, 0))
        if size_bytes > held_bytes:
            if held_bytes:
                self._cuda.free(address)
            address = self._cuda.allocate(size_bytes)
            self._memory[name] = (address, size_bytes)
        if not self._context.set_tensor_address(name, address):
            raise ModelError(f"model {self._info.name!r}: its engine has no tensor {name!r}")
        return address


def check_tensors(trt: Any, engine: Any, info: ModelInfo) -> None:
    """Check that an engine has a model's inputs and outputs, which its memory is made for.

    Raises:
        ModelError: it has others, or of other types or dimensions.
    """
    names = [engine.get_tensor_name(k) for k in range(engine.num_io_tensors)]
    for spec in (*info.inputs, *info.outputs):
        wanted = (np.dtype(empty((), spec.data_type).dtype), spec.dims)
        found = (
            (
                np.dtype(trt.nptype(engine.get_tensor_dtype(spec.name))),
                tuple(engine.get_tensor_shape(spec.name))[1:],
            )
            if spec.name in names
            else None
        )
        if found != wanted:
            raise ModelError(
                f"model {info.name!r}: its engine should have {spec.name} {wanted[0]} "
                f"{list(wanted[1])}, not {found or names}"
            )
