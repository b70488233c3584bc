"""One contract for every detector, the test double included."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from scripted import Person, ScriptedDetector, frame

from rt_gait.detect.detector import Detector, open_detector
from rt_gait.detect.triton import TritonDetector
from rt_gait.detect.yolo_seg import YoloSegDetector
from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import default_models_dir, load_info
from rt_gait.serving.served import ServedModels
from rt_gait.types import UInt8Array

SAMPLE = Path(__file__).parents[2] / "samples" / "crossing.mp4"


def sample_frame(number: int) -> UInt8Array:
    video = cv2.VideoCapture(str(SAMPLE))
    video.set(cv2.CAP_PROP_POS_FRAMES, number)
    ok, image = video.read()
    video.release()
    assert ok
    return image


def scripted() -> tuple[Detector, UInt8Array]:
    people = [Person(x_px=80, speed_px_per_sec=0), Person(x_px=240, speed_px_per_sec=0)]
    return ScriptedDetector(people), frame(0).image_bgr


def of_repository(name: str) -> tuple[Detector, UInt8Array]:
    detector = open_detector(name, models_dir=default_models_dir(), min_score=0.3)
    return detector, sample_frame(250)


def ultralytics() -> tuple[Detector, UInt8Array]:
    pytest.importorskip("ultralytics", reason="the extra 'ultralytics' is not installed")
    try:
        detector = open_detector("yolo11n-seg.pt", models_dir=default_models_dir(), min_score=0.3)
    except ModelError as error:
        pytest.skip(f"weights cannot be downloaded here: {error}")
    return detector, sample_frame(250)


MAKERS = {
    "scripted": scripted,
    "person_seg": lambda: of_repository("person_seg"),
    "person_seg_fp16": lambda: of_repository("person_seg_fp16"),
    "ultralytics": ultralytics,
}


SERVED = {"person_seg by Triton": False, "person_seg by Triton, live": True}


@pytest.mark.parametrize("name", [*MAKERS, *SERVED])
def test_contract(name: str, request: pytest.FixtureRequest) -> None:
    if name in SERVED:
        client = request.getfixturevalue("triton_client")
        info = load_info(default_models_dir(), "person_seg")
        served = ServedModels(client, [info])
        detector: Detector = TritonDetector(info, served, min_score=0.3, live=SERVED[name])
        image = sample_frame(250)
    else:
        detector, image = MAKERS[name]()
    before = image.copy()
    found = detector.detect(image)
    np.testing.assert_array_equal(image, before)
    assert "@" in detector.key
    assert len(found) >= 2
    assert found.boxes_xyxy_px.shape == (len(found), 4)
    assert found.boxes_xyxy_px.dtype == found.scores.dtype == np.float32
    assert (np.diff(found.scores) <= 0).all(), "best first"
    height, width = image.shape[:2]
    for box, mask in zip(found.boxes_xyxy_px, found.masks, strict=True):
        assert (box >= 0).all()
        assert (box <= [width, height, width, height]).all()
        assert mask.pixels.dtype == bool
        h, w = mask.pixels.shape
        assert 0 <= mask.x_px <= mask.x_px + w <= width
        assert 0 <= mask.y_px <= mask.y_px + h <= height
        assert mask.pixels.any()
    again = detector.detect(image)
    np.testing.assert_array_equal(found.boxes_xyxy_px, again.boxes_xyxy_px)
    left = image[:, : width // 2]
    several = detector.detect_all([image, left])
    for one, alone in zip(several, (found, detector.detect(left)), strict=True):
        if one.missing or alone.missing:
            assert SERVED.get(name), "only a live run goes on without an answer"
            continue
        np.testing.assert_allclose(one.boxes_xyxy_px, alone.boxes_xyxy_px, atol=0.05)
        assert len(one.masks) == len(alone.masks)


def test_pictures_beyond_a_batch_are_left_for_the_next() -> None:
    info = load_info(default_models_dir(), "person_seg")
    sizes: list[int] = []

    class Engine(OnnxModel):
        def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
            sizes.append(len(batch))
            return super().run(batch)

    two = replace(info, max_batch_size=2)
    detector = YoloSegDetector(two, min_score=0.3, engine=Engine(info.onnx_path, info))
    image = sample_frame(250)
    found = detector.detect_all([image, image, image])
    assert sizes == [2, 1]
    assert len(found) == 3
    assert detector.detect_all([]) == []


def test_a_network_that_takes_shares_in_place_of_pixels_sees_the_same(tmp_path: Path) -> None:
    """As an Ultralytics export does; person_seg without its first two nodes is one."""
    shutil.copytree(default_models_dir() / "person_seg", tmp_path / "person_seg")
    info = load_info(tmp_path, "person_seg")
    network = onnx.load(info.onnx_path)
    cast, scale = network.graph.node[:2]
    assert (cast.op_type, scale.op_type) == ("Cast", "Mul")
    del network.graph.node[:2]
    network.graph.input[0].name = scale.output[0]
    network.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    onnx.save(network, info.onnx_path)
    config = tmp_path / "person_seg" / "config.pbtxt"
    text = config.read_text().replace("TYPE_UINT8", "TYPE_FP32")
    config.write_text(text.replace('"images"', f'"{scale.output[0]}"'))
    image = sample_frame(250)
    found = open_detector("person_seg", models_dir=tmp_path, min_score=0.3).detect(image)
    wanted = of_repository("person_seg")[0].detect(image)
    np.testing.assert_allclose(found.boxes_xyxy_px, wanted.boxes_xyxy_px, atol=1e-6)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)


def test_weights_without_ultralytics_say_what_to_install() -> None:
    try:
        import ultralytics  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match="pip install ultralytics"):
            open_detector("yolo11n-seg.pt", models_dir=default_models_dir(), min_score=0.3)
    else:
        with pytest.raises(ModelError, match="cannot find or download"):
            open_detector("none.pt", models_dir=default_models_dir(), min_score=0.3)
