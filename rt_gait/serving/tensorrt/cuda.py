"""Device memory and what device there is, through the CUDA driver API (libcuda).

libcuda comes with the driver, on a Jetson, on a PC and in a container alike, and its interface is
stable; so an engine is run and described without a CUDA toolkit or another Python package.
Functions and constants: CUDA Driver API reference, chapters 6.2 to 6.13.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    byref,
    c_char_p,
    c_int,
    c_size_t,
    c_uint64,
    c_void_p,
    create_string_buffer,
)
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError

_MULTIPROCESSORS, _MAJOR, _MINOR = 16, 75, 76
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "cuInit": (ctypes.c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDeviceGetName": (c_char_p, c_int, c_int),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, c_int),
    "cuDevicePrimaryCtxRetain": (POINTER(c_void_p), c_int),
    "cuCtxSetCurrent": (c_void_p,),
    "cuStreamCreate": (POINTER(c_void_p), ctypes.c_uint),
    "cuStreamSynchronize": (c_void_p,),
    "cuMemAlloc_v2": (POINTER(c_uint64), c_size_t),
    "cuMemFree_v2": (c_uint64,),
    "cuMemcpyHtoDAsync_v2": (c_uint64, c_void_p, c_size_t, c_void_p),
    "cuMemcpyDtoHAsync_v2": (c_void_p, c_uint64, c_size_t, c_void_p),
}


@dataclass(frozen=True)
class Gpu:
    """What a plan is bound to, apart from TensorRT's version."""

    name: str
    compute_capability: str
    """``major.minor``."""
    multiprocessors: int
    """Tells modules of one name apart: every Jetson of the Orin family is called Orin."""
    cuda_driver: str
    """The CUDA version that the driver serves."""


class Cuda:
    """The first CUDA device: its facts, and memory on it.

    Raises:
        ModelError: there is no CUDA driver, or no device.
    """

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL("libcuda.so.1")
        except OSError:
            raise ModelError(
                "there is no CUDA driver (libcuda.so.1) here; run this on the device that is to "
                "run the engine, in a container with --runtime nvidia"
            ) from None
        for name, arguments in _FUNCTIONS.items():
            getattr(self._lib, name).argtypes = arguments
        self._call("cuInit", 0)
        device = c_int()
        self._call("cuDeviceGet", byref(device), 0)
        self._device = device.value
        self._stream: c_void_p | None = None

    def gpu(self) -> Gpu:
        """Return what device there is."""
        name, version = create_string_buffer(256), c_int()
        self._call("cuDeviceGetName", name, len(name), self._device)
        self._call("cuDriverGetVersion", byref(version))
        return Gpu(
            name.value.decode(errors="replace"),
            f"{self._attribute(_MAJOR)}.{self._attribute(_MINOR)}",
            self._attribute(_MULTIPROCESSORS),
            f"{version.value // 1000}.{version.value % 1000 // 10}",
        )

    @property
    def stream(self) -> int:
        """The stream that copies and the engine share."""
        if self._stream is None:
            context, stream = c_void_p(), c_void_p()
            self._call("cuDevicePrimaryCtxRetain", byref(context), self._device)
            self._call("cuCtxSetCurrent", context)
            self._call("cuStreamCreate", byref(stream), 0)
            self._stream = stream
        return self._stream.value or 0

    def allocate(self, size_bytes: int) -> int:
        """Return the address of new device memory."""
        self.stream  # noqa: B018  (makes the context current)
        address = c_uint64()
        self._call("cuMemAlloc_v2", byref(address), max(size_bytes, 1))
        return address.value

    def free(self, address: int) -> None:
        """Give memory back."""
        self._call("cuMemFree_v2", address)

    def to_device(self, address: int, array: npt.NDArray[Any]) -> None:
        """Copy a contiguous array to the device, in the order of the stream."""
        self._call("cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self.stream)

    def to_host(self, array: npt.NDArray[Any], address: int) -> None:
        """Copy device memory into a contiguous array, in the order of the stream."""
        self._call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self.stream)

    def wait(self) -> None:
        """Wait until all work in the stream is done."""
        self._call("cuStreamSynchronize", self.stream)

    def _attribute(self, which: int) -> int:
        value = c_int()
        self._call("cuDeviceGetAttribute", byref(value), which, self._device)
        return value.value

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._lib, name)(*arguments)
        if status != 0:
            raise ModelError(f"the CUDA driver refuses {name} (error {status})")


def empty(shape: tuple[int, ...], data_type: str) -> npt.NDArray[Any]:
    """Return a host array of one of Triton's types.

    Raises:
        ModelError: the type is none that rt-gait sends or takes.
    """
    types = {
        "TYPE_UINT8": np.uint8,
        "TYPE_FP16": np.float16,
        "TYPE_FP32": np.float32,
    }
    if data_type not in types:
        raise ModelError(f"expected a tensor of {', '.join(types)}, not {data_type}")
    return np.empty(shape, types[data_type])
