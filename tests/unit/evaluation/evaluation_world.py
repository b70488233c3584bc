"""Small worlds for the tests of evaluation: vectors without pictures, and pictures in folders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rt_gait.evaluation.embedding import Embedded
from rt_gait.evaluation.sequences import SequenceInfo
from rt_gait.evaluation.takes import Take
from rt_gait.types import Silhouette

COLUMNS = (
    "shard,index,split,subject,session,trial,clothing,carrying,view_deg,curvature_1_m,"
    "camera_height_m,focal_px,distance_m,frame_px,fps,frames"
)
FRAMES = 45


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def embedded_of(sequences: Iterable[tuple[SequenceInfo, np.ndarray]]) -> Embedded:
    """Sequences with their windows' vectors [K, D]; K = 0 is a failure to acquire."""
    about, windows = zip(*sequences, strict=True)
    start = np.concatenate([[0], np.cumsum([len(w) for w in windows])])
    size = max(w.shape[1] for w in windows if w.size)
    kept = [unit(w).reshape(-1, size) for w in windows if len(w)]
    return Embedded(about, start, np.concatenate(kept))


def walkers(
    subjects: int,
    *,
    likeness: float,
    sessions: int = 2,
    views: int = 4,
    lost: float = 0.0,
    seed: int = 0,
    names: Sequence[str] | None = None,
    size: int = 16,
) -> Embedded:
    """Walkers as vectors: ``likeness`` 0 is noise, large is perfect; ``lost`` share has none."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(subjects):
        own = rng.normal(size=size)
        for session in range(sessions):
            for trial in range(2):
                for view in range(views):
                    labels = {
                        "trial": str(trial),
                        "clothing": ("normal", "coat", "skirt")[(k + session) % 3 * (session > 0)],
                        "carrying": "bag" if session and k % 2 else "none",
                        "frames a second": str(rng.choice(["10", "25"])),
                        "height of the person": str(rng.choice(["48-80 px", "80-140 px"])),
                        "camera": "below 3 m",
                        "path": "straight",
                    }
                    about = SequenceInfo(
                        names[k] if names else f"p{k}",
                        f"s{session}",
                        (view * 360 / views + rng.uniform(-20, 20)) % 360,
                        labels,
                    )
                    windows = likeness * own + rng.normal(size=(3, size))
                    rows.append((about, windows[: 0 if rng.random() < lost else 3]))
    return embedded_of(rows)


def walker(subject: int, phase: float, view: float, rng: np.random.Generator) -> np.ndarray:
    """One silhouette [64, 44]: an ellipse as wide as the subject, legs that swing."""
    y, x = np.mgrid[0:64, 0:44]
    wide = 4 + 1.5 * subject + np.cos(np.radians(view))
    body = ((x - 22) / wide) ** 2 + ((y - 20 - 2 * subject) / 22) ** 2 < 1
    swing = 6 * np.sin(phase)
    legs = (y > 36) & ((abs(x - 22 - swing) < 3) | (abs(x - 22 + swing) < 3))
    return ((body | legs) ^ (rng.random((64, 44)) < 0.01)).astype(np.uint8) * 255


def walk(subject: int, view: float, rng: np.random.Generator, frames: int = FRAMES) -> np.ndarray:
    """Silhouettes [T, 64, 44] of one walk."""
    phases = rng.uniform(0, 6) + 0.3 * np.arange(frames)
    return np.stack([walker(subject, p, view, rng) for p in phases])


def write_walkers(folder: Path, subjects: int = 4, seed: int = 0, frames: int = FRAMES) -> Path:
    """A data set folder as ``walkers make`` writes it, split test; one sequence is too short."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    rows, pictures, start = [COLUMNS], [], [0]
    for subject in range(subjects):
        for session in range(2):
            for trial in range(2):
                for view in (10.0, 190.0):
                    short = (subject, session, trial, view) == (0, 1, 1, 10.0)
                    pictures.append(walk(subject, view, rng, 9 if short else frames))
                    rows.append(
                        f"test-0000.npz,{len(start) - 1},test,test-{subject},s{session},{trial},"
                        f"{'coat' if session else 'normal'},none,{view},0.0,1.5,600.0,8.0,"
                        f"640x480,25.0,{len(pictures[-1])}"
                    )
                    start.append(start[-1] + len(pictures[-1]))
    np.savez_compressed(
        folder / "test-0000.npz",
        silhouettes=np.concatenate(pictures),
        start=np.array(start, np.int64),
    )
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    (folder / "dataset.json").write_text(json.dumps({"layout": 1, "seed": seed}))
    return folder


def take_of(subject: int, kind: str, pixels: np.ndarray, vectors: np.ndarray) -> Take:
    """A track of silhouettes [T, 64, 44] with its windows' vectors [W, D]; every second frame."""
    boxes = np.arange(4 * len(pixels), dtype=np.float32).reshape(-1, 4)
    steps = zip(boxes, pixels, strict=True)
    return Take(
        subject=subject,
        kind=kind,
        clip=8 * subject,
        view_deg=30.0,
        first_secs=0.1,
        seen_secs=np.arange(len(pixels)) / 15,
        silhouettes=tuple(Silhouette(1, 2 * k, k / 15, *step) for k, step in enumerate(steps)),
        ends_secs=np.arange(len(vectors), dtype=np.float64),
        vectors=unit(vectors),
    )


def write_layout(root: Path, sequences: Iterable[tuple[str, str, str, np.ndarray]]) -> Path:
    """``root/<id>/<type>/<view>/<view>.npy`` of each (id, type, view, array)."""
    for subject, kind, view, pixels in sequences:
        folder = root / subject / kind / view
        folder.mkdir(parents=True)
        np.save(folder / f"{view}.npy", pixels)
    return root
