"""Feet on the ground: stance from the recording, planted soles, two-bone leg solution.

Loops have T frames; world rotations are (T, J, 3, 3), positions metres, and travel is along -y.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from .mocap import Walk
from .rotations import axis_rotation, exp, orthonormal

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Height scale over which sole points share the load, metres.
LOAD_HEIGHT = 0.005
#: A foot bears while its slower end moves at less than this share of the walking speed.
STANCE_SPEED = 0.45
#: Least clearance of the swinging foot, metres.
CLEARANCE = 0.012
#: Knees stay ahead of the line from hip to ankle, however straight the recorded leg: metres over
#: which that sets in.
KNEE_AHEAD = 0.03
#: Every so many sole points of a detailed foot say how it rolls.
_SPARSE = 4
#: Most that a heel is raised further than recorded, radians.
STEEPEST = 0.25


def smooth(values: Array, sigma: float) -> Array:
    """Circular Gaussian low-pass of (T, ...) with ``sigma`` in frames."""
    count = len(values)
    response = np.exp(-2.0 * (np.pi * sigma * np.fft.rfftfreq(count)) ** 2)
    spectrum = np.fft.rfft(values, axis=0)
    shape = (-1,) + (1,) * (values.ndim - 1)
    return np.asarray(np.fft.irfft(spectrum * response.reshape(shape), n=count, axis=0))


def recorded_stance(walk: Walk, window: slice) -> Flags:
    """Whether the left and the right foot bear, (T, 2), in a window of T + 1 recorded frames."""
    out = []
    speed = np.linalg.norm(walk.root[-1] - walk.root[0]) / (len(walk.root) - 1)
    for side in "lr":
        ends = [walk.ends[side + n] for n in ("tibia", "foot", "toes")]
        slow = np.min([np.linalg.norm(np.gradient(e, axis=0), axis=1) for e in ends], axis=0)
        bearing = slow[window][:-1] < STANCE_SPEED * speed
        count, kernel = len(bearing), np.ones(9) / 9.0
        wide = np.convolve(np.tile(bearing.astype(float), 3), kernel, mode="same")
        out.append(wide[count : 2 * count] > 0.5)
    return np.stack(out, axis=1)


def joints(mesh: BodyMesh, rotations: Array) -> Array:
    """Joint positions (T, J, 3) in metres relative to the root joint."""
    above = np.maximum(mesh.parents, 0)
    reach = (rotations[:, above] @ (mesh.heads - mesh.heads[above])[:, :, None])[..., 0]
    out = np.zeros((*rotations.shape[:2], 3))
    for j, parent in enumerate(mesh.parents):
        if parent >= 0:
            out[:, j] = out[:, parent] + reach[:, j]
    return out


def sole_points(mesh: BodyMesh, side: str) -> tuple[Array, Flags]:
    """Rest positions (N, 3) of points of the sole and whether each lies under the toes (N,)."""
    own = _foot_bones(mesh, side)
    low = np.flatnonzero(mesh.vertices[:, 2] < 0.022)
    points = mesh.vertices[low[mesh.weights[low][:, own].sum(axis=1) > 0.6]]
    hinge = np.mean([mesh.heads[mesh.bone(f"toe{k}-1.{side}")][1] for k in (1, 2, 3, 4)])
    return points, points[:, 1] < hinge


def sole_offsets(mesh: BodyMesh, rotations: Array, side: str) -> Array:
    """Positions (T, N, 3) of the sole points of one foot relative to its ankle."""
    points, toe = sole_points(mesh, side)
    foot, hinge = mesh.bone(f"foot.{side}"), mesh.bone(f"toe3-1.{side}")
    ankle, knuckle = mesh.heads[foot], mesh.heads[hinge]
    out: Array = (points - ankle) @ np.swapaxes(rotations[:, foot], 1, 2)
    at = rotations[:, foot] @ (knuckle - ankle)
    bent = (points[toe] - knuckle) @ np.swapaxes(rotations[:, hinge], 1, 2)
    out[:, toe] = at[:, None] + bent
    return out


def _foot_bones(mesh: BodyMesh, side: str) -> list[int]:
    return [j for j, b in enumerate(mesh.bones) if b.startswith(("foot", "toe")) and b[-1] == side]


def raise_heel(mesh: BodyMesh, rotations: Array, lift: Array, side: str) -> None:
    """Turn the foot in place toes down, so that the ankle rises by about ``lift`` (T,) metres."""
    ankle, hinge = mesh.heads[mesh.bone(f"foot.{side}")], mesh.heads[mesh.bone(f"toe3-1.{side}")]
    angle = np.minimum(lift / float(np.linalg.norm((hinge - ankle)[:2])), STEEPEST)
    own = _foot_bones(mesh, side)
    rotations[:, own] = axis_rotation(0, angle)[:, None] @ rotations[:, own]


def bend_toes(
    mesh: BodyMesh, rotations: Array, bearing: Flags, side: str, rate: float = 1.0
) -> None:
    """Lay the toes flat in place while the heel is up and the foot bears (T,)."""
    forward = rotations[:, mesh.bone(f"foot.{side}")] @ np.array([0.0, -1.0, 0.0])
    flat = axis_rotation(2, np.arctan2(forward[:, 0], -forward[:, 1]))
    lifted = np.clip(-forward[:, 2] / np.sin(np.radians(10.0)), 0.0, 1.0)
    weight = (0.85 * lifted * smooth(bearing.astype(float), 4.0 * rate))[:, None, None]
    toes = orthonormal((1 - weight) * rotations[:, mesh.bone(f"foot.{side}")] + weight * flat)
    rotations[:, _foot_bones(mesh, side)[1:]] = toes[:, None]


def _roll(sole: Array) -> Array:
    """Ankle moves (T, 3) a frame for which the loaded sole points stay where they are."""
    sole = sole[:, ::_SPARSE] if sole.shape[1] > 40 else sole
    load = np.exp(-(sole[..., 2] - sole[..., 2].min(axis=1, keepdims=True)) / LOAD_HEIGHT)
    both = load * np.roll(load, -1, axis=0)
    both /= both.sum(axis=1, keepdims=True)
    return np.asarray(-(both[..., None] * (np.roll(sole, -1, axis=0) - sole)).sum(axis=1))


def _correction(ankle: Array, sole: Array, bearing: Flags, stride: Array, rate: float) -> Array:
    """Ankle corrections (T, 3): planted while bearing, blended and kept clear while swinging."""
    count = len(ankle)
    starts = np.flatnonzero(bearing & ~np.roll(bearing, 1))
    move, lowest = _roll(sole), sole[..., 2].min(axis=1)
    known = np.full((3 * count, 3), np.nan)
    tiled = np.concatenate([ankle + k * stride for k in (-1, 0, 1)])
    for start in np.concatenate([starts, starts + count, starts + 2 * count]):
        index = [int(start)]
        while index[-1] + 1 < 3 * count and bearing[(index[-1] + 1) % count]:
            index.append(index[-1] + 1)
        frames = np.array(index)
        travelled = np.cumsum(move[frames % count], axis=0) - move[frames % count]
        wanted = travelled + (tiled[frames] - travelled).mean(axis=0)
        wanted[:, 2] = -lowest[frames % count]
        known[frames] = wanted - tiled[frames]
    have = np.flatnonzero(~np.isnan(known[:, 0]))
    grid = np.arange(count, 2 * count)
    out = np.stack([np.interp(grid, have, known[have, k]) for k in range(3)], axis=1)
    out = np.where(bearing[:, None], out, smooth(out, 3.0 * rate))
    gap = np.where(bearing, 0.0, CLEARANCE - (ankle[:, 2] + out[:, 2] + lowest))
    out[:, 2] += smooth(np.maximum(gap, 0.0), 2.0 * rate) * ~bearing
    return smooth(out, rate)


def _turn_onto(rotation: Array, old: Array, new: Array) -> Array:
    """Rotations (T, 3, 3) turned the least that takes directions ``old`` (T, 3) onto ``new``."""
    old = old / np.linalg.norm(old, axis=1, keepdims=True)
    new = new / np.linalg.norm(new, axis=1, keepdims=True)
    axis = np.cross(old, new)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, (old * new).sum(axis=1, keepdims=True))
    return np.asarray(exp(axis / np.maximum(sine, 1e-12) * angle) @ rotation)


def _solve_leg(mesh: BodyMesh, rotations: Array, hip: Array, ankle: Array, side: str) -> None:
    """Turn thigh and shank in place so that the ankle lies at ``ankle`` (T, 3), hip (T, 3)."""
    thigh, shank = mesh.bone(f"upperleg01.{side}"), mesh.bone(f"lowerleg01.{side}")
    rest = mesh.heads[[thigh, shank, mesh.bone(f"foot.{side}")]]
    upper, lower = (
        rotations[:, thigh] @ (rest[1] - rest[0]),
        rotations[:, shank] @ (rest[2] - rest[1]),
    )
    one, two = np.linalg.norm(rest[1] - rest[0]), np.linalg.norm(rest[2] - rest[1])
    reach = ankle - hip
    far = np.linalg.norm(reach, axis=1, keepdims=True)
    u = reach / far
    far = np.minimum(far, (one + two) * 0.9985)
    front = np.cross(u, rotations[:, thigh] @ np.array([1.0, 0.0, 0.0]))
    front *= np.sign(-front[:, 1:2])
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    bend = upper - (upper * u).sum(axis=1, keepdims=True) * u
    ahead = (bend * front).sum(axis=1, keepdims=True)
    bend += (0.5 * (np.hypot(ahead, KNEE_AHEAD) - ahead)) * front
    bend /= np.linalg.norm(bend, axis=1, keepdims=True)
    along = (one**2 - two**2 + far**2) / (2.0 * far)
    knee = along * u + np.sqrt(np.maximum(one**2 - along**2, 0.0)) * bend
    upper_new = _turn_onto(rotations[:, thigh], upper, knee)
    lower_new = _turn_onto(rotations[:, shank], lower, far * u - knee)
    for j, bone in enumerate(mesh.bones):
        if bone.endswith(side) and bone.startswith("upperleg"):
            rotations[:, j] = upper_new
        if bone.endswith(side) and bone.startswith("lowerleg"):
            rotations[:, j] = lower_new


def _excess(mesh: BodyMesh, reach: Array) -> Array:
    """Metres (T,) by which a hip is too high for its leg, the ankle at ``reach`` (T, 3) from it."""
    flat = np.linalg.norm(reach[:, :2], axis=1)
    return np.asarray(-reach[:, 2] - np.sqrt((mesh.leg_length * 0.9985) ** 2 - flat**2))


def plant(
    mesh: BodyMesh,
    rotations: Array,
    path: Array,
    stance: Flags,
    *,
    rate: float = 1.0,
    higher: float = 0.0,
) -> tuple[Array, Array]:
    """Rotations and root positions (T, 3) of a loop whose bearing feet stay on the ground.

    ``path`` (T + 1, 3) is the scaled recorded root path, ``stance`` (T, 2) the bearing feet,
    ``rate`` the frames of a gait cycle relative to a recording's (120 a second). The pelvis is
    carried at the height that keeps the soles level on average, and ``higher`` metres above. Where
    a straight leg does not reach the ground the heel rises, and where that is not enough the
    pelvis sinks.
    """
    count, bearing = len(rotations), stance.T
    stride = np.array([0.0, path[-1, 1], 0.0])
    ramp = (np.arange(count + 1) / count)[:, None]
    root = (path - ramp * (path[-1] - stride))[:count]
    root[:, 0] -= root[:, 0].mean()
    root[:, 2] -= root[:, 2].mean()
    rotations = rotations.copy()
    at = joints(mesh, rotations)
    ankles = [at[:, mesh.bone(f"foot.{s}")] for s in "LR"]
    hips = [at[:, mesh.bone(f"upperleg01.{s}")] for s in "LR"]
    over, lift = np.zeros((2, count)), np.zeros((count, 2))
    for last in (False, True):
        for k, side in enumerate("LR"):
            raise_heel(mesh, rotations, lift[:, k], side)
            bend_toes(mesh, rotations, bearing[k], side, rate)
        soles = [sole_offsets(mesh, rotations, s) for s in "LR"]
        if not last:
            low = [s[..., 2].min(axis=1) for s in soles]
            low = np.stack(low) + np.stack(ankles)[..., 2] + root[:, 2]
            root[:, 2] -= low[bearing].mean() - higher
        targets = [
            a + root + _correction(a + root, s, b, stride, rate)
            for a, s, b in zip(ankles, soles, bearing, strict=True)
        ]
        reach = [t - root - h for t, h in zip(targets, hips, strict=True)]
        over = np.maximum([_excess(mesh, r) for r in reach], 0.0)
        lift = smooth((over * bearing).T, 3.0 * rate)
    worst = over.max(axis=0)
    for _ in range(4):
        sink = smooth(worst, 6.0 * rate) + 0.2 * worst.std()
        root[:, 2] -= sink
        worst = np.maximum(worst - sink, 0.0)
    for k, side in enumerate("LR"):
        _solve_leg(mesh, rotations, root + hips[k], targets[k], side)
    return rotations, root
