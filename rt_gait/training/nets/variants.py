"""From checkpoints to models of the repository, each written and checked, or not at all."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import torch

from rt_gait.errors import OutputError, UsageError
from rt_gait.serving.check import check_model
from rt_gait.serving.repository import file_digest, load_info
from rt_gait.serving.swap import staging_place

from ..walkers.command import check_new_folder
from ..walkers.data.reader import SilhouetteSet
from .batches import Windows, data_digest
from .calibration import Calibration
from .export import CALIBRATED, PRECISIONS, export, export_stream
from .gait2d import Gait2d
from .gait3d import Gait3d
from .norms import settle
from .recipe import NETWORKS, Recipe
from .train import CHECKPOINT, load_network, read_checkpoint

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FOLDER = re.compile(rf"({'|'.join(NETWORKS)})_(\d+)")
#: How an untrained network gets the statistics of its batch norms.
_PASSES, _PEOPLE, _EACH, _SEED = 8, 8, 4, 30


@dataclass(frozen=True)
class Origin:
    """A network and where it comes from, as its model's ``config.pbtxt`` tells it."""

    network: Gait2d | Gait3d
    about: str
    parameters: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def checkpoint(path: Path) -> Origin:
        """The trained network of a checkpoint.

        Raises:
            UsageError: there is no checkpoint.
            DamagedInputError: it cannot be read, or is none.
        """
        recipe, network = load_network(path)
        percent = round(100 * recipe.pruned)
        return Origin(
            network,
            f"{recipe.network}, a checkpoint of python -m rt_gait.training.",
            {
                "training_data": read_checkpoint(path).get("data") or "walkers",
                "architecture": recipe.network,
                "pruned_percent": str(percent),
                "checkpoint": file_digest(path),
            },
        )

    @staticmethod
    def untrained(name: str, data: Path) -> Origin:
        """The network of a recipe with the random weights that training starts from.

        Its batch norms have the mean and variance that they meet on windows of ``data``; without,
        they would be 0 and 1, and the network worse than an untrained one.

        Raises:
            UsageError: there is no such recipe, or no data set.
            DamagedInputError: the data set cannot be read.
        """
        recipe = Recipe.read(name)
        network = recipe.build()
        windows = Windows.of(SilhouetteSet.load(data, "train"), "cpu")
        settle(network, windows, seed=_SEED, people=_PEOPLE, each=_EACH, batches=_PASSES)
        return Origin(
            network.eval(),
            f"{recipe.network}, UNTRAINED: random weights, to judge trained ones against.",
            {
                "training_data": "none",
                "architecture": recipe.network,
                "untrained": "true",
                "batch_norm_data": data_digest(data),
            },
        )


def write(
    origin: Origin,
    models_dir: Path,
    name: str,
    *,
    precision: str = "fp32",
    calibration: Calibration | None = None,
    more: dict[str, str] | None = None,
) -> Path:
    """Write a model, checked by running it; its folder.

    Args:
        origin: The network.
        models_dir: A model repository; made if it is not there.
        name: Of the new model.
        precision: One of :data:`PRECISIONS`.
        calibration: For those of :data:`CALIBRATED`.
        more: Parameters for its configuration, such as thresholds.

    Raises:
        UsageError: the name or the precision is none, or there is nothing to calibrate with.
        OutputError: there is a model of this name, or it cannot be written.
    """
    parameters = {**origin.parameters, "precision": precision}
    if calibration is not None and precision in CALIBRATED:
        parameters["calibration"] = calibration.data
    with _staged(models_dir, name) as staging:
        export(
            origin.network,
            staging,
            name,
            origin.about,
            {**parameters, **(more or {})},
            precision=precision,
            calibration=calibration,
        )
    return models_dir / name


def write_stream(
    origin: Origin, models_dir: Path, name: str, more: dict[str, str] | None = None
) -> Path:
    """Write gait2d as ``name`` and ``<name>_frame``, in fp32; the folder of ``name``.

    Raises:
        UsageError: the name is none, or the network is not gait2d.
        OutputError: there is such a model, or it cannot be written.
    """
    network = origin.network
    if not isinstance(network, Gait2d):
        raise UsageError("only gait2d can be a stream; gait3d sees all frames of a window at once")
    parameters = {**origin.parameters, "precision": "fp32", **(more or {})}
    with _staged(models_dir, f"{name}_frame", name) as staging:
        export_stream(network, staging, name, origin.about, parameters)
    return models_dir / name


def agreement(origin: Origin, folder: Path, calibration: Calibration) -> float:
    """The mean cosine of a model's embeddings to its network's in fp32, on other windows."""
    from .quantise import cosine, embeddings

    with torch.no_grad():
        wanted = origin.network(torch.from_numpy(calibration.checks)).numpy()
    model = onnx.load(load_info(folder.parent, folder.name).onnx_path)
    return cosine(wanted, embeddings(model, calibration.checks))


def variants(folder: Path) -> dict[str, tuple[Path, str]]:
    """Names of all variants, as the original system has them: the checkpoint and precision of each.

    ``folder`` holds ``gait2d_0/checkpoint.pt``, ``gait3d_60/checkpoint.pt`` and so on, the number
    being the percentage of filters pruned; they become ``2d_fp32_0``, ..., ``3d_best_60``.

    Raises:
        UsageError: there is none, or the network of one is another.
    """
    found: dict[str, tuple[Path, str]] = {}
    for path in sorted(folder.glob(f"*/{CHECKPOINT}")):
        match = _FOLDER.fullmatch(path.parent.name)
        if match:
            _check_recipe(path, match[1], int(match[2]))
            kind = match[1].removeprefix("gait")
            found |= {f"{kind}_{p}_{match[2]}": (path, p) for p in PRECISIONS}
    if not found:
        raise UsageError(f"expected checkpoints such as {folder / 'gait2d_0' / CHECKPOINT}")
    return found


def _check_recipe(path: Path, network: str, percent: int) -> None:
    recipe = Recipe.of(read_checkpoint(path)["recipe"])
    is_percent = round(100 * recipe.pruned)
    if (recipe.network, is_percent) != (network, percent):
        raise UsageError(
            f"expected {network} pruned by {percent}%, "
            f"not {recipe.network} by {is_percent}%: {path}"
        )


def check_places(models_dir: Path, names: Iterable[str]) -> None:
    """Check that models can be written; makes the folder ``models_dir``.

    Raises:
        UsageError: a name is none.
        OutputError: there is a model of a name, or the folder cannot be made or written.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(f"expected letters, digits, '.', '_' and '-' in a name, not {name!r}")
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder ({error.strerror}): {models_dir}") from error
    for name in names:
        check_new_folder(models_dir / name)


@contextmanager
def _staged(models_dir: Path, *names: str) -> Iterator[Path]:
    """A folder beside the models; the models ``names`` written there move in if they are good."""
    check_places(models_dir, names)
    try:
        place = staging_place(models_dir)
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=place) as made:
            staging = Path(made)
            yield staging
            for name in names:
                check_model(load_info(staging, name))
            for name in names:
                (staging / name).replace(models_dir / name)
    except OSError as error:
        raise OutputError(f"cannot write the model ({error.strerror}): {models_dir}") from error
