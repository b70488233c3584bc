"""Windows on a real display: one that is closed fails alone, and q ends the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import cv2
from scripted import frame
from rt_gait.errors import OutputError
from rt_gait.outputs.screen import Painter, Window
from rt_gait.types import Detections, FrameResult

def closes(title):  # as a click on its cross does, which is noticed while keys are waited for
    wait = cv2.waitKey
    def click(millis):
        cv2.destroyWindow(title + " (q to stop)")
        return wait(millis)
    cv2.waitKey = click

quits = []
result = FrameResult(frame(0), Detections.none(), ())
a, b, c = (Window(name, Painter({}), on_quit=lambda: quits.append(1), closing_quits=name == "c")
           for name in "abc")
for window in (a, b, c):
    window.write(result)
assert not quits
closes("a")
try:
    a.write(result)
except OutputError as error:
    print(error)
a.close()
b.write(result)
closes("c")
c.write(result)
print("quits", len(quits))
cv2.waitKey = lambda _millis: ord("q")
b.write(result)
print("quits", len(quits))
for window in (b, c):
    window.close()
"""


@pytest.fixture
def display() -> Iterator[str]:
    """An X server without a screen."""
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("no Xvfb here (Debian: xvfb)")
    reading, writing = os.pipe()
    with subprocess.Popen(
        [server, "-displayfd", str(writing)], pass_fds=[writing], stderr=subprocess.DEVNULL
    ) as process:
        os.close(writing)
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        yield f":{number}"
        process.terminate()


def test_a_window_fails_alone(display: str) -> None:
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"DISPLAY": display, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines() == ["the window was closed", "quits 1", "quits 2"], done.stderr
