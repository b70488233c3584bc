"""Which flags the Python API is given by version, on a module that only writes down its calls."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rt_gait.errors import ModelError
from rt_gait.serving.repository import default_models_dir, load_info
from rt_gait.serving.tensorrt import api, engine
from rt_gait.serving.tensorrt.cuda import Cuda, empty
from rt_gait.serving.tensorrt.engine import check_tensors
from rt_gait.serving.tensorrt.report import DlaLayers
from rt_gait.serving.tensorrt.request import BuildRequest, Precision, Profile


class Config:
    def __init__(self) -> None:
        self.flags: set[str] = {"TF32"}
        self.limits: dict[str, int] = {}

    def set_flag(self, flag: str) -> None:
        self.flags.add(flag)

    def clear_flag(self, flag: str) -> None:
        self.flags.discard(flag)

    def set_memory_pool_limit(self, pool: str, size: int) -> None:
        self.limits[pool] = size

    def add_optimization_profile(self, profile: Any) -> None:
        self.shapes = profile.shapes

    def create_timing_cache(self, data: bytes) -> bytes:
        return data

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        self.cache = cache
        return cache != b"of another device"

    def can_run_on_DLA(self, layer: int) -> bool:
        return layer < 3

    def get_timing_cache(self) -> Any:
        return SimpleNamespace(serialize=lambda: b"timings")


def tensorrt(version: str, *, fails: str = "") -> Any:
    """What there is of a TensorRT of this version, as far as rt-gait uses it."""
    old, typed = version.startswith("8"), version.startswith("11")
    network_flags = {"EXPLICIT_BATCH": 0} if old else {"STRONGLY_TYPED": 1}
    if version.startswith("10"):
        network_flags["EXPLICIT_BATCH"] = 0
    names = ["TF32", "GPU_FALLBACK", *([] if typed else ["FP16", "INT8"])]
    config, made = Config(), {}

    class ILogger:
        ERROR, INTERNAL_ERROR = "error", "internal error"

    class Builder:
        num_DLA_cores = 2

        def __init__(self, logger: Any) -> None:
            self.logger = logger

        def create_network(self, flags: int) -> Any:
            made["network flags"] = flags
            return SimpleNamespace(
                get_input=lambda k: SimpleNamespace(name="silhouettes"),
                num_layers=5,
                get_layer=lambda k: k,
            )

        def create_builder_config(self) -> Config:
            return config

        def create_optimization_profile(self) -> Any:
            profile = SimpleNamespace()
            profile.set_shape = lambda *shapes: setattr(profile, "shapes", shapes)
            return profile

        def build_serialized_network(self, network: Any, config: Config) -> bytes | None:
            if fails == "build":
                self.logger.log("error", "no memory left\nat line 3")
                return None
            return b"plan"

    error = SimpleNamespace(node_operator=lambda: "Det", desc=lambda: "no importer for it")
    parser = SimpleNamespace(
        parse_from_file=lambda path: fails != "parse", num_errors=1, get_error=lambda k: error
    )
    return SimpleNamespace(
        __name__="tensorrt",
        __version__=f"{version}.post1",
        ILogger=ILogger,
        Builder=Builder,
        OnnxParser=lambda network, logger: parser,
        NetworkDefinitionCreationFlag=SimpleNamespace(**network_flags),
        BuilderFlag=SimpleNamespace(**{n: n for n in names}),
        MemoryPoolType=SimpleNamespace(WORKSPACE="workspace"),
        DeviceType=SimpleNamespace(DLA="dla"),
        config=config,
        made=made,
    )


def request(models_dir: Path, precision: str, **more: Any) -> BuildRequest:
    info = load_info(models_dir, "whole")
    return BuildRequest(info, Precision.of(precision), Profile(1, 8, 32), **more)


@pytest.mark.parametrize(
    ("version", "network_flags", "flags"),
    [
        ("8.6.2", 1, {"fp32": "", "fp16": "TF32 FP16", "int8": "TF32 INT8"}),
        ("10.3.0", 1, {"fp32": "", "fp16": "TF32 FP16", "best": "TF32 INT8 FP16"}),
        ("11.2.1", 2, {"fp32": "", "fp16": "TF32", "int8": "TF32"}),
    ],
)
def test_flags_by_version(
    models_dir: Path, tmp_path: Path, version: str, network_flags: int, flags: dict[str, str]
) -> None:
    for precision, wanted in flags.items():
        trt = tensorrt(version)
        tool = api.PythonTensorRT(trt)
        assert (tool.version, tool.typed) == (version, version.startswith("11"))
        on_gpu = tool.build(request(models_dir, precision), tmp_path / "p", tmp_path / "c")
        assert on_gpu is None
        assert trt.made["network flags"] == network_flags
        assert trt.config.flags == set(wanted.split())
        assert trt.config.shapes == (
            "silhouettes",
            (1, 30, 64, 44),
            (8, 30, 64, 44),
            (32, 30, 64, 44),
        )
        assert (tmp_path / "p").read_bytes() == b"plan"
        assert (tmp_path / "c").read_bytes() == b"timings"
        assert trt.config.limits == {}


def test_memory_accelerator_and_cache(models_dir: Path, tmp_path: Path) -> None:
    trt, cache = tensorrt("10.3.0"), tmp_path / "c"
    cache.write_bytes(b"earlier")
    more = {"workspace_mib": 3, "dla_core": 1}
    wanted = BuildRequest(load_info(models_dir, "whole"), Precision.FP16, Profile(1, 1, 1), **more)
    assert api.PythonTensorRT(trt).build(wanted, tmp_path / "p", cache) == DlaLayers(3, 5)
    assert trt.config.limits == {"workspace": 3 << 20}
    assert (trt.config.default_device_type, trt.config.DLA_core) == ("dla", 1)
    assert trt.config.flags == {"TF32", "FP16", "GPU_FALLBACK"}
    assert trt.config.cache == b"earlier"
    cache.write_bytes(b"of another device")
    api.PythonTensorRT(trt).build(wanted, tmp_path / "p", cache)
    assert trt.config.cache == b""


def test_what_fails_is_told_in_tensorrts_words(models_dir: Path, tmp_path: Path) -> None:
    for fails, said in (
        ("parse", r"TensorRT 10\.3\.0 does not take 'whole': Det: no importer for it"),
        ("build", r"builds no engine of 'whole': no memory left$"),
    ):
        tool = api.PythonTensorRT(tensorrt("10.3.0", fails=fails))
        with pytest.raises(ModelError, match=said):
            tool.build(request(models_dir, "fp16"), tmp_path / "p", tmp_path / "c")
    with pytest.raises(ModelError, match="no DLA core 2: this device has 2"):
        api.PythonTensorRT(tensorrt("10.3.0")).build(
            BuildRequest(
                load_info(models_dir, "whole"), Precision.FP16, Profile(1, 1, 1), dla_core=2
            ),
            tmp_path / "p",
            tmp_path / "c",
        )


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "said"),
    [
        ("embedding", np.float32, (-1, 24), None),
        ("embedding", np.float16, (-1, 24), r"float32 \[24\], not .*float16"),
        ("embedding", np.float32, (-1, 25), r"float32 \[24\], not .*25"),
        ("other", np.float32, (-1, 24), r"not \['silhouettes', 'other'\]"),
    ],
)
def test_an_engine_of_another_network_is_refused(
    models_dir: Path, name: str, dtype: type, shape: tuple[int, ...], said: str | None
) -> None:
    tensors = {"silhouettes": (np.uint8, (-1, 30, 64, 44)), name: (dtype, shape)}
    loaded = SimpleNamespace(
        num_io_tensors=2,
        get_tensor_name=lambda k: list(tensors)[k],
        get_tensor_dtype=lambda n: tensors[n][0],
        get_tensor_shape=lambda n: tensors[n][1],
    )
    trt, info = SimpleNamespace(nptype=lambda t: t), load_info(models_dir, "whole")
    if said is None:
        check_tensors(trt, loaded, info)
    else:
        with pytest.raises(ModelError, match=said):
            check_tensors(trt, loaded, info)


def test_an_engine_without_memory_to_run_says_so(
    models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = {"silhouettes": (np.uint8, (-1, 30, 64, 44)), "embedding": (np.float32, (-1, 24))}
    loaded = SimpleNamespace(
        num_io_tensors=2,
        get_tensor_name=lambda k: list(tensors)[k],
        get_tensor_dtype=lambda n: tensors[n][0],
        get_tensor_shape=lambda n: tensors[n][1],
        create_execution_context=lambda: None,
    )
    trt = tensorrt("10.3.0")
    trt.nptype = lambda t: t
    trt.Runtime = lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda plan: loaded)
    monkeypatch.setattr(engine, "Cuda", lambda: None)
    (tmp_path / "p").write_bytes(b"plan")
    with pytest.raises(ModelError, match=r"no execution context of 'whole'.*memory.*--batch"):
        api.PythonTensorRT(trt).open(tmp_path / "p", load_info(models_dir, "whole"))


def test_without_the_module_there_is_none(no_tensorrt: None) -> None:
    assert api.find() is None


def test_without_a_driver_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    with pytest.raises(ModelError, match=r"no CUDA driver \(libcuda\.so\.1\) here"):
        Cuda()


def test_types_that_no_model_has_are_refused() -> None:
    assert empty((2, 3), "TYPE_FP16").dtype == np.float16
    with pytest.raises(ModelError, match="not TYPE_STRING"):
        empty((1,), "TYPE_STRING")


@pytest.fixture
def rtx(monkeypatch: pytest.MonkeyPatch) -> api.PythonTensorRT:
    """TensorRT-RTX in TensorRT's place: the same classes, and it builds without a GPU."""
    module = pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX is not installed")
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    found = api.find()
    assert found is not None
    return found


