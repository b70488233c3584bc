from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rt_gait.cli.calibrate import Probe, _files, judge
from rt_gait.errors import UsageError
from rt_gait.identity.matching import Templates
from rt_gait.types import Embedding

TEMPLATES = Templates(("s_a", "s_b"), np.arange(2), np.eye(2, 8, dtype=np.float32))
IDS = {"anna": "s_a", "ben": "s_b"}


def probe(person: str, name: str | None, *score: float, windows: int = 3) -> Probe:
    vector = np.zeros(8, np.float32)
    vector[: len(score)] = score
    vector[7] = np.sqrt(1 - (vector**2).sum())
    return Probe(person, name, tuple(Embedding(1, float(i), vector) for i in range(windows)))


def people(count: int) -> list[Probe]:
    rng = np.random.default_rng(0)
    return [
        probe(f"p{i}", None, *scores)
        for i, scores in enumerate(rng.uniform(0, 0.4, (count, 2)).tolist())
    ]


def test_the_enrolled_are_strangers_to_everybody_else() -> None:
    probes = [*people(40), probe("anna", "anna", 0.9, 0.1), probe("ben", "ben", 0.3, 0.2)]
    found, lines = judge(probes, [], TEMPLATES, IDS, 0.05)
    assert (found.strangers, found.subjects) == (42, 2)
    assert 0.3 < found.known < 0.6
    told = "\n".join(lines)
    assert "of 2 tracks of 2 enrolled people 1 are known at that: 50%" in told
    assert "warning: 42 strangers are too few to promise an FPIR of 5.00%" in told


def test_tracks_that_are_too_short_say_nothing() -> None:
    probes = [*people(40), probe("anna", "anna", 0.9, windows=1)]
    found, lines = judge(probes, [], TEMPLATES, IDS, 0.1)
    assert found.odds is None
    assert any("nobody enrolled was filmed" in line for line in lines)


def test_the_higher_threshold_is_taken() -> None:
    rng = np.random.default_rng(1)
    alike = [probe(f"q{i}", None, float(s)) for i, s in enumerate(rng.uniform(0.5, 0.6, 40))]
    site, _ = judge(alike, [], TEMPLATES, IDS, 0.1)
    for filmed, synthetic in ((alike, people(40)), (people(40), alike)):
        found, lines = judge(filmed, synthetic, TEMPLATES, IDS, 0.1)
        assert found.known == pytest.approx(site.known, abs=0.02)
        assert len(lines) >= 4


def test_too_few_people() -> None:
    with pytest.raises(UsageError, match="needs 5 people to take for strangers, got 4"):
        judge(people(2), [], TEMPLATES, IDS, 0.1)


def test_folders_are_named_as_people_are(tmp_path: Path) -> None:
    for name in ("anna/a.mp4", "unknown/x/b.avi", "unknown/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [(name, path.name) for name, path in _files(tmp_path, IDS)] == [
        ("anna", "a.mp4"),
        (None, "b.avi"),
    ]
    (tmp_path / "bne").mkdir()
    with pytest.raises(UsageError, match="nobody is enrolled as 'bne'"):
        list(_files(tmp_path, IDS))


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_videos(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "videos"
    if made:
        folder.mkdir()
    with pytest.raises(UsageError, match="no videos like" if made else "wants a folder"):
        list(_files(folder, IDS))
