"""Tensors in system shared memory, in place of messages, for a Triton server of this machine.

A picture for a segmenter is a megabyte and its answer more than three. In a message they are
copied half a dozen times (``python -m rt_gait.bench.shared_memory``).
"""

from __future__ import annotations

import math
import mmap
import os
import secrets
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.call import NUMPY_TYPES
from rt_gait.serving.repository import ModelInfo, TensorSpec

FOLDER = Path("/dev/shm")  # noqa: S108 - where the kernel keeps it
TRY_AGAIN_SECS = 10.0
"""After the server could not be told of a region; until then, messages."""
_ALIGNED_BYTES = 64


class Region:
    """Room for a batch of a model and for its answer.

    Its name is there until :meth:`hide`; then whoever has it mapped keeps it, and nothing of it is
    left once they end, however they do.

    Args:
        info: The model; its dimensions are fixed.
        count: Most items of a batch.

    Raises:
        OSError: this system has no such memory, or none left.
    """

    def __init__(self, info: ModelInfo, count: int) -> None:
        self.name = f"rt-gait-{os.getpid()}-{secrets.token_hex(8)}"
        self.model, self.count = info.name, count
        self.in_use = False
        """Whether the server may still read or write here."""
        self._offsets: dict[str, int] = {}
        self.size_bytes = 0
        for spec in (*info.inputs, *info.outputs):
            self._offsets[spec.name] = self.size_bytes
            size_bytes = count * item_bytes(spec)
            self.size_bytes += -(-size_bytes // _ALIGNED_BYTES) * _ALIGNED_BYTES
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(FOLDER / self.name, flags, 0o600)
        try:
            # Takes the room now: a full disk is an error here, and would be a signal later.
            os.posix_fallocate(descriptor, 0, self.size_bytes)
            self._memory = mmap.mmap(descriptor, self.size_bytes)
        except OSError:
            self.hide()
            raise
        finally:
            os.close(descriptor)

    def hide(self) -> None:
        """Remove its name."""
        (FOLDER / self.name).unlink(missing_ok=True)

    def write(self, name: str, array: npt.NDArray[Any]) -> None:
        """Put a tensor in its place."""
        there = np.frombuffer(self._memory, array.dtype, array.size, self._offsets[name])
        there.reshape(array.shape)[:] = array

    def outputs(self, info: ModelInfo, count: int) -> list[memoryview]:
        """Return where the outputs of a batch are; they stay until the next request."""
        whole = memoryview(self._memory)
        starts = [self._offsets[spec.name] for spec in info.outputs]
        sizes = [count * item_bytes(spec) for spec in info.outputs]
        return [whole[a : a + size] for a, size in zip(starts, sizes, strict=True)]

    def place(self, tensor: Any, spec: TensorSpec, count: int) -> None:
        """Say in a request's ``InferInputTensor`` or ``InferRequestedOutputTensor`` where it is."""
        tensor.parameters["shared_memory_region"].string_param = self.name
        tensor.parameters["shared_memory_offset"].int64_param = self._offsets[spec.name]
        tensor.parameters["shared_memory_byte_size"].int64_param = count * item_bytes(spec)


class RegionKeeper(Protocol):
    """A server that can be told of regions."""

    def share(self, region: Region) -> None:
        """Tell it of one.

        Raises:
            ModelError: it cannot look into it, or does not answer.
        """
        ...

    def unshare(self, region: Region) -> None:
        """Tell it that one is over, if it is there to be told."""
        ...


class Sharing:
    """The region of somebody who asks a server of this machine one thing at a time.

    A request that failed may be worked on all the same: its region is left alone until a later
    request has been answered.

    Args:
        keeper: The server.
        clock: Monotonic seconds.
    """

    def __init__(self, keeper: RegionKeeper, clock: Callable[[], float] = time.monotonic) -> None:
        self._keeper, self._clock = keeper, clock
        self._regions: list[Region] = []
        """The newest last, the only one that is written to."""
        self._try_secs = -math.inf
        weakref.finalize(self, _unshare, keeper, self._regions)

    def room(self, info: ModelInfo, count: int) -> Region | None:
        """Return where a batch can go; None where it must be a message."""
        region = self._regions[-1] if self._regions else None
        if region is not None and not region.in_use:
            _unshare(self._keeper, self._regions[:-1])
            del self._regions[:-1]
        if region is None or region.in_use or region.model != info.name or region.count < count:
            region = self._make(info, count)
        if region is not None:
            region.in_use = True
        return region

    def _make(self, info: ModelInfo, count: int) -> Region | None:
        if self._clock() < self._try_secs or not is_fixed(info):
            return None
        try:
            region = Region(info, count)
            try:
                self._keeper.share(region)
            finally:
                region.hide()
        except (OSError, ModelError):
            self._try_secs = self._clock() + TRY_AGAIN_SECS
            return None
        self._regions.append(region)
        return region


def _unshare(keeper: RegionKeeper, regions: Sequence[Region]) -> None:
    for region in regions:
        keeper.unshare(region)


def is_fixed(info: ModelInfo) -> bool:
    """Return whether all dimensions of a model's tensors are known beforehand."""
    return all(d > 0 for spec in (*info.inputs, *info.outputs) for d in spec.dims)


def item_bytes(spec: TensorSpec) -> int:
    """Return the size of a tensor of one item."""
    return NUMPY_TYPES[spec.data_type.removeprefix("TYPE_")].itemsize * math.prod(spec.dims)
