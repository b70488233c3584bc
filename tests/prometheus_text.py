"""A strict reader of Prometheus' text format 0.0.4: what it takes, Prometheus takes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HELP = re.compile(r"# HELP ([a-zA-Z_:][\w:]*) (\S.*)", re.ASCII)
_TYPE = re.compile(r"# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)", re.ASCII)
_SAMPLE = re.compile(
    r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)", re.ASCII
)
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)', re.ASCII)
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\"": '"'}

Labels = frozenset[tuple[str, str]]


@dataclass
class Parsed:
    """The samples of a text, and the kind of every metric."""

    kinds: dict[str, str] = field(default_factory=dict)
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def value(self, name: str, /, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]

    def labels(self, name: str) -> list[dict[str, str]]:
        return [dict(labels) for found, labels in self.samples if found == name]


def parse(text: str) -> Parsed:
    """Read a text; an AssertionError says what is wrong with it."""
    assert text.endswith("\n")
    parsed, current = Parsed(), ""
    lines = iter(text.removesuffix("\n").split("\n"))
    for line in lines:
        if line.startswith("# HELP"):
            current = _match(_HELP, line)[1]
            named, kind = _match(_TYPE, next(lines)).groups()
            assert named == current
            assert current not in parsed.kinds, f"{current} is told of in two places"
            assert (kind == "counter") == current.endswith("_total"), current
            parsed.kinds[current] = kind
            continue
        name, labels, value = _match(_SAMPLE, line).groups()
        suffixes = ("_bucket", "_sum", "_count") if parsed.kinds[current] == "histogram" else ("",)
        assert name in [current + suffix for suffix in suffixes], f"{name} stands under {current}"
        key = (name, _labels(labels or ""))
        assert key not in parsed.samples, f"told twice: {line}"
        parsed.samples[key] = float(value)
    for name, kind in parsed.kinds.items():
        if kind == "histogram":
            _check_histogram(parsed, name)
    return parsed


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    found = pattern.fullmatch(line)
    assert found, f"not understood: {line!r}"
    return found


def _labels(text: str) -> Labels:
    labels: dict[str, str] = {}
    while text:
        found = _LABEL.match(text)
        assert found, f"not understood: {text!r}"
        assert found[1] not in labels
        labels[found[1]] = re.sub(r"\\.", lambda m: _ESCAPES[m[0]], found[2])
        text = text[found.end() :]
    return frozenset(labels.items())


def _check_histogram(parsed: Parsed, name: str) -> None:
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), count in parsed.samples.items():
        if sample == f"{name}_bucket":
            bound = float(dict(labels)["le"])
            rest = frozenset((k, v) for k, v in labels if k != "le")
            series.setdefault(rest, []).append((bound, count))
    assert series
    for rest, buckets in series.items():
        assert buckets == sorted(buckets), "bounds ascend, and counts with them"
        assert [c for _, c in buckets] == sorted(c for _, c in buckets)
        assert buckets[-1] == (float("inf"), parsed.samples[f"{name}_count", rest])
        assert (f"{name}_sum", rest) in parsed.samples
