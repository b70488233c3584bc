"""The interface of person segmenters, and the choice of one by name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError
from rt_gait.serving.repository import ModelInfo, load_info
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

    def detect_all(self, images_bgr: Sequence[UInt8Array]) -> list[Detections]:
        """Find the people of several pictures, as those of several cameras at one moment."""
        ...


class OneByOne:
    """Makes several pictures of one, for detectors that take one at a time."""

    @abstractmethod
    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Find the people of one picture [H, W, 3] uint8, best score first."""

    def detect_all(self, images_bgr: Sequence[UInt8Array]) -> list[Detections]:
        """Find the people of several pictures, one after the other."""
        return [self.detect(image) for image in images_bgr]


INPUT_PX = (640, 480)
"""Width and height of ``person_seg``'s input, into which frames are fitted."""


def input_scale(width_px: npt.ArrayLike, height_px: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return pixels of ``person_seg``'s input for one pixel of frames of this size, any shape."""
    return np.minimum(INPUT_PX[0] / np.asarray(width_px), INPUT_PX[1] / np.asarray(height_px))


ON_SERVER = "triton:"
"""Before the name of a segmenter that a server is to run."""


def open_detector(
    name: str,
    *,
    models_dir: Path,
    min_score: float,
    serve: Callable[[ModelInfo], Detector] | None = None,
) -> Detector:
    """Open a segmenter: a model of the repository, or weights run by ultralytics.

    Args:
        name: A model of the repository such as ``person_seg``, the same on a server as
            ``triton:person_seg``, or Ultralytics segmentation weights: a file or a published
            name, such as ``yolo11n-seg.pt``.
        models_dir: The model repository.
        min_score: People scored lower are not reported.
        serve: Opens a model on the server, if there is one.

    Raises:
        UsageError: none of these.
        ModelError: it cannot be loaded, or the server has another.
    """
    on_server = name.startswith(ON_SERVER)
    if on_server and serve is None:
        raise UsageError(f"--detector {name} needs a server: add --triton HOST:PORT")
    name = name.removeprefix(ON_SERVER)
    if not on_server and Path(name).suffix and not (models_dir / name).is_dir():
        from rt_gait.detect.ultralytics import UltralyticsDetector

        return UltralyticsDetector(name, min_score=min_score)
    from rt_gait.detect.yolo_seg import YoloSegDetector

    info = load_info(models_dir, name)
    modality = info.text("modality")
    if modality != "person_segmentation":
        raise UsageError(
            f"{name!r} is a {modality} model, not a person segmenter; the default is person_seg"
        )
    if on_server and serve is not None:
        return serve(info)
    return YoloSegDetector(info, min_score=min_score)
