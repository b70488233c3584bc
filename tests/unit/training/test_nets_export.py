"""Precisions: what is in int8, that it is real int8, and what it costs in cosine."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime
from nets_world import network, write_set
from onnx import TensorProto, numpy_helper

from rt_gait.errors import UsageError
from rt_gait.training.nets import flow, quantise
from rt_gait.training.nets.calibration import Calibration
from rt_gait.training.nets.deploy import Deployed, to_onnx
from rt_gait.training.nets.export import export_stream, in_precision
from rt_gait.training.nets.quantise import convolutions, cosine, embeddings, tolerant
from rt_gait.training.nets.recipe import NETWORKS
from rt_gait.training.storage import store_half

VERSION = tuple(int(n) for n in onnxruntime.__version__.split(".")[:2])


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    return Calibration.draw(write_set(tmp_path_factory.mktemp("set") / "set"))


@pytest.fixture(scope="module", params=NETWORKS)
def net(request):
    return network(request.param)


@pytest.fixture(scope="module")
def int8(net, calibration):
    return in_precision(net, "int8", calibration)


def producers(model):
    return {name: node for node in model.graph.node for name in node.output}


def values(model):
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def agreement(net, model, calibration):
    with torch.no_grad():
        wanted = net(torch.from_numpy(calibration.checks)).numpy()
    return cosine(wanted, embeddings(model, calibration.checks))


def test_calibration_windows_are_the_same_each_time_and_not_those_checked(tmp_path):
    folder = write_set(tmp_path / "set")
    one, other = Calibration.draw(folder), Calibration.draw(folder)
    assert np.array_equal(one.windows, other.windows)
    assert one.windows.shape[1:] == (30, 64, 44)
    seen = {w.tobytes() for w in one.windows}
    assert not any(w.tobytes() in seen for w in one.checks)
    assert Calibration.draw(write_set(tmp_path / "other", seed=1)).windows.std() > 0


@pytest.mark.parametrize("precision", ["int8", "best"])
def test_nothing_is_quantised_without_real_silhouettes(net, precision):
    with pytest.raises(UsageError, match="pass --calibration"):
        in_precision(net, precision)


def test_int8_agrees_with_fp32(net, int8, calibration):
    assert agreement(net, int8, calibration) > 0.98


def test_all_convolutions_are_int8_as_tensorrt_wants_it_and_the_head_is_not(int8):
    made, constants = producers(int8), values(int8)
    for node in int8.graph.node:
        if node.op_type == "Conv":
            data, weights = made[node.input[0]], made[node.input[1]]
            assert data.op_type == weights.op_type == "DequantizeLinear"
            source = made[weights.input[0]]
            assert source.op_type == "QuantizeLinear"
            filters = len(constants[source.input[0]])
            assert constants[source.input[0]].dtype == np.float32
            assert constants[source.input[1]].shape == (filters,)
            assert [a.i for a in source.attribute if a.name == "axis"] == [0]
            assert constants[data.input[1]].shape == ()
            assert constants[node.input[2]].dtype == np.float32
        elif node.op_type == "QuantizeLinear":
            zero = constants[node.input[2]]
            assert zero.dtype == np.int8
            assert not zero.any()
        elif node.op_type == "MatMul":
            assert made[node.input[1]].op_type == "Cast"
    (opset,) = int8.opset_import
    assert (opset.domain, opset.version) == ("", 17)
    assert int8.ir_version <= 9


@pytest.mark.skipif(VERSION < (1, 21), reason="ONNX Runtime before 1.21 has no int8 for float bias")
@pytest.mark.parametrize("precision", ["int8", "best"])
def test_onnx_runtime_computes_it_in_int8(net, calibration, tmp_path, monkeypatch, precision):
    monkeypatch.setattr(quantise, "LEAST_COSINE", 0.9)
    model = in_precision(net, precision, calibration)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    kinds = [n.op_type for n in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("QLinearConv") == len(convolutions(model))
    assert not {"Conv", "FusedConv"} & set(kinds)


def test_saturation_stands_for_the_relu(int8):
    """Q/DQ before a ReLU has the scale of the one after it, but for the last bits."""
    made, constants, met = producers(int8), values(int8), 0
    readers = {}
    for node in int8.graph.node:
        for name in node.input[:1]:
            readers.setdefault(name, []).append(node)
    for node in int8.graph.node:
        after = [r for r in readers.get(node.output[0], []) if r.op_type == "QuantizeLinear"]
        if node.op_type == "Relu" and after:
            before = made[node.input[0]]
            assert before.op_type == "DequantizeLinear"
            scales = [float(constants[n.input[1]]) for n in (before, *after)]
            assert max(scales) == pytest.approx(min(scales), rel=1e-5)
            met += 1
    assert met >= 6


def test_no_two_maps_share_a_scale(int8):
    constants = values(int8)
    scales = [
        float(constants[n.input[1]])
        for n in int8.graph.node
        if n.op_type == "QuantizeLinear" and n.input[0] not in constants
    ]
    assert len(set(scales)) == len(scales)


def test_best_keeps_what_costs_most_in_fp16(net, calibration, monkeypatch):
    plain = to_onnx(Deployed(net))
    found = quantise.ranges(plain, calibration.windows)
    every = convolutions(plain)
    reached = agreement(net, quantise.quantised(plain, every, found), calibration)
    bound = reached + 0.5 * (1 - reached)
    monkeypatch.setattr(quantise, "LEAST_COSINE", bound)
    left = tolerant(plain, found, calibration.checks)
    assert 0 < len(left) < len(every)
    best = in_precision(net, "best", calibration)
    assert agreement(net, best, calibration) > bound - 1e-4
    constants, made = values(best), producers(best)
    for node in best.graph.node:
        if node.op_type == "Conv":
            quantised = made[node.input[1]].op_type if node.input[1] in made else "none"
            name = made[made[node.input[1]].input[0]].input[0] if quantised != "none" else None
            assert (name in left) == (quantised == "DequantizeLinear")
            if quantised == "none":
                assert constants[node.input[1]].dtype == np.float16
        if node.op_type == "MatMul":
            assert constants[node.input[1]].dtype == np.float16


def test_best_is_fp16_where_nothing_tolerates_int8(net, calibration, monkeypatch):
    monkeypatch.setattr(quantise, "LEAST_COSINE", 1.1)
    best = in_precision(net, "best", calibration)
    assert "QuantizeLinear" not in {n.op_type for n in best.graph.node}
    assert agreement(net, best, calibration) > 0.9999


def test_what_quantisation_reads_is_not_stored_as_fp16(net, calibration):
    plain = to_onnx(Deployed(net))
    made = quantise.quantised(
        plain, convolutions(plain), quantise.ranges(plain, calibration.windows)
    )
    before = {n for n, v in values(made).items() if v.dtype == np.float32}
    after = values(store_half(made))
    quantising = ("QuantizeLinear", "DequantizeLinear")
    read = {n for node in made.graph.node if node.op_type in quantising for n in node.input}
    assert all(after[n].dtype == np.float32 for n in read & before)
    assert any(t.data_type == TensorProto.FLOAT16 for t in made.graph.initializer)


def check_tensorrt(model):
    """Parse and build with TensorRT-RTX; neither needs a GPU."""
    trt = pytest.importorskip(
        "tensorrt_rtx_bindings", reason="needs tensorrt-rtx-cu13-bindings and -libs"
    )
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    made, profile = builder.create_network(1), builder.create_optimization_profile()
    parser = trt.OnnxParser(made, trt.Logger(trt.Logger.ERROR))
    parsed = parser.parse(model.SerializeToString())
    assert parsed, [parser.get_error(k).desc() for k in range(parser.num_errors)]
    (source,) = (made.get_input(k) for k in range(made.num_inputs))
    profile.set_shape(source.name, *((n, *source.shape[1:]) for n in (1, 8, 64)))
    config = builder.create_builder_config()
    config.add_optimization_profile(profile)
    assert builder.build_serialized_network(made, config) is not None


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "best"])
def test_tensorrt_takes_all_precisions(net, calibration, monkeypatch, precision):
    plain = to_onnx(Deployed(net))
    some = convolutions(plain)[2:6]
    monkeypatch.setattr(quantise, "tolerant", lambda *_: some)
    check_tensorrt(in_precision(net, precision, calibration))


def test_tensorrt_takes_both_parts_of_the_stream(tmp_path):
    for path in export_stream(network("gait2d"), tmp_path, "stream2d", "For a test.", {}):
        check_tensorrt(onnx.load(path))


@pytest.mark.parametrize("name", flow.NETWORKS)
def test_tensorrt_takes_the_flow_networks(tmp_path, name):
    check_tensorrt(onnx.load(flow.export_untrained(name, tmp_path) / "1" / "model.onnx"))
