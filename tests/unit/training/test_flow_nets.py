"""The original system's two networks: their published sizes, and how they are exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from rt_gait.errors import OutputError, UsageError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info, is_untrained
from rt_gait.training.nets.flow import NETWORKS, export_untrained, untrained
from rt_gait.types import Window


def macs(network: torch.nn.Module) -> int:
    """Multiplications of one window in convolutions and linear layers."""
    counted = 0

    def count(layer: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal counted
        positions = output[0, 0].numel() if output.ndim > 2 else 1
        counted += layer.weight.numel() * positions

    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Linear)):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, *network.input_dims))
    return counted


@pytest.mark.parametrize(
    ("name", "parameters", "million_macs"),
    [("flow2d", 6_829_024, 1015), ("flow3d", 9_901_376, 1342)],
)
def test_sizes_are_the_published_ones(name: str, parameters: int, million_macs: int) -> None:
    network = untrained(name)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert round(macs(network) / 1e6) == million_macs


@pytest.mark.parametrize("name", NETWORKS)
def test_random_weights_are_the_same_each_time_and_let_flow_through(name: str) -> None:
    torch.manual_seed(1)
    flow = torch.randn(3, *NETWORKS[name].input_dims)
    with torch.no_grad():
        one, other = untrained(name)(flow), untrained(name)(flow)
    assert torch.equal(one, other)
    torch.testing.assert_close(one.norm(dim=1), torch.ones(3))
    assert (one @ one.T)[~torch.eye(3, dtype=bool)].max() < 0.999


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in NETWORKS:
        export_untrained(name, folder)
    return folder


@pytest.mark.parametrize("name", NETWORKS)
def test_the_exported_model_equals_torch_on_windows_of_flow(models_dir: Path, name: str) -> None:
    rng = np.random.default_rng(3)
    flows = rng.normal(size=(2, 25, 60, 60, 2)).astype(np.float16)
    embedder = OnnxGaitEmbedder(gait_model_info(models_dir, name, ("flow",)))
    embeddings = embedder.embed([Window(i, 0.0, 1.0, flow) for i, flow in enumerate(flows)])
    # Channels of flow2d, told here by hand: u of frame 0, v of frame 0, u of frame 1, ...
    by_hand = np.stack(
        [np.stack([flow[t, :, :, part] for t in range(25) for part in (0, 1)]) for flow in flows]
    )
    with torch.no_grad():
        expected = untrained(name)(torch.from_numpy(by_hand if name == "flow2d" else flows))
    for embedding, vector in zip(embeddings, expected.numpy(), strict=True):
        assert embedding.vector.shape == (1024,)
        np.testing.assert_allclose(embedding.vector, vector, atol=1e-3)  # weights are float16


@pytest.mark.parametrize("name", NETWORKS)
def test_the_config_says_what_it_is(models_dir: Path, name: str) -> None:
    info = gait_model_info(models_dir, name, ("flow",))
    assert is_untrained(info)
    assert info.text("training_data") == "none"
    assert not {"known_score", "candidate_score", "margin"} & set(info.parameters)
    assert info.onnx_path.stat().st_size < 20e6


def test_a_model_that_is_there_is_not_replaced(models_dir: Path) -> None:
    with pytest.raises(OutputError, match="not empty"):
        export_untrained("flow2d", models_dir)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="flow2d or flow3d"):
        export_untrained("flow4d", tmp_path)
    assert not list(tmp_path.iterdir())
