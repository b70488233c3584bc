"""Enrolment: the windows of one walker become templates of a gallery."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait.assembly import Assembled, assemble, check_models, thresholds
from rt_gait.cli.progress import Progress
from rt_gait.cli.run import new_builder
from rt_gait.config import load_settings
from rt_gait.errors import ExitCode, RtGaitError, UsageError
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import check_name
from rt_gait.outputs.output import check_file
from rt_gait.runner import Runner
from rt_gait.types import FloatArray, FrameResult
from rt_gait.video.source import open_source

DEFAULT_GALLERY = Path("people.gallery")
TEMPLATES_MOST = 40
"""Templates taken from one video, spread evenly over it: variety helps, repetition does not."""
MOST_OF_A_PASSER_BY = 0.25
"""Somebody else with at most this share of the windows passes by and is left out; with more, who
is meant must be said."""


@dataclass
class Collector:
    """Keeps the embeddings of every track."""

    vectors: dict[int, list[FloatArray]] = field(default_factory=dict)
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)

    def write(self, result: FrameResult) -> None:
        """Collect from one frame."""
        now_secs = result.frame.time_secs
        for track in result.tracks:
            if track.detection is None:
                continue
            first_secs = self.spans.get(track.track_id, (track.first_time_secs, 0.0))[0]
            self.spans[track.track_id] = (first_secs, now_secs)
        for embedding in result.embeddings:
            self.vectors.setdefault(embedding.track_id, []).append(embedding.vector)
        self.rejected.update(reason.value for reason in result.rejections.values())

    def close(self) -> None:
        """Nothing to finish."""


def enroll_command(
    config: Path | None, flags: Mapping[str, Any], *, subject: str, track: int | None
) -> None:
    """Process the video and add its walker to the gallery."""
    name = check_name(subject)
    settings = load_settings(config, **flags)
    path = settings.gallery or DEFAULT_GALLERY
    without_gallery = settings.model_copy(update={"gallery": None})
    check_file(path, overwrite=True)
    check_models(settings if path.exists() else without_gallery)
    with open_source(video=settings.video, camera=None, frame_rate=settings.fps) as source:
        assembled = assemble(without_gallery)
        if path.exists():
            with Gallery.open(path, read_only=True) as gallery:
                gallery.templates(assembled.key)  # refuses a gallery of other models, at once
        collector = Collector()
        with Progress(source.info) as progress:
            report = Runner(
                source=source,
                pipeline=assembled.pipeline,
                builder=new_builder(assembled, source),
                outputs=[collector],
                on_frame=progress.update,
            ).run()
        if report.exit_code is not ExitCode.OK:
            error = RtGaitError(f"nobody was enrolled: {report.reason}")
            error.exit_code = report.exit_code
            raise error
        vectors = choose(collector, track, least=thresholds(settings, assembled.model).candidate)
        _add(path, assembled, name=name, vectors=vectors, source=source.info.name)


def choose(collector: Collector, wanted: int | None, *, least: float) -> FloatArray:
    """Return the embeddings [K, D] of the walker to enrol.

    Args:
        collector: What the video showed.
        wanted: The track the user named.
        least: Similarity from which a second track is taken for the same walker come back.

    Raises:
        UsageError: nobody walks there, or it is not clear who is meant.
    """
    counts = {i: len(v) for i, v in sorted(collector.vectors.items())}
    if wanted is not None:
        if wanted not in counts:
            raise UsageError(f"track {wanted} gave no windows; {_tell(collector, counts)}")
        return np.stack(collector.vectors[wanted])
    if not counts:
        why = ", ".join(f"{n} {reason}" for reason, n in collector.rejected.most_common())
        raise UsageError(
            "no window of clean walking in this video; one needs about 1.2 seconds of one person, "
            f"whole and unobstructed (frames left out: {why or 'none, nobody was followed'})"
        )
    best = max(counts, key=lambda i: counts[i])
    others = [i for i in counts if i != best and not _is_same_walker(collector, best, i, least)]
    if any(counts[i] > MOST_OF_A_PASSER_BY * counts[best] for i in others):
        raise UsageError(
            f"several people walk in this video; choose with --track ({_tell(collector, counts)})"
        )
    return np.concatenate([np.stack(collector.vectors[i]) for i in counts if i not in others])


def _is_same_walker(collector: Collector, best: int, other: int, least: float) -> bool:
    """Whether a track may be the same person again: not at the same time, and much alike."""
    first, last = collector.spans[best]
    if collector.spans[other][0] < last and first < collector.spans[other][1]:
        return False
    likeness = np.stack(collector.vectors[other]) @ np.stack(collector.vectors[best]).T
    return float(likeness.max(axis=1).mean()) >= least


def _tell(collector: Collector, counts: Mapping[int, int]) -> str:
    parts = [
        f"track {i}: {collector.spans[i][0]:.1f} to {collector.spans[i][1]:.1f} s, {n} windows"
        for i, n in counts.items()
    ]
    return "; ".join(parts) or "no track did"


def _add(path: Path, assembled: Assembled, *, name: str, vectors: FloatArray, source: str) -> None:
    chosen = np.linspace(0, len(vectors) - 1, min(len(vectors), TEMPLATES_MOST)).round().astype(int)
    with Gallery.create_or_open(path) as gallery:
        subject_id = gallery.enrol(
            name=name, vectors=vectors[chosen], key=assembled.key, source=source
        )
    likeness = vectors @ vectors.T
    agreement = float(likeness[np.triu_indices(len(vectors), 1)].mean()) if len(vectors) > 1 else 1
    sys.stderr.write(
        f"enrolled {name} ({subject_id}) with {len(chosen)} templates in {path}; "
        f"mean similarity among them {agreement:.3f}\n"
    )
