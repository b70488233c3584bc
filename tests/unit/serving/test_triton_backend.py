"""The backend that runs inside Triton: sessions by size, as on a GPU, on a processor."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import stand_ins

import rt_gait.serving.server as package

SOURCE = Path(package.__file__).parent / "backends" / "onnxruntime" / "model.py"
CONFIG = {
    "max_batch_size": 6,
    "input": [{"name": "silhouettes", "data_type": "TYPE_UINT8", "dims": ["30", "64", "44"]}],
    "output": [{"name": "embedding"}],
}


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file as a module, beside the one function of Triton's that is asked for."""
    utils = ModuleType("triton_python_backend_utils")
    utils.triton_string_to_numpy = {"TYPE_UINT8": np.uint8}.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, utils.__name__, utils)
    spec = importlib.util.spec_from_file_location("triton_onnxruntime_backend", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_batches_of_all_sizes_give_what_one_session_gives(backend: Any, tmp_path: Path) -> None:
    stand_ins.write_whole(tmp_path)
    path = str(tmp_path / "whole" / "1" / "model.onnx")
    plain = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    sized = backend.SizedSessions(path, ["CPUExecutionProvider"], CONFIG)
    random = np.random.default_rng(0)
    for count in range(1, 7):
        batch = random.integers(0, 256, (count, 30, 64, 44)).astype(np.uint8)
        (got,) = sized.run(["embedding"], {"silhouettes": batch})
        (wanted,) = plain.run(["embedding"], {"silhouettes": batch})
        np.testing.assert_allclose(got, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("most", "sizes"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (64, [1, 2, 4, 8, 16, 32, 64])]
)
def test_sizes_double_up_to_the_largest(backend: Any, most: int, sizes: list[int]) -> None:
    assert list(backend._sizes(most)) == sizes
