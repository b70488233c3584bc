"""What is said of a run when it is over."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rt_gait.errors import ExitCode
from rt_gait.events.counters import Counters
from rt_gait.redaction import hide_secrets
from rt_gait.runner import RunReport


def summarise(
    report: RunReport, *, names: Mapping[str, str], written: Sequence[Path], energy: str | None
) -> None:
    """Tell it on standard error.

    Args:
        report: Of the run.
        names: Subject id to name.
        written: The files that it was to write.
        energy: What it took, in a line.
    """
    counters = report.counters
    rate = counters.processed / report.wall_secs if report.wall_secs else 0.0
    tell = sys.stderr.write
    if report.exit_code is not ExitCode.OK:
        tell(
            f"error: {hide_secrets(report.reason)}\n" if report.reason != "stopped" else "stopped\n"
        )
    tell(
        f"{counters.processed} frames in {report.wall_secs:.1f} s ({rate:.1f} a second), "
        f"{counters.dropped} dropped, {counters.decode_errors} unreadable\n"
    )
    _tell_losses(counters)
    states = ", ".join(f"{count} {state}" for state, count in sorted(report.people.items()))
    tell(f"{sum(report.people.values())} tracks{': ' + states if states else ''}\n")
    known = sorted(names.get(s, s) for s in report.recognised)
    if known:
        tell(f"recognised: {', '.join(known)}\n")
    if energy is not None:
        tell(f"energy: {energy}\n")
    if report.exit_code is not ExitCode.OUTPUT:
        for path in written:
            if path.exists():
                part = "in part, until it failed: " if path in report.failed else ""
                tell(f"wrote {part}{path}\n")


def _tell_losses(counters: Counters) -> None:
    """Say what a server did not answer, and how often cameras were away, if that was so."""
    lost = [f"{n} {reason.replace('_', ' ')}" for reason, n in counters.windows_lost.items() if n]
    if lost:
        sys.stderr.write(f"windows not embedded: {', '.join(lost)}\n")
    if counters.undetected:
        sys.stderr.write(f"{counters.undetected} frames went without people: no segmenter\n")
    if counters.reconnects:
        sys.stderr.write(f"cameras lost and back again: {counters.reconnects}\n")
