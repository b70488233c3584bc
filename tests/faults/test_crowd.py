"""S13: more people than can be followed, while the server answers nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import triton_server
from figures import Figures
from live_run import new_pipeline
from scripted import ScriptedDetector, read_time

from rt_gait.bench.pipeline.crowd import draw_walker
from rt_gait.bench.soak.watch import entries
from rt_gait.gait.live import IN_FLIGHT
from rt_gait.monitoring.process import resident_bytes
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient
from rt_gait.track.sort import MOST_TRACKS
from rt_gait.types import Detections, Frame, Mask, UInt8Array

HW = (720, 1280)
COLUMNS, ROWS = 16, 10
PERSON_HW = (64, 33)


class Throng(ScriptedDetector):
    """160 people for 1.4 seconds; then, when they are forgotten, as many others."""

    def __init__(self) -> None:
        super().__init__(())
        small = [
            cv2.resize(draw_walker(n / 26).astype(np.uint8), PERSON_HW[::-1]) for n in range(26)
        ]
        self._poses = [pose > 0 for pose in small]

    def detect(self, image_bgr: UInt8Array) -> Detections:
        now_secs = read_time(image_bgr)
        if now_secs % 3 > 1.4:
            return Detections.none()
        pose = self._poses[int(now_secs * 25) % 26]
        places = [(x * 76, y * 70 + 2) for y in range(ROWS) for x in range(COLUMNS)]
        boxes = np.array([(x, y, x + 33, y + 64) for x, y in places], np.float32)
        masks = tuple(Mask(x, y, pose) for x, y in places)
        return Detections(boxes, np.full(len(places), 0.9, np.float32), masks)


def throng(index: int) -> Frame:
    image = np.zeros((*HW, 3), np.uint8)
    millis = index * 40
    image[0, 0] = (millis & 255, millis >> 8 & 255, millis >> 16 & 255)
    return Frame(image, index, index / 25)


def test_s13_a_throng_before_a_dead_server(
    models: Path, server: TritonServer, client: TritonClient, figures: Figures
) -> None:
    embedder = triton_server.live(client, models)
    pipeline = new_pipeline(Throng(), embedder)
    most, births, steps, sizes, rss = 0, 0, [], [], []
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for index in range(190):
            begun_secs = time.monotonic()
            result = pipeline.step(throng(index))
            steps.append(1000 * (time.monotonic() - begun_secs))
            most, births = max(most, len(result.tracks)), births + len(result.started)
            if index % 75 == 30:
                sizes.append(entries(pipeline))
                rss.append(resident_bytes() / 1e6)
            limit = IN_FLIGHT * embedder.info.largest_batch + MOST_TRACKS
            assert embedder.pending <= limit, "windows pile up"
    finally:
        os.kill(server.pid, signal.SIGCONT)
    embedder.finish()
    assert births > 2 * MOST_TRACKS, "the same people all the time: nothing is shown"
    what = f"{COLUMNS * ROWS} people in view, Triton frozen"
    figures.at_most("S13", f"{what}: tracks", most, MOST_TRACKS, "", slack=1)
    figures.tell("S13", f"{what}: a step, p95", float(np.percentile(steps, 95)), "ms")
    figures.at_most("S13", f"{what}: table entries, last to first", sizes[-1] / sizes[0], 1.5, "x")
    figures.at_most("S13", f"{what}: memory in 150 frames", rss[-1] - rss[0], 20, "MB", slack=1)
