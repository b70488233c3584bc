"""S13 and R29: more people than can be followed, and two who may be taken for one another."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from figures import Figures
from live_run import new_pipeline
from scripted import FRAME_HW, Person, ScriptedDetector, frame
from triton_server import connect, live, new_server, running, write_whole

from rt_gait.bench.soak.watch import entries, rss_mb
from rt_gait.detect.yolo_seg import MAX_PEOPLE
from rt_gait.gait.live import IN_FLIGHT
from rt_gait.track.sort import MOST_TRACKS
from rt_gait.types import Detections, Mask, UInt8Array
