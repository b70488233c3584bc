"""The motion of one box: constant velocity, random acceleration. Only this file uses filterpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from filterpy.kalman import KalmanFilter

from rt_gait.types import FloatArray

# All in units of the person's height, so that near and far people are treated alike.
_MEASUREMENT_STD = np.array([0.08, 0.05, 0.20, 0.05])
"""Of centre x, centre y, width, height: a box breathes with the stride, and its sides give way
where somebody else comes between. Trusted more, it turns walkers round who pass one another."""
_ACCELERATION_STD = np.array([0.6, 0.3, 0.3, 0.1])
"""Per second squared: a walker (1.4 m/s, 1.7 m tall) stops or turns round within about a second."""
_FIRST_SPEED_STD = np.array([1.0, 0.4, 0.3, 0.2])
"""Per second: a walker crosses 0.8 of its height in a second, a runner 2."""


class BoxFilter:
    """Kalman filter of one box over time in seconds.

    The state is centre x, centre y, width, height and their speeds, in pixels and pixels a second.

    Args:
        box_xyxy_px: [4] first box.
    """

    def __init__(self, box_xyxy_px: FloatArray) -> None:
        self._filter = KalmanFilter(dim_x=8, dim_z=4)
        self._filter.H = np.eye(4, 8)
        z = _to_centre(box_xyxy_px)
        self._filter.x = np.concatenate([z, np.zeros(4)])[:, None]
        height = z[3]
        spread = np.concatenate([_MEASUREMENT_STD, _FIRST_SPEED_STD]) * height
        self._filter.P = np.diag(spread**2)

    def predict(self, dt_secs: float) -> FloatArray:
        """Move on by a step of time and return the expected box, [4] float32."""
        f = self._filter
        transition = np.eye(8)
        transition[:4, 4:] = np.eye(4) * dt_secs
        variance = (_ACCELERATION_STD * self._height) ** 2
        noise = np.zeros((8, 8))
        noise[:4, :4] = np.diag(variance * dt_secs**4 / 4)
        noise[:4, 4:] = noise[4:, :4] = np.diag(variance * dt_secs**3 / 2)
        noise[4:, 4:] = np.diag(variance * dt_secs**2)
        f.predict(F=transition, Q=noise)
        return self.box

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
