"""Enrolment: the windows of one walker become templates of a gallery."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait.assembly import Assembled, assemble
from rt_gait.cli.gallery import DEFAULT_GALLERY
from rt_gait.cli.progress import Progress
from rt_gait.cli.run import new_builder, tell_warning, warn
from rt_gait.cli.views import tell_views, view
from rt_gait.config import load_settings
from rt_gait.errors import ExitCode, RtGaitError, UsageError
from rt_gait.feed import Feed
from rt_gait.identity.audit import audit
from rt_gait.identity.consent import Consent
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.inspection import consistency, nearest
from rt_gait.identity.records import check_name, spread
from rt_gait.outputs.output import check_file
from rt_gait.runner import Runner
from rt_gait.stopping import Stop
from rt_gait.types import FloatArray, FrameResult
from rt_gait.video.source import open_source

TEMPLATES_MOST = 40
"""Templates taken from one video, spread evenly over it: variety helps, repetition does not."""
FEW_WINDOWS = 8
"""Below, users are told to film more: about four seconds of walking."""
MOST_OF_A_PASSER_BY = 0.25
"""A track with at most this share of the longest one's windows is left out: it may be anybody."""


@dataclass
class Collector:
    """Keeps the embeddings of every track."""

    name = "enrolment"
    path = None
    vectors: dict[int, list[FloatArray]] = field(default_factory=dict)
    ends_secs: dict[int, list[float]] = field(default_factory=dict)
    """Of those."""
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)
    boxes: dict[int, list[tuple[float, FloatArray]]] = field(default_factory=dict)
    frames: Counter[int] = field(default_factory=Counter)
    used: Counter[int] = field(default_factory=Counter)
    """Frames that gave a silhouette, by track."""
    rejected: Counter[str] = field(default_factory=Counter)

    def write(self, result: FrameResult) -> None:
        """Collect from one frame."""
        now_secs = result.frame.time_secs
        for track in result.tracks:
            if track.detection is None:
                continue
            first_secs = self.spans.get(track.track_id, (track.first_time_secs, 0.0))[0]
            self.spans[track.track_id] = (first_secs, now_secs)
            self.boxes.setdefault(track.track_id, []).append((now_secs, track.box_xyxy_px))
            self.frames[track.track_id] += 1
        for embedding in result.embeddings:
            self.vectors.setdefault(embedding.track_id, []).append(embedding.vector)
            self.ends_secs.setdefault(embedding.track_id, []).append(embedding.end_secs)
        self.used.update(s.track_id for s in result.silhouettes)
        self.rejected.update(reason.value for reason in result.rejections.values())

    def close(self) -> None:
        """Nothing to finish."""


def enroll_command(
    config: Path | None,
    flags: Mapping[str, Any],
    *,
    subject: str,
    track: int | None,
    consent: Consent | None,
) -> None:
    """Process the video and add its walker to the gallery."""
    name = check_name(subject)
    settings = load_settings(config, **flags)
    path = settings.gallery or DEFAULT_GALLERY
    check_file(path, overwrite=True)
    with open_source(video=settings.video, camera=None, frame_rate=settings.fps) as source:
        # With a gallery that exists, so that one of other models is refused at once.
        held = path if path.exists() else None
        stop = Stop()
        assembled = assemble(
            settings.model_copy(update={"gallery": held}), stopped=lambda: stop.requested
        )
        warn(assembled)
        collector = Collector()
        with Progress([source.info]) as progress:
            report = Runner(
                [Feed(source, new_builder(assembled, source), [collector])],
                pipeline=assembled.pipeline,
                on_frame=progress.update,
                stop=stop,
            ).run()
        if report.exit_code is not ExitCode.OK:
            error = RtGaitError(f"nobody was enrolled: {report.reason}")
            error.exit_code = report.exit_code
            raise error
        walks = choose(collector, track)
        vectors = np.concatenate([np.stack(collector.vectors[i]) for i in walks])
        _add(path, assembled, name=name, vectors=vectors, source=source.info.name, consent=consent)
        _tell_coverage(collector, walks)
        if len(walks) > 1:
            sys.stderr.write(
                f"tracks {', '.join(map(str, walks))} follow one another and were taken for one "
                f"person; if they are not, remove {name} and enrol again with --track\n"
            )


