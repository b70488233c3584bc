"""One synthetic person after another filmed and put through the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.evaluation.takes import ENROL, OTHER_DAY, SAME_DAY, STANDING, Take
from rt_gait.reasons import WindowLoss
from rt_gait.types import Embedding, Frame, Silhouette, Window

SIZE_PX = (640, 480)
SECONDS = 4.5
FPS = 15
STANDS_EVERY = 3


@dataclass(frozen=True)
class Clip:
    """What to film of one person."""

    kind: str
    day: int
    """0 ordinary clothes and empty hands, 1 anything."""


CLIPS = (Clip(ENROL, 0), Clip(ENROL, 0), Clip(SAME_DAY, 0), Clip(OTHER_DAY, 1))


class Filmer:
    """Films people one after another, with one pipeline and one gait model.

    Args:
        seed: Of everything that is drawn.
        model: Gait model of the repository.
        models_dir: The repository.
    """

    def __init__(self, seed: int, model: str, models_dir: Path) -> None:
        from rt_gait.detect.detector import open_detector
        from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info

        self._seed = seed
        self._detector = open_detector("person_seg", models_dir=models_dir, min_score=0.3)
        self._embedder = OnnxGaitEmbedder(gait_model_info(models_dir, model))

    def person(self, number: int) -> list[Take]:
        """Return the tracks of every clip of one person; strangers to one another's numbers."""
        clips = [*CLIPS, *([Clip(STANDING, 0)] if number % STANDS_EVERY == 0 else [])]
        takes = []
        for k, clip in enumerate(clips):
            takes += self._film(number, clip, 8 * number + k)
        return takes

    def _film(self, number: int, clip: Clip, at: int) -> list[Take]:
        from rt_gait.training.walkers.video.visits import draw_scene

        scene, view_deg = draw_scene(
            self._seed,
            number,
            clip.day,
            at,
            size=SIZE_PX,
            seconds=SECONDS,
            still=clip.kind == STANDING,
        )
        seen, first, steps = self._run(
            frame for frame, _ in scene.frames(SECONDS, FPS, self._seed + at)
        )
        takes = []
        for track_id, own in steps.items():
            ends, vectors = self._embed(own)
            takes.append(
                Take(
                    subject=number,
                    kind=clip.kind,
                    clip=at,
                    view_deg=view_deg,
                    first_secs=first[track_id],
                    seen_secs=np.array(seen[track_id]),
                    silhouettes=tuple(own),
                    ends_secs=ends,
                    vectors=vectors,
                )
            )
        return takes

    def _run(
        self, pictures: Iterator[npt.NDArray[np.uint8]]
    ) -> tuple[dict[int, list[float]], dict[int, float], dict[int, list[Silhouette]]]:
        from rt_gait.identity.fusion import Identifier
        from rt_gait.identity.matching import Templates
        from rt_gait.identity.thresholds import Thresholds
        from rt_gait.lane import Lane
        from rt_gait.pipeline import Pipeline
        from rt_gait.track.sort import SortTracker

        nobody = Identifier(Templates.none(), Thresholds(known=1, candidate=1, margin=0))
        pipeline = Pipeline(
            detector=self._detector,
            embedder=_Silent(self._embedder),
            lanes=[Lane(self._embedder.info, tracker=SortTracker(), identifier=nobody)],
        )
        seen: dict[int, list[float]] = {}
        first: dict[int, float] = {}
        steps: dict[int, list[Silhouette]] = {}
        for k, picture in enumerate(pictures):
            bgr = np.ascontiguousarray(picture[:, :, ::-1])
            result = pipeline.step(Frame(bgr, k, k / FPS))
            for track in result.tracks:
                first[track.track_id] = track.first_time_secs
                if track.detection is not None:
                    seen.setdefault(track.track_id, []).append(k / FPS)
            for silhouette in result.silhouettes:
                steps.setdefault(silhouette.track_id, []).append(silhouette)
        return seen, first, steps

    def _embed(self, steps: Sequence[Silhouette]) -> tuple[Any, Any]:
        from rt_gait.gait.windows import cut_windows

        windows = list(cut_windows(steps, self._embedder.shape))
        size = self._embedder.info.outputs[0].dims[0]
        found = self._embedder.embed(windows) if windows else []
        vectors = np.stack([e.vector for e in found]) if found else np.zeros((0, size), np.float32)
        return np.array([w.end_secs for w in windows]), vectors


class _Silent:
    """A gait model for the pipeline that says nothing: windows are embedded clip by clip."""

    def __init__(self, real: Any) -> None:
        self.info, self.shape = real.info, real.shape

    def take_lost(self) -> list[tuple[int, WindowLoss]]:
        """Nothing."""
        return []

    def exchange(self, _windows: Sequence[Window], _alive: object) -> list[Embedding]:
        """Nothing."""
        return []

    def finish(self) -> None:
        """Nothing."""
