"""Any segmentation weights that the ultralytics package can run. No other file imports it."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from rt_gait.detect.detector import OneByOne
from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.repository import file_digest, sha256
from rt_gait.types import Detections, FloatArray, Mask, UInt8Array

TRUSTED_VARIABLE = "RT_GAIT_TRUSTED_WEIGHTS"


class UltralyticsDetector(OneByOne):
    """Segmentation weights named by the user, such as ``yolo11n-seg.pt``.

    Weights are programs: a ``.pt`` file can run code when it is loaded. A file is loaded only if
    ``RT_GAIT_TRUSTED_WEIGHTS`` holds its SHA-256; a name alone is ultralytics' own download.

    Raises:
        UsageError: the file is not trusted, ultralytics is not installed, or the weights do not
            segment people.
        ModelError: the weights cannot be found, fetched or loaded.
    """

    def __init__(self, weights: str, *, min_score: float) -> None:
        _check_trusted(Path(weights))
        os.environ.setdefault("YOLO_VERBOSE", "False")
        try:
            from ultralytics import YOLO
        except ImportError as error:
            raise UsageError(
                f"--detector {weights} needs the package ultralytics: pip install ultralytics, "
                "or leave --detector out for the built-in person_seg"
            ) from error
        try:
            self._model = YOLO(weights, task="segment")
        except (ConnectionError, OSError) as error:
            raise ModelError(
                f"cannot find or download {weights!r}; with no network, download the file "
                "elsewhere and pass its path, or leave --detector out for the built-in person_seg"
            ) from error
        except Exception as error:  # ultralytics raises what the loader of the format raises
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"ultralytics cannot load {weights!r}: {reason}") from error
        classes = {name: number for number, name in self._model.names.items()}
        if self._model.task != "segment" or "person" not in classes:
            raise UsageError(
                f"{weights!r} does not segment people; use segmentation weights (yolo11n-seg.pt)"
            )
        self._person, self._min_score = classes["person"], min_score
        path = Path(getattr(self._model, "ckpt_path", None) or weights)
        self.key = f"{path.stem}@{file_digest(path)}"

    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Find the people of one picture [H, W, 3] uint8, best score first."""
        found = self._model.predict(
            image_bgr, conf=self._min_score, classes=[self._person], verbose=False
        )[0]
        if found.masks is None or not len(found.boxes):
            return Detections.none()
        scores = found.boxes.conf.cpu().numpy().astype(np.float32)
        boxes = found.boxes.xyxy.cpu().numpy().astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        masks = tuple(_rasterise(found.masks.xy[i], boxes[i], image_bgr.shape[:2]) for i in order)
        detail = max(found.masks.data.shape[1:]) / max(image_bgr.shape[:2])
        return Detections(boxes[order], scores[order], masks, min(detail, 1.0))


def _rasterise(polygon: FloatArray, box: FloatArray, frame_hw: tuple[int, ...]) -> Mask:
    """Fill an outline [K, 2] in frame pixels within its box."""
    x1, y1 = np.floor(box[:2].clip(0)).astype(int)
    x2, y2 = np.minimum(np.ceil(box[2:]).astype(int), frame_hw[::-1])
    canvas = np.zeros((max(y2 - y1, 1), max(x2 - x1, 1)), np.uint8)
    if len(polygon):
        cv2.fillPoly(canvas, [np.round(polygon - (x1, y1)).astype(np.int32)], 1)
    return Mask(int(x1), int(y1), canvas.astype(bool))


def _check_trusted(weights: Path) -> None:
    """Refuse a pickle that the user has not vouched for, byte by byte."""
    if weights.suffix not in (".pt", ".pth") or not weights.is_file():
        return
    digest = sha256(weights)
    if digest not in os.environ.get(TRUSTED_VARIABLE, "").lower().replace(",", " ").split():
        raise UsageError(
            f"{weights} can run any program when it is loaded; if you trust whoever made it, set "
            f"{TRUSTED_VARIABLE}={digest}, or export it to ONNX"
        )
