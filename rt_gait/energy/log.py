"""The energy log: one JSON object a line for each reading."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from rt_gait.energy.meter import Reading
from rt_gait.errors import OutputError


class EnergyLog:
    """Takes readings from the sampler's thread, and is an output of a run.

    A line has ``time`` (UTC), ``monotonic_s``, ``meter``, ``phase`` (``idle`` or ``run``), and by
    rail ``power_w`` and ``energy_j``.

    Raises:
        OutputError: the file cannot be created.
    """

    name = "energy"

    def __init__(self, path: Path, meter: str) -> None:
        self.path = path
        self.phase = "idle"
        self._meter = meter
        self._problem: OutputError | None = None
        try:
            self._file = path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise self._output_error(error) from error

    def add(self, reading: Reading) -> None:
        """Write a reading; a disk that does not take it is told by :meth:`write`."""
        if self._file.closed or self._problem is not None:
            return
        line = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z",
            "monotonic_s": round(reading.time_s, 6),
            "meter": self._meter,
            "phase": self.phase,
            "power_w": {rail: round(watts, 6) for rail, watts in reading.power_w.items()},
            "energy_j": {rail: round(joules, 6) for rail, joules in reading.energy_j.items()},
        }
        try:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        except (OSError, ValueError) as error:  # ValueError: closed in between
            self._problem = self._output_error(error)

    def write(self, _result: object) -> None:
        """Complain if readings can no longer be written.

        Raises:
            OutputError: the disk is full, or the like.
        """
        if self._problem is not None:
            raise self._problem

    def close(self) -> None:
        """Close the file; does nothing the second time.

        Raises:
            OutputError: the disk does not take it, or did not take an earlier line.
        """
        if self._file.closed:
            return
        try:
            self._file.close()
        except OSError as error:
            self._problem = self._output_error(error)
        if self._problem is not None:
            raise self._problem

    def _output_error(self, error: Exception) -> OutputError:
        why = getattr(error, "strerror", None) or str(error)
        return OutputError(f"the energy log cannot be written ({why}): {self.path}")
