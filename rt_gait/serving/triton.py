"""Talking to a Triton server over gRPC. No other file imports tritonclient or grpc.

The generated stubs, not tritonclient's client: their calls can be polled, so that a live step never
waits, and need no thread or callback of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError, ServerError
from rt_gait.serving.endpoint import TOKEN_VARIABLE, Endpoint

_RECONNECT_MS = (100, 1000)
"""gRPC tries again after so long; its own two minutes would sleep through a server's return."""
_LARGEST_MESSAGE = 2**31 - 1
_PASSING = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED")
"""Failures that may be gone the next time. INTERNAL is a crashed backend, which Triton restarts."""
_KINDS = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64"
_NUMPY = {kind.upper().replace("FLOAT", "FP"): np.dtype(kind) for kind in _KINDS.split()}

Arrays = list[npt.NDArray[Any]]


class TritonClient:
    """One connection, shared by all that a process asks of one server.

    Args:
        endpoint: The server. It need not be there yet.

    Raises:
        UsageError: the file of certificates cannot be read.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        import grpc
        from tritonclient.grpc import service_pb2_grpc

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
        self._metadata = [("authorization", f"Bearer {t}")] if (t := endpoint.token) else []

    def infer(
        self,
        model: str,
        inputs: Mapping[str, npt.NDArray[Any]],
        outputs: Sequence[str],
        *,
        timeout_secs: float,
    ) -> Call:
        """Send a batch; the call's :meth:`~Call.arrays` are its outputs, in order.

        Args:
            model: Its name.
            inputs: By name, each [N, ...].
            outputs: Names of those wanted.
            timeout_secs: The call fails when it has taken longer.
        """
        from tritonclient.grpc import service_pb2

        request = service_pb2.ModelInferRequest(model_name=model)
        for name, array in inputs.items():
            request.inputs.add(name=name, datatype=_datatype(array), shape=array.shape)
            request.raw_input_contents.append(np.ascontiguousarray(array).tobytes())
        for name in outputs:
            request.outputs.add(name=name)
        return self._call(self._stub.ModelInfer, request, model, timeout_secs)

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

    def arrays(self) -> Arrays:
        """Wait for the outputs of an inference, in the order they were asked for.

        Raises:
            ServerError: the server is away, overloaded or too slow.
            ModelError: it refuses, and would again.
        """
        reply = self.reply()
        try:
            return [
                np.frombuffer(raw, _NUMPY[out.datatype]).reshape(tuple(out.shape))
                for out, raw in zip(reply.outputs, reply.raw_output_contents, strict=True)
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
        if code in _PASSING:
            return ServerError(f"{said}: {self._url}", slow=code == "DEADLINE_EXCEEDED")
        if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            advice = f"set {TOKEN_VARIABLE} to a token the server accepts"
            return ModelError(f"the server refuses us ({said}); {advice}: {self._url}")
        return ModelError(f"model {self._model!r} on the server: {said}: {self._url}")


def parse_model_config(text: str) -> Any:
    """Return ``config.pbtxt`` as Triton's ``ModelConfig`` message.

    Raises:
        ValueError: it is no such file.
    """
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    try:
        return text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise ValueError(str(error)) from error


def tensor_fields(tensors: Iterable[Any]) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return name, data type such as ``TYPE_FP32``, and dims of a message's inputs or outputs."""
    from tritonclient.grpc import model_config_pb2

    name = model_config_pb2.DataType.Name
    return [(t.name, name(t.data_type), tuple(t.dims)) for t in tensors]


def _datatype(array: npt.NDArray[Any]) -> str:
    return next(name for name, kind in _NUMPY.items() if array.dtype == kind)
