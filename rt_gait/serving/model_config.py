"""Reading ``config.pbtxt``, with the messages that come with tritonclient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


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
