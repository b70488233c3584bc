"""flow2d and flow3d: the two optical-flow networks of the original system, written anew.

Layers and sizes are those of its code (Ruiz-Barroso et al., Sci. Rep. 2025, 15:19276, and SUSCOM
2022, 36:100814): no padding anywhere, and the embedding is what the classifier took. Its weights
are not public, and its input was another (:mod:`rt_gait.gait.flow`), so these are untrained.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from rt_gait.errors import UsageError
from rt_gait.gait.flow import SIDE_PX
from rt_gait.serving.description import ModelDescription, write_config
from rt_gait.serving.repository import TensorSpec

from ..walkers.command import check_new_folder, whole

FRAMES, CADENCE_HZ = 25, 25
SIZE = 1024
MAX_BATCH = 32
_SEED = 2025


class Flow2d(nn.Module):
    """Flow (N, 50, 60, 60), u and v of each frame in turn, to unit vectors (N, 1024)."""

    input_dims = (2 * FRAMES, SIDE_PX, SIDE_PX)
    layout = "NCHW"

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        sizes = ((2 * FRAMES, 96, 7), (96, 192, 5), (192, 512, 3), (512, 512, 2))
        for inputs, outputs, kernel in sizes:
            layers += [nn.Conv2d(inputs, outputs, kernel), nn.ReLU(), nn.MaxPool2d(2)]
        self.maps = nn.Sequential(*layers)
        self.code = nn.Sequential(
            nn.Flatten(),
            nn.Linear(512, 2048),
            nn.Dropout(0.4),
            nn.Linear(2048, SIZE),
            nn.Linear(SIZE, SIZE),
        )

    def forward(self, flow: Tensor) -> Tensor:
        """(N, 50, 60, 60) float16 or float32 to (N, 1024) float32."""
        return _unit(self.code(self.maps(flow.float())))


class Flow3d(nn.Module):
    """Flow (N, 25, 60, 60, 2) to unit vectors (N, 1024)."""

    input_dims = (FRAMES, SIDE_PX, SIDE_PX, 2)
    layout = "NTHWC"

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in (
            (2, 64, (3, 5, 5), (1, 2, 2)),
            (64, 128, (3, 3, 3), (1, 2, 2)),
            (128, 256, (3, 3, 3), (2, 2, 2)),
            (256, 512, (3, 3, 3), (2, 2, 2)),
            (512, 512, (3, 2, 2), (1, 1, 1)),
            (512, 512, (2, 1, 1), (1, 1, 1)),
        ):
            layers += [nn.Conv3d(inputs, outputs, kernel, stride), nn.ReLU()]
        self.maps = nn.Sequential(*layers)
        self.code = nn.Sequential(nn.Conv3d(512, SIZE, 1), nn.Flatten(), nn.Linear(SIZE, SIZE))

    def forward(self, flow: Tensor) -> Tensor:
        """(N, 25, 60, 60, 2) float16 or float32 to (N, 1024) float32."""
        return _unit(self.code(self.maps(flow.float().permute(0, 4, 1, 2, 3))))


NETWORKS: dict[str, type[Flow2d] | type[Flow3d]] = {"flow2d": Flow2d, "flow3d": Flow3d}


def untrained(name: str) -> Flow2d | Flow3d:
    """Return a network with random weights, the same on every call.

    Args:
        name: ``flow2d`` or ``flow3d``.

    Raises:
        UsageError: another name.
    """
    if name not in NETWORKS:
        raise UsageError(f"expected {' or '.join(NETWORKS)}, not {name!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = NETWORKS[name]()
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.Conv3d, nn.Linear)):
                # So that flow still tells at the far end; the default shrinks it to nothing.
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
    return network.eval()


def export_untrained(name: str, models_dir: Path) -> Path:
    """Write an untrained flow network as a model of a repository; return its folder.

    Raises:
        UsageError: the name is not ``flow2d`` or ``flow3d``.
        OutputError: there is such a model already, or the folder cannot be written.
    """
    from ..storage import store_half
    from .deploy import to_onnx

    network = untrained(name)
    folder = models_dir / name
    check_new_folder(folder)
    about = _description(name, network)
    model = store_half(to_onnx(network, *about.inputs, *about.outputs))
    path = folder / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part:
        part.write_bytes(model.SerializeToString())
    write_config(models_dir, about)
    return folder


def _unit(codes: Tensor) -> Tensor:
    return codes / codes.square().sum(dim=1, keepdim=True).sqrt().clamp(min=1e-6)


def _description(name: str, network: Flow2d | Flow3d) -> ModelDescription:
    return ModelDescription(
        name=name,
        about=(
            "Optical-flow network of the original system (Sci. Rep. 2025, 15:19276), UNTRAINED:\n"
            "random weights, for measuring speed and for training. It cannot tell people apart."
        ),
        max_batch_size=MAX_BATCH,
        inputs=(TensorSpec("flow", "TYPE_FP16", network.input_dims),),
        outputs=(TensorSpec("embedding", "TYPE_FP32", (SIZE,)),),
        parameters={
            "modality": "flow",
            "layout": network.layout,
            "frames": str(FRAMES),
            "cadence_hz": str(CADENCE_HZ),
            "height": str(SIDE_PX),
            "width": str(SIDE_PX),
            "distance": "cosine",
            "training_data": "none",
            "untrained": "true",
        },
    )
