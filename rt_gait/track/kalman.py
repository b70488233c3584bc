"""The motion of one box: constant velocity, random acceleration. Only this file uses filterpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from filterpy.kalman import KalmanFilter

from rt_gait.track.camera import zoom
from rt_gait.types import FloatArray

# All in units of the person's height, so that near and far people are treated alike.
_MEASUREMENT_STD = np.array([0.055, 0.035, 0.14, 0.035])
"""Of centre x, centre y, width, height: a box breathes with the stride, and its sides give way
where somebody else comes between. Trusted more, it turns walkers round who pass one another."""
_ACCELERATION_STD = np.array([0.6, 0.3])
"""Per second squared: a walker (1.4 m/s, 1.7 m tall) stops or turns round within about a second."""
_FIRST_SPEED_STD = np.array([2.0, 0.8])
"""Per second: a walker crosses 0.8 of its height in a second, a runner 2."""
_SIZE_STD = 0.2
"""Of width and height after one second: arms swing, people turn, and come nearer by walking."""


class BoxFilter:
    """Kalman filter of one box over time in seconds.

    The state is centre x, centre y, width, height in pixels, and the speed of the centre in
    pixels a second. Sizes have no speed: carried on unseen, it blows boxes up or shrinks them.

    Args:
        box_xyxy_px: [4] first box.
    """

    def __init__(self, box_xyxy_px: FloatArray) -> None:
        self._filter = KalmanFilter(dim_x=6, dim_z=4)
        self._filter.H = np.eye(4, 6)
        z = _to_centre(box_xyxy_px)
        self._filter.x = np.concatenate([z, np.zeros(2)])[:, None]
        spread = np.concatenate([_MEASUREMENT_STD, _FIRST_SPEED_STD]) * max(z[3], 1.0)
        self._filter.P = np.diag(spread**2)

    def predict(self, dt_secs: float) -> FloatArray:
        """Move on by a step of time and return the expected box, [4] float32."""
        transition = np.eye(6)
        transition[:2, 4:] = np.eye(2) * dt_secs
        push = np.diag((_ACCELERATION_STD * self._height) ** 2)
        noise = np.zeros((6, 6))
        noise[:2, :2] = push * dt_secs**4 / 4
        noise[:2, 4:] = noise[4:, :2] = push * dt_secs**3 / 2
        noise[4:, 4:] = push * dt_secs**2
        noise[2, 2] = noise[3, 3] = (_SIZE_STD * self._height) ** 2 * dt_secs
        self._filter.predict(F=transition, Q=noise)
        return self.box

    def move(self, motion: FloatArray) -> None:
        """Follow a motion of the camera, [2, 3] in pixels."""
        x, turn = self._filter.x, motion[:, :2].astype(np.float64)
        x[:2, 0] = turn @ x[:2, 0] + motion[:, 2]
        x[2:4] *= zoom(motion)
        x[4:, 0] = turn @ x[4:, 0]

    def update(self, box_xyxy_px: FloatArray) -> None:
        """Correct by a box seen, [4]."""
        spread = _MEASUREMENT_STD * self._height
        self._filter.update(_to_centre(box_xyxy_px)[:, None], R=np.diag(spread**2))

    @property
    def box(self) -> FloatArray:
        """The box as it is believed to be now, [4] float32."""
        x, y, w, h = self._filter.x[:4, 0]
        w, h = max(w, 1.0), max(h, 1.0)
        return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2], np.float32)

    @property
    def _height(self) -> float:
        return max(float(self._filter.x[3, 0]), 1.0)


def _to_centre(box: FloatArray) -> npt.NDArray[np.float64]:
    x1, y1, x2, y2 = box.astype(np.float64)
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])
