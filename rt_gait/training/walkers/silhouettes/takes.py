"""How a walk is filmed, and draws of it: cameras, places, directions, frame rates."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from rt_gait.detect.detector import input_scale

Array = npt.NDArray[np.float64]

#: Frames a second of the cameras drawn, and how often each is drawn.
FRAME_RATES = (10.0, 12.5, 15.0, 20.0, 25.0, 30.0, 50.0, 60.0)
_RATE_SHARES = (0.06, 0.08, 0.14, 0.08, 0.30, 0.26, 0.04, 0.04)
#: Larger cameras add little: segmenters scale frames to about 640 pixels.
FRAME_SIZES = ((640, 360), (640, 480), (960, 540))


@dataclass(frozen=True)
class Takes:
    """S sequences of T frames of one walk: when, where on the ground, and by which camera.

    ``times_s`` (S, T) seconds, at ``fps`` a second but for jitter; in the middle of a sequence the
    walker is over (``x_m``, ``y_m``) with ``heading`` radians and ``curvature`` 1/m (a ``Path``).
    Cameras: ``focal_px``, ``height_m``, ``pitch`` radians, frame ``width_px`` and ``tall_px``. All
    but times are (S,).
    """

    fps: Array
    times_s: Array
    x_m: Array
    y_m: Array
    heading: Array
    curvature: Array
    focal_px: Array
    height_m: Array
    pitch: Array
    width_px: Array
    tall_px: Array

    @staticmethod
    def joined(takes: list[Takes]) -> Takes:
        """The sequences of several, of as many frames each."""
        names = [f.name for f in fields(Takes)]
        return Takes(**{n: np.concatenate([getattr(t, n) for t in takes]) for n in names})


def free_takes(rng: np.random.Generator, count: int, frames: int, speed_m_s: float) -> Takes:
    """``count`` free views: any direction, height 1 to 6 m, straight or curved, 10 to 60 fps.

    Directions are spread evenly over the circle from a random start; walkers appear 48 to 180
    pixels tall in the segmenter's input (the pipeline uses no smaller ones); moments are off by up
    to 15% of a frame's time (standard deviation). Cameras stand far enough for a walker of
    ``speed_m_s`` never to come nearer than 2.5 m.
    """
    view = np.arange(count) + rng.uniform(-0.3, 0.3, count)
    view = (rng.uniform(0.0, 360.0) + view * 360.0 / count) % 360.0
    rates = rng.choice(FRAME_RATES, count, p=_RATE_SHARES)
    size = np.array(FRAME_SIZES)[rng.integers(len(FRAME_SIZES), size=count)]
    person = np.exp(rng.uniform(np.log(48.0), np.log(180.0), count)) / input_scale(*size.T)
    nearest = 2.5 + 0.6 * speed_m_s * frames / rates
    distance = nearest * np.exp(rng.uniform(0.0, np.log(3.0), count))
    high = rng.random(count) < 0.3
    height = np.where(high, rng.uniform(3.0, 6.0, count), rng.uniform(1.0, 3.0, count))
    bent = np.where(rng.random(count) < 0.3, rng.uniform(-0.2, 0.2, count), 0.0)
    return Takes(
        fps=rates,
        times_s=moments(rng, rates, frames, rng.uniform(0.0, 0.15, count)),
        curvature=bent,
        width_px=size[:, 0].astype(float),
        tall_px=size[:, 1].astype(float),
        **_aim(
            rng, view, distance, height, np.minimum(person, size[:, 1] * 0.6), width_px=size[:, 0]
        ),
    )


def laboratory_takes(rng: np.random.Generator, view_deg: Array, frames: int) -> Takes:
    """Straight walks past the fixed cameras of one laboratory, one for every ``view_deg`` (S,).

    25 fps, cameras 2 m high about 7 m away, people about 110 pixels tall: like CASIA-B.
    """
    count = len(view_deg)
    return Takes(
        fps=np.full(count, 25.0),
        times_s=moments(rng, np.full(count, 25.0), frames, np.zeros(count)),
        curvature=np.zeros(count),
        width_px=np.full(count, 640.0),
        tall_px=np.full(count, 480.0),
        **_aim(
            rng,
            np.asarray(view_deg, dtype=float),
            7.0 * rng.uniform(0.95, 1.05, count),
            np.full(count, 2.0),
            110.0 * rng.uniform(0.9, 1.1, count),
            width_px=np.full(count, 640.0),
            aside=0.06,
        ),
    )


def moments(rng: np.random.Generator, rates: Array, frames: int, jitter: Array) -> Array:
    """Times (S, T) in seconds at ``rates`` (S,) Hz, off by ``jitter`` (S,) of a frame's time."""
    off = jitter[:, None] * rng.normal(size=(len(rates), frames)).clip(-2, 2)
    start = rng.uniform(0.0, 5.0, (len(rates), 1))
    return np.asarray(start + (np.arange(frames) + off) / rates[:, None])


def _aim(
    rng: np.random.Generator,
    view_deg: Array,
    distance_m: Array,
    height_m: Array,
    person_px: Array,
    *,
    width_px: Array,
    aside: float = 0.3,
) -> dict[str, Array]:
    """Places and cameras (S,) for the wanted views.

    ``view_deg`` is the direction of walking against the line of sight: 0 towards the camera, 90 to
    the right of the picture, 180 away. ``person_px`` is how tall 1.7 m appears; ``aside`` is the
    largest angle, radians, between the line of sight and the camera's axis, in a frame of
    ``width_px``.
    """
    drop = height_m - 0.85
    focal = person_px * np.hypot(distance_m, drop) / 1.7
    aside_most = np.minimum(aside, np.arctan(0.35 * width_px / focal))
    bearing = rng.uniform(-1.0, 1.0, len(view_deg)) * aside_most
    x, y = distance_m * np.sin(bearing), distance_m * np.cos(bearing)
    return {
        "x_m": x,
        "y_m": y,
        "heading": np.radians(view_deg) - bearing,
        "focal_px": focal,
        "height_m": height_m,
        "pitch": np.arctan2(drop, y) + rng.uniform(-0.04, 0.04, len(view_deg)),
    }
