"""Requests to Triton that rt-gait does not make, for the measurements of what it could make.

Only this file of the benchmarks imports tritonclient.
"""

from __future__ import annotations


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
