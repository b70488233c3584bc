"""How many rendered walkers a detector of real people finds: a check of the pictures.

    python -m rt_gait.training.walkers.video.detection_check --clips DIR

takes the clips that the command ``clip`` wrote to a folder. A walker counts when it is not cut by
the picture's edge, at least 0.9 of it is visible and it is taller than 40 pixels. It is found when
a detection overlaps its box by an IoU of 0.5 or more, best pairs first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError

from ..command import Parser, command, positive, share
from ..noise.pairs import match

Array = npt.NDArray[np.float64]
#: Finds people in a picture (H, W, 3) uint8 BGR: boxes (N, 4) x1, y1, x2, y2 in pixels.
Finder = Callable[[npt.NDArray[np.uint8]], Array]

LEAST_VISIBLE, LEAST_TALL = 0.9, 40.0
#: Edges of the bins of height, pixels.
BINS = (40, 80, 120, 180, 260, 10_000)


def ultralytics_finder(weights: str, min_score: float) -> Finder:
    """Any Ultralytics weights that know persons, detecting or segmenting."""
    from ultralytics import YOLO

    model: Any = YOLO(weights)
    person = [k for k, name in model.names.items() if name == "person"]

    def find(image: npt.NDArray[np.uint8]) -> Array:
        found = model.predict(image, conf=min_score, classes=person, verbose=False)[0]
        return np.asarray(found.boxes.xyxy.cpu().numpy(), dtype=np.float64)

    return find


def own_finder(models_dir: Path, min_score: float) -> Finder:
    """The project's own person_seg."""
    from rt_gait.detect.detector import open_detector

    detector = open_detector("person_seg", models_dir=models_dir, min_score=min_score)
    return lambda image: np.asarray(detector.detect(image).boxes_xyxy_px, dtype=np.float64)


def _pictures(clip: Path, every: int) -> Iterator[tuple[npt.NDArray[np.uint8], list[Any]]]:
    import cv2

    frames = json.loads(clip.with_name(f"{clip.stem}_truth.json").read_text())["frames"]
    video = cv2.VideoCapture(str(clip))
    for k, truth in enumerate(frames):
        ok, image = video.read()
        if ok and k % every == 0:
            yield np.asarray(image), truth


def check(clips: list[Path], find: Finder, every: int = 1) -> dict[str, Any]:
    """Recall of the walkers that count, in all and by height, and false detections per frame."""
    heights, hits, false, pictures = [], [], 0, 0
    for clip in clips:
        for image, truth in _pictures(clip, every):
            true = np.array([w["box_xyxy_px"] for w in truth], dtype=float).reshape(-1, 4)
            pairs = match(find(image), true)
            pictures += 1
            false += int((pairs < 0).sum())
            for j, w in enumerate(truth):
                tall = w["box_xyxy_px"][3] - w["box_xyxy_px"][1]
                if w["visible"] >= LEAST_VISIBLE and not w["cut"] and tall > LEAST_TALL:
                    heights.append(tall)
                    hits.append(j in pairs)
    hit, tall = np.array(hits, dtype=bool), np.array(heights)
    by_height = {}
    for low, high in pairwise(BINS):
        own = hit[(tall > low) & (tall <= high)]
        if len(own):
            by_height[f"{low}-{high}" if high < 10_000 else f"{low}-"] = {
                "walkers": len(own),
                "recall": round(float(own.mean()), 4),
            }
    return {
        "pictures": pictures,
        "walkers": len(hit),
        "recall": round(float(hit.mean()), 4) if len(hit) else None,
        "by_height_px": by_height,
        "false_per_picture": round(false / max(pictures, 1), 4),
    }


@command
def main(argv: list[str] | None = None) -> int:
    """Print the figures as JSON; 1 when fewer than ``--least`` are found."""
    parser = Parser(
        prog="python -m rt_gait.training.walkers.video.detection_check",
        description="Share of rendered walkers that a detector of real people finds",
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips with truth")
    parser.add_argument("--weights", help="Ultralytics weights (default: the built-in person_seg)")
    parser.add_argument(
        "--models", type=Path, default=Path("model_repository"), help="folder of person_seg"
    )
    parser.add_argument("--score", type=share, default=0.25, help="least score of a detection")
    parser.add_argument("--every", type=positive, default=5, help="use every n-th frame")
    parser.add_argument("--least", type=share, default=0.95, help="recall to pass")
    options = parser.parse_args(argv)
    clips = [c for c in sorted(options.clips.glob("*.mp4")) if _has_truth(c)]
    if not clips:
        raise UsageError(f"no clips with a truth file in {options.clips}")
    find = (
        ultralytics_finder(options.weights, options.score)
        if options.weights
        else own_finder(options.models, options.score)
    )
    result = check(clips, find, options.every)
    print(json.dumps(result, indent=1))
    return 0 if (result["recall"] or 0.0) >= options.least else 1


def _has_truth(clip: Path) -> bool:
    return clip.with_name(f"{clip.stem}_truth.json").exists()


if __name__ == "__main__":
    raise SystemExit(main())
