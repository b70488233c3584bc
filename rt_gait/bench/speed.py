"""How fast and how large a whole run is: frames a second, stages, peak memory.

    python -m rt_gait.bench.speed VIDEO [--repeats 3] [-- rt-gait options]

Each repeat is ``rt-gait --video VIDEO`` in a process of its own, decoding and start included in
the memory, start left out of the frame rate. Figures are medians, with the least and the greatest.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rt_gait.errors import ExitCode
from rt_gait.serving.onnx import usable_cpus


@dataclass(frozen=True)
class Repeat:
    """One run."""

    frames_per_sec: float
    """Of the run itself, as rt-gait tells it."""
    start_secs: float
    """From the start of the process to the first frame, and from the last one to its end."""
    peak_mib: float
    """Greatest resident set of any run so far, in MiB."""


def measure(video: Path, options: Sequence[str]) -> Repeat:
    """Run once.

    Raises:
        subprocess.CalledProcessError: the run failed; it has said why.
    """
    begun_secs = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "rt_gait", "--video", str(video), "--headless", *options],
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall_secs = time.monotonic() - begun_secs
    told = re.search(r"frames in ([\d.]+) s \(([\d.]+) a second\)", done.stderr)
    assert told is not None, done.stderr
    # Linux counts in KiB. Only the largest child is known, so equal runs give equal figures.
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Repeat(float(told[2]), wall_secs - float(told[1]), peak_mib)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.speed", description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("options", nargs="*", help="options of rt-gait, after --")
    asked = parser.parse_args(argv)
    try:
        repeats = [measure(asked.video, asked.options) for _ in range(max(asked.repeats, 1))]
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        return int(error.returncode)
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{asked.video.name}, {len(repeats)} runs on {usable_cpus()} processors{load}")
    for name, values in {
        "frames a second": [r.frames_per_sec for r in repeats],
        "start and end, s": [r.start_secs for r in repeats],
        "peak memory, MiB": [r.peak_mib for r in repeats],
    }.items():
        print(f"{name:<18}{median(values):8.1f}   ({min(values):.1f} to {max(values):.1f})")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
