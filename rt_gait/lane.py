"""One source's way through the stages, but for the two networks, which all sources share."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from rt_gait.gait.embedder import window_shape
from rt_gait.gait.encoder import encoder_for
from rt_gait.gait.quality import usable_mask
from rt_gait.gait.silhouette import normalise
from rt_gait.gait.walking import judged
from rt_gait.gait.windows import WindowBuilder
from rt_gait.identity.fusion import Identifier
from rt_gait.life import Life
from rt_gait.reasons import Rejection, WindowLoss
from rt_gait.serving.repository import ModelInfo
from rt_gait.timing import timed
from rt_gait.track.camera import CameraMotion
from rt_gait.track.stitch import Stitcher
from rt_gait.track.tracker import Tracker
from rt_gait.types import (
    Detections,
    Embedding,
    Frame,
    FrameResult,
    Silhouette,
    Stitch,
    Track,
    TrackSummary,
    Window,
)


class Lane:
    """Follows the people of one source and remembers who they are.

    Args:
        model: The gait model, whose windows are cut.
        tracker: Follows them; where there are n sources, tracker k numbers tracks k + 1,
            k + 1 + n, and so on.
        identifier: Compares with the gallery and remembers the evidence.
        stitcher: Finds out that a new track continues one that ended; without, none does.
    """

    def __init__(
        self,
        model: ModelInfo,
        *,
        tracker: Tracker,
        identifier: Identifier,
        stitcher: Stitcher | None = None,
    ) -> None:
        self.windows_lost: Counter[WindowLoss] = Counter()
        """Windows that fell due and were not embedded."""
        self._tracker = tracker
        self._identifier = identifier
        self._stitcher = stitcher
        self._camera = CameraMotion()
        self._encoder = encoder_for(model)
        self._windows = WindowBuilder(window_shape(model))
        self._lives: dict[int, Life] = {}
        self._embedded: list[Embedding] = []
        self._epoch: int | None = None

    @property
    def alive(self) -> set[int]:
        """Tracks that have not ended."""
        return set(self._lives)

    def see(
        self, frame: Frame, detections: Detections, clock: Callable[[], float] = time.perf_counter
    ) -> tuple[FrameResult, list[Window]]:
        """Follow people into the next frame; return what is known so far, and windows to embed."""
        stage_secs: dict[str, float] = {}
        cut_off = self._enter_epoch(frame.epoch)
        with timed("track", stage_secs, clock):
            motion = self._camera.update(frame.image_bgr, detections.boxes_xyxy_px)
            tracks = self._tracker.update(detections, time_secs=frame.time_secs, motion=motion)
            started = self._note_seen(tracks, frame.time_secs)
            self._doubt(tracks, frame.time_secs)
            ended = cut_off + self._end_missing(tracks)
            if self._stitcher:
                hw = frame.image_bgr.shape[:2]
                self._stitcher.follow(tracks, frame.time_secs, frame_hw=hw, motion=motion)
        with timed("silhouette", stage_secs, clock):
            silhouettes, rejections = self._silhouettes(frame, detections, tracks)
            windows = self._due_windows(frame, silhouettes)
        result = FrameResult(
            frame=frame,
            detections=detections,
            tracks=tracks,
            started=started,
            ended=ended,
            silhouettes=silhouettes,
            rejections=rejections,
            stage_secs=stage_secs,
        )
        return result, windows

    def take(self, embedding: Embedding) -> None:
        """Keep an embedding for the next :meth:`conclude`, which may come frames later."""
        self._embedded.append(embedding)

    def conclude(
        self, result: FrameResult, clock: Callable[[], float] = time.perf_counter
    ) -> FrameResult:
        """Say who is there, with the embeddings that have come."""
        with timed("identify", result.stage_secs, clock):
            embeddings = self._take_embedded()
            self._identifier.add(embeddings)
            stitched = self._stitch(embeddings)
            visible = [t.track_id for t in result.tracks if t.detection is not None]
            for track_id, identity in self._identifier.decide(visible).items():
                self._lives[track_id].claim(identity)
        return replace(
            result,
            identities={t.track_id: self._lives[t.track_id].identity for t in result.tracks},
            embeddings=tuple(embeddings),
            stitched=stitched,
            numbers=self._stitcher.numbers if self._stitcher else {},
        )

    def end_tracks(self) -> tuple[TrackSummary, ...]:
        """End every track: the source went away, jumped in time, or is at its end."""
        self._camera.reset()
        self._tracker.reset()
        self._windows.reset()
        if self._stitcher:
            self._stitcher.reset()
        ended = self._end(sorted(self._lives))
        self._take_embedded()
        return ended

    def _take_embedded(self) -> list[Embedding]:
        """Return the embeddings of tracks that live; the others came too late."""
        taken = [e for e in self._embedded if e.track_id in self._lives]
        self.windows_lost[WindowLoss.LATE] += len(self._embedded) - len(taken)
        self._embedded.clear()
        return taken

    def _enter_epoch(self, epoch: int) -> tuple[TrackSummary, ...]:
        if epoch == self._epoch:
            return ()
        self._epoch = epoch
        return self.end_tracks()

    def _note_seen(self, tracks: tuple[Track, ...], time_secs: float) -> tuple[int, ...]:
        started = []
        for track in tracks:
            if track.track_id not in self._lives:
                self._lives[track.track_id] = Life(track.first_time_secs, time_secs)
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
