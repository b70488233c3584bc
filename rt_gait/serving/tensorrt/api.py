"""TensorRT through its Python module. No other file imports tensorrt.

It runs with 8.6, 10 and 11, which differ: 8.6 wants EXPLICIT_BATCH said; 11 has neither that flag
nor those of fp16 and int8, and takes the types of layers from the ONNX file. Functions and classes:
TensorRT Python API reference, ``Builder``, ``IBuilderConfig``, ``OnnxParser``, ``Runtime``.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.tensorrt.compiler import Batch
from rt_gait.serving.tensorrt.cuda import Cuda, empty
from rt_gait.serving.tensorrt.request import BuildRequest, Precision

_WARM_UP_RUNS, _RUNS = 20, 200


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

    def build(self, request: BuildRequest, plan: Path, timing_cache: Path) -> None:
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

    def open(self, plan: Path, info: ModelInfo, dla_core: int | None = None) -> _PythonEngine:
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
        return _PythonEngine(engine, info, runtime)

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


class _PythonEngine:
    """An :class:`~.compiler.Engine`, its memory as large as the largest batch so far needed."""

    def __init__(self, engine: Any, info: ModelInfo, runtime: Any) -> None:
        self._runtime = runtime  # must outlive the engine
        self._context = engine.create_execution_context()
        self._info, self._cuda = info, Cuda()
        self._memory: dict[str, tuple[int, int]] = {}

    def run(self, batch: Batch) -> list[Batch]:
        """Return the model's outputs."""
        (source,) = self._info.inputs
        batch = np.ascontiguousarray(batch)
        outputs = [empty((len(batch), *s.dims), s.data_type) for s in self._info.outputs]
        if not self._context.set_input_shape(source.name, batch.shape):
            raise ModelError(
                f"model {self._info.name!r}: its engine does not take a batch of {len(batch)}"
            )
        self._cuda.to_device(self._bind(source.name, batch.nbytes), batch)
        addresses = [
            self._bind(spec.name, array.nbytes)
            for spec, array in zip(self._info.outputs, outputs, strict=True)
        ]
        if not self._context.execute_async_v3(self._cuda.stream):
            raise ModelError(f"model {self._info.name!r}: its engine fails on {len(batch)} inputs")
        for array, address in zip(outputs, addresses, strict=True):
            self._cuda.to_host(array, address)
        self._cuda.wait()
        return outputs

    def latencies(self, batch: Batch) -> npt.NDArray[np.float64]:
        """Return the seconds of each of some hundreds of runs, copies included."""
        for _ in range(_WARM_UP_RUNS):
            self.run(batch)
        seconds = np.empty(_RUNS)
        for k in range(_RUNS):
            start = time.perf_counter()
            self.run(batch)
            seconds[k] = time.perf_counter() - start
        return seconds

    def _bind(self, name: str, size_bytes: int) -> int:
        address, held_bytes = self._memory.get(name, (0, 0))
        if size_bytes > held_bytes:
            if held_bytes:
                self._cuda.free(address)
            address = self._cuda.allocate(size_bytes)
            self._memory[name] = (address, size_bytes)
        if not self._context.set_tensor_address(name, address):
            raise ModelError(f"model {self._info.name!r}: its engine has no tensor {name!r}")
        return address


def check_tensors(trt: Any, engine: Any, info: ModelInfo) -> None:
    """Check that an engine has a model's inputs and outputs, which its memory is made for.

    Raises:
        ModelError: it has others, or of other types or dimensions.
    """
    names = [engine.get_tensor_name(k) for k in range(engine.num_io_tensors)]
    for spec in (*info.inputs, *info.outputs):
        wanted = (np.dtype(empty((), spec.data_type).dtype), spec.dims)
        found = (
            (
                np.dtype(trt.nptype(engine.get_tensor_dtype(spec.name))),
                tuple(engine.get_tensor_shape(spec.name))[1:],
            )
            if spec.name in names
            else None
        )
        if found != wanted:
            raise ModelError(
                f"model {info.name!r}: its engine should have {spec.name} {wanted[0]} "
                f"{list(wanted[1])}, not {found or names}"
            )


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
