from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_world import take_of

from rt_gait.errors import DamagedInputError, SourceOpenError
from rt_gait.evaluation.strangers import stranger_tracks
from rt_gait.evaluation.takes import ENROL, SAME_DAY, Take, read_takes, write_takes
from rt_gait.gait.walking import judged
from rt_gait.gait.windows import WindowShape


def take(subject: int, kind: str, windows: int) -> Take:
    rng = np.random.default_rng([subject, windows])
    pixels = rng.integers(0, 256, (subject, 64, 44)).astype(np.uint8)
    return take_of(subject, kind, pixels, rng.standard_normal((windows, 8)))


def test_takes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "takes.npz"
    made = [take(2, ENROL, 3), take(3, SAME_DAY, 0)]
    write_takes(path, made, "gei@1a2b3c4d")
    found, model = read_takes(path)
    assert model == "gei@1a2b3c4d"
    for before, after in zip(made, found, strict=True):
        for name in ("subject", "kind", "clip", "view_deg", "first_secs"):
            assert getattr(after, name) == getattr(before, name)
        assert np.allclose(after.vectors, before.vectors, atol=1e-3)
        assert np.array_equal(after.seen_secs, before.seen_secs)
        for ours, theirs in zip(after.silhouettes, before.silhouettes, strict=True):
            assert np.array_equal(ours.pixels, theirs.pixels)
            assert (ours.frame_index, ours.time_secs) == (theirs.frame_index, theirs.time_secs)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "takes.npz"
    with pytest.raises(SourceOpenError, match="no such file"):
        read_takes(path)
    path.write_text("no takes")
    with pytest.raises(SourceOpenError, match="expected takes"):
        read_takes(path)
    write_takes(path, [take(2, ENROL, 3)], "gei@1a2b3c4d")
    with np.load(path) as file:
        data = {name: file[name] for name in file.files if name != "steps"}
    np.savez(path, **data)
    with pytest.raises(DamagedInputError, match="do not fit together"):
        read_takes(path)


def test_strangers_come_with_the_package_and_walk() -> None:
    tracks = list(stranger_tracks(WindowShape(30, 25.0, 0.4)))
    assert len({subject for subject, _ in tracks}) >= 5
    assert all(len(windows) >= 2 for _, windows in tracks)
    assert np.mean([judged(w) is not None for _, windows in tracks for w in windows]) > 0.95
