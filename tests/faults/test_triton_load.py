"""What a real Triton server on a processor gets through when requests overlap."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import numpy as np

from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.served import Pending, ServedModels
from rt_gait.serving.triton import TritonClient

IN_FLIGHT, SECS = 8, 2.0


def test_eight_requests_of_one_window_under_way_are_gathered(
    models: Path, client: TritonClient
) -> None:
    """A hundred clips a second at least, of a network that costs next to nothing (a thousand were
    measured on two busy processors), and two or more in a batch."""
    info = gait_model_info(models, "whole")
    served = ServedModels(client, [info])
    rng = np.random.default_rng(4)
    window = rng.integers(0, 256, (1, 30, 64, 44)).astype(np.uint8)
    before = client.statistics("whole", timeout_secs=10)
    under_way: deque[Pending] = deque()
    done, begun_secs = 0, time.monotonic()
    while (now_secs := time.monotonic()) < begun_secs + SECS or under_way:
        while len(under_way) < IN_FLIGHT and now_secs < begun_secs + SECS:
            under_way.append(served.send(info, window, timeout_secs=10))
        (vector,) = under_way.popleft().outputs()
        assert vector.shape == (1, 24)
        done += 1
    took_secs = time.monotonic() - begun_secs
    after = client.statistics("whole", timeout_secs=10)
    assert after["inferences"] - before["inferences"] == done
    mean_batch = done / (after["executions"] - before["executions"])
    assert mean_batch >= 2
    assert done / took_secs >= 100
