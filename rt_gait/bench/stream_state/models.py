"""The model repository of the measurement: the network as it is served, and as sequences."""

from __future__ import annotations

import json
from pathlib import Path

from rt_gait.bench.local_server import BACKENDS
from rt_gait.serving.repository import ModelInfo

STRIDE = 10
"""Silhouettes from one window to the next, as rt-gait has it at 25 a second."""
# No request ends a sequence: the next phase begins it anew.
_CONFIG = """name: "{name}"
backend: "python"
max_batch_size: 32
input [ {{ name: "silhouettes" data_type: TYPE_UINT8 dims: [ {count}, 64, 44 ] }} ]
output [ {{ name: "embedding" data_type: TYPE_FP32 dims: [ -1 ] }} ]
sequence_batching {{
  max_sequence_idle_microseconds: 60000000
  oldest {{
    max_candidate_sequences: 64 preferred_batch_size: [ 8, 16, 32 ]
    max_queue_delay_microseconds: 5000
  }}
  control_input [
    {{ name: "START" control [ {{ kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] }} ] }},
    {{ name: "CORRID" control [ {{ kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 }} ] }}
  ]
}}
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""


def sequence_model(count: int) -> str:
    """Name the model that takes so many silhouettes a request."""
    return f"state_{count}"


def write_models(folder: Path, info: ModelInfo) -> None:
    """Write a repository with the models of all ways."""
    frame = info.part("frame_model")
    for model in (info, frame):
        (folder / model.name).symlink_to(model.folder.absolute())
    given = {
        "frame_onnx": frame.onnx_path.absolute(),
        "window_onnx": info.onnx_path.absolute(),
        "frames": info.text("frames"),
        "stride": STRIDE,
    }
    for count in (STRIDE, 1):
        name = sequence_model(count)
        (folder / name).mkdir()
        (folder / name / "1").symlink_to(BACKENDS / "stream_state")
        parameters = "".join(
            f'parameters {{ key: "{key}" value {{ string_value: {json.dumps(str(value))} }} }}\n'
            for key, value in given.items()
        )
        text = _CONFIG.format(name=name, count=count) + parameters
        (folder / name / "config.pbtxt").write_text(text)
