"""NVIDIA's perf_analyzer beside our own load: its command, and the CSV file that it writes.

https://github.com/triton-inference-server/perf_analyzer, ``docs/cli.md`` and ``docs/measurements``.
"""

from __future__ import annotations

import csv
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rt_gait.errors import ModelError, UsageError


@dataclass(frozen=True)
class PerfAnalyzer:
    """One measurement: windows a second, and latency of requests in milliseconds."""

    clips_per_sec: float
    p50_ms: float
    p99_ms: float


def perf_analyzer(
    program: Path, address: str, model: str, *, batch: int, concurrency: int, secs: float
) -> PerfAnalyzer:
    """Run it at one point.

    Args:
        program: perf_analyzer.
        address: ``HOST:PORT`` of the server's gRPC.
        model: its name.
        batch: windows in a request.
        concurrency: requests under way.
        secs: one of its measurement windows; it repeats until three of them agree within 10%, or
            six times.

    Raises:
        UsageError: there is no such program.
        ModelError: it failed, or wrote something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.csv"
        command = [str(program), "-m", model, "-i", "grpc", "-u", address, "-b", str(batch)]
        command += ["--concurrency-range", str(concurrency), "-p", str(round(1000 * secs))]
        command += ["-s", "10", "-r", "6", "-f", str(out)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=60 + 10 * secs, check=False
            )
        except OSError as error:
            raise UsageError(f"cannot run perf_analyzer ({error.strerror}): {program}") from error
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"perf_analyzer did not end: {' '.join(command)}") from error
        if not out.is_file():
            said = " ".join((done.stderr or done.stdout).split())[-400:]
            raise ModelError(f"perf_analyzer measured nothing ({said}): {' '.join(command)}")
        return parse(out.read_text())


def parse(text: str) -> PerfAnalyzer:
    """Read its CSV: one header, one line.

    Raises:
        ModelError: it is of another form.
    """
    rows = list(csv.DictReader(text.splitlines()))
    try:
        (row,) = rows
        rate = float(row["Inferences/Second"])
        p50_us, p99_us = (float(row[f"{p} latency"]) for p in ("p50", "p99"))
    except (ValueError, KeyError) as error:
        raise ModelError(
            "expected a CSV of perf_analyzer 2.x with one line and the columns Inferences/Second, "
            f"p50 latency and p99 latency; got {text[:200]!r}"
        ) from error
    return PerfAnalyzer(rate, p50_us / 1000, p99_us / 1000)
