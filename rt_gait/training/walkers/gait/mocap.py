"""Reading recorded walks: Acclaim skeletons (ASF) and motions (AMC) inside a zip archive.

The archive holds ``.../<subject>/<subject>.asf`` and ``.../<subject>/<subject>_<trial>.amc`` as the
Carnegie Mellon motion capture database publishes them. The project ships none of it: the user
names the file. Credit: the data used in this project was obtained from mocap.cs.cmu.edu, created
with funding from NSF EIA-0196217.

Conventions: world axes are those of the body model (x to the person's left, y backwards, z up),
lengths in metres, rotations as 3x3 matrices on column vectors.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError

from .rotations import axis_rotation

Array = npt.NDArray[np.float64]

#: Acclaim axes (x left, y up, z forward) to body-model axes (x left, y back, z up).
AXES: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
FRAME_RATE = 120.0
_INCH = 0.0254
_HOLDS = "a zip archive with SUBJECT.asf and SUBJECT_TRIAL.amc files"


@dataclass(frozen=True)
class Bone:
    """One bone of a recorded skeleton; ``direction`` is a unit vector in the rest pose."""

    name: str
    parent: str | None
    direction: Array
    length: float
    axis: Array
    dof: tuple[str, ...]


@dataclass(frozen=True)
class Walk:
    """One recorded walk.

    ``rotations[name]`` is (T, 3, 3): world rotation of the bone from its rest pose. ``root`` is
    (T, 3) metres, ``ends[name]`` (T, 3) metres where the bone ends. ``rest_direction[name]`` is
    the rest direction of a bone, ``length[name]`` its length in metres, ``fps`` in hertz.
    """

    name: str
    rotations: dict[str, Array]
    root: Array
    ends: dict[str, Array]
    rest_direction: dict[str, Array]
    length: dict[str, float]
    fps: float

    @property
    def leg_length(self) -> float:
        """Thigh plus shank of the recorded person, mean of both sides, metres."""
        names = ("lfemur", "ltibia", "rfemur", "rtibia")
        return sum(self.length[n] for n in names) / 2.0


def _euler(degrees: Array, order: str) -> Array:
    """Rotations (..., 3, 3) about the named axes, the first named applied first."""
    out = np.broadcast_to(np.eye(3), (*degrees.shape[:-1], 3, 3))
    for k, letter in enumerate(order.lower()):
        out = axis_rotation("xyz".index(letter), np.radians(degrees[..., k])) @ out
    return out


def parse_skeleton(text: str) -> dict[str, Bone]:
    """Bones of an ASF file in an order where parents come first (``root`` included)."""
    unit = re.search(r"length\s+([\d.eE+-]+)", text)
    scale = _INCH / float(unit.group(1)) if unit else _INCH
    parents: dict[str, str] = {}
    hierarchy = text.split(":hierarchy", 1)[1]
    order: list[str] = []
    for line in hierarchy.splitlines():
        words = line.split()
        if len(words) > 1:
            for child in words[1:]:
                parents[child] = words[0]
                order.append(child)
    bones = {"root": Bone("root", None, np.zeros(3), 0.0, np.zeros(3), ())}
    found: dict[str, Bone] = {}
    for block in re.findall(r"begin(.*?)end", text.split(":bonedata", 1)[1], re.S):
        fields = {m.split()[0]: m.split()[1:] for m in block.splitlines() if m.split()}
        if "name" not in fields:
            continue
        name = fields["name"][0]
        found[name] = Bone(
            name,
            parents[name],
            AXES @ np.array([float(v) for v in fields["direction"][:3]]),
            float(fields["length"][0]) * scale,
            np.array([float(v) for v in fields["axis"][:3]]),
            tuple(fields.get("dof", [])),
        )
    bones.update((name, found[name]) for name in order)
    return bones


def parse_motion(text: str, bones: dict[str, Bone], name: str) -> Walk:
    """World rotations of every bone for each frame of an AMC file."""
    frames: list[dict[str, list[float]]] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif frames and len(words) > 1:
            frames[-1][words[0]] = [float(v) for v in words[1:]]
    count = len(frames)
    root = np.array([f["root"] for f in frames])
    rotations = {"root": AXES @ _euler(root[:, 3:6], "xyz") @ AXES.T}
    ends = {"root": root[:, :3] @ AXES.T * (_INCH / 0.45)}
    for bone in list(bones.values())[1:]:
        parent = bone.parent or "root"
        local = np.broadcast_to(np.eye(3), (count, 3, 3))
        if bone.dof:
            degrees = np.zeros((count, 3))
            values = np.array([f[bone.name] for f in frames])
            for k, dof in enumerate(bone.dof):
                degrees[:, "xyz".index(dof[1])] = values[:, k]
            frame = AXES @ _euler(bone.axis, "xyz")
            local = frame @ _euler(degrees, "xyz") @ frame.T
        rotations[bone.name] = rotations[parent] @ local
        reach = rotations[bone.name] @ (bone.direction * bone.length)
        ends[bone.name] = ends[parent] + reach
    return Walk(
        name,
        rotations,
        ends["root"],
        ends,
        {b.name: b.direction for b in bones.values()},
        {b.name: b.length for b in bones.values()},
        FRAME_RATE,
    )


class MocapArchive:
    """Walks by name (``"07_01"``) from a zip archive of ASF and AMC files."""

    def __init__(self, path: Path | str) -> None:
        """Open the archive.

        Raises:
            UsageError: The file cannot be read, is no zip archive, or holds no walk.
        """
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            said = error.strerror if isinstance(error, OSError) else "not a zip archive"
            raise UsageError(f"{path}: expected {_HOLDS} ({said})") from None
        names = self._zip.namelist()
        self._asf = {Path(n).stem: n for n in names if n.endswith(".asf")}
        self._amc = {Path(n).stem: n for n in names if n.endswith(".amc")}
        if not self._asf or not self._amc:
            self._zip.close()
            raise UsageError(f"{path}: expected {_HOLDS}")

    def trials(self) -> dict[str, list[str]]:
        """Names of the recorded walks by subject."""
        out: dict[str, list[str]] = {}
        for trial in sorted(self._amc):
            out.setdefault(trial.split("_")[0], []).append(trial)
        return out

    def walk(self, trial: str) -> Walk:
        """The named walk.

        Raises:
            UsageError: The archive has none of that name, or it cannot be read.
        """
        subject = trial.split("_", maxsplit=1)[0]
        if subject not in self._asf or trial not in self._amc:
            raise UsageError(f"{self._path}: no walk {trial}: expected {_HOLDS}")
        try:
            bones = parse_skeleton(self._zip.read(self._asf[subject]).decode("ascii"))
            return parse_motion(self._zip.read(self._amc[trial]).decode("ascii"), bones, trial)
        except (ArithmeticError, LookupError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise UsageError(f"{self._path}: walk {trial} cannot be read: {error!r}") from error
