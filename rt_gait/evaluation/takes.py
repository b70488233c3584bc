"""What the pipeline saw of people whose identity is known: silhouettes and embeddings of tracks.

A file of takes holds everything that decisions about identity rest on, so that they can be made
again, with other rules, in seconds (``rt_gait.bench.identity``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rt_gait.errors import DamagedInputError, SourceOpenError
from rt_gait.gait.embedder import OnnxGaitEmbedder
from rt_gait.gait.windows import cut_windows
from rt_gait.types import FloatArray, Silhouette

ENROL, SAME_DAY, OTHER_DAY, STANDING = "enrol", "same day", "other day", "standing"
"""What a clip shows: the walks to enrol, another walk in those clothes, one of another day in other
clothes and with things carried, and somebody who stands, turns or shifts about."""


@dataclass(frozen=True, eq=False)
class Take:
    """One track."""

    subject: int
    kind: str
    clip: int
    """Number of the clip; tracks of one clip were seen together."""
    view_deg: float
    """Direction of walking against the line of sight: 0 towards the camera, 90 to the right."""
    first_secs: float
    """First detection of the track."""
    seen_secs: FloatArray
    """[F] times of the frames in which the track was seen and confirmed."""
    silhouettes: tuple[Silhouette, ...]
    ends_secs: FloatArray
    """[W] ends of the windows."""
    vectors: FloatArray
    """[W, D] float32, L2 norm 1, of the windows."""


def write_takes(path: Path, takes: Sequence[Take], model: str) -> None:
    """Write takes to a compressed npz, embeddings rounded to float16.

    Args:
        path: To write; replaced where it exists.
        takes: At least one.
        model: Key of the gait model, as ``ModelInfo.key``.
    """
    steps = [s for t in takes for s in t.silhouettes]
    np.savez_compressed(
        path,
        model=model,
        subject=[t.subject for t in takes],
        kind=[t.kind for t in takes],
        clip=[t.clip for t in takes],
        view_deg=[t.view_deg for t in takes],
        first_secs=[t.first_secs for t in takes],
        seen=np.cumsum([0, *(len(t.seen_secs) for t in takes)]),
        steps=np.cumsum([0, *(len(t.silhouettes) for t in takes)]),
        windows=np.cumsum([0, *(len(t.vectors) for t in takes)]),
        seen_secs=np.concatenate([t.seen_secs for t in takes]),
        time_secs=[s.time_secs for s in steps],
        frame=[s.frame_index for s in steps],
        box_xyxy_px=np.stack([s.box_xyxy_px for s in steps]),
        pixels=np.stack([s.pixels for s in steps]),
        ends_secs=np.concatenate([t.ends_secs for t in takes]),
        vectors=np.concatenate([t.vectors for t in takes]).astype(np.float16),
    )


def read_takes(path: Path) -> tuple[list[Take], str]:
    """Read what :func:`write_takes` wrote: takes, and the key of the gait model.

    Raises:
        SourceOpenError: it is missing or not such a file.
        DamagedInputError: its arrays do not fit together.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        vectors = data["vectors"].astype(np.float32)
    except FileNotFoundError:
        raise SourceOpenError(f"there is no such file: {path}") from None
    except Exception as error:  # numpy and zipfile raise many kinds for a foreign file
        raise SourceOpenError(f"expected takes of known people, not this file: {path}") from error
    try:
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        data["vectors"] = vectors
        return [_take(data, k) for k in range(len(data["subject"]))], str(data["model"])
    except (KeyError, IndexError, ValueError) as error:
        raise DamagedInputError(f"the arrays of this file do not fit together: {path}") from error


def embed_steps(
    steps: Sequence[Silhouette], embedder: OnnxGaitEmbedder
) -> tuple[FloatArray, FloatArray]:
    """Return the ends [W] of the windows of a track, and their embeddings [W, D]."""
    windows = list(cut_windows(steps, embedder.shape))
    size = embedder.info.outputs[0].dims[0]
    found = embedder.embed(windows) if windows else []
    vectors = np.stack([e.vector for e in found]) if found else np.zeros((0, size), np.float32)
    return np.array([w.end_secs for w in windows]), vectors


def embedded(takes: Sequence[Take], embedder: OnnxGaitEmbedder) -> list[Take]:
    """Return the takes with the embeddings of another model."""
    made = (embed_steps(t.silhouettes, embedder) for t in takes)
    return [
        replace(take, ends_secs=ends, vectors=vectors)
        for take, (ends, vectors) in zip(takes, made, strict=True)
    ]


def _take(data: dict[str, np.ndarray], k: int) -> Take:
    def part(ends: str, *names: str) -> list[np.ndarray]:
        return [data[name][data[ends][k] : data[ends][k + 1]] for name in names]

    steps = zip(*part("steps", "frame", "time_secs", "box_xyxy_px", "pixels"), strict=True)
    (seen_secs,) = part("seen", "seen_secs")
    ends_secs, vectors = part("windows", "ends_secs", "vectors")
    return Take(
        subject=int(data["subject"][k]),
        kind=str(data["kind"][k]),
        clip=int(data["clip"][k]),
        view_deg=float(data["view_deg"][k]),
        first_secs=float(data["first_secs"][k]),
        seen_secs=seen_secs,
        silhouettes=tuple(Silhouette(k + 1, int(f), float(t), b, p) for f, t, b, p in steps),
        ends_secs=ends_secs,
        vectors=vectors,
    )
