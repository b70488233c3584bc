"""A file gives every frame and the same log, byte for byte, however the machine stumbles."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import pytest
import scripted
from figures import Figures

PROGRAM = Path(__file__).parents[1] / "fault_programs.py"


def write_clip(path: Path, frames: int) -> None:
    """Write the frames of the script without loss: their times stand in their pixels."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = scripted.FRAME_HW
        stream.pix_fmt = "bgr0"
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(scripted.frame(index).image_bgr, format="bgr24")
            picture.pts = index
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("frames", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.timeout(400)
def test_r2_every_frame_and_the_same_bytes(tmp_path: Path, figures: Figures, frames: int) -> None:
    clip = tmp_path / "clip.mkv"
    write_clip(clip, frames)
    logs, processed = [], []
    for seed, bound in enumerate(([], [], ["taskset", "-c", "0"])):
        log = tmp_path / f"{seed}.jsonl"
        command = [*bound, sys.executable, PROGRAM, "lossless", clip, log, str(seed)]
        said = subprocess.run(command, capture_output=True, check=True, timeout=300).stdout
        done, dropped, code = map(int, said.split())
        assert (dropped, code) == (0, 0)
        processed.append(done)
        logs.append(log.read_bytes())
    assert b"track.started" in logs[0]
    what = f"file of {frames} frames, stalls, 3 runs, one on one CPU"
    figures.exactly("R2", f"{what}: frames processed, least", min(processed), frames)
    figures.exactly("R2", f"{what}: different logs", len(set(logs)), 1)
