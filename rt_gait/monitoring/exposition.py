"""Prometheus' text format, version 0.0.4: families of samples, and histograms.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Kind: TypeAlias = Literal["counter", "gauge", "histogram"]


@dataclass
class Histogram:
    """How often a value fell below each of some bounds. Its size never grows."""

    bounds: tuple[float, ...]
    """Ascending; what is above the last is counted too."""
    counts: list[int] = field(init=False)
    total: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Histogram:
        """Return one of its own that stays as it is."""
        twin = Histogram(self.bounds)
        twin.counts, twin.total = self.counts.copy(), self.total
        return twin


class Family:
    """All samples of one metric.

    Args:
        name: Without ``rt_gait_``, with its unit, and ``_total`` for a counter.
        kind: What Prometheus may do with it.
        text: What it is, in a few words on one line.
        prefix: Before the name.
    """

    def __init__(self, name: str, kind: Kind, text: str, *, prefix: str = "rt_gait_") -> None:
        self.name = prefix + name
        self.samples: list[str] = []
        self._head = f"# HELP {self.name} {text}\n# TYPE {self.name} {kind}\n"

    def add(self, value: float, /, **labels: str) -> None:
        """Add a sample of a counter or a gauge."""
        self._put("", value, labels)

    def add_histogram(self, histogram: Histogram, /, **labels: str) -> None:
        """Add the samples of a histogram."""
        below = 0
        for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
            below += count
            self._put("_bucket", below, labels | {"le": "+Inf" if bound is None else f"{bound:g}"})
        self._put("_sum", histogram.total, labels)
        self._put("_count", below, labels)

    def _put(self, suffix: str, value: float, labels: Mapping[str, str]) -> None:
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        self.samples.append(f"{self.name}{suffix}{f'{{{pairs}}}' if pairs else ''} {value!r}\n")

    def __str__(self) -> str:
        return self._head + "".join(self.samples) if self.samples else ""


def exposition(families: Iterable[Family]) -> str:
    """Return the text of all families; those without samples are left out."""
    return "".join(str(family) for family in families)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