def choose(collector: Collector, wanted: int | None) -> list[int]:
    """Return the tracks of the walker to enrol.

    Walks that follow one another are taken for one person going to and fro: gait alone could not
    tell, since a person looks different from the other side.

    Args:
        collector: What the video showed.
        wanted: The track the user named.

    Raises:
        UsageError: nobody walks there, or it is not clear who is meant.
    """
    counts = {i: len(v) for i, v in sorted(collector.vectors.items())}
    if wanted is not None:
        if wanted not in counts:
            raise UsageError(f"track {wanted} gave no windows; {_tell(collector, counts)}")
        return [wanted]
    if not counts:
        why = ", ".join(f"{n} {reason}" for reason, n in collector.rejected.most_common())
        raise UsageError(
            "no window of clean walking in this video; one needs about 1.2 seconds of one person, "
            f"whole and unobstructed (frames left out: {why or 'none, nobody was followed'})"
        )
    most = max(counts.values())
    walks = [i for i in counts if counts[i] > MOST_OF_A_PASSER_BY * most]
    in_order = sorted(walks, key=lambda i: collector.spans[i])
    if any(
        collector.spans[later][0] < collector.spans[earlier][1]
        for earlier, later in pairwise(in_order)
    ):
        raise UsageError(
            f"several people walk in this video; choose with --track ({_tell(collector, counts)})"
        )
    return walks


def _tell(collector: Collector, counts: Mapping[int, int]) -> str:
    parts = [
        f"track {i}: {collector.spans[i][0]:.1f} to {collector.spans[i][1]:.1f} s, {n} windows"
        for i, n in counts.items()
    ]
    return "; ".join(parts) or "no track did"


def _add(
    path: Path,
    assembled: Assembled,
    *,
    name: str,
    vectors: FloatArray,
    source: str,
    consent: Consent | None,
) -> None:
    chosen = spread(vectors, TEMPLATES_MOST)
    with Gallery.create_or_open(path) as gallery, audit(path) as record:
        subject_id = gallery.enrol(
            name=name,
            vectors=chosen,
            key=assembled.key,
            source=source,
            consent=consent,
        )
        record("enrolled", subject_id, templates=len(chosen))
        templates, names = gallery.templates(assembled.key), gallery.names()
    agreement = float(consistency(chosen).mean())
    sys.stderr.write(
        f"enrolled {name} ({subject_id}) with {len(chosen)} templates in {path}; "
        f"they are alike by {agreement:.3f}\n"
    )
    other = nearest(chosen, templates, leave_out=subject_id)
    if other is not None:
        sys.stderr.write(f"nearest other person: {names[other.other_id]}, {other.score:.3f}\n")
        if other.score >= assembled.limits.known:
            tell_warning(
                f"a run would take {name} for {names[other.other_id]}: the same person under two "
                "names, or two that this model cannot tell apart; see rt-gait gallery check"
            )


def _tell_coverage(collector: Collector, walks: Sequence[int]) -> None:
    """Say what the video showed of the person, and what would make the gallery better."""
    frames, used = (sum(c[i] for i in walks) for c in (collector.frames, collector.used))
    views = [view(collector.boxes[i], end) for i in walks for end in collector.ends_secs[i]]
    sys.stderr.write(f"{used} of {frames} frames of the person were used; {tell_views(views)}\n")
    if len(views) < FEW_WINDOWS or len({v for v in views if v}) < 2:
        sys.stderr.write(
            "a longer walk, to and fro, and another day in other clothes make recognition surer: "
            "enrol the same name again with more videos\n"
        )
