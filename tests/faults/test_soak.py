"""A minute of the soak: what must not grow does not, and the figures are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from figures import Figures

from rt_gait.bench.soak.__main__ import soak
from rt_gait.bench.soak.watch import entries, slope_per_10_min
from rt_gait.errors import ExitCode, UsageError


@pytest.mark.parametrize("minutes", [0.3, pytest.param(30.0, marks=pytest.mark.slow)])
@pytest.mark.timeout(2400)
def test_r23_nothing_grows(tmp_path: Path, figures: Figures, minutes: float) -> None:
    soaked = soak(minutes=minutes, model="gei", folder=tmp_path, connection_secs=8 * minutes)
    samples, counters = soaked.settled, soaked.report.counters
    what = f"soak of {minutes:g} min, 10 walkers"
    assert soaked.report.exit_code is ExitCode.OK
    assert soaked.reconnects >= 3
    assert any(path.suffix == ".000001" for path in tmp_path.iterdir()) or minutes < 10
    figures.at_least("R23", f"{what}: people", counters.tracks, 150 * minutes, "")
    for name in ("threads", "descriptors"):
        values = [getattr(sample, name) for sample in samples]
        figures.at_most("R23", f"{what}: {name}, most less least", max(values) - min(values), 2, "")
    tracks = max(sample.tracks for sample in samples)
    figures.at_most("R23", f"{what}: tracks at once", tracks, 30, "", slack=1)
    bound = 10_000  # 1,024 of the people who left, and 40 steps, 20 windows of who is there
    most = max(sample.entries for sample in samples)
    figures.at_most("R23", f"{what}: entries of all tables", most, bound, "", slack=1)
    age_ms = max(sample.age_p95_ms for sample in samples)
    figures.at_most("R23", f"{what}: age p95, worst ten seconds", age_ms, 150, "ms", slack=5)
    slope = slope_per_10_min(soaked.late, "rss_mb")
    if minutes >= 10:
        figures.at_most("R23", f"{what}: memory per 10 min", slope, 1, "MB")
    assert any("track births" in line for line in soaked.lines())


def test_a_soak_takes_time(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 0"):
        soak(minutes=0, model="gei", folder=tmp_path)


def test_entries_are_counted_however_deep() -> None:
    from rt_gait.identity.fusion import Identifier
    from rt_gait.identity.matching import Templates
    from rt_gait.identity.thresholds import Thresholds

    identifier = Identifier(Templates.none(), Thresholds(known=1, candidate=1, margin=0))
    before = entries(identifier)
    for track_id in range(5):
        identifier.forget(track_id)
    assert entries(identifier) == before + 5
