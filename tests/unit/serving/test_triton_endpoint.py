"""Where a server is, how to get in, and what is told of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from tritonclient.grpc import service_pb2

from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.triton import TritonClient

SECRET = "eyJhbGciOi"


@pytest.mark.parametrize(
    "address", ["", "8001", "host", "host:", ":8001", "host:0", "host:65536", "http://host:8001"]
)
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(UsageError, match="named as HOST:PORT"):
        Endpoint(address)


@pytest.mark.parametrize("address", ["localhost:8001", "10.0.0.7:8001", "[::1]:8001"])
def test_addresses_of_all_kinds(address: str) -> None:
    assert Endpoint(address).url == f"grpc://{address}"
    assert Endpoint(address, tls=True).url == f"grpcs://{address}"


def test_a_token_crosses_a_network_only_encrypted() -> None:
    with pytest.raises(UsageError, match="add --triton-tls") as caught:
        Endpoint("10.0.0.7:8001", token=SECRET)
    assert SECRET not in str(caught.value)
    for allowed in (Endpoint("127.0.0.1:1", token=SECRET), Endpoint("a:1", tls=True, token=SECRET)):
        assert SECRET not in repr(allowed)


def test_the_token_goes_with_every_request_and_into_no_message() -> None:
    """A guard stands in for the proxy that checks tokens; Triton itself knows none."""
    seen: list[object] = []

    def guard(_request: bytes, context: grpc.ServicerContext) -> bytes:
        seen.append(dict(context.invocation_metadata()).get("authorization"))
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        return b""

    handler = grpc.unary_unary_rpc_method_handler(guard)
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                service.full_name, {method.name: handler for method in service.methods}
            )
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = TritonClient(Endpoint(f"127.0.0.1:{port}", token=SECRET))
    asks = [
        lambda: client.ready(timeout_secs=5),
        lambda: client.config("m", timeout_secs=5).reply(),
        lambda: client.infer("m", client.request("m", {}, []), timeout_secs=5).arrays(),
        lambda: client.statistics("m", timeout_secs=5),
    ]
    for ask in asks:
        with pytest.raises(ModelError, match=r"refuses us.*RT_GAIT_TRITON_TOKEN") as caught:
            ask()
        assert SECRET not in str(caught.value)
    assert seen == [f"Bearer {SECRET}"] * len(asks)
    client.close()
    server.stop(None).wait()
