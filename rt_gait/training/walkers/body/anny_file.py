"""Anny's adults in one file: its blend shapes, asked of Anny once.

Anny's rest shape is multilinear in the phenotype between its anchors and linear in the positive and
negative part of every local change, so its own output at the anchors and at +-1 of each local
change says everything. It is kept in ``${XDG_CACHE_HOME:-~/.cache}/rt-gait/anny-VERSION-HASH.npz``;
afterwards neither torch nor Anny is needed, on any machine that has the file.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError

Array = npt.NDArray[np.float64]

#: Anchors of the phenotype values, adults only: age 2/3 is young, 1 is old.
ANCHORS = {
    "gender": (0.0, 1.0),
    "age": (2 / 3, 1.0),
    "muscle": (0.0, 0.5, 1.0),
    "weight": (0.0, 0.5, 1.0),
    "height": (0.0, 1.0),
    "proportions": (0.0, 1.0),
}

#: Local changes in the model, without ``-incr``. ``*-`` stands for both sides at once.
LOCALS: tuple[str, ...] = (
    *("measure-shoulder-dist", "hip-scale-horiz", "measure-waist-circ", "measure-bust-circ"),
    *("upperlegs-height", "lowerlegs-height", "measure-upperarm-length", "measure-lowerarm-length"),
    *("*-foot-scale", "torso-scale-horiz", "torso-scale-depth", "torso-vshape", "neck-scale-vert"),
    *("torso-muscle-pectoral", "torso-muscle-dorsi", "buttocks-volume", "stomach-tone"),
    *("measure-neck-circ", "*-upperarm-shoulder-muscle", "*-upperarm-muscle", "*-hand-scale"),
    *("measure-thigh-circ", "measure-calf-circ", "*-lowerleg-muscle", "*-leg-valgus"),
    *(
        "hip-scale-depth",
        "measure-hips-circ",
        "stomach-pregnant",
        "*-upperarm-fat",
        "*-lowerarm-fat",
    ),
    *("*-upperleg-fat", "*-lowerleg-fat", "neck-double", "torso-scale-vert"),
    *("head-scale-vert", "head-scale-horiz", "head-scale-depth", "head-fat", "nose-scale-depth"),
    *("nose-scale-horiz", "nose-hump", "nose-volume", "chin-prominent", "chin-width"),
    *("chin-height", "forehead-scale-vert", "mouth-scale-horiz", "*-cheek-bones"),
    *("*-cheek-volume", "*-ear-scale", "nipple-point", "nipple-size", "breast-point"),
)


def anny_model() -> Any:
    """Anny itself, as this module uses it. ``ModelError`` when it is not installed."""
    try:
        import anny
    except ImportError as error:
        missing = error.name or "anny"
        raise ModelError(f"{missing} is not installed: pip install 'rt-gait[train]'") from error
    labels = [label for name in LOCALS for label in anny_labels(name)]
    return anny.Anny(topology="notoes", local_changes=labels, skinning_method="lbs")


def anny_labels(name: str) -> list[str]:
    """Anny's own names of a local change of :data:`LOCALS`."""
    sides = ["l-", "r-"] if name.startswith("*-") else [""]
    return [side + name.removeprefix("*-") + "-incr" for side in sides]


def export(path: Path) -> None:
    """Ask Anny (half a minute) for its adults and write them to ``path``, whole or not at all."""
    write(path, _asked())


def _asked() -> dict[str, Any]:
    model = anny_model()

    def rest(phenotype: dict[str, float], local: dict[str, float]) -> Array:
        out = model(phenotype_kwargs=phenotype, local_changes_kwargs=local)
        parts = [out[key][0].double().cpu().numpy() for key in ("rest_vertices", "rest_bone_heads")]
        return np.concatenate(parts).ravel()

    grid = [dict(zip(ANCHORS, c, strict=True)) for c in itertools.product(*ANCHORS.values())]
    corners = np.stack([rest(phenotype, {}) for phenotype in grid])
    mean = corners.mean(axis=0)
    spread, axes = np.linalg.eigh((corners - mean) @ (corners - mean).T)
    axes = axes[:, spread > 1e-10 * spread[-1]]
    changes = [
        rest(grid[0], dict.fromkeys(anny_labels(name), sign)) - corners[0]
        for name in LOCALS
        for sign in (1.0, -1.0)
    ]
    shapes = np.stack([mean, *(axes.T @ (corners - mean)), *changes])
    scale = np.maximum(np.abs(shapes).max(axis=1), 1e-9) / 32767
    sizes = [len(a) for a in ANCHORS.values()]
    return {
        "shapes": np.round(shapes / scale[:, None]).astype(np.int16),
        "scale": scale.astype(np.float32),
        "corners": axes.reshape(*sizes, -1).astype(np.float32),
        "faces": model.get_triangular_faces().cpu().numpy().astype(np.uint16),
        "parents": np.array(model.bone_parents, dtype=np.int16),
        "bones": np.array(model.bone_labels),
        "weight_index": model.vertex_bone_indices.cpu().numpy().astype(np.uint8),
        "weight": model.vertex_bone_weights.cpu().numpy().astype(np.float32),
    }


def write(path: Path, data: dict[str, Any]) -> None:
    """Write arrays to the npz file ``path``; when that fails, what was there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        draft = Path(file.name)
        try:
            np.savez_compressed(file, **data)
            draft.chmod(0o644)
            draft.replace(path)
        except BaseException:
            draft.unlink()
            raise


def cache_folder() -> Path:
    """Where the file is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rt-gait"


def model_file() -> Path:
    """The file of the installed Anny, or the newest there is; made if there is none.

    ``ModelError`` says what to install when it can be neither found nor made.
    """
    key = hashlib.sha256(repr((1, ANCHORS, LOCALS)).encode()).hexdigest()[:8]
    try:
        path = cache_folder() / f"anny-{metadata.version('anny')}-{key}.npz"
    except metadata.PackageNotFoundError:
        found = sorted(cache_folder().glob(f"anny-*-{key}.npz"), key=lambda p: p.stat().st_mtime)
        path = found[-1] if found else cache_folder() / f"anny-none-{key}.npz"
    if not path.exists():
        make(path, f"no body model in {cache_folder()}")
    return path


def make(path: Path, why: str) -> None:
    """:func:`export`; where that cannot be, the ``ModelError`` says ``why`` it is needed."""
    try:
        export(path)
    except ModelError as error:
        raise ModelError(f"{why}, and {error}") from error
