"""A crowd played back by a script: everything but the networks, for people of any number.

A scripted detector plays drawn walkers back, and does all that surrounds the person segmenter's
network: letter-boxing, suppression, masks. So ``detect`` is without its network. Everybody
appears in the first frame, so all windows fall due in the same frames: the worst case for the tail.
The pictures are 1920x1080 at 25 Hz, the people 300 pixels tall, the gallery 100 subjects with 4
random templates each.
"""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np

from rt_gait.detect.detector import OneByOne
from rt_gait.detect.yolo_seg import decode, letterbox
from rt_gait.errors import UsageError
from rt_gait.gait.embedder import PipelineEmbedder
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.records import unit_vectors
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.pipeline import Pipeline
from rt_gait.track.sort import SortTracker
from rt_gait.types import BoolArray, Detections, FloatArray, Frame, Mask, UInt8Array
from rt_gait.video.source import BaseSource, SourceInfo

MOST_PEOPLE = 20
_FRAME_HW = (1080, 1920)
_INPUT_HW = (480, 640)
RATE_HZ = 25
_CYCLE_FRAMES = 26
"""About 1.04 s, a usual gait cycle."""
_PERSON_HW = (300, 156)
_PLACES_PER_ROW = 10
_SUBJECTS, _TEMPLATES_EACH = 100, 4


class ScriptedCrowd(OneByOne):
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
        self._poses = [draw_walker(i / _CYCLE_FRAMES) for i in range(_CYCLE_FRAMES)]
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
        sway = math.sin(2 * math.pi * self._frame / (8 * RATE_HZ))
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


class CrowdSource(BaseSource):
    """Frames without anything on them, for :class:`ScriptedCrowd` to see people in."""

    def __init__(self, frames: int) -> None:
        height, width = _FRAME_HW
        super().__init__(SourceInfo("crowd", False, width, height, Fraction(RATE_HZ), frames))
        self._image = np.zeros((height, width, 3), np.uint8)
        self._left = frames
        self._index = 0

    def read(self) -> Frame | None:
        """Return the next frame."""
        if self._index == self._left:
            return None
        self._index += 1
        return Frame(self._image, self._index - 1, (self._index - 1) / RATE_HZ)

    def close(self) -> None:
        """There is nothing to let go of."""


def crowd_pipeline(embedder: PipelineEmbedder, templates: Templates, people: int) -> Pipeline:
    """Return a pipeline that sees a crowd.

    Args:
        embedder: the gait model.
        templates: the gallery, of the model's dimension or empty.
        people: 1 to 20.

    Raises:
        UsageError: a number out of range.
    """
    identifier = Identifier(templates, Thresholds(known=0.9, candidate=0.8, margin=0.02))
    return Pipeline(
        detector=ScriptedCrowd(people),
        embedder=embedder,
        lanes=[Lane(embedder.info, tracker=SortTracker(), identifier=identifier)],
    )


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


def draw_walker(phase: float) -> BoolArray:
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
