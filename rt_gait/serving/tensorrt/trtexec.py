"""TensorRT through trtexec, where its Python module is missing.

Options as ``trtexec --help`` of 8.6 and 10 lists them; 11 has none for precision. Outputs and times
come back through its JSON files (``--exportOutput``: name, dimensions "8x2048", values;
``--exportTimes``: ``latencyMs`` of each run, both copies included).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.repository import ModelInfo, TensorSpec
from rt_gait.serving.tensorrt.compiler import Batch
from rt_gait.serving.tensorrt.cuda import empty
from rt_gait.serving.tensorrt.request import BuildRequest, Precision

_PLACES = ("/usr/src/tensorrt/bin/trtexec", "/usr/local/tensorrt/bin/trtexec")
"""Where JetPack and NVIDIA's containers put it, outside of PATH."""
_WARM_UP_MS, _RUNS = 500, 200
_TYPED_FROM = 11
"""The first version without options for precision."""
_BANNER = re.compile(r"TensorRT v(\d+)")
_FLAGS = {
    Precision.FP32: ["--noTF32"],
    Precision.FP16: ["--fp16"],
    Precision.INT8: ["--int8"],
    Precision.BEST: ["--int8", "--fp16"],
}


def find() -> Trtexec | None:
    """Return trtexec, or nothing where it is not installed."""
    found = shutil.which("trtexec") or next((p for p in _PLACES if Path(p).is_file()), None)
    return Trtexec(Path(found)) if found else None


class Trtexec:
    """A :class:`~.compiler.Compiler`.

    Raises:
        ModelError: it does not run, or does not tell its version.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        self.name = "trtexec"
        said = _run([str(program), "--help"], "tell its version")
        found = _BANNER.search(said)
        if not found:
            raise ModelError(
                f"trtexec does not tell its version, such as [TensorRT v8603]: {program}"
            )
        self.version = banner_version(found[1])
        self.typed = int(self.version.split(".")[0]) >= _TYPED_FROM

    def build(self, request: BuildRequest, plan: Path, timing_cache: Path) -> None:
        """Write an engine to ``plan``; what a DLA takes of it, trtexec does not count."""
        command = build_command(self._program, request, plan, timing_cache, typed=self.typed)
        _run(command, f"build an engine of {request.info.name!r}")

    def open(self, plan: Path, info: ModelInfo, dla_core: int | None = None) -> _TrtexecEngine:
        """Return the plan; it is loaded when it runs."""
        return _TrtexecEngine(self._program, plan, info, dla_core)


class _TrtexecEngine:
    """An :class:`~.compiler.Engine`; each call starts trtexec, which loads the plan again."""

    def __init__(self, program: Path, plan: Path, info: ModelInfo, dla_core: int | None) -> None:
        self._program, self._plan, self._info, self._dla = program, plan.resolve(), info, dla_core

    def run(self, batch: Batch) -> list[Batch]:
        """Return the model's outputs."""
        with tempfile.TemporaryDirectory() as folder:
            self._execute(batch, Path(folder), warm_up_ms=0, runs=1)
            return read_outputs(Path(folder, "out.json"), self._info, len(batch))

    def latencies(self, batch: Batch) -> npt.NDArray[np.float64]:
        """Return the seconds of each of some hundreds of runs, copies included."""
        with tempfile.TemporaryDirectory() as folder:
            self._execute(batch, Path(folder), warm_up_ms=_WARM_UP_MS, runs=_RUNS)
            return read_latencies(Path(folder, "times.json"), _WARM_UP_MS)

    def _execute(self, batch: Batch, folder: Path, *, warm_up_ms: int, runs: int) -> None:
        np.ascontiguousarray(batch).tofile(folder / "in.bin")
        command = run_command(
            self._program,
            self._plan,
            self._info,
            len(batch),
            dla_core=self._dla,
            warm_up_ms=warm_up_ms,
            runs=runs,
        )
        _run(command, f"run the engine of {self._info.name!r}", folder)


def banner_version(number: str) -> str:
    """Read the number of the banner: 8603 is 8.6.3, 100300 is 10.3.0 (NV_TENSORRT_VERSION)."""
    n = int(number)
    thousands = 1000 if n < 100_000 else 10_000
    return f"{n // thousands}.{n % thousands // 100}.{n % 100}"


