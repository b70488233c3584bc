"""What each stage of the pipeline costs, for crowds of different size.

    python -m rt_gait.bench.stages [--people 1 5 20] [--frames 500] [--model gei] [--json]

A scripted detector plays drawn walkers back, and does all that surrounds the person segmenter's
network: letter-boxing, suppression, masks. So ``detect`` is without its network, and ``overhead``
is a whole step without ``embed``, the gait network: everything but the networks. Everybody
appears in the first frame, so all windows fall due in the same frames: the worst case for the tail.
The pictures are 1920x1080 at 25 Hz, the people 300 pixels tall, the gallery 100 subjects with 4
random templates each.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from rt_gait.detect.yolo_seg import decode, letterbox
from rt_gait.errors import RtGaitError, UsageError
from rt_gait.gait.embedder import OnnxGaitEmbedder, PipelineEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.records import unit_vectors
from rt_gait.identity.thresholds import Thresholds
from rt_gait.pipeline import Pipeline
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.sort import SortTracker
from rt_gait.types import BoolArray, Detections, FloatArray, Frame, Mask, UInt8Array

WARM_UP_FRAMES = 50
"""Not counted: caches fill, tracks are confirmed, and the first windows (1.2 s) come."""
MOST_PEOPLE = 20
_FRAME_HW = (1080, 1920)
_INPUT_HW = (480, 640)
_RATE_HZ = 25
_CYCLE_FRAMES = 26
"""About 1.04 s, a usual gait cycle."""
_PERSON_HW = (300, 156)
_PLACES_PER_ROW = 10
_SUBJECTS, _TEMPLATES_EACH = 100, 4


@dataclass(frozen=True, slots=True)
class StageTime:
    """Milliseconds a frame."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class StageReport:
    """One crowd."""

    people: int
    frames: int
    """Frames measured."""
    silhouettes: int
    """Silhouettes made in them: ``people * frames``, or the crowd was not seen as it should."""
    windows: int
    """Windows embedded in them."""
    stages: dict[str, StageTime]
    """The pipeline's stages in their order, then ``step`` (all) and ``overhead``."""


