"""What system shared memory would save on the way to a Triton server of this machine.

    python -m rt_gait.bench.shared_memory [--requests 10] [--turns 10] [--json]

A window of silhouettes (84 kB) to gait2d and a frame (.9 MB) to person_seg, one request at a time:

    message  tensors travel in the messages
    shared   they lie in a region that the server knows, as rt-gait has it for segmenters

``nothing`` is a model with the same tensors that computes nothing: what is left is the way there
and back. The ways take turns of some requests; figures are medians over all requests (latency,
with quartiles) or turns (processor time, with quartiles).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait.bench.local_server import BACKENDS, local_server, processor_secs
from rt_gait.errors import RtGaitError, UsageError
from rt_gait.serving.call import Arrays
from rt_gait.serving.onnx import usable_cpus
from rt_gait.serving.repository import ModelInfo, default_models_dir, load_info
from rt_gait.serving.served import ServedModels
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient

MODELS = ("gait2d", "person_seg")
_NOTHING = "nothing_"
_DEADLINE_SECS = 60.0
_WARM_UP = 3
_CONFIG = """name: "{name}"
backend: "python"
max_batch_size: 1
{tensors}
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""

Ask = Callable[[Any], Arrays]
"""Sends one item [1, ...] and returns the outputs."""


def write_models(folder: Path, infos: Sequence[ModelInfo]) -> None:
    """Write a repository with the models, and the one of each that computes nothing."""
    for info in infos:
        (folder / info.name).symlink_to(info.folder.absolute())
        tensors = "\n".join(
            f'{kind} [ {{ name: "{spec.name}" data_type: {spec.data_type} '
            f"dims: {list(spec.dims)} }} ]"
            for kind, specs in (("input", info.inputs), ("output", info.outputs))
            for spec in specs
        )
        name = _NOTHING + info.name
        (folder / name).mkdir()
        (folder / name / "1").symlink_to(BACKENDS / "nothing")
        (folder / name / "config.pbtxt").write_text(_CONFIG.format(name=name, tensors=tensors))


def open_ways(client: TritonClient, info: ModelInfo) -> dict[str, Ask]:
    """Return the ways of asking a model."""

    def asking(*, share: bool) -> Ask:
        served = ServedModels(client, [info], share=share)
        return lambda item: served.send(info, item, timeout_secs=_DEADLINE_SECS).outputs()

    return {"message": asking(share=False), "shared": asking(share=True)}


def measure(
    server: TritonServer, ways: dict[str, Ask], item: Any, *, requests: int, turns: int
) -> dict[str, dict[str, list[float]]]:
    """Return quartiles of milliseconds a request: latency, and both sides' processor time."""
    for ask in list(ways.values()) * _WARM_UP:
        ask(item)
    found: dict[str, dict[str, list[float]]] = {
        way: {"latency_ms": [], "client_ms": [], "server_ms": []} for way in ways
    }
    for turn in range(turns):
        # The first of a turn meets what the last one left: each is the first as often.
        for way in np.roll(list(ways), turn):
            server_secs, client_secs = processor_secs(server), time.process_time()
            for _ in range(requests):
                begun_secs = time.perf_counter()
                ways[way](item)
                found[way]["latency_ms"].append((time.perf_counter() - begun_secs) * 1000)
            client_secs = time.process_time() - client_secs
            server_secs = processor_secs(server) - server_secs
            found[way]["client_ms"].append(client_secs * 1000 / requests)
            found[way]["server_ms"].append(server_secs * 1000 / requests)
    return {
        way: {name: np.percentile(v, (25, 50, 75)).tolist() for name, v in figures.items()}
        for way, figures in found.items()
    }


def run(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all models; return a row for each way of each.

    Raises:
        UsageError: there is nothing to measure.
    """
    if min(asked.requests, asked.turns) < 1:
        raise UsageError(
            f"expected 1 or more requests and turns, got {asked.requests} and {asked.turns}"
        )
    infos = [load_info(asked.models_dir, name) for name in asked.models]
    rows: list[dict[str, Any]] = []
    with local_server(lambda folder: write_models(folder, infos), asked.venv) as (server, client):
        for info in infos:
            spec = info.inputs[0]
            item = np.random.default_rng(0).integers(0, 256, (1, *spec.dims), np.uint8)
            for model in (info, replace(info, name=_NOTHING + info.name)):
                ways = open_ways(client, model)
                told = measure(server, ways, item, requests=asked.requests, turns=asked.turns)
                rows += [
                    {"model": model.name, "input_bytes": item.nbytes, "way": way, **figures}
                    for way, figures in told.items()
                ]
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the figures as Markdown."""
    names = ("latency_ms", "client_ms", "server_ms")
    lines = ["| model | input kB | way | latency ms | client ms | server ms |", "|---" * 6 + "|"]
    for row in rows:
        cells = ["{1:.2f} ({0:.2f} to {2:.2f})".format(*row[name]) for name in names]
        kilobytes = f"{row['input_bytes'] / 1000:.0f}"
        lines.append(f"| {' | '.join([row['model'], kilobytes, row['way'], *cells])} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.bench.shared_memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--requests", type=int, default=10, help="of a turn")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--venv", type=Path, help="environment of Triton's wheel")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    try:
        rows = run(asked)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    if asked.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(f"{usable_cpus()} processors, load average {os.getloadavg()[0]:.1f}\n\n{table(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
