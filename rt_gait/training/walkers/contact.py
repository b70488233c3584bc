"""Feet on the ground: stance from the recording, planted soles, two-bone leg solution.

Loops have T frames; world rotations are (T, J, 3, 3), positions metres, and travel is along -y.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .bodies import BodyMesh
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
    own = [j for j, b in enumerate(mesh.bones) if b.startswith(("foot", "toe")) and b[-1] == side]
    low = np.flatnonzero(mesh.vertices[:, 2] < 0.022)
    points = mesh.vertices[low[mesh.weights[low][:, own].sum(axis=1) > 0.6]]
    hinge = np.mean([mesh.heads[mesh.bone(f"toe{k}-1.{side}")][1] for k in (1, 2, 3, 4)])
    return points, points[:, 1] < hinge


def sole_offsets(mesh: BodyMesh, rotations: Array, side: str, rigid: bool = False) -> Array:
    """Positions (T, N, 3) of the sole points of one foot relative to its ankle."""
    points, toe = sole_points(mesh, side)
    foot, hinge = mesh.bone(f"foot.{side}"), mesh.bone(f"toe3-1.{side}")
    ankle, knuckle = mesh.heads[foot], mesh.heads[hinge]
    out: Array = (points - ankle) @ np.swapaxes(rotations[:, foot], 1, 2)
    if not rigid:
        at = rotations[:, foot] @ (knuckle - ankle)
        bent = (points[toe] - knuckle) @ np.swapaxes(rotations[:, hinge], 1, 2)
        out[:, toe] = at[:, None] + bent
    return out


def bend_toes(
    mesh: BodyMesh, rotations: Array, bearing: Flags, side: str, rate: float = 1.0
) -> Array:
    """Rotations with the toes laid flat while the heel is up and the foot bears (T,)."""
    forward = rotations[:, mesh.bone(f"foot.{side}")] @ np.array([0.0, -1.0, 0.0])
    flat = axis_rotation(2, np.arctan2(forward[:, 0], -forward[:, 1]))
    lifted = np.clip(-forward[:, 2] / np.sin(np.radians(10.0)), 0.0, 1.0)
    weight = (0.85 * lifted * smooth(bearing.astype(float), 4.0 * rate))[:, None, None]
    toes = orthonormal((1 - weight) * rotations[:, mesh.bone(f"foot.{side}")] + weight * flat)
    out = rotations.copy()
    for j, bone in enumerate(mesh.bones):
        if bone.startswith("toe") and bone.endswith(side):
            out[:, j] = toes
    return out


def _roll(sole: Array) -> Array:
    """Ankle moves (T, 3) a frame for which the loaded sole points stay where they are."""
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
    bend = upper - (upper * u).sum(axis=1, keepdims=True) * u + 0.02 * front
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


def plant(
    mesh: BodyMesh, rotations: Array, path: Array, stance: Flags, rate: float = 1.0
) -> tuple[Array, Array]:
    """Rotations and root positions (T, 3) of a loop whose bearing feet stay on the ground.

    ``path`` (T + 1, 3) is the scaled recorded root path, ``stance`` (T, 2) the bearing feet,
    ``rate`` the frames of a gait cycle relative to a recording's (120 a second).
    """
    count = len(rotations)
    stride = np.array([0.0, path[-1, 1], 0.0])
    ramp = (np.arange(count + 1) / count)[:, None]
    root = (path - ramp * (path[-1] - stride))[:count]
    root[:, 0] -= root[:, 0].mean()
    root[:, 2] -= root[:, 2].mean()
    rotations = rotations.copy()
    at = joints(mesh, rotations)
    sides = list(enumerate("LR"))
    for k, side in sides:
        rotations = bend_toes(mesh, rotations, stance[:, k], side, rate)
    soles = [sole_offsets(mesh, rotations, s) for _, s in sides]
    ankles = [at[:, mesh.bone(f"foot.{s}")] for _, s in sides]
    low = [ankles[k][:, 2] + soles[k][..., 2].min(axis=1) + root[:, 2] for k, _ in sides]
    root[:, 2] -= np.concatenate([low[k][stance[:, k]] for k, _ in sides]).mean()
    targets = [
        a + root + _correction(a + root, soles[k], stance[:, k], stride, rate)
        for k, a in enumerate(ankles)
    ]
    hips = [at[:, mesh.bone(f"upperleg01.{s}")] for _, s in sides]
    over = np.zeros(count)
    for k, _ in sides:
        flat = np.linalg.norm((targets[k] - root - hips[k])[:, :2], axis=1)
        height = np.sqrt((mesh.leg_length * 0.9985) ** 2 - flat**2)
        over = np.maximum(over, root[:, 2] + hips[k][:, 2] - targets[k][:, 2] - height)
    root[:, 2] -= smooth(over, 6.0 * rate) + 0.5 * over.std()
    for k, side in sides:
        _solve_leg(mesh, rotations, root + hips[k], targets[k], side)
    return rotations, root
