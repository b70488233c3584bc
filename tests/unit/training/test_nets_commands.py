"""The commands that make models: export, variants, untrained, flow, measure."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from nets_world import TINY, network, windows, write_checkpoint, write_set
from onnx import TensorProto, helper

from rt_gait.errors import ModelError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info, is_untrained
from rt_gait.serving.check import check_model
from rt_gait.serving.repository import file_digest, load_info, model_names
from rt_gait.training.__main__ import main
from rt_gait.training.nets.batches import Windows
from rt_gait.training.nets.deploy import Deployed, to_onnx
from rt_gait.training.nets.measure import cost
from rt_gait.training.nets.recipe import NETWORKS, Recipe
from rt_gait.training.nets.variants import Origin
from rt_gait.training.walkers.data.reader import SilhouetteSet
from rt_gait.types import Window


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("set") / "set")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    less = tuple(8 for _ in TINY["gait3d"])
    write_checkpoint(folder / "gait2d_0/checkpoint.pt", Recipe("gait2d", widths=TINY["gait2d"]))
    write_checkpoint(folder / "gait3d_60/checkpoint.pt", Recipe("gait3d", widths=less, pruned=0.6))
    (folder / "notes").mkdir()
    return folder


@pytest.fixture
def checkpoint(checkpoints):
    return checkpoints / "gait2d_0" / "checkpoint.pt"


def run(*words):
    return main([str(word) for word in words])


def test_variants_are_named_as_the_original_system_names_them(checkpoints, data, tmp_path, capsys):
    out = tmp_path / "models"
    command = ("variants", "--checkpoints", checkpoints, "--calibration", data, "--out", out)
    assert run(*command) == 0
    told = capsys.readouterr().out
    cosines = [float(line.split("cosine to fp32 ")[1]) for line in told.splitlines()]
    assert len(cosines) == 8
    assert min(cosines) > 0.95
    assert model_names(out) == sorted(
        f"{name}_{p}_{percent}"
        for name, percent in (("2d", 0), ("3d", 60))
        for p in ("fp32", "fp16", "int8", "best")
    )
    for name in model_names(out):
        check_model(load_info(out, name))
    known = load_info(out, "3d_int8_60").parameters
    assert known["precision"] == "int8"
    assert known["pruned_percent"] == "60"
    assert known["architecture"] == "gait3d"
    assert known["training_data"] == "walkers 0123abcd, 6 subjects"
    assert known["checkpoint"] == file_digest(checkpoints / "gait3d_60" / "checkpoint.pt")
    assert known["calibration"] == file_digest(data / "dataset.json")
    assert "calibration" not in load_info(out, "3d_fp16_60").parameters

    assert run(*command) == 6
    assert "not empty" in capsys.readouterr().err


def test_only_the_variants_asked_for(checkpoints, data, tmp_path, capsys):
    out = tmp_path / "models"
    command = ("variants", "--checkpoints", checkpoints, "--calibration", data, "--out", out)
    assert run(*command, "--only", "2d_fp32_0", "3d_fp16_60") == 0
    assert model_names(out) == ["2d_fp32_0", "3d_fp16_60"]
    assert run(*command, "--only", "2d_fp32_20") == 2
    assert "2d_fp32_20" in capsys.readouterr().err


def test_variants_of_no_checkpoints_or_of_others_are_refused(data, tmp_path, capsys):
    command = ("variants", "--calibration", data, "--out", tmp_path / "models", "--checkpoints")
    assert run(*command, tmp_path) == 2
    assert "expected checkpoints" in capsys.readouterr().err
    write_checkpoint(tmp_path / "gait3d_20/checkpoint.pt", Recipe("gait2d", widths=TINY["gait2d"]))
    assert run(*command, tmp_path) == 2
    assert "expected gait3d pruned by 20%, not gait2d by 0%" in capsys.readouterr().err


def test_an_exported_model_has_thresholds_and_embeds(checkpoint, tmp_path):
    scores = ("--known-score", "0.7", "--candidate-score", "0.6", "--margin", "0.05")
    odds = ("--odds", "24.2", "-11.3")
    assert (
        run("export", checkpoint, "--name", "mine", "--models-dir", tmp_path, *scores, *odds) == 0
    )
    info = gait_model_info(tmp_path, "mine")
    names = ("known_score", "candidate_score", "margin", "odds_slope", "odds_offset")
    assert [info.number(name) for name in names] == [0.7, 0.6, 0.05, 24.2, -11.3]
    pixels = windows(1)[0].numpy()
    (embedding,) = OnnxGaitEmbedder(info).embed([Window(1, 0.0, 1.0, pixels)])
    assert embedding.vector.shape == (2048,)


def test_a_stream_is_written_in_two(checkpoint, tmp_path):
    command = ("export", checkpoint, "--models-dir", tmp_path, "--name")
    assert run(*command, "stream2d", "--stream") == 0
    assert run(*command, "whole") == 0
    assert model_names(tmp_path) == ["stream2d", "stream2d_frame", "whole"]
    window = Window(1, 0.0, 1.0, windows(1)[0].numpy())
    one, other = (
        OnnxGaitEmbedder(gait_model_info(tmp_path, name)).embed([window])[0].vector
        for name in ("stream2d", "whole")
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--precision", "int8"), "pass --calibration"),
        (("--precision", "fp8"), "fp32, fp16, int8, best"),
        (("--calibration", "set"), "for int8 and best"),
        (("--precision", "int8", "--calibration", "nowhere"), "no data set"),
        (("--stream", "--precision", "fp16"), "fp32 only"),
        (("--margin", "0.1"), "missing: --known-score, --candidate-score"),
        (("--name", "../mine"), "not '../mine'"),
    ],
)
def test_what_cannot_be_exported(checkpoint, tmp_path, capsys, words, message):
    named = () if "--name" in words else ("--name", "mine")
    assert run("export", checkpoint, "--models-dir", tmp_path / "m", *named, *words) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("m/*"))
    assert not (tmp_path / "mine").exists()


def test_gait3d_is_no_stream_and_a_model_is_not_replaced(checkpoints, tmp_path, capsys):
    command = ("export", checkpoints / "gait3d_60/checkpoint.pt", "--models-dir", tmp_path)
    assert run(*command, "--name", "mine", "--stream") == 2
    assert "only gait2d" in capsys.readouterr().err
    assert run(*command, "--name", "mine") == 0
    before = (tmp_path / "mine/1/model.onnx").read_bytes()
    assert run(*command, "--name", "mine", "--precision", "fp16") == 6
    assert (tmp_path / "mine/1/model.onnx").read_bytes() == before


def test_an_untrained_network_says_so_and_its_batch_norms_have_seen_silhouettes(data, tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(f'network = "gait2d"\nwidths = {list(TINY["gait2d"])}\n')
    command = ("untrained", recipe, "--name", "random2d", "--data", data)
    assert run(*command, "--models-dir", tmp_path) == 0
    info = gait_model_info(tmp_path, "random2d")
    assert is_untrained(info)
    assert info.text("architecture") == "gait2d"
    assert not {"known_score", "checkpoint"} & set(info.parameters)
    net = Origin.untrained(str(recipe), data).network
    assert torch.equal(net.stem.conv.weight, Recipe.read(str(recipe)).build().stem.conv.weight)
    everyone = Windows.of(SilhouetteSet.load(data, "train"), "cpu")
    pictures = everyone.draw(torch.Generator().manual_seed(1), 6, 8, 30)[0]
    with torch.no_grad():
        parts = net.parts(pictures).flatten(1)
    assert parts.mean(dim=0).abs().mean() < 0.3
    assert parts.var(dim=0).mean() == pytest.approx(1.0, abs=0.3)


def test_the_flow_networks_are_written(tmp_path, capsys):
    assert run("flow", "--models-dir", tmp_path) == 0
    assert model_names(tmp_path, "flow") == ["flow2d", "flow3d"]
    assert run("flow", "--models-dir", tmp_path) == 6
    assert "not empty" in capsys.readouterr().err


def counted(net):
    """Multiplications of a window in convolutions, and in the head."""
    total = 0

    def count(layer, _inputs, output):
        nonlocal total
        total += layer.weight[0].numel() * output.shape[0] * output[0].numel()

    for layer in net.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Conv3d)):
            layer.register_forward_hook(count)
    with torch.no_grad():
        net(windows(1))
    return total + net.head.weight.numel()


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_and_multiplications_are_counted(tmp_path, name):
    net = network(name)
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(Deployed(net)).SerializeToString())
    found = cost(path)
    # Each folded batch norm leaves a bias of its two vectors.
    norms = sum(p.numel() for n, p in net.named_parameters() if ".norm.weight" in n)
    assert found.parameters == sum(p.numel() for p in net.parameters()) - norms
    assert found.macs == counted(net)
    assert found.file_bytes == path.stat().st_size
    assert found.weight_bytes == 4 * found.parameters


def test_precisions_have_the_same_count_and_other_bytes(checkpoints, data, tmp_path):
    command = ("variants", "--checkpoints", checkpoints, "--calibration", data, "--out", tmp_path)
    names = [f"2d_{p}_0" for p in ("fp32", "fp16", "int8")]
    assert run(*command, "--only", *names) == 0
    full, half, int8 = (cost(tmp_path / name / "1/model.onnx") for name in names)
    assert full.macs == half.macs == int8.macs
    assert full.parameters == half.parameters == int8.parameters
    assert full.weight_bytes == 2 * half.weight_bytes
    assert int8.weight_bytes < full.weight_bytes


def test_quantised_operators_and_matrices_are_counted(tmp_path):
    def tensor(name, dims, kind):
        size = int(np.prod(dims))
        return helper.make_tensor(name, kind, dims, np.zeros(size, int).tolist())

    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z"], ["c"]),
        helper.make_node("DequantizeLinear", ["c", "s", "z"], ["d"]),
        helper.make_node("Flatten", ["d"], ["f"]),
        helper.make_node("Gemm", ["f", "g"], ["e"], transB=1),
        helper.make_node("MatMul", ["e", "m"], ["y"]),
    ]
    float32, int8 = TensorProto.FLOAT, TensorProto.INT8
    constants = [
        tensor("s", [], float32),
        tensor("z", [], int8),
        tensor("w", [4, 2, 3, 3], int8),
        tensor("g", [5, 144], float32),
        tensor("m", [5, 7], float32),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", float32, ["N", 2, 8, 8])],
        [helper.make_tensor_value_info("y", float32, ["N", 7])],
        constants,
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        ).SerializeToString()
    )
    found = cost(path)
    assert found.macs == 36 * 4 * 18 + 5 * 144 + 5 * 7
    assert found.parameters == 72 + 5 * 144 + 35
    assert found.weight_bytes == 72 + 4 * (5 * 144 + 35)


def test_what_is_no_model_is_not_measured(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a model"):
        cost(path)


def test_measuring_prints_one_object_a_model(checkpoint, tmp_path, capsys):
    command = ("export", checkpoint, "--models-dir", tmp_path, "--name")
    assert run(*command, "a") == 0
    assert run(*command, "b", "--stream") == 0
    capsys.readouterr()
    names = ("a", "b", "b_frame")
    assert run("measure", *names, "--models-dir", tmp_path) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [t["model"] for t in told] == [load_info(tmp_path, n).key for n in names]
    whole, window, frame = (t["macs"] for t in told)
    assert whole == 30 * frame + window
    for one in told:
        for batch in ("batch_1", "batch_8"):
            times = one[batch]
            assert 0 < times["p10_ms"] <= times["median_ms"] <= times["p90_ms"]
    assert run("measure", "nothing", "--models-dir", tmp_path) == 2
