"""Requests to Triton that rt-gait does not make, for the measurements of what it could make.

Only this file of the benchmarks imports tritonclient. A server that it names regions to must be on
this machine.
"""

from __future__ import annotations

import json
import math
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.serving.call import NUMPY_TYPES
from rt_gait.serving.repository import ModelInfo, TensorSpec
from rt_gait.serving.server.process import HOST, TritonServer


def of_sequence(request: bytes, number: int, *, begins: bool) -> bytes:
    """Make a serialized request one of a sequence.

    Args:
        request: What ``TritonClient.request`` made.
        number: The sequence's, above 0.
        begins: Whether it is the first; state of an earlier sequence of that number is dropped.
    """
    from tritonclient.grpc import service_pb2

    more = service_pb2.ModelInferRequest()
    more.parameters["sequence_id"].int64_param = number
    more.parameters["sequence_start"].bool_param = begins
    return request + bytes(more.SerializeToString())  # messages in a row are merged


class Region:
    """System shared memory with one tensor after the other, known to a server by its name.

    Args:
        memory: Where they lie.
        specs: What they are, each of one item.
    """

    def __init__(self, memory: SharedMemory, specs: Sequence[TensorSpec]) -> None:
        self.name = memory.name
        self.arrays: list[npt.NDArray[Any]] = []
        """Each [1, ...], in the region."""
        self.offsets: list[int] = []
        offset = 0
        for spec in specs:
            array: npt.NDArray[Any] = np.ndarray((1, *spec.dims), _kind(spec), memory.buf, offset)
            self.arrays.append(array)
            self.offsets.append(offset)
            offset += array.nbytes


@contextmanager
def region(server: TritonServer, specs: Sequence[TensorSpec]) -> Iterator[Region]:
    """Make a region and tell the server of it; both are undone at the end."""
    size = sum(_kind(spec).itemsize * math.prod(spec.dims) for spec in specs)
    memory = SharedMemory(create=True, size=size)
    made = Region(memory, specs)
    try:
        told = {"key": f"/{memory.name}", "offset": 0, "byte_size": size}
        _ask(server, f"{memory.name}/register", told)
        yield made
        _ask(server, f"{memory.name}/unregister", {})
    finally:
        made.arrays.clear()  # memory that is looked at cannot be closed
        memory.unlink()
        memory.close()


def by_region(info: ModelInfo, inputs: Region, outputs: Region | None) -> bytes:
    """Return a request of one item whose input, and perhaps outputs, lie in shared memory."""
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name=info.name)
    for k, spec in enumerate(info.inputs):
        datatype = spec.data_type.removeprefix("TYPE_")
        tensor = request.inputs.add(name=spec.name, datatype=datatype, shape=[1, *spec.dims])
        _place(tensor, inputs, k)
    for k, spec in enumerate(info.outputs):
        tensor = request.outputs.add(name=spec.name)
        if outputs is not None:
            _place(tensor, outputs, k)
    return bytes(request.SerializeToString())


def _place(tensor: Any, region: Region, k: int) -> None:
    tensor.parameters["shared_memory_region"].string_param = region.name
    tensor.parameters["shared_memory_offset"].int64_param = region.offsets[k]
    tensor.parameters["shared_memory_byte_size"].int64_param = region.arrays[k].nbytes


def _kind(spec: TensorSpec) -> np.dtype[Any]:
    return NUMPY_TYPES[spec.data_type.removeprefix("TYPE_")]


def _ask(server: TritonServer, what: str, told: dict[str, Any]) -> None:
    url = f"http://{HOST}:{server.ports.http}/v2/systemsharedmemory/region/{what}"
    asked = urllib.request.Request(url, json.dumps(told).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=5):  # noqa: S310
        pass
