"""A published network as ONNX, and the proof that both are the same."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from rt_gait.errors import ModelError
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX

from ..nets.blocks import embedding, pictures

OPSET = 17
MAX_DIFFERENCE = 1e-4


class Deployed(nn.Module):
    """A network of parts with the casts before it and the unit length after it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, silhouettes: Tensor) -> Tensor:
        """Windows (N, T, 64, 44) uint8 to unit vectors (N, P * D): P unit vectors / sqrt(P)."""
        return embedding(self.network(pictures(silhouettes)[:, None]))


def to_onnx(network: Deployed, frames: int) -> onnx.ModelProto:
    """The graph; only the batch dimension is dynamic."""
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # Every size but the batch's is fixed on purpose.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter itself
        example = torch.zeros(2, frames, HEIGHT_PX, WIDTH_PX, dtype=torch.uint8)
        size = network(example[:1]).shape[1]
        torch.onnx.export(
            network,
            (example,),
            buffer,
            input_names=["silhouettes"],
            output_names=["embedding"],
            opset_version=OPSET,
            dynamic_axes={name: {0: "batch"} for name in ("silhouettes", "embedding")},
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    # The exporter leaves it symbolic.
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = size
    onnx.checker.check_model(model, full_check=True)
    return model


def difference(network: Deployed, model: onnx.ModelProto, frames: int) -> float:
    """The largest difference between torch's and ONNX Runtime's embeddings of two windows.

    Raises:
        ModelError: it is larger than :data:`MAX_DIFFERENCE`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    shape = (2, frames, HEIGHT_PX, WIDTH_PX)
    windows = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    (ours,) = session.run(None, {"silhouettes": windows})
    with torch.no_grad():
        theirs = network(torch.from_numpy(windows)).numpy()
    largest = float(np.abs(ours - theirs).max())
    if not largest < MAX_DIFFERENCE:  # not a number is no proof either
        raise ModelError(
            f"ONNX Runtime and torch differ by {largest:.2g}; expected less than {MAX_DIFFERENCE}"
        )
    return largest
