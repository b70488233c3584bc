"""Talking to a Triton server over gRPC. Only ``call.py`` imports grpc as well.

The generated stubs, not tritonclient's client: their calls can be polled, so that a live step never
waits, and need no thread or callback of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.call import NUMPY_TYPES, Call
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.region import Region
from rt_gait.serving.repository import ModelInfo

_RECONNECT_MS = (100, 1000)
"""gRPC tries again after so long; its own two minutes would sleep through a server's return."""
_SHARE_SECS = 0.25
"""For the server to map a region; without one there are messages."""
_LARGEST_MESSAGE = 2**31 - 1
_INFER = "/inference.GRPCInferenceService/ModelInfer"


class TritonClient:
    """One connection, shared by all that a process asks of one server.

    Args:
        endpoint: The server. It need not be there yet.

    Raises:
        UsageError: the file of certificates cannot be read.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        import grpc
        from tritonclient.grpc import service_pb2, service_pb2_grpc

        self.endpoint = endpoint
        options = [
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
            ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MS[0]),
            ("grpc.min_reconnect_backoff_ms", _RECONNECT_MS[1]),
            ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS[1]),
        ]
        if endpoint.tls:
            credentials = grpc.ssl_channel_credentials(endpoint.certificates())
            self._channel = grpc.secure_channel(endpoint.address, credentials, options)
        else:
            self._channel = grpc.insecure_channel(endpoint.address, options)
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        answer = service_pb2.ModelInferResponse.FromString
        self._infer = self._channel.unary_unary(_INFER, response_deserializer=answer)
        self._metadata = [("authorization", f"Bearer {t}")] if (t := endpoint.token) else []

    def request(
        self, model: str, inputs: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str]
    ) -> bytes:
        """Return a batch as it travels, to send once or many times.

        Args:
            model: Its name.
            inputs: By name, each [N, ...].
            outputs: Names of those wanted.
        """
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelInferRequest(model_name=model)
        for name, array in inputs.items():
            request.inputs.add(name=name, datatype=_datatype(array), shape=array.shape)
            request.raw_input_contents.append(np.ascontiguousarray(array).tobytes())
        for name in outputs:
            request.outputs.add(name=name)
        return bytes(request.SerializeToString())

    def request_in(self, region: Region, info: ModelInfo, batch: npt.NDArray[Any]) -> bytes:
        """Return a batch for a model's only input that lies, as its answer will, in a region."""
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelInferRequest(model_name=info.name)
        (spec,) = info.inputs
        region.write(spec.name, batch)
        tensor = request.inputs.add(name=spec.name, datatype=_datatype(batch), shape=batch.shape)
        region.place(tensor, spec, len(batch))
        for spec in info.outputs:
            region.place(request.outputs.add(name=spec.name), spec, len(batch))
        return bytes(request.SerializeToString())

    def infer(self, model: str, request: bytes, *, timeout_secs: float) -> Call:
        """Send what :meth:`request` made; :meth:`Call.arrays` are its outputs, in order.

        Args:
            model: Its name.
            request: The batch.
            timeout_secs: The call fails when it has taken longer.
        """
        return self._call(self._infer, request, model, timeout_secs)

    def infer_now(self, model: str, request: bytes, *, timeout_secs: float) -> Call:
        """Send, and wait for the answer; unlike waiting for a call, this wakes no other thread."""
        import grpc

        future: Future[Any] = Future()
        try:
            future.set_result(self._infer(request, timeout=timeout_secs, metadata=self._metadata))
        except grpc.RpcError as error:
            future.set_exception(error)
        return Call(future, self.endpoint.url, model)

    def config(self, model: str, *, timeout_secs: float, wait: bool = False) -> Call:
        """Ask for a model's configuration, which also tells whether the server is well.

        Args:
            model: Its name.
            timeout_secs: The call fails when it has taken longer.
            wait: For a connection, rather than to fail at once without one.
        """
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelConfigRequest(name=model)
        return self._call(self._stub.ModelConfig, request, model, timeout_secs, wait=wait)

    def ready(self, *, timeout_secs: float) -> bool:
        """Ask whether the server and all its models are ready.

        Raises:
            ServerError: there is no answer in time.
            ModelError: the server does not let us in.
        """
        from tritonclient.grpc import service_pb2

        request = service_pb2.ServerReadyRequest()
        call = self._call(self._stub.ServerReady, request, "", timeout_secs)
        return bool(call.reply().ready)

    def version(self, *, timeout_secs: float) -> str:
        """Return the server's name and version, such as ``triton 2.51.0``.

        Raises:
            ServerError: there is no answer in time.
        """
        from tritonclient.grpc import service_pb2

        request = service_pb2.ServerMetadataRequest()
        reply = self._call(self._stub.ServerMetadata, request, "", timeout_secs).reply()
        return f"{reply.name} {reply.version}"

    def statistics(self, model: str, *, timeout_secs: float) -> dict[str, int]:
        """Return what the server has counted for a model since its start.

        Returns:
            ``inferences`` (items), ``executions`` (batches) and ``requests`` that succeeded; how
            long these waited (``queue_ns``) and were computed (``compute_ns``), added up.

        Raises:
            ServerError: there is no answer in time.
            ModelError: there is no such model.
        """
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelStatisticsRequest(name=model)
        reply = self._call(self._stub.ModelStatistics, request, model, timeout_secs).reply()
        (told,) = reply.model_stats
        return {
            "inferences": told.inference_count,
            "executions": told.execution_count,
            "requests": told.inference_stats.success.count,
            "queue_ns": told.inference_stats.queue.ns,
            "compute_ns": told.inference_stats.compute_infer.ns,
        }

    def share(self, region: Region) -> None:
        """Let the server use a region, which it maps before it answers.

        Raises:
            ServerError: it cannot open it, as on another machine, or there is no answer in time.
            ModelError: it refuses.
        """
        from tritonclient.grpc import service_pb2

        request = service_pb2.SystemSharedMemoryRegisterRequest(
            name=region.name, key=f"/{region.name}", offset=0, byte_size=region.size_bytes
        )
        self._call(self._stub.SystemSharedMemoryRegister, request, "", _SHARE_SECS).reply()

    def unshare(self, region: Region) -> None:
        """Let the server forget a region, if it is there to be told."""
        from tritonclient.grpc import service_pb2

        request = service_pb2.SystemSharedMemoryUnregisterRequest(name=region.name)
        with suppress(ModelError, ValueError):  # ValueError: the connection was closed before
            self._call(self._stub.SystemSharedMemoryUnregister, request, "", _SHARE_SECS).reply()

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def _call(
        self, method: Any, request: Any, model: str, timeout_secs: float, *, wait: bool = False
    ) -> Call:
        future = method.future(
            request, timeout=timeout_secs, metadata=self._metadata, wait_for_ready=wait
        )
        return Call(future, self.endpoint.url, model)


def _datatype(array: npt.NDArray[Any]) -> str:
    return next(name for name, kind in NUMPY_TYPES.items() if array.dtype == kind)