def build_command(
    program: Path, request: BuildRequest, plan: Path, timing_cache: Path, *, typed: bool
) -> list[str]:
    """Return the command that builds an engine."""
    (source,) = request.info.inputs
    command = [
        str(program),
        f"--onnx={request.info.onnx_path}",
        f"--saveEngine={plan}",
        f"--timingCacheFile={timing_cache}",
        "--skipInference",
    ]
    for which in ("min", "opt", "max"):
        sizes = request.profile
        size = {"min": sizes.least, "opt": sizes.usual, "max": sizes.most}[which]
        command.append(f"--{which}Shapes={source.name}:{_shape(size, source.dims)}")
    if not typed:
        command += _FLAGS[request.precision]
    elif request.precision is Precision.FP32:
        command.append("--noTF32")
    if request.workspace_mib is not None:
        command.append(f"--memPoolSize=workspace:{request.workspace_mib}")
    if request.dla_core is not None:
        command += [f"--useDLACore={request.dla_core}", "--allowGPUFallback"]
    return command


def run_command(
    program: Path,
    plan: Path,
    info: ModelInfo,
    count: int,
    *,
    dla_core: int | None,
    warm_up_ms: int,
    runs: int,
) -> list[str]:
    """Return the command that runs an engine on ``in.bin`` of the working folder."""
    (source,) = info.inputs
    command = [
        str(program),
        f"--loadEngine={plan}",
        f"--shapes={source.name}:{_shape(count, source.dims)}",
        f"--loadInputs={source.name}:in.bin",
        "--exportOutput=out.json",
        "--exportTimes=times.json",
        f"--warmUp={warm_up_ms}",
        f"--iterations={runs}",
        "--duration=0",
    ]
    return command if dla_core is None else [*command, f"--useDLACore={dla_core}"]


def read_outputs(path: Path, info: ModelInfo, count: int) -> list[Batch]:
    """Return the model's outputs, each [count, ...], from trtexec's file.

    Raises:
        ModelError: an output is missing, of another shape, or not finite.
    """
    with _reading(path) as read:
        found = {tensor["name"]: tensor for tensor in read}
        return [_output(info, spec, found.get(spec.name), count) for spec in info.outputs]


def read_latencies(path: Path, warm_up_ms: int) -> npt.NDArray[np.float64]:
    """Return the seconds of the runs after warming up from trtexec's file.

    Raises:
        ModelError: there is none.
    """
    with _reading(path) as read:
        found = [float(r["latencyMs"]) for r in read if float(r["startComputeMs"]) >= warm_up_ms]
    if not found:
        raise ModelError("trtexec measured no run after warming up")
    return np.array(found) / 1000


def _output(info: ModelInfo, spec: TensorSpec, tensor: Any, count: int) -> Batch:
    wanted, found = _shape(count, spec.dims), tensor["dimensions"] if tensor else "missing"
    if found != wanted:
        raise ModelError(
            f"model {info.name!r}: the engine's output {spec.name} should be {wanted}, not {found}"
        )
    output = empty((count, *spec.dims), spec.data_type)
    output[...] = np.array(tensor["values"], output.dtype).reshape(output.shape)
    return output


def _shape(count: int, dims: Sequence[int]) -> str:
    return "x".join(str(n) for n in (count, *dims))


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    """What is in one of trtexec's files; a complaint if it is not what is looked for in it."""
    try:
        yield json.loads(path.read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"trtexec should have written numbers as JSON to {path.name}: {error}"
        ) from error


def _run(command: list[str], purpose: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (no shell; the program is the one found)
            command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise ModelError(f"trtexec cannot {purpose} ({error.strerror}): {command[0]}") from error
    if done.returncode != 0:
        said = [
            line.split("[E]", 1)[1].strip()
            for line in (done.stdout + done.stderr).splitlines()
            if "[E]" in line
        ]
        raise ModelError(
            f"trtexec cannot {purpose}: {'; '.join(said[:2])[:300] or f'exit {done.returncode}'}"
        )
    return done.stdout + done.stderr
