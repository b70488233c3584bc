"""Inputs that no network was trained or calibrated on, to judge an engine by.

``held_out.npz`` comes with the package: windows of the sample clips' walkers as the pipeline makes
them, and pictures of those clips; ``python -m rt_gait.bench.held_out`` made it. It holds
``windows`` [31, 30, 64, 44] uint8, and ``pictures`` [P] uint8, JPEG files of 640x480 one after
the other, whose ends are ``picture_ends`` [4] int64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo, TensorSpec
from rt_gait.serving.tensorrt.compiler import Batch

HELD_OUT = Path(__file__).with_name("held_out.npz")
_FRAMES_APART = 10


def held_out(info: ModelInfo) -> Batch | None:
    """Return inputs [K, ...] for a model as its configuration wants them.

    Nothing for flow and for networks of other sizes: no such inputs come with rt-gait.

    Raises:
        ModelError: the model takes the features of another model, which cannot be run.
    """
    if len(info.inputs) != 1:
        return None
    (spec,) = info.inputs
    modality = info.parameters.get("modality")
    if info.parameters.get("kind") == "stream":
        found: Batch | None = _features(info)
    elif modality == "silhouette":
        found = _read("windows")
    elif modality == "silhouette_frame":
        windows = _read("windows")
        found = windows[:, ::_FRAMES_APART].reshape(-1, *windows.shape[2:])
    elif modality == "person_segmentation":
        found = _pictures()
    else:
        found = None
    if found is None or found.shape[1:] != spec.dims:
        return None
    return _in_type(found, spec)


def _read(name: str) -> npt.NDArray[Any]:
    with np.load(HELD_OUT, allow_pickle=False) as data:
        return np.asarray(data[name])


def _features(info: ModelInfo) -> Batch:
    frame_model = info.part("frame_model")
    network, windows = OnnxModel(frame_model.onnx_path, frame_model), _read("windows")
    return np.stack([network.run(window)[0] for window in windows])


def _pictures() -> Batch:
    import cv2

    parts = np.split(_read("pictures"), _read("picture_ends")[:-1])
    bgr = np.stack([np.asarray(cv2.imdecode(part, cv2.IMREAD_COLOR)) for part in parts])
    return bgr[..., ::-1].transpose(0, 3, 1, 2)


def _in_type(pixels: Batch, spec: TensorSpec) -> Batch:
    if spec.data_type == "TYPE_UINT8" or pixels.dtype != np.uint8:
        return pixels
    share = pixels.astype(np.float32) / np.float32(255)
    return share.astype(np.float16) if spec.data_type == "TYPE_FP16" else share
