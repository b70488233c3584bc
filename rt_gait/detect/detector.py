"""The interface of person segmenters, and the choice of one by name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from rt_gait.errors import UsageError
from rt_gait.types import Detections, UInt8Array


class Detector(Protocol):
    """Finds people."""

    @property
    def key(self) -> str:
        """``name@digest`` of the network: templates are bound to it."""
        ...

    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Find the people of one picture [H, W, 3] uint8, best score first."""
        ...


def open_detector(name: str, *, models_dir: Path, min_score: float) -> Detector:
    """Open a segmenter: a model of the repository, or weights run by ultralytics.

    Args:
        name: A model of the repository such as ``person_seg``, or Ultralytics segmentation
            weights: a file or a published name, such as ``yolo11n-seg.pt``.
        models_dir: The model repository.
        min_score: People scored lower are not reported.

    Raises:
        UsageError: neither.
        ModelError: it cannot be loaded.
    """
    if Path(name).suffix and not (models_dir / name).is_dir():
        from rt_gait.detect.ultralytics import UltralyticsDetector

        return UltralyticsDetector(name, min_score=min_score)
    from rt_gait.detect.yolo_seg import YoloSegDetector
    from rt_gait.serving.repository import load_info

    info = load_info(models_dir, name)
    modality = info.text("modality")
    if modality != "person_segmentation":
        raise UsageError(
            f"{name!r} is a {modality} model, not a person segmenter; the default is person_seg"
        )
    return YoloSegDetector(info, min_score=min_score)
