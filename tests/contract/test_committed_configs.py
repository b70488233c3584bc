"""Every committed ``config.pbtxt`` says what the one description function writes of the model.

Comments and the order of fields apart.
"""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from rt_gait.serving.description import config_text, describe
from rt_gait.serving.repository import default_models_dir, load_info, model_names

MODELS = model_names(default_models_dir())


@pytest.mark.parametrize("name", MODELS)
def test_a_committed_config_is_what_is_written_of_it(name: str) -> None:
    path = default_models_dir() / name / "config.pbtxt"
    committed = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    info = load_info(default_models_dir(), name)
    written = text_format.Parse(config_text(describe(info, "")), model_config_pb2.ModelConfig())
    assert committed == written


@pytest.mark.parametrize("name", MODELS)
def test_a_committed_config_is_complete(name: str) -> None:
    path = default_models_dir() / name / "config.pbtxt"
    config = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    assert config.name == name
    assert config.platform == "onnxruntime_onnx"
    assert config.max_batch_size > 1
    preferred = list(config.dynamic_batching.preferred_batch_size)
    assert preferred == sorted(preferred)
    assert max(preferred) <= config.max_batch_size
    assert config.dynamic_batching.max_queue_delay_microseconds > 0
    assert all(d > 0 for tensor in (*config.input, *config.output) for d in tensor.dims)
    assert config.version_policy.latest.num_versions == 1
    assert config.instance_group
    assert config.model_warmup
