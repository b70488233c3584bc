"""Masks drawn by hand, for the test of the published normalisation."""

from __future__ import annotations

import cv2
import numpy as np

from rt_gait.types import UInt8Array

FRAME_HW = (240, 320)


def masks() -> dict[str, UInt8Array]:
    """Whole frames [240, 320] uint8 of 0 and 255, by name."""
    drawn = {}
    for name, (x, height, lean) in {
        "upright": (160, 180, 0),
        "leaning": (150, 150, 30),
        "left_edge": (12, 170, 4),
        "right_edge": (309, 170, -4),
        "small": (200, 40, 3),
        "odd_height": (91, 77, -9),
        "full_height": (170, 239, 10),
    }.items():
        canvas = np.zeros(FRAME_HW, np.uint8)
        top, foot = FRAME_HW[0] - height, FRAME_HW[0] - 1
        head = (x + lean, top + height // 14)
        cv2.circle(canvas, head, height // 14, 255, -1)
        hip = (x, top + height // 2)
        cv2.line(canvas, head, hip, 255, max(height // 7, 1))
        for swing in (-1, 1):
            cv2.line(canvas, hip, (x + swing * height // 6, foot), 255, max(height // 16, 1))
            hand = (x - swing * height // 7, top + height // 2)
            cv2.line(canvas, (head[0], top + height // 5), hand, 255, max(height // 22, 1))
        drawn[name] = canvas
    wide = np.zeros(FRAME_HW, np.uint8)
    cv2.rectangle(wide, (20, 100), (300, 160), 255, -1)
    drawn["wider_than_tall"] = wide
    speck = np.zeros(FRAME_HW, np.uint8)
    speck[100:106, 50:56] = 255
    drawn["speck"] = speck
    first_column = np.zeros(FRAME_HW, np.uint8)
    first_column[20:200, 0] = 255
    drawn["first_column"] = first_column
    return drawn
