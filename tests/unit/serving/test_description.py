"""config.pbtxt as it is written: to the letter, and as Triton's own parser reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from rt_gait.serving.description import ModelDescription, config_text, write_config
from rt_gait.serving.repository import PLAN, TensorSpec, load_info

GOLDEN = Path(__file__).with_name("golden_config.pbtxt")
GOLDEN_PLAN = Path(__file__).with_name("golden_plan_config.pbtxt")
MODEL = ModelDescription(
    name="twice",
    about="Two networks in one.\nA second line.",
    max_batch_size=16,
    inputs=(TensorSpec("silhouettes", "TYPE_UINT8", (30, 64, 44)),),
    outputs=(
        TensorSpec("embedding", "TYPE_FP32", (256,)),
        TensorSpec("quality", "TYPE_FP16", (1,)),
    ),
    parameters={"modality": "silhouette", "odd": 'a "quoted" back\\slash, two\nlines, é'},
    preferred_batch_size=(4, 16),
)


def test_the_text_is_the_golden_file() -> None:
    assert config_text(MODEL) == GOLDEN.read_text(encoding="utf-8")


def test_the_text_of_a_plan_is_its_golden_file() -> None:
    plan = replace(MODEL, platform=PLAN, dla_core=1)
    assert config_text(plan) == GOLDEN_PLAN.read_text(encoding="utf-8")
    (group,) = text_format.Parse(config_text(plan), model_config_pb2.ModelConfig()).instance_group
    assert group.kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    assert group.secondary_devices[0].device_id == 1


def test_an_input_of_an_open_size_is_not_warmed_up() -> None:
    open_size = TensorSpec("silhouettes", "TYPE_UINT8", (-1, 64, 44))
    assert "model_warmup" not in config_text(replace(MODEL, inputs=(open_size,)))


def test_triton_reads_what_was_described() -> None:
    config = text_format.Parse(config_text(MODEL), model_config_pb2.ModelConfig())
    assert (config.name, config.platform) == ("twice", "onnxruntime_onnx")
    assert config.max_batch_size == 16
    assert list(config.dynamic_batching.preferred_batch_size) == [4, 16]
    assert config.dynamic_batching.max_queue_delay_microseconds == 5000
    assert config.version_policy.latest.num_versions == 1
    assert [(w.name, w.batch_size) for w in config.model_warmup] == [
        ("batch of 1", 1),
        ("batch of 4", 4),
    ]
    assert list(config.model_warmup[0].inputs["silhouettes"].dims) == [30, 64, 44]
    again = text_format.Parse(text_format.MessageToString(config), model_config_pb2.ModelConfig())
    assert again == config


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert write_config(tmp_path, MODEL) == tmp_path / "twice" / "config.pbtxt"
    info = load_info(tmp_path, "twice")
    assert (info.name, info.max_batch_size) == (MODEL.name, MODEL.max_batch_size)
    assert (info.inputs, info.outputs) == (MODEL.inputs, MODEL.outputs)
    odd = 'a "quoted" back\\slash, two lines, é'
    assert info.parameters == {"modality": "silhouette", "odd": odd}


def test_no_text_can_add_a_line_or_stop_the_writing(tmp_path: Path) -> None:
    sly = 'x\r" } }\nmax_batch_size: 1\u2028\udcff'
    about = "a\x0bmax_batch_size: 1"
    model = ModelDescription("m", about, 4, (), (), {"sly": sly}, preferred_batch_size=(4,))
    write_config(tmp_path, model)
    info = load_info(tmp_path, "m")
    assert info.max_batch_size == 4
    assert info.parameters == {"sly": 'x " } } max_batch_size: 1  '}


def test_no_name_can_add_a_field(tmp_path: Path) -> None:
    sly = 'x" } ] backend: "python" #'
    tensors = (TensorSpec(sly, "TYPE_FP32", (1,)),)
    write_config(tmp_path, ModelDescription("m", "", 32, tensors, tensors, {sly: "1"}))
    info = load_info(tmp_path, "m")
    assert (info.inputs, info.outputs, info.parameters) == (tensors, tensors, {sly: "1"})


def test_no_preferred_batch_is_any() -> None:
    config = text_format.Parse(
        config_text(replace(MODEL, preferred_batch_size=())), model_config_pb2.ModelConfig()
    )
    assert list(config.dynamic_batching.preferred_batch_size) == []
    assert config.dynamic_batching.max_queue_delay_microseconds == 5000
    assert [w.batch_size for w in config.model_warmup] == [1]


def test_a_preferred_batch_above_the_largest_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than the largest"):
        ModelDescription("m", "", 8, (), (), preferred_batch_size=(8, 16))
