"""The two outputs people look at: a window, and an annotated video. Each fails by itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2

from rt_gait.errors import OutputError, UsageError
from rt_gait.outputs.anonymize import anonymous
from rt_gait.outputs.overlay import draw
from rt_gait.types import FrameResult, UInt8Array
from rt_gait.video.mp4 import Mp4Writer

_STOP_KEYS = (ord("q"), 27)


def has_display() -> bool:
    """Return whether a window can be opened here."""
    elsewhere = sys.platform != "linux"  # macOS and Windows always have one
    return elsewhere or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Painter:
    """Draws each frame of a source once, for whoever shows it.

    Args:
        names: Subject id to the name to show.
        anonymize: Show nobody's looks, and pseudonyms in place of names.
    """

    def __init__(
        self, names: Mapping[str, str], *, anonymize: Literal["blur", "silhouette"] | None = None
    ) -> None:
        self._names = {} if anonymize else names
        self._anonymize = anonymize
        self._drawn: tuple[FrameResult, UInt8Array] | None = None

    def paint(self, result: FrameResult) -> UInt8Array:
        """Return the picture [H, W, 3] uint8 of a frame, which nobody may write to."""
        if self._drawn is None or self._drawn[0] is not result:
            self._drawn = (result, self._draw(result))
        return self._drawn[1]

    def _draw(self, result: FrameResult) -> UInt8Array:
        if self._anonymize is not None:
            hidden = anonymous(result, self._anonymize)
            result = replace(result, frame=replace(result.frame, image_bgr=hidden))
        # How an outline moves is what people are recognised by: a blur would be for nothing.
        return draw(result, self._names, outlines=self._anonymize != "blur")


class Recording:
    """The annotated video.

    Raises:
        OutputError: it cannot be written.
    """

    name = "recording"

    def __init__(self, path: Path, painter: Painter) -> None:
        self.path = path
        self._painter = painter
        self._writer = Mp4Writer(path)

    def write(self, result: FrameResult) -> None:
        """Add one frame."""
        self._writer.write(self._painter.paint(result), result.frame.time_secs)

    def close(self) -> None:
        """Finish the video."""
        self._writer.close()


class Window:
    """A window on the screen.

    Args:
        title: On top of it; no two windows have the same.
        painter: Draws for it.
        on_quit: Called when the user presses q or Esc.
        closing_quits: Take the closing of the window for the same.

    Raises:
        UsageError: no window can be opened here.
    """

    name = "window"
    path = None

    def __init__(
        self,
        title: str,
        painter: Painter,
        *,
        on_quit: Callable[[], None],
        closing_quits: bool = False,
    ) -> None:
        self._title = f"{title} (q to stop)"
        self._painter = painter
        self._on_quit = on_quit
        self._closing_quits = closing_quits
        self._sized = False
        try:
            # The Qt that comes with OpenCV warns of fonts that it does not need.
            os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
            look = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
            cv2.namedWindow(self._title, look)
        except cv2.error as error:
            raise UsageError(
                "--show needs OpenCV with windows, and the one installed has none "
                "(opencv-python-headless?); use --headless and --save"
            ) from error

    def write(self, result: FrameResult) -> None:
        """Show one frame.

        Raises:
            OutputError: the user has closed the window, or the display is gone.
        """
        image = self._painter.paint(result)
        try:
            if not self._sized:
                cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
                self._sized = True
            cv2.imshow(self._title, image)
            if cv2.waitKey(1) & 0xFF in _STOP_KEYS:
                self._on_quit()
            closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error as error:
            raise OutputError(f"the window cannot be shown: {error.err}") from error
        if closed and self._closing_quits:
            self._on_quit()
        elif closed:
            raise OutputError("the window was closed")

    def close(self) -> None:
        """Close the window."""
        with suppress(cv2.error):
            cv2.destroyWindow(self._title)
