"""Training logs as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rt_gait.errors import DamagedInputError, UsageError

from ..walkers.command import whole

_PANELS = {
    "triplet": "triplet loss of unsatisfied triplets",
    "active": "share of unsatisfied triplets",
    "cross_entropy": "cross-entropy",
    "rank1": "rank-1, validation subjects",
}


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of ``log.jsonl``.

    Raises:
        UsageError: there is no such file.
        DamagedInputError: a line is not what training writes.
    """
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [dict(line, iteration=int(line["iteration"])) for line in lines]
    except OSError as error:
        raise UsageError(f"cannot read the log ({error.strerror}): {path}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedInputError(f"not a training log: {path}") from error


def plot_logs(logs: list[Path], out: Path) -> None:
    """Losses and rank-1 of every log over iterations, one colour each; PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {path.parent.name: read_log(path) for path in logs}
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 6), layout="constrained")
    for axis, (key, title) in zip(axes.flat, _PANELS.items(), strict=True):
        for name, lines in found.items():
            points = [(line["iteration"], line[key]) for line in lines if key in line]
            if points:
                axis.plot(*zip(*points, strict=True), label=name, marker="." * (key == "rank1"))
        axis.set(title=title, xlabel="iteration")
        axis.grid(alpha=0.3)
    axes[0, 0].legend()
    with whole(out) as part:
        figure.savefig(part, dpi=110)
    pyplot.close(figure)
