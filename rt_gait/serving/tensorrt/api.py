"""TensorRT through its Python module. No other file imports tensorrt.

It runs with 8.6, 10 and 11, which differ: 8.6 wants EXPLICIT_BATCH said; 11 has neither that flag
nor those of fp16 and int8, and takes the types of layers from the ONNX file. Functions and classes:
TensorRT Python API reference, ``Builder``, ``IBuilderConfig``, ``OnnxParser``, ``Runtime``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rt_gait.errors import ModelError
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.tensorrt.engine import PythonEngine, check_tensors
from rt_gait.serving.tensorrt.report import DlaLayers
from rt_gait.serving.tensorrt.request import BuildRequest, Precision


def find() -> PythonTensorRT | None:
    """Return TensorRT's Python API, or nothing where it is not installed."""
    try:
        import tensorrt
    except (ImportError, OSError):  # OSError: its libraries are missing
        return None
    return PythonTensorRT(tensorrt)


class PythonTensorRT:
    """A :class:`~.compiler.Compiler`."""

    def __init__(self, module: Any) -> None:
        self._trt = module
        self._logger = _logger(module)

    @property
    def name(self) -> str:
        """What it is, for the report."""
        return f"{self._trt.__name__} (Python)"

    @property
    def version(self) -> str:
        """TensorRT's version, ``major.minor.patch``."""
        found = re.match(r"\d+\.\d+\.\d+", self._trt.__version__)
        return found[0] if found else str(self._trt.__version__)

    @property
    def typed(self) -> bool:
        """Whether the ONNX file alone says what layers compute in."""
        return not hasattr(self._trt.BuilderFlag, "FP16")

    def build(self, request: BuildRequest, plan: Path, timing_cache: Path) -> DlaLayers | None:
        """Write an engine to ``plan``; read and update the timing cache."""
        trt, said = self._trt, self._logger.said
        said.clear()
        builder = trt.Builder(self._logger)
        network = builder.create_network(self._network_flags())
        parser = trt.OnnxParser(network, self._logger)
        if not parser.parse_from_file(str(request.info.onnx_path)):
            raise ModelError(
                f"TensorRT {self.version} does not take {request.info.name!r}: "
                f"{_parser_errors(parser)}"
            )
        config = self._config(builder, network, request)
        cache = self._cache(config, timing_cache)
        plan_bytes = builder.build_serialized_network(network, config)
        if plan_bytes is None:
            raise ModelError(
                f"TensorRT {self.version} builds no engine of {request.info.name!r}: "
                f"{'; '.join(said[-2:]) or 'it does not say why'}"
            )
        plan.write_bytes(memoryview(plan_bytes))
        if cache is not None:
            timing_cache.write_bytes(memoryview(config.get_timing_cache().serialize()))
        return None if request.dla_core is None else dla_layers(config, network)

    def open(self, plan: Path, info: ModelInfo, dla_core: int | None = None) -> PythonEngine:
        """Load a plan."""
        self._logger.said.clear()
        runtime = self._trt.Runtime(self._logger)
        if dla_core is not None:
            runtime.DLA_core = dla_core
        engine = runtime.deserialize_cuda_engine(plan.read_bytes())
        if engine is None:
            raise ModelError(
                f"TensorRT {self.version} does not load the plan "
                f"({'; '.join(self._logger.said[-2:]) or 'it does not say why'}): {plan}"
            )
        check_tensors(self._trt, engine, info)
        return PythonEngine(engine, info, runtime)

    def _network_flags(self) -> int:
        flags = self._trt.NetworkDefinitionCreationFlag
        wanted = "STRONGLY_TYPED" if self.typed else "EXPLICIT_BATCH"
        return 1 << int(getattr(flags, wanted)) if hasattr(flags, wanted) else 0

    def _config(self, builder: Any, network: Any, request: BuildRequest) -> Any:
        trt, config = self._trt, builder.create_builder_config()
        if request.workspace_mib is not None:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request.workspace_mib << 20)
        for name in _flag_names(request.precision):
            if hasattr(trt.BuilderFlag, name):
                config.set_flag(getattr(trt.BuilderFlag, name))
        if request.precision is Precision.FP32:
            config.clear_flag(trt.BuilderFlag.TF32)
        if request.dla_core is not None:
            self._use_dla(builder, config, request.dla_core)
        profile, sizes = builder.create_optimization_profile(), request.profile
        dims = request.info.inputs[0].dims
        profile.set_shape(
            network.get_input(0).name,
            (sizes.least, *dims),
            (sizes.usual, *dims),
            (sizes.most, *dims),
        )
        config.add_optimization_profile(profile)
        return config

    def _use_dla(self, builder: Any, config: Any, core: int) -> None:
        cores = builder.num_DLA_cores
        if core >= cores:
            raise ModelError(f"there is no DLA core {core}: this device has {cores}")
        config.default_device_type = self._trt.DeviceType.DLA
        config.DLA_core = core
        config.set_flag(self._trt.BuilderFlag.GPU_FALLBACK)

    def _cache(self, config: Any, path: Path) -> Any:
        """The timings of an earlier build; of another device or version, TensorRT drops them."""
        cache = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
        if cache is None or not config.set_timing_cache(cache, False):
            cache = config.create_timing_cache(b"")
            if cache is None or not config.set_timing_cache(cache, False):
                return None
        return cache


def dla_layers(config: Any, network: Any) -> DlaLayers:
    """Ask which layers the DLA can take (``IBuilderConfig.can_run_on_DLA``)."""
    can = [config.can_run_on_DLA(network.get_layer(k)) for k in range(network.num_layers)]
    return DlaLayers(sum(can), len(can))


def _flag_names(precision: Precision) -> tuple[str, ...]:
    return {
        Precision.FP32: (),
        Precision.FP16: ("FP16",),
        Precision.INT8: ("INT8",),
        Precision.BEST: ("INT8", "FP16"),
    }[precision]


def _logger(trt: Any) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        """Keeps what went wrong, for the error's text."""

        def __init__(self) -> None:
            super().__init__()
            self.said: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.said.append(message.strip().splitlines()[0][:200] if message.strip() else "")

    return Logger()


def _parser_errors(parser: Any) -> str:
    told = []
    for error in (parser.get_error(k) for k in range(min(parser.num_errors, 3))):
        text = " ".join(error.desc().split())[:160]
        operator = getattr(error, "node_operator", None)  # came with 10
        told.append(f"{operator()}: {text}" if operator else text)
    return "; ".join(told) or "it does not say why"
