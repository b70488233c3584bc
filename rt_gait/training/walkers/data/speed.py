"""How fast walkers are drawn: frames a second of every stage, medians over repeats.

    python -m rt_gait.training.walkers.data.speed --device cuda
    python -m rt_gait.training.walkers.data.speed --device cpu --repeats 3 --views 2

One dressed walker is filmed from free views (``free_takes``) after a warm-up. Stages are timed with
the device drained before and after.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from ..camera import Camera
from ..command import Parser, at_least, command, device, positive
from ..noise.model import NoiseModel
from ..path import Path
from ..silhouettes.sequences import crops, instance_maps, segmented, silhouettes
from ..silhouettes.takes import Takes, free_takes
from .filming import Shot, film
from .population import Population, Recording, free_sessions


def _drained(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def _seconds(job: Callable[[], Any], device: str, repeats: int) -> list[float]:
    out = []
    for k in range(repeats + 2):
        _drained(device)
        begin = time.perf_counter()
        job()
        _drained(device)
        if k >= 2:
            out.append(time.perf_counter() - begin)
    return out


def stages(
    walks: list[Recording], takes: Takes, device: str, repeats: int
) -> dict[str, tuple[float, float, float]]:
    """Frames a second (median, least, most) of each stage."""
    shot, frames = Shot.of(walks[0], takes), takes.times_s.size
    clean = crops(shot.puppet, takes, device)
    noisy, _ = segmented(clean, takes, NoiseModel(), 1)
    camera = Camera(640, 360, 620.0, 2.5, 0.2)
    people = [(w.loop.puppet, Path(1.2 * k - 2.0, 7.0 + k, 1.2)) for k, w in enumerate(walks[:4])]
    times = np.arange(min(frames, 256)) / 25.0
    jobs: dict[str, tuple[Callable[[], Any], int]] = {
        "masks": (lambda: crops(shot.puppet, takes, device), frames),
        "segmentation noise": (lambda: segmented(clean, takes, NoiseModel(), 1), frames),
        "normalisation": (lambda: silhouettes(noisy), frames),
        "silhouettes, clean": (lambda: film([shot], None, device), frames),
        "silhouettes, noisy": (lambda: film([shot], NoiseModel(), device), frames),
        "640x360 instance maps, 1 walker": (
            lambda: instance_maps(people[:1], camera, times, device),
            len(times),
        ),
        "640x360 instance maps, 4 walkers": (
            lambda: instance_maps(people, camera, times, device),
            len(times),
        ),
    }
    out = {}
    for name, (job, count) in jobs.items():
        taken = _seconds(job, device, repeats)
        out[name] = (count / median(taken), count / max(taken), count / min(taken))
    return out


@command
def main(argv: list[str] | None = None) -> int:
    """Print the table; 0 on success."""
    parser = Parser(
        prog="python -m rt_gait.training.walkers.data.speed",
        description="Frames a second of every stage",
    )
    parser.add_argument("--device", type=device, default="cpu", help="cpu or cuda")
    parser.add_argument("--views", type=positive, default=32, help="sequences drawn at once")
    parser.add_argument("--frames", type=at_least(2), default=40, help="frames of each sequence")
    parser.add_argument("--repeats", type=positive, default=10, help="times every stage is timed")
    options = parser.parse_args(argv)
    begin = time.perf_counter()
    walks = Population(1, free_sessions(2, 2)).recordings("train", 0)
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    Population(1, free_sessions(2, 2)).recordings("train", 1)
    print(
        f"one subject, 2 sessions, 4 walks: {time.perf_counter() - begin:.2f} s ({first:.2f} first)"
    )
    takes = free_takes(np.random.default_rng(1), options.views, options.frames, 1.3)
    for name, (middle, least, most) in stages(
        walks, takes, options.device, options.repeats
    ).items():
        print(f"{name:34s} {middle:10,.0f} frames/s   ({least:,.0f} to {most:,.0f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
