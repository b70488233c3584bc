"""The stages wired together: ``step(frame) -> FrameResult``.

No threads, no files, and no clock but the one handed in to time the stages: the same frames give
the same results on any machine. Several sources have a lane each and share the two networks: the
frames of one moment are one batch for the detector, and their windows one for the gait model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rt_gait.detect.detector import Detector
from rt_gait.gait.embedder import PipelineEmbedder
from rt_gait.lane import Lane
from rt_gait.reasons import WindowLoss
from rt_gait.timing import timed
from rt_gait.types import Frame, FrameResult, TrackSummary

STAGES = ("detect", "track", "silhouette", "embed", "identify")


class Pipeline:
    """Frames in, people with identities out.

    Args:
        detector: Finds and cuts out people.
        embedder: The gait model; a live one answers when it can, and never keeps a frame waiting.
        lanes: One for each source.
        clock: Seconds, to time the stages.
    """

    def __init__(
        self,
        *,
        detector: Detector,
        embedder: PipelineEmbedder,
        lanes: Sequence[Lane],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self._lanes = lanes
        self._clock = clock

    def step(self, frame: Frame) -> FrameResult:
        """Take the next frame of the only source."""
        return self.step_all({0: frame})[0]

    def step_all(self, frames: Mapping[int, Frame]) -> dict[int, FrameResult]:
        """Take the next frames of some sources; keys are the places of their lanes.

        Results tell the time that all frames of the step took together in either network.
        """
        shared_secs: dict[str, float] = {}
        with timed("detect", shared_secs, self._clock):
            found = self._detector.detect_all([f.image_bgr for f in frames.values()])
        seen = {
            i: self._lanes[i].see(frame, detections, self._clock)
            for (i, frame), detections in zip(frames.items(), found, strict=True)
        }
        with timed("embed", shared_secs, self._clock):
            windows = [window for _, due in seen.values() for window in due]
            alive = set().union(*(lane.alive for lane in self._lanes))
            for embedding in self._embedder.exchange(windows, alive):
                self._owner(embedding.track_id).take(embedding)
            self._share_out_losses()
        results = {}
        for i, (result, _) in seen.items():
            done = self._lanes[i].conclude(result, self._clock)
            stage_secs = shared_secs | done.stage_secs
            results[i] = replace(done, stage_secs={stage: stage_secs[stage] for stage in STAGES})
        return results

    def end_tracks(self, source: int) -> tuple[TrackSummary, ...]:
        """End every track of a source that went away, or is at its end."""
        return self._lanes[source].end_tracks()

    def finish(self) -> tuple[TrackSummary, ...]:
        """Wait for nothing more, and end every track of all sources, at the end of a run."""
        self._embedder.finish()
        self._share_out_losses()
        return tuple(summary for lane in self._lanes for summary in lane.end_tracks())

    def windows_lost(self, source: int = 0) -> Mapping[WindowLoss, int]:
        """Return the windows of a source that fell due and were not embedded."""
        return self._lanes[source].windows_lost

    def _share_out_losses(self) -> None:
        for track_id, reason in self._embedder.take_lost():
            self._owner(track_id).windows_lost[reason] += 1

    def _owner(self, track_id: int) -> Lane:
        return self._lanes[(track_id - 1) % len(self._lanes)]
