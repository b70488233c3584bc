"""Calibration: thresholds for a gallery, from people who are known to be enrolled or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait.assembly import Assembled, assemble
from rt_gait.cli.gallery import DEFAULT_GALLERY
from rt_gait.config import Settings, load_settings
from rt_gait.errors import UsageError
from rt_gait.evaluation.strangers import stranger_tracks
from rt_gait.gait.embedder import OnnxGaitEmbedder
from rt_gait.identity.calibration import (
    LEAST_STRANGERS,
    Calibration,
    Search,
    calibrate,
    share_interval,
    warning,
)
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.matching import Templates
from rt_gait.identity.searches import among_themselves, search
from rt_gait.identity.thresholds import Thresholds
from rt_gait.types import Embedding
from rt_gait.video.source import open_source

STRANGERS = "unknown"
"""Folder of people who are not enrolled."""
_VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".ts"}
_MIN_WINDOWS = Thresholds(known=1, candidate=1, margin=0).min_windows


@dataclass(frozen=True)
class Probe:
    """A track of somebody."""

    person: str
    name: str | None
    """As enrolled; None of a stranger."""
    embeddings: tuple[Embedding, ...]


def calibrate_command(
    config: Path | None,
    flags: Mapping[str, Any],
    *,
    videos: Path | None,
    walkers: bool,
    fpir: float,
) -> None:
    """Measure, choose thresholds, keep them in the gallery and say what they are worth."""
    settings = load_settings(config, **flags)
    path = settings.gallery or DEFAULT_GALLERY
    with Gallery.open(path) as gallery:
        ids = {name: subject_id for subject_id, name in gallery.names().items()}
        files = [] if videos is None else list(_files(videos, ids))
        assembled = _assemble(settings)
        templates = gallery.templates(assembled.key)
        if not len(templates):
            raise UsageError(f"nobody is enrolled; enrol people first: {path}")
        probes = list(_filmed(files, assembled, settings))
        synthetic = _synthetic(assembled) if walkers else []
        found, lines = judge(probes, synthetic, templates, ids, fpir)
        gallery.set_calibration(assembled.key, found)
    sys.stderr.write("".join(f"{line}\n" for line in [*lines, f"kept in {path}"]))


def judge(
    probes: Sequence[Probe],
    synthetic: Sequence[Probe],
    templates: Templates,
    ids: Mapping[str, str],
    fpir: float,
) -> tuple[Calibration, list[str]]:
    """Return the calibration, and in words what it rests on.

    The enrolled are strangers to one another, by their own templates. Thresholds are found for
    people on camera and for synthetic ones, and the higher are taken: synthetic people are many,
    and differ from one another more than people before one camera do.

    Args:
        probes: tracks from the site.
        synthetic: tracks of strangers from elsewhere.
        templates: the gallery.
        ids: subject id of each name.
        fpir: to aim at.

    Raises:
        UsageError: too few strangers of either kind.
    """
    names = {subject_id: name for name, subject_id in ids.items()}
    strangers = [replace(s, person=names[s.person]) for s in among_themselves(templates)]
    genuine: list[Search] = []
    tried: list[str] = []
    for probe in probes:
        other, own = _search(probe, templates, ids)
        strangers += [other] if other else []
        genuine += [own] if own else []
        tried += [probe.person] if probe.name is not None and (other or own) else []
    made = [s for p in synthetic if (s := _search(p, templates, ids)[0])]
    pools = {"people on your camera": strangers, "synthetic strangers": made}
    found = {
        name: calibrate(pool, genuine, fpir=fpir, subjects=len(templates))
        for name, pool in pools.items()
        if len({s.person for s in pool}) >= LEAST_STRANGERS
    }
    if not found:
        people = len({s.person for s in strangers})
        raise UsageError(
            f"calibration needs {LEAST_STRANGERS} people to take for strangers, got {people} (the "
            "enrolled are strangers to one another): film more for --videos, or add --walkers"
        )
    name = max(found, key=lambda n: found[n].known)
    best = found[name]
    lines = [f"{len(templates)} enrolled"]
    lines += [
        f"{len(pools[n])} walks of {c.strangers} {n}: known from {c.known:.3f}, candidate from "
        f"{c.candidate:.3f}; asked FPIR {fpir:.2%}, among them {c.fpir_low:.2%} to "
        f"{c.fpir_high:.2%} (95%)"
        for n, c in found.items()
    ]
    lines += [f"taken: known from {best.known:.3f}, by {name}", _recognised(genuine, tried, best)]
    told = warning(best)
    return best, [*lines, *([f"warning: {told}"] if told else [])]


def _search(
    probe: Probe, templates: Templates, ids: Mapping[str, str]
) -> tuple[Search | None, Search | None]:
    if len(probe.embeddings) < _MIN_WINDOWS:
        return None, None
    return search(
        np.stack([e.vector for e in probe.embeddings]),
        templates,
        person=probe.person,
        subject_id=None if probe.name is None else ids[probe.name],
        min_windows=_MIN_WINDOWS,
        quality=[e.quality for e in probe.embeddings],
    )


def _recognised(genuine: Sequence[Search], tried: Sequence[str], found: Calibration) -> str:
    if not tried:
        return "nobody enrolled was filmed: how many of them stay unknown at that is not known"
    people = sorted(set(tried))
    right = [s.person for s in genuine if s.score >= found.known]
    tracks, hits = (
        np.bincount(np.searchsorted(people, part), minlength=len(people)).astype(np.int64)
        for part in (tried, right)
    )
    low, high = share_interval(hits, tracks)
    return (
        f"of {len(tried)} tracks of {len(people)} enrolled people {len(right)} are known at that: "
        f"{len(right) / len(tried):.0%} ({low:.0%} to {high:.0%})"
    )


def _files(videos: Path, ids: Mapping[str, str]) -> Iterator[tuple[str | None, Path]]:
    """Give the name, None of a stranger, and each video of a folder."""
    if not videos.is_dir():
        raise UsageError(f"--videos wants a folder with one folder for each person: {videos}")
    folders = sorted(p for p in videos.iterdir() if p.is_dir())
    for folder in folders:
        if folder.name != STRANGERS and folder.name not in ids:
            raise UsageError(
                f"nobody is enrolled as {folder.name!r}; folders are named as people are in the "
                f"gallery, or {STRANGERS!r}: {folder}"
            )
    found = [
        (None if folder.name == STRANGERS else folder.name, path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _VIDEOS
    ]
    if not found:
        raise UsageError(f"there are no videos like NAME/walk.mp4 or unknown/walk.mp4 in {videos}")
    yield from found


def _assemble(settings: Settings) -> Assembled:
    any_will_do = {"gallery": None, "known_score": 1.0, "candidate_score": 1.0, "margin": 0.0}
    return assemble(settings.model_copy(update=any_will_do))


def _filmed(
    files: Sequence[tuple[str | None, Path]], assembled: Assembled, settings: Settings
) -> Iterator[Probe]:
    """Give the tracks of all videos; each of them begins anew, as after a jump."""
    for number, (name, path) in enumerate(files):
        tracks: dict[int, list[Embedding]] = {}
        with open_source(video=path, camera=None, frame_rate=settings.fps) as source:
            while (frame := source.read()) is not None:
                result = assembled.pipeline.step(replace(frame, epoch=number))
                for embedding in result.embeddings:
                    tracks.setdefault(embedding.track_id, []).append(embedding)
        sys.stderr.write(f"{path}: {len(tracks)} tracks with windows\n")
        if name is not None and len(tracks) > 1:
            longest = max(tracks, key=lambda i: len(tracks[i]))
            tracks = {longest: tracks[longest]}
        for own in tracks.values():
            yield Probe(str(path) if name is None else name, name, tuple(own))


def _synthetic(assembled: Assembled) -> list[Probe]:
    embedder = OnnxGaitEmbedder(assembled.model)
    return [
        Probe(f"walker {person}", None, tuple(embedder.embed(windows)))
        for person, windows in stranger_tracks(embedder.shape)
    ]
