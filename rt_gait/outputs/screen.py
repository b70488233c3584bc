"""The two outputs people look at: a window, and an annotated video."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2

from rt_gait.errors import UsageError
from rt_gait.outputs.anonymize import anonymous
from rt_gait.outputs.overlay import draw
from rt_gait.types import FrameResult, UInt8Array
from rt_gait.video.mp4 import Mp4Writer

_TITLE = "rt-gait (q to stop)"
_STOP_KEYS = (ord("q"), 27)


def has_display() -> bool:
    """Return whether a window can be opened here."""
    elsewhere = sys.platform != "linux"  # macOS and Windows always have one
    return elsewhere or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Screen:
    """Draws each frame once, for the window, the video, or both.

    Args:
        names: Subject id to the name to show.
        save: Annotated video to write.
        show: Whether to open a window.
        on_quit: Called when the user closes the window or presses q.
        anonymize: Show nobody's looks, and pseudonyms in place of names.

    Raises:
        UsageError: a window is wanted and there is no display.
        OutputError: the video cannot be written.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        save: Path | None,
        show: bool,
        on_quit: Callable[[], None],
        anonymize: Literal["blur", "silhouette"] | None = None,
    ) -> None:
        self._names = {} if anonymize else names
        self._anonymize = anonymize
        self._show = show
        self._sized = False
        self._on_quit = on_quit
        if show:
            _open_window()
        self._writer = Mp4Writer(save) if save is not None else None

    def write(self, result: FrameResult) -> None:
        """Draw one frame."""
        if self._anonymize is not None:
            hidden = anonymous(result, self._anonymize)
            result = replace(result, frame=replace(result.frame, image_bgr=hidden))
        # How an outline moves is what people are recognised by: a blur would be for nothing.
        image = draw(result, self._names, outlines=self._anonymize != "blur")
        if self._writer is not None:
            self._writer.write(image, result.frame.time_secs)
        if self._show:
            self._display(image)

    def close(self) -> None:
        """Finish the video and close the window."""
        if self._writer is not None:
            self._writer.close()
        if self._show:
            cv2.destroyAllWindows()

    def _display(self, image: UInt8Array) -> None:
        if not self._sized:
            cv2.resizeWindow(_TITLE, image.shape[1], image.shape[0])
            self._sized = True
        cv2.imshow(_TITLE, image)
        key = cv2.waitKey(1) & 0xFF
        if key in _STOP_KEYS or cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
            self._on_quit()


def _open_window() -> None:
    try:
        # The Qt that comes with OpenCV warns of fonts that it does not need.
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    except cv2.error as error:
        raise UsageError(
            "--show needs OpenCV with windows, and the one installed has none "
            "(opencv-python-headless?); use --headless and --save"
        ) from error