class ScriptedCrowd:
    """A detector that plays back people walking on the spot, with legs that swing.

    Args:
        people: 1 to 20.

    Raises:
        UsageError: more or fewer people.
    """

    key = "scripted_crowd@1"

    def __init__(self, people: int) -> None:
        if not 1 <= people <= MOST_PEOPLE:
            raise UsageError(f"a crowd has 1 to {MOST_PEOPLE} people, got {people}")
        self._people = people
        self._poses = [_draw_walker(i / _CYCLE_FRAMES) for i in range(_CYCLE_FRAMES)]
        self._outputs = _network_outputs(people)
        self._frame = 0

    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Return the next frame of the script, after the work that real outputs would make."""
        _, placement = letterbox(image_bgr, *_INPUT_HW)
        decode(
            *self._outputs,
            placement,
            input_hw=_INPUT_HW,
            frame_hw=image_bgr.shape[:2],
            min_score=0.3,
        )
        height, width = _PERSON_HW
        sway = math.sin(2 * math.pi * self._frame / (8 * _RATE_HZ))
        boxes, masks = [], []
        for person in range(self._people):
            row, column = divmod(person, _PLACES_PER_ROW)
            x = 80 + 178 * column + round(40 * sway)
            y = 100 + 500 * row
            boxes.append((x, y, x + width, y + height))
            pose = self._poses[(self._frame + 5 * person) % _CYCLE_FRAMES]
            masks.append(Mask(x, y, pose))
        self._frame += 1
        scores = np.full(self._people, 0.9, np.float32)
        return Detections(np.array(boxes, np.float32), scores, tuple(masks))


def measure(
    embedder: PipelineEmbedder, templates: Templates, *, people: int, frames: int
) -> StageReport:
    """Time the pipeline on one crowd.

    Args:
        embedder: the gait model.
        templates: the gallery, of the model's dimension or empty.
        people: 1 to 20.
        frames: frames to measure, 1 or more, after :data:`WARM_UP_FRAMES` more.

    Raises:
        UsageError: a number out of range.
    """
    if frames < 1:
        raise UsageError(f"expected 1 or more frames to measure, got {frames}")
    pipeline = Pipeline(
        detector=ScriptedCrowd(people),
        tracker=SortTracker(),
        embedder=embedder,
        identifier=Identifier(templates, Thresholds(known=0.9, candidate=0.8, margin=0.02)),
    )
    image = np.zeros((*_FRAME_HW, 3), np.uint8)
    silhouettes = windows = 0
    secs: dict[str, list[float]] = {}
    for index in range(WARM_UP_FRAMES + frames):
        frame = Frame(image, index, index / _RATE_HZ)
        start_secs = time.perf_counter()
        result = pipeline.step(frame)
        step_secs = time.perf_counter() - start_secs
        if index < WARM_UP_FRAMES:
            continue
        silhouettes += len(result.silhouettes)
        windows += len(result.embeddings)
        totals = {"step": step_secs, "overhead": step_secs - result.stage_secs["embed"]}
        for stage, spent_secs in (result.stage_secs | totals).items():
            secs.setdefault(stage, []).append(spent_secs)
    times = {stage: _summarise(spent_secs) for stage, spent_secs in secs.items()}
    return StageReport(people, frames, silhouettes, windows, times)


def format_table(reports: Sequence[StageReport]) -> str:
    """Return a table with a line for each stage and two columns for each crowd."""
    lines = [
        f"{'people':<12}" + "".join(f"{report.people:>18}" for report in reports),
        f"{'ms a frame':<12}" + f"{'p50':>9}{'p95':>9}" * len(reports),
    ]
    for stage in reports[0].stages:
        times = [report.stages[stage] for report in reports]
        lines.append(f"{stage:<12}" + "".join(f"{t.p50_ms:>9.2f}{t.p95_ms:>9.2f}" for t in times))
    lines.append(f"{'windows':<12}" + "".join(f"{report.windows:>18}" for report in reports))
    return "\n".join(lines)


def random_templates(dimension: int) -> Templates:
    """Return a gallery of 100 subjects with 4 templates each, the same on every call."""
    rng = np.random.default_rng(0)
    vectors = unit_vectors(rng.standard_normal((_SUBJECTS * _TEMPLATES_EACH, dimension)))
    names = tuple(f"subject {i}" for i in range(_SUBJECTS))
    return Templates(names, np.repeat(np.arange(_SUBJECTS), _TEMPLATES_EACH), vectors)


def _network_outputs(people: int) -> tuple[FloatArray, FloatArray]:
    """Return outputs as of the person segmenter, with ten anchors on each of the people."""
    rng = np.random.default_rng(0)
    anchors = np.zeros((37, 6300), np.float32)
    height, width = (side / 3 for side in _PERSON_HW)  # 1920 columns become 640
    for person in range(people):
        row, column = divmod(person, _PLACES_PER_ROW)
        for near in range(10):
            place = (60 + 58 * column + 0.3 * near, 150 + 160 * row, width, height)
            anchors[:5, 10 * person + near] = (*place, 0.9 - 0.01 * near)
    anchors[5:] = rng.standard_normal((32, 6300))
    return anchors, rng.standard_normal((32, 120, 160)).astype(np.float32)


def _summarise(spent_secs: Sequence[float]) -> StageTime:
    p50, p95 = np.percentile(np.array(spent_secs) * 1000, (50, 95))
    return StageTime(float(p50), float(p95))


def _draw_walker(phase: float) -> BoolArray:
    """Draw a person from the side, filling the height of the box; ``phase`` 0..1 of a cycle."""
    height, width = _PERSON_HW
    image = np.zeros((height, width), np.uint8)
    middle, swing = width // 2, math.sin(2 * math.pi * phase)
    cv2.circle(image, (middle, 24), 24, 1, -1)
    cv2.ellipse(image, (middle, 110), (30, 75), 0, 0, 360, 1, -1)
    for side in (-1, 1):
        foot = (middle + round(side * 55 * swing), height - 10)
        cv2.line(image, (middle, 165), foot, 1, 22)
        hand = (middle - round(side * 40 * swing), 170)
        cv2.line(image, (middle, 70), hand, 1, 14)
    return image.astype(bool)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure as the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.bench.stages",
        description="Time the stages of the pipeline on crowds played back by a script.",
    )
    parser.add_argument("--people", type=int, nargs="+", default=[1, 5, 20], metavar="N")
    parser.add_argument("--frames", type=int, default=500, help="frames measured for each crowd")
    parser.add_argument("--model", default="gei", help="gait model of the model repository")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    args = parser.parse_args(argv)
    try:
        info = gait_model_info(default_models_dir(), args.model)
        embedder = OnnxGaitEmbedder(info)
        templates = random_templates(info.outputs[0].dims[-1])
        reports = [
            measure(embedder, templates, people=people, frames=args.frames)
            for people in args.people
        ]
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(json.dumps([asdict(r) for r in reports]) if args.json else format_table(reports))
    return 0


if __name__ == "__main__":
    sys.exit(main())