RTX_HAS_NO_TIMING_CACHE = pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX")


@RTX_HAS_NO_TIMING_CACHE
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("gait2d", "fp32"),
        ("gait3d", "fp32"),
        ("2d_int8_0", "int8"),
        ("3d_int8_0", "int8"),
        ("3d_int8_40", "int8"),
        ("stream2d", "fp32"),
        ("stream2d_frame", "fp32"),
        ("gei", "fp32"),
        ("person_seg", "fp32"),
    ],
)
def test_rtx_builds_every_committed_model(
    rtx: api.PythonTensorRT, tmp_path: Path, name: str, precision: str
) -> None:
    """No more than that: it parses and compiles. Nothing runs, and RTX is not TensorRT."""
    info = load_info(default_models_dir(), name)
    wanted = BuildRequest(info, Precision.of(precision), Profile.of(None, info), workspace_mib=1024)
    wanted.check_precision(typed=rtx.typed)
    rtx.build(wanted, tmp_path / "p", tmp_path / "c")
    assert (tmp_path / "p").stat().st_size > 100_000
    assert (tmp_path / "c").stat().st_size > 0


@RTX_HAS_NO_TIMING_CACHE
def test_rtx_names_an_operator_it_lacks(rtx: api.PythonTensorRT, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    shutil.copytree(default_models_dir() / "gei", tmp_path / "gei")
    info = load_info(tmp_path, "gei")
    network = onnx.load(info.onnx_path)
    network.graph.node[-1].op_type, network.graph.node[-1].domain = "Odd", "nobody"
    network.opset_import.append(onnx.helper.make_opsetid("nobody", 1))
    onnx.save(network, info.onnx_path)
    with pytest.raises(ModelError, match=r"does not take 'gei': .*Odd"):
        rtx.build(
            BuildRequest(info, Precision.FP32, Profile(1, 2, 4)), tmp_path / "p", tmp_path / "c"
        )
