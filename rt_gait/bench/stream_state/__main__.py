"""Where the features of a streaming network are better kept: in the client, or on the server.

    python -m rt_gait.bench.stream_state [--tracks 1 4 16] [--secs 5] [--repeats 3] [--json]

Tracks of 25 silhouettes a second, a window of 30 every ten, over a real Triton on this machine:

    client   as rt-gait has it: new silhouettes to stream2d_frame, windows of features to stream2d
    server   one sequence a track, whose features a model in Python keeps: ten silhouettes a request
    frame    the same with a request for each silhouette

``25 Hz`` is paced, each track a frame after the last; ``loop`` is all tracks at once, as fast as
answers come. The ways take turns; figures are medians of the repeats, with the least and the
greatest in brackets. Bytes are those of messages, without gRPC's frames. At the end the server is
killed and relaunched in the middle of walks: how many windows does that cost?
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rt_gait.bench.local_server import local_server
from rt_gait.bench.stream_state.models import write_models
from rt_gait.bench.stream_state.walk import MODES, Phase, restart
from rt_gait.bench.stream_state.ways import Wire, open_ways
from rt_gait.errors import RtGaitError, UsageError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.onnx import usable_cpus
from rt_gait.serving.repository import ModelInfo, default_models_dir

MODEL = "stream2d"
_LEAST_SECS = 0.5
"""A window of every track falls due in .4 s."""
Figures = dict[str, list[float]]


def measure(info: ModelInfo, asked: argparse.Namespace) -> dict[str, Any]:
    """Run all phases; return each one's figures, one for a repeat, and what a restart costs.

    Raises:
        UsageError: there is nothing to measure.
    """
    if min(*asked.tracks, asked.repeats) < 1 or asked.secs < _LEAST_SECS:
        raise UsageError(
            f"expected 1 or more tracks and repeats and {_LEAST_SECS} s or more, got "
            f"{asked.tracks}, {asked.repeats} and {asked.secs:g} s"
        )
    found: dict[tuple[str, int, str], Figures] = {}
    with local_server(lambda folder: write_models(folder, info), asked.venv) as (server, client):
        wire = Wire(client)
        ways = open_ways(client, info)
        for _ in range(asked.repeats):
            for tracks, mode, way in itertools.product(asked.tracks, MODES, ways):
                figures = found.setdefault((mode, tracks, way.name), {})
                for name, value in Phase(server, wire, way, tracks).run(mode, asked.secs).items():
                    figures.setdefault(name, []).append(value)
        return {
            "model": info.key,
            "processors": usable_cpus(),
            "load_average": os.getloadavg()[0],
            "phases": [
                {"mode": mode, "tracks": tracks, "way": way, **figures}
                for (mode, tracks, way), figures in found.items()
            ],
            "restart": {way.name: restart(server, wire, way) for way in ways},
        }


def table(told: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| pace | tracks | state | windows/s | p50 ms | p99 ms | requests a window | executions "
        "| kB there | kB back | client ms | server ms |",
        "|---" * 12 + "|",
    ]
    for row in told["phases"]:
        cells = [
            f"{row['mode']} | {row['tracks']} | {row['way']}",
            _cell(row["windows_per_sec"], 1),
            _cell(row["p50_ms"], 0),
            _cell(row["p99_ms"], 0),
            f"{median(row['requests_per_window']):.1f}",
            f"{median(row['executions_per_window']):.1f}",
            f"{median(row['bytes_up_per_window']) / 1000:.0f}",
            f"{median(row['bytes_down_per_window']) / 1000:.0f}",
            _cell(row["client_ms_per_window"], 1),
            _cell(row["server_ms_per_window"], 1),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: Sequence[float], digits: int) -> str:
    """Return the median, and the least and the greatest in brackets."""
    middle, least, most = (f"{f(values):.{digits}f}" for f in (median, min, max))
    return f"{middle} ({least} to {most})"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.bench.stream_state",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    parser.add_argument("--tracks", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--secs", type=float, default=5.0, help="of each phase, after its warm-up")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--venv", type=Path, help="environment of Triton's wheel")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    try:
        told = measure(gait_model_info(asked.models_dir, MODEL), asked)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    if asked.json:
        print(json.dumps(told, indent=2))
        return 0
    print(f"{told['processors']} processors, load average {told['load_average']:.1f}\n")
    print(f"{table(told)}\n")
    for way, cost in told["restart"].items():
        print(f"restart, {way}: {cost}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
