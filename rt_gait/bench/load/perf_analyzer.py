"""NVIDIA's perf_analyzer beside our own load: its command, and the CSV file that it writes.

https://github.com/triton-inference-server/perf_analyzer, ``docs/cli.md`` and ``docs/measurements``.
"""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError, UsageError

_COLUMNS = {
    "windows_per_sec": ("Inferences/Second", 1.0),
    "p50_ms": ("p50 latency", 1e-3),
    "p95_ms": ("p95 latency", 1e-3),
    "p99_ms": ("p99 latency", 1e-3),
    "queue_ms": ("Server Queue", 1e-3),
    "compute_ms": ("Server Compute Infer", 1e-3),
}
"""Ours, its name, and what a microsecond is in ours."""
_KNOWN = "2"
_PATIENCE_S = 60.0


def find(program: str) -> tuple[Path, str]:
    """Return the program and its version.

    Args:
        program: a path, or a name to look for on ``PATH``.

    Raises:
        UsageError: it is not there, is something else, or of another version.
    """
    path = shutil.which(program)
    if path is None:
        raise UsageError(
            f"cannot find perf_analyzer: {program}; install it (docs/bench.md), name it with "
            "--perf-analyzer PROGRAM, or use --engine own"
        )
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"cannot run perf_analyzer ({error}): {path}") from error
    said = " ".join((done.stdout + done.stderr).split())
    version = re.search(r"Version (\d+)\.(\d+)\.(\d+)", said)
    # A build without a release, as some of 2.60, calls itself 0.0.0.
    if version is None or version[1] not in (_KNOWN, "0"):
        raise UsageError(
            f"expected perf_analyzer {_KNOWN}.x, which says so with --version; got "
            f"{said[:100]!r}: {path}"
        )
    return Path(path), ".".join(version.groups())


@dataclass(frozen=True)
class PerfAnalyzer:
    """The program, and the server that it is to load.

    Args:
        program: perf_analyzer.
        address: ``HOST:PORT`` of the server's gRPC.
        model: its name.
        secs: one of its measurement windows; it repeats until three of them agree within 10%, or
            six times.
    """

    program: Path
    address: str
    model: str
    secs: float

    def command(self, batch: int, concurrency: int, data: Path, out: Path) -> list[str]:
        """Return what is run: batch windows in a request, concurrency requests under way."""
        command = [str(self.program), "-m", self.model, "-i", "grpc", "-u", self.address]
        command += ["-b", str(batch), "--concurrency-range", str(concurrency)]
        command += ["-p", str(round(1000 * self.secs)), "-s", "10", "-r", "6"]
        return [*command, "--input-data", str(data), "-f", str(out)]

    def measure(
        self, batch: int, concurrency: int, name: str, inputs: npt.NDArray[Any]
    ) -> dict[str, float]:
        """Run it at one point.

        Args:
            batch: windows in a request.
            concurrency: requests under way.
            name: of the model's input.
            inputs: [K, ...] to send.

        Raises:
            UsageError: it cannot be run.
            ModelError: it failed, found no steady figure, or wrote something else.
        """
        with tempfile.TemporaryDirectory() as folder:
            out, data = Path(folder) / "out.csv", Path(folder) / "data.json"
            data.write_text(json.dumps(input_data(name, inputs)))
            command = self.command(batch, concurrency, data, out)
            told = " ".join(command)
            try:
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    timeout=_PATIENCE_S + 10 * self.secs,
                    check=False,
                )
            except OSError as error:
                raise UsageError(f"cannot run perf_analyzer ({error.strerror}): {told}") from error
            except subprocess.TimeoutExpired as error:
                raise ModelError(f"perf_analyzer did not end: {told}") from error
            if not out.is_file():
                said = " ".join((done.stderr or done.stdout).split())[-400:]
                raise ModelError(f"perf_analyzer measured nothing ({said}): {told}")
            return parse(out.read_text())


def input_data(name: str, inputs: npt.NDArray[Any]) -> dict[str, Any]:
    """Return inputs [K, ...] as its ``--input-data`` has them."""

    def encoded(item: npt.NDArray[Any]) -> dict[str, Any]:
        text = base64.b64encode(np.ascontiguousarray(item).tobytes()).decode()
        return {name: {"content": {"b64": text}, "shape": list(item.shape)}}

    return {"data": [encoded(item) for item in inputs]}


def parse(text: str) -> dict[str, float]:
    """Read its CSV: one header, one line.

    Returns:
        Windows a second; latency of requests, and the server's mean queue and compute time, ms.

    Raises:
        ModelError: it is of another form.
    """
    rows = list(csv.DictReader(text.splitlines()))
    try:
        (row,) = rows
        return {ours: unit * float(row[theirs]) for ours, (theirs, unit) in _COLUMNS.items()}
    except (ValueError, KeyError, TypeError) as error:
        columns = ", ".join(theirs for theirs, _ in _COLUMNS.values())
        raise ModelError(
            f"expected a CSV of perf_analyzer {_KNOWN}.x with one line and the columns {columns}; "
            f"got {text[:200]!r}"
        ) from error
