"""What the tracker costs a frame, by the number of people.

    OMP_NUM_THREADS=1 taskset -c 0 python -m rt_gait.bench.tracker_speed [--people 1 5 20 50]

People of 120 pixels walk to and fro past one another at 25 frames a second; boxes breathe, one in
twenty is missed, one in ten is faint, and as many false boxes come as a tenth of the people. The
same on every run. Prints processor time in milliseconds a frame, median and 95th percentile: what
else the machine does is left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import numpy as np

from rt_gait.track.sort import SortTracker
from rt_gait.types import Detections

RATE_HZ = 25
WARM_UP_FRAMES = 50
_FRAME_WH = (1920, 1080)
_PERSON_WH = (50, 120)


def crowd(people: int, frames: int) -> Iterator[Detections]:
    """Give the people of each frame, in another order each time."""
    rng = np.random.default_rng(0)
    size = np.array(_PERSON_WH)
    room = np.array(_FRAME_WH) - size
    start, speed = rng.uniform(0, 1, (people, 2)) * room, rng.normal(0, (100, 20), (people, 2))
    for index in range(frames):
        # To and fro between the edges.
        way = np.abs((start + speed * index / RATE_HZ + room) % (2 * room) - room)
        seen = way[rng.random(people) > 0.05]
        low = np.concatenate([seen, rng.uniform(0, 1, (people // 10, 2)) * room])
        boxes = np.concatenate([low, low + size], axis=1)
        boxes += rng.normal(0, 3, boxes.shape)
        scores = np.where(rng.random(len(boxes)) < 0.1, 0.4, 0.9)
        order = rng.permutation(len(boxes))
        yield Detections(boxes[order].astype(np.float32), scores[order].astype(np.float32), ())


def measure(people: int, frames: int) -> tuple[float, float, int]:
    """Return the median and the 95th percentile of a frame in ms, and the median of the tracks."""
    tracker = SortTracker()
    spent_ms, tracks = [], []
    for index, found in enumerate(crowd(people, WARM_UP_FRAMES + frames)):
        begun_secs = time.thread_time()
        tracks.append(len(tracker.update(found, time_secs=index / RATE_HZ)))
        spent_ms.append(1000 * (time.thread_time() - begun_secs))
    p50, p95 = np.percentile(spent_ms[WARM_UP_FRAMES:], (50, 95))
    return float(p50), float(p95), int(np.median(tracks[WARM_UP_FRAMES:]))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.bench.tracker_speed", description=__doc__
    )
    parser.add_argument("--people", type=int, nargs="+", default=[1, 5, 20, 50], metavar="N")
    parser.add_argument("--frames", type=int, default=1000)
    asked = parser.parse_args(argv)
    if min(*asked.people, asked.frames) < 1:
        parser.error("expected 1 or more people and frames")
    print(f"{'people':>6}{'tracks':>8}{'p50 ms':>8}{'p95 ms':>8}")
    for people in asked.people:
        p50, p95, tracks = measure(people, asked.frames)
        print(f"{people:>6}{tracks:>8}{p50:>8.2f}{p95:>8.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
