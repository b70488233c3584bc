"""A request to a Triton server on its way, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError, ServerError
from rt_gait.serving.endpoint import TOKEN_VARIABLE

_PASSING = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED")
"""Failures that may be gone the next time. INTERNAL is a crashed backend, which Triton restarts."""
_REGION_LOST = "Unable to find shared memory region"
"""What a server says that was started anew: the next request makes another."""
_KINDS = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64"
NUMPY_TYPES = {kind.upper().replace("FLOAT", "FP"): np.dtype(kind) for kind in _KINDS.split()}
"""Triton's names of the types that it sends."""

Arrays = list[npt.NDArray[Any]]


class Call:
    """A request on its way."""

    def __init__(self, future: Any, url: str, model: str) -> None:
        self._future = future
        self._url = url
        self._model = model

    @property
    def done(self) -> bool:
        """Whether waiting is over."""
        return bool(self._future.done())

    def wait(self, secs: float) -> bool:
        """Wait that long at most; return whether waiting is over."""
        import grpc

        try:
            self._future.exception(timeout=secs)
        except grpc.FutureTimeoutError:
            return False
        except grpc.FutureCancelledError:
            pass
        return True

    def cancel(self) -> None:
        """Give it up."""
        self._future.cancel()

    def reply(self) -> Any:
        """Wait for the protobuf message.

        Raises:
            ServerError: the server is away, overloaded or too slow.
            ModelError: it refuses, and would again.
        """
        import grpc

        try:
            return self._future.result()
        except grpc.FutureCancelledError:
            raise ServerError(f"{self._url}: given up", slow=True) from None
        except grpc.RpcError as error:
            raise self._explained(error) from None

    def arrays(self, contents: Sequence[Any] | None = None) -> Arrays:
        """Wait for the outputs of an inference, in the order they were asked for.

        Args:
            contents: Where each is; in the message without.

        Raises:
            ServerError: the server is away, overloaded or too slow.
            ModelError: it refuses, and would again.
        """
        reply = self.reply()
        try:
            raws = reply.raw_output_contents if contents is None else contents
            return [
                np.frombuffer(raw, NUMPY_TYPES[out.datatype]).reshape(tuple(out.shape))
                for out, raw in zip(reply.outputs, raws, strict=True)
            ]
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"the answer of model {self._model!r} is not readable ({error}): {self._url}"
            ) from error

    def version(self) -> str:
        """Return which version of the model answered."""
        return str(self.reply().model_version)

    def _explained(self, error: Any) -> ModelError:
        code = error.code().name
        said = " ".join(str(error.details() or code).split())[:300]
        if code in _PASSING or said.startswith(_REGION_LOST):
            return ServerError(f"{said}: {self._url}", slow=code == "DEADLINE_EXCEEDED")
        if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            advice = f"set {TOKEN_VARIABLE} to a token the server accepts"
            return ModelError(f"the server refuses us ({said}); {advice}: {self._url}")
        return ModelError(f"model {self._model!r} on the server: {said}: {self._url}")
