"""The stages wired together: ``step(frame) -> FrameResult``.

No threads, no files, and no clock but the one handed in to time the stages: the same frames give
the same results on any machine.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rt_gait.detect.detector import Detector
from rt_gait.gait.embedder import PipelineEmbedder
from rt_gait.gait.encoder import encoder_for
from rt_gait.gait.quality import usable_mask
from rt_gait.gait.silhouette import normalise
from rt_gait.gait.walking import judged
from rt_gait.gait.windows import WindowBuilder
from rt_gait.identity.fusion import Identifier
from rt_gait.reasons import Reason
from rt_gait.track.camera import CameraMotion
from rt_gait.track.stitch import Stitcher
from rt_gait.track.tracker import Tracker
from rt_gait.types import (
    Detections,
    Embedding,
    Frame,
    FrameResult,
    Identity,
    IdentityState,
    Rejection,
    Silhouette,
    Stitch,
    Track,
    TrackSummary,
    Window,
    WindowLoss,
)

STAGES = ("detect", "track", "silhouette", "embed", "identify")


@dataclass
class _Life:
    """What is remembered of a track while it lives."""

    first_time_secs: float
    last_time_secs: float
    frames: int = 0
    silhouettes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    identity: Identity = field(default_factory=Identity)
    settled: Identity | None = None
    """The last claim that was not in doubt."""
    known_after_secs: float | None = None
    standing: int = 0
    """Windows in which the person did not walk."""

    def claim(self, identity: Identity) -> None:
        if identity.reason is Reason.FEW_WINDOWS and self.standing:
            identity = replace(identity, reason=Reason.NOT_WALKING)
        self.identity = identity
        if identity.state is not IdentityState.INSUFFICIENT:
            self.settled = identity
        if identity.state is IdentityState.KNOWN and self.known_after_secs is None:
            self.known_after_secs = self.last_time_secs - self.first_time_secs

    def summary(self, track_id: int) -> TrackSummary:
        return TrackSummary(
            track_id=track_id,
            first_time_secs=self.first_time_secs,
            last_time_secs=self.last_time_secs,
            frames=self.frames,
            silhouettes=self.silhouettes,
            rejected=dict(sorted(self.rejected.items())),
            identity=self.settled or self.identity,
            known_after_secs=self.known_after_secs,
            windows_not_walking=self.standing,
        )


class Pipeline:
    """Frames in, people with identities out.

    Args:
        detector: Finds and cuts out people.
        tracker: Follows them.
        embedder: The gait model; a live one answers when it can, and never keeps a frame waiting.
        identifier: Compares with the gallery and remembers the evidence.
        stitcher: Finds out that a new track continues one that ended; without, none does.
        clock: Seconds, to time the stages.
    """

    def __init__(
        self,
        *,
        detector: Detector,
        tracker: Tracker,
        embedder: PipelineEmbedder,
        identifier: Identifier,
        stitcher: Stitcher | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._detector = detector
        self._tracker = tracker
        self._embedder = embedder
        self._identifier = identifier
        self._stitcher = stitcher
        self._camera = CameraMotion()
        self._encoder = encoder_for(embedder.info)
        self._windows = WindowBuilder(embedder.shape)
        self._clock = clock
        self._lives: dict[int, _Life] = {}
        self._epoch: int | None = None

    def step(self, frame: Frame) -> FrameResult:
        """Take the next frame of the source."""
        stage_secs: dict[str, float] = {}
        cut_off = self._enter_epoch(frame.epoch)
        with self._timed("detect", stage_secs):
            detections = self._detector.detect(frame.image_bgr)
        with self._timed("track", stage_secs):
            motion = self._camera.update(frame.image_bgr, detections.boxes_xyxy_px)
            tracks = self._tracker.update(detections, time_secs=frame.time_secs, motion=motion)
            started = self._note_seen(tracks, frame.time_secs)
            self._doubt(tracks, frame.time_secs)
            ended = cut_off + self._end_missing(tracks)
            if self._stitcher:
                hw = frame.image_bgr.shape[:2]
                self._stitcher.follow(tracks, frame.time_secs, frame_hw=hw, motion=motion)
        with self._timed("silhouette", stage_secs):
            silhouettes, rejections = self._silhouettes(frame, detections, tracks)
            windows = self._due_windows(frame, silhouettes)
        with self._timed("embed", stage_secs):
            embeddings = self._embedder.exchange(windows, self._lives)
        with self._timed("identify", stage_secs):
            self._identifier.add(embeddings)
            stitched = self._stitch(embeddings)
            visible = [t.track_id for t in tracks if t.detection is not None]
            for track_id, identity in self._identifier.decide(visible).items():
                self._lives[track_id].claim(identity)
        return FrameResult(
            frame=frame,
            detections=detections,
            tracks=tracks,
            started=started,
            ended=ended,
            silhouettes=silhouettes,
            rejections=rejections,
            identities={t.track_id: self._lives[t.track_id].identity for t in tracks},
            embeddings=tuple(embeddings),
            stitched=stitched,
            numbers=self._stitcher.numbers if self._stitcher else {},
            stage_secs=stage_secs,
        )

    def finish(self) -> tuple[TrackSummary, ...]:
        """End every track, at the end of the source."""
        self._embedder.finish()
        return self._end(sorted(self._lives))

    @property
    def windows_lost(self) -> Mapping[WindowLoss, int]:
        """Windows that fell due and were not embedded."""
        return self._embedder.lost

    def _enter_epoch(self, epoch: int) -> tuple[TrackSummary, ...]:
        if epoch == self._epoch:
            return ()
        self._epoch = epoch
        self._camera.reset()
        self._tracker.reset()
        self._windows.reset()
        if self._stitcher:
            self._stitcher.reset()
        return self._end(sorted(self._lives))

    def _note_seen(self, tracks: tuple[Track, ...], time_secs: float) -> tuple[int, ...]:
        started = []
        for track in tracks:
            if track.track_id not in self._lives:
                self._lives[track.track_id] = _Life(track.first_time_secs, time_secs)
                started.append(track.track_id)
            if track.detection is not None:
                life = self._lives[track.track_id]
                life.frames += 1
                life.last_time_secs = time_secs
        return tuple(started)

    def _doubt(self, tracks: tuple[Track, ...], time_secs: float) -> None:
        """After a suspected swap, let no window and no name reach over it."""
        for track in tracks:
            if track.parted:
                self._windows.forget(track.track_id)
                self._identifier.doubt(track.track_id, since_secs=time_secs)

    def _stitch(self, embeddings: Sequence[Embedding]) -> tuple[Stitch, ...]:
        """Let tracks that continue others have their evidence."""
        found = self._stitcher.compare(embeddings) if self._stitcher else []
        for stitch, windows in found:
            self._identifier.add([replace(w, track_id=stitch.track_id) for w in windows])
        return tuple(stitch for stitch, _ in found)

    def _end_missing(self, tracks: tuple[Track, ...]) -> tuple[TrackSummary, ...]:
        return self._end(sorted(set(self._lives) - {t.track_id for t in tracks}))

    def _end(self, track_ids: list[int]) -> tuple[TrackSummary, ...]:
        for track_id in track_ids:
            self._windows.forget(track_id)
            self._identifier.forget(track_id)
        return tuple(self._lives.pop(i).summary(i) for i in track_ids)

    def _silhouettes(
        self, frame: Frame, detections: Detections, tracks: tuple[Track, ...]
    ) -> tuple[tuple[Silhouette, ...], dict[int, Rejection]]:
        silhouettes: list[Silhouette] = []
        rejections: dict[int, Rejection] = {}
        frame_hw = frame.image_bgr.shape[:2]
        for track in tracks:
            if track.detection is None:
                continue
            life = self._lives[track.track_id]
            mask = usable_mask(track.detection, detections, frame_hw)
            pixels = None if isinstance(mask, Rejection) else normalise(mask, frame_hw[1])
            if pixels is None:
                reason = mask if isinstance(mask, Rejection) else Rejection.TOO_SMALL
                rejections[track.track_id] = reason
                life.rejected[reason.value] += 1
                continue
            life.silhouettes += 1
            silhouettes.append(
                Silhouette(track.track_id, frame.index, frame.time_secs, track.box_xyxy_px, pixels)
            )
        return tuple(silhouettes), rejections

    def _due_windows(self, frame: Frame, silhouettes: tuple[Silhouette, ...]) -> list[Window]:
        self._windows.tick(frame.time_secs)
        steps = self._encoder.encode(frame, silhouettes)
        due = []
        for window in (window for step in steps for window in self._windows.add(step)):
            fit = judged(window)
            if fit is None:
                self._lives[window.track_id].standing += 1
            else:
                due.append(fit)
        return due

    @contextmanager
    def _timed(self, stage: str, stage_secs: dict[str, float]) -> Iterator[None]:
        start_secs = self._clock()
        yield
        stage_secs[stage] = self._clock() - start_secs
