"""gait2d, gait3d, stream2d: what they compute, and that ONNX computes the same."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nets_world import TINY, network, windows

from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.onnx import OnnxModel
from rt_gait.training.nets.deploy import Deployed, halved, to_onnx
from rt_gait.training.nets.export import export, export_stream
from rt_gait.training.nets.recipe import NETWORKS, Recipe

THRESHOLDS = {"training_data": "none", "known_score": "0.5", "candidate_score": "0.4"}


@pytest.mark.parametrize("name", NETWORKS)
def test_embeddings_have_unit_length_and_size(name):
    out = network(name)(windows(3))
    assert out.shape == (3, 2048)
    torch.testing.assert_close(out.square().sum(1), torch.ones(3))


@pytest.mark.parametrize("name", NETWORKS)
def test_products_are_the_mean_of_the_parts_cosines(name):
    net = network(name)
    parts = net.parts(windows(2))
    cosines = torch.nn.functional.cosine_similarity(parts[0], parts[1], dim=1)
    one, other = net(windows(2))
    torch.testing.assert_close(one @ other, cosines.mean(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "most"), [("gait2d", 3e6), ("gait3d", 3e6)])
def test_size_is_for_the_edge(name, most):
    net = Recipe.read(name).build()
    assert sum(p.numel() for p in net.parameters()) <= most


def test_gait2d_does_not_mind_the_order_of_frames_and_gait3d_does():
    x = windows(2)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    flat, deep = network("gait2d"), network("gait3d")
    torch.testing.assert_close(flat(x[:, order]), flat(x), atol=1e-5, rtol=0)
    assert (deep(x[:, order]) - deep(x)).abs().max() > 1e-3


def test_building_is_repeatable_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    one, other = (Recipe("gait2d", widths=TINY["gait2d"]).build() for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_onnx_equals_torch(tmp_path, name, precision):
    net = network(name)
    export(net, tmp_path, "net", "For a test.", THRESHOLDS, precision=precision)
    info = gait_model_info(tmp_path, "net")
    model = OnnxModel(info.onnx_path, info)
    for count in (1, 5):
        x = windows(count, seed=count)
        got = model.run(x.numpy())[0]
        assert got.shape == (count, 2048)
        assert got.dtype == np.float32
        # The file holds fp16 weights, so the agreement is fp16's.
        np.testing.assert_allclose(got, net(x).detach().numpy(), atol=2e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_equals_torch_where_the_weights_are_the_same(tmp_path, name):
    net = network(name)
    path = tmp_path / "net.onnx"
    path.write_bytes(to_onnx(Deployed(net)).SerializeToString())
    x = windows(4)
    np.testing.assert_allclose(OnnxModel(path).run(x.numpy())[0], net(x).detach(), atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_folding_changes_nothing_and_leaves_the_network_alone(name):
    net, x = network(name), windows(3)
    before = net(x)
    torch.testing.assert_close(Deployed(net)(x), before, atol=1e-6, rtol=0)
    assert torch.equal(net(x), before)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_is_plain(name):
    """No shape is computed in it, and TensorRT wants bytes cast before anything else."""
    for module in (Deployed(network(name)), halved(Deployed(network(name)))):
        graph = to_onnx(module).graph
        kinds = {node.op_type for node in graph.node}
        assert not kinds & {"Shape", "Gather", "Slice", "BatchNormalization", "If", "Loop"}
        assert [n.op_type for n in graph.node if "silhouettes" in n.input] == ["Cast"]


def test_stream_equals_gait2d(tmp_path):
    net = network("gait2d")
    export(net, tmp_path, "whole", "For a test.", THRESHOLDS)
    frame, window = export_stream(net, tmp_path, "parts", "For a test.", THRESHOLDS)
    x = windows(3).numpy()
    features = OnnxModel(frame).run(x.reshape(-1, 64, 44))[0].reshape(3, 30, -1)
    whole = OnnxModel(tmp_path / "whole/1/model.onnx").run(x)[0]
    np.testing.assert_allclose(OnnxModel(window).run(features)[0], whole, atol=1e-5)
